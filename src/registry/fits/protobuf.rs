//! Protobuf: each field that is written must be there, by the same number. Others may be.

use std::collections::BTreeMap;

use super::named;

pub(super) fn check(ours: &str, other: &str) -> Result<(), String> {
    let (ours, other) = (File::read(ours), File::read(other));
    if ours.first != other.first {
        return Err(format!("its first message is not {}", ours.first));
    }
    for (message, fields) in &ours.messages {
        let Some(others) = other.messages.get(message) else {
            return Err(format!("it lacks message {message}"));
        };
        for (number, field) in fields {
            let name = named(&format!("{message}.{}", field.name));
            match others.get(number) {
                None => return Err(format!("it lacks {name}, number {number}")),
                Some(other) if other != field => {
                    return Err(format!("its number {number} is not {name} as it is written"));
                }
                Some(_) => {}
            }
        }
    }
    Ok(())
}

/// The messages of a file, and their fields by number.
#[derive(Debug, Default)]
struct File {
    first: String,
    messages: BTreeMap<String, BTreeMap<u32, Field>>,
}

#[derive(Debug, PartialEq, Eq)]
struct Field {
    /// `optional`, `repeated`, or nothing.
    label: String,
    kind: String,
    name: String,
}

impl File {
    /// Reads what is known of the language here; what is not is passed over.
    fn read(text: &str) -> Self {
        let tokens = tokens(text);
        let mut file = Self::default();
        // The messages, groups and other blocks around a statement.
        let mut around: Vec<String> = Vec::new();
        let mut statement: Vec<&str> = Vec::new();
        for token in &tokens {
            match token.as_str() {
                "{" => {
                    let name = match statement[..] {
                        ["message", name] => {
                            let outer = around.last().filter(|outer| !outer.is_empty());
                            let name =
                                outer.map_or(name.to_owned(), |outer| format!("{outer}.{name}"));
                            if file.first.is_empty() {
                                file.first.clone_from(&name);
                            }
                            file.messages.entry(name.clone()).or_default();
                            name
                        }
                        // Its fields are the message's.
                        ["oneof", _] => around.last().cloned().unwrap_or_default(),
                        _ => String::new(),
                    };
                    around.push(name);
                    statement.clear();
                }
                "}" => {
                    around.pop();
                    statement.clear();
                }
                ";" => {
                    let message = around.last().and_then(|name| file.messages.get_mut(name));
                    if let (Some(message), Some((number, field))) = (message, field(&statement)) {
                        message.insert(number, field);
                    }
                    statement.clear();
                }
                token => statement.push(token),
            }
        }
        file
    }
}

/// A statement that declares a field.
fn field(statement: &[&str]) -> Option<(u32, Field)> {
    let equals = statement.iter().position(|token| *token == "=")?;
    let number = statement.get(equals + 1)?.parse().ok()?;
    let (label, kind, name) = match statement[..equals] {
        [label @ ("optional" | "repeated" | "required"), kind, name] => (label, kind, name),
        [kind, name] => ("", kind, name),
        _ => return None,
    };
    let kind = kind.trim_start_matches('.').to_owned();
    Some((number, Field { label: label.to_owned(), kind, name: name.to_owned() }))
}

/// Words and signs, without comments and with strings as one word.
fn tokens(text: &str) -> Vec<String> {
    let mut tokens = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let len = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            rest.find("*/").map_or(rest.len(), |end| end + 2)
        } else if first == '"' || first == '\'' {
            let end = rest[1..].find(first).map_or(rest.len(), |end| end + 2);
            tokens.push(rest[..end].to_owned());
            end
        } else if first.is_whitespace() {
            first.len_utf8()
        } else {
            let is_word = |c: char| c.is_alphanumeric() || matches!(c, '_' | '.' | '-');
            let word = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
            // A sign stands by itself.
            let len = word.max(first.len_utf8());
            tokens.push(rest[..len].to_owned());
            len
        };
        rest = &rest[len..];
    }
    tokens
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::LICENSE_PROTOBUF as OURS;

    #[test]
    fn the_same_fields_fit_whatever_stands_between_them() {
        assert_eq!(check(OURS, OURS), Ok(()));
        assert_eq!(File::read(OURS).messages["License"].len(), 17);
        let other = OURS
            .replace("// One license", "/* message License { string x = 1; } */ // One license")
            .replace(
                "  string id = 1;\n",
                "  string id = 1; enum E { A = 0; }\n message M { string n = 1; }\n \
                 oneof o { string more = 99; }\n map<string, int32> m = 100; reserved 3 to 4;\n",
            )
            .replace("google.protobuf.Timestamp c", ".google.protobuf.Timestamp c");
        assert_eq!(check(OURS, &other), Ok(()));
    }

    #[test]
    fn others_are_told_by_their_field() {
        for (from, to, expected) in [
            ("optional string name = 8;", "", "it lacks field `License.name`, number 8"),
            (
                "optional string name = 8",
                "string name = 8",
                "its number 8 is not field `License.name` as it is written",
            ),
            (
                "optional bool is_paid = 7",
                "optional string paid = 7",
                "its number 7 is not field `License.is_paid` as it is written",
            ),
            ("message RoleList", "message Roles", "it lacks message RoleList"),
            (
                "\nmessage License",
                "\nmessage A {}\nmessage License",
                "its first message is not License",
            ),
        ] {
            let other = OURS.replacen(from, to, 1);
            assert_ne!(other, OURS);
            assert_eq!(check(OURS, &other), Err(expected.to_owned()));
        }
        assert_eq!(check(OURS, "").unwrap_err(), "its first message is not License");
    }
}
