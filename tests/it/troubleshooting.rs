//! docs/troubleshooting.md: each message in it is one of the sources, and each that stops a run while it runs is
//! in it, with the exit code that it leads to.

use std::path::Path;

use license_stream::RejectReason;

use crate::support::python::root;

/// A row of a table whose first column has messages.
#[derive(Debug)]
struct Row {
    messages: Vec<Message>,
    exit: String,
}

/// Text with gaps, `…`.
#[derive(Debug)]
struct Message(String);

impl Message {
    /// Whether `literal`, a text of the sources with a `…` for each of its holes, says this.
    fn is_of(&self, literal: &str) -> bool {
        let mut rest = literal;
        self.0.split('…').map(str::trim).filter(|part| !part.is_empty()).all(|part| {
            let found = rest.find(part);
            if let Some(place) = found {
                rest = &rest[place + part.len()..];
            }
            found.is_some()
        })
    }

    /// Whether it says enough of `literal` to be found by it: a row of mere gaps fits everything.
    fn explains(&self, literal: &str) -> bool {
        let said = |text: &str| text.split('…').map(|part| part.trim().len()).sum::<usize>();
        self.is_of(literal) && said(&self.0) >= said(literal).min(12)
    }
}

fn rows(text: &str) -> Vec<Row> {
    let mut rows = Vec::new();
    let mut is_of_messages = false;
    for line in text.lines() {
        let cells: Vec<_> = line.trim_matches('|').split(" | ").map(str::trim).collect();
        match cells[..] {
            ["message", "cause", "cure", "exit"] => is_of_messages = true,
            [messages, _, cure, exit] if is_of_messages && messages.starts_with('`') => {
                assert!(!cure.is_empty(), "{line}");
                let quoted = messages.split('`').skip(1).step_by(2);
                let messages = quoted.map(|text| Message(text.to_owned())).collect();
                rows.push(Row { messages, exit: exit.to_owned() });
            }
            _ if !line.starts_with('|') => is_of_messages = false,
            _ => {}
        }
    }
    rows
}

/// The sources without tests and remarks, each literal on one line.
fn sources() -> Vec<(String, String)> {
    let mut sources = Vec::new();
    let mut directories = vec![root().join("src")];
    while let Some(directory) = directories.pop() {
        for entry in std::fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap();
            let is_of_tests =
                ["kills.rs", "tests.rs", "conformance.rs", "simulate.rs"].contains(&name);
            if path.is_dir() && name != "simulate" {
                directories.push(path);
            } else if name.ends_with(".rs") && !is_of_tests {
                sources.push((path.display().to_string(), code(&path)));
            }
        }
    }
    assert!(sources.len() > 200, "{}", sources.len());
    sources
}

fn code(path: &Path) -> String {
    let text = std::fs::read_to_string(path).unwrap();
    let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
    let mut code = String::new();
    for line in text.lines().filter(|line| !line.trim_start().starts_with("//")) {
        if code.ends_with('\\') {
            code.pop();
            code.push_str(line.trim_start());
        } else {
            code.push('\n');
            code.push_str(line);
        }
    }
    code
}

/// The texts in `code`, in their order, with where each begins and ends. `{…}` in them is `…`.
fn literals(code: &str) -> Vec<(usize, usize, String)> {
    let mut found = Vec::new();
    let bytes = code.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        match bytes[at] {
            b'\'' if bytes.get(at + 1) == Some(&b'\\') => {
                at += 3 + code[at + 3..].find('\'').unwrap_or_default();
            }
            // A character; otherwise it is a lifetime.
            b'\'' => {
                let end = code[at + 1..].chars().next().map_or(at, |it| at + 1 + it.len_utf8());
                if bytes.get(end) == Some(&b'\'') {
                    at = end;
                }
            }
            b'"' if code[..at].ends_with("r#") => {
                at += 1 + code[at + 1..].find("\"#").unwrap_or_default();
            }
            b'"' => {
                let start = at;
                at += 1;
                while bytes.get(at).is_some_and(|byte| *byte != b'"') {
                    at += if bytes[at] == b'\\' { 2 } else { 1 };
                }
                found.push((start, at, holes(code.get(start + 1..at).unwrap_or_default())));
            }
            _ => {}
        }
        at += 1;
    }
    found
}

/// `text` with a `…` for each `{…}`.
fn holes(text: &str) -> String {
    let mut told = String::new();
    let text = text.replace("{{", "\u{2}").replace("}}", "\u{3}").replace("\\\"", "\"");
    let mut rest = text.as_str();
    while let Some((before, behind)) = rest.split_once('{') {
        let Some((_, behind)) = behind.split_once('}') else { break };
        told.push_str(before);
        told.push('…');
        rest = behind;
    }
    (told + rest).replace('\u{2}', "{").replace('\u{3}', "}")
}

fn letters(text: &str) -> usize {
    text.chars().filter(|letter| letter.is_alphabetic()).count()
}

/// The exit code of errors of a kind; `None` for those that no row need have: what is wrong with flags says so itself.
fn exit_of(kind: &str) -> Option<&'static str> {
    match kind {
        "Configuration" | "Internal" => None,
        // One record's: the table of reasons has them.
        kind if kind.starts_with("Record(") => None,
        "Unreachable" | "Unauthorized" | "AccountUnauthorized" | "Forbidden" => Some("3"),
        _ => Some("1"),
    }
}

/// The texts of errors of a kind, as far as they stand where the error is made, or in the `message` before.
fn messages(code: &str) -> Vec<(&str, String)> {
    let literals = literals(code);
    let is_told = |text: &str| text.contains(' ') && letters(text) > 5;
    let mut messages = Vec::new();
    for (place, begin) in code.match_indices("Error::new(") {
        let behind = code[place + begin.len()..].trim_start();
        let Some((kind, behind)) = behind.split_once(',') else { continue };
        let Some(kind) = kind.strip_prefix("ErrorKind::") else { continue };
        let behind = behind.trim_start();
        let behind = behind.strip_prefix("format!(").unwrap_or(behind).trim_start();
        let from = if behind.starts_with('"') {
            code.len() - behind.len()..code.len() - behind.len() + 1
        } else if behind.starts_with("message") {
            let before = code[..place].rfind("let message");
            before.filter(|before| place - before < 1_500).unwrap_or(place)..place
        } else {
            continue;
        };
        let of_it = literals.iter().filter(|(start, ..)| from.contains(start));
        let texts = of_it.map(|(_, _, text)| text).filter(|text| is_told(text));
        messages.extend(texts.map(|text| (kind, text.clone())));
    }
    messages
}

fn guide() -> String {
    std::fs::read_to_string(root().join("docs/troubleshooting.md")).unwrap()
}

#[test]
fn each_message_is_one_of_the_sources() {
    let sources = sources();
    let literals: Vec<_> = sources.iter().flat_map(|(_, code)| literals(code)).collect();
    let text = guide();
    let rows = rows(&text);
    let messages: Vec<_> = rows.iter().flat_map(|row| &row.messages).collect();
    assert!(messages.len() > 150, "{}", messages.len());
    let lost: Vec<_> = messages
        .into_iter()
        .inspect(|message| assert!(letters(&message.0) > 2, "{message:?} fits everything"))
        .filter(|message| !literals.iter().any(|(_, _, literal)| message.is_of(literal)))
        .collect();
    assert!(lost.is_empty(), "no source says {lost:#?}");
}

#[test]
fn each_message_that_stops_a_run_is_explained_with_its_exit_code() {
    let text = guide();
    let rows = rows(&text);
    let (mut asked, mut unexplained) = (0, Vec::new());
    for (path, code) in sources() {
        for (kind, message) in messages(&code) {
            let Some(exit) = exit_of(kind) else { continue };
            asked += 1;
            let fits = |row: &&Row| row.messages.iter().any(|it| it.explains(&message));
            if !rows.iter().filter(fits).any(|row| row.exit.contains(exit)) {
                unexplained.push(format!("{path}: {kind}: {message}"));
            }
        }
    }
    assert!(asked > 80, "{asked}");
    assert!(unexplained.is_empty(), "not in docs/troubleshooting.md: {unexplained:#?}");
}

#[test]
fn each_kind_reason_and_status_is_there() {
    let text = guide();
    for reason in RejectReason::ALL {
        assert!(text.contains(&format!("\n| `{reason}` | ")), "{reason}");
    }
    // The names of kinds, and what is said of each status, as the sources list them.
    let error = code(&root().join("src/error.rs"));
    let (_, names) = error.split_once("pub fn as_str(").unwrap();
    let names = literals(names.split_once("\n    }\n").unwrap().0);
    assert!(names.len() >= 15, "{names:?}");
    for (_, _, name) in names {
        assert!(text.contains(&format!("`{name}`")), "{name}");
    }
    let failure = code(&root().join("src/truto/failure.rs"));
    let (_, said) = failure.split_once("fn what(").unwrap();
    let said = literals(said.split_once("\n}\n").unwrap().0);
    assert!(said.len() >= 15, "{said:?}");
    let rows = rows(&text);
    for (_, _, said) in said {
        let has = rows.iter().flat_map(|row| &row.messages).any(|it| it.explains(&said));
        assert!(has, "{said}");
    }
}
