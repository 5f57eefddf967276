//! What did not fit at first is read again: dead letters as a source, and `--strict`.

use std::path::Path;

use serde_json::Value;

use crate::support::command::license_stream;
use crate::support::run::{Run, run};

/// Runs `license-stream ndjson` over `input`, with dead letters in `letters`.
fn ndjson(input: &Path, letters: &Path, more: &[&str]) -> Run {
    let mut command = license_stream();
    command.arg("ndjson").arg("--input").arg(input).args(more);
    run(command.args(["--on-error", "dead-letter", "--dead-letter"]).arg(letters))
}

fn letters(path: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(path).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn dead_letters_are_read_again() {
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name);
    let good = r#"{"id":"good"}"#;
    // The second is not UTF-8; the third has line feeds inside, as a record of an envelope can.
    let broken = [&b"{\"id\":}"[..], b"{\"id\":\"\xff\"}", b"{\n\"name\":\n\"no id\"}", b"tru"];
    let body = [&b"["[..], &broken.join(&b","[..]), b",", good.as_bytes(), b"]"].concat();
    std::fs::write(at("body"), body).unwrap();

    let first = ndjson(&at("body"), &at("first"), &[]).expect(4);
    assert_eq!(first.stdout, format!("{good}\n"));
    assert_eq!(letters(&at("first")).len(), broken.len());

    // Nothing was mended, so all come back, with the same bytes and reasons.
    let again = ndjson(&at("first"), &at("second"), &[]).expect(4);
    assert_eq!(again.stdout, "");
    let without_position = |path| {
        letters(path)
            .into_iter()
            .map(|letter| ["reason", "text", "base64"].map(|name| letter[name].clone()))
            .collect::<Vec<_>>()
    };
    assert_eq!(without_position(&at("first")), without_position(&at("second")));

    // Mended by hand, one passes.
    let mended = std::fs::read_to_string(at("first")).unwrap();
    let mended = mended.replace(r#""text":"tru""#, r#""text":"{\"id\":\"mended\"}""#);
    std::fs::write(at("mended"), mended).unwrap();
    let told = ndjson(&at("mended"), &at("third"), &["--shape", "dead-letters"]).expect(4);
    assert_eq!(told.stdout, "{\"id\":\"mended\"}\n");
}

#[test]
fn a_line_among_dead_letters_that_is_none_is_an_error() {
    let directory = tempfile::tempdir().unwrap();
    let input = directory.path().join("letters");
    std::fs::write(&input, "{\"id\":\"a\"}\n").unwrap();
    let mut command = license_stream();
    let failed = run(command.args(["ndjson", "--shape", "dead-letters", "--input"]).arg(&input));
    let said = "line is no dead letter at byte 0, line 1, record 0: one has `byte`";
    assert!(failed.expect(1).stderr.contains(said));
}

#[test]
fn letters_stand_where_they_do_in_their_file() {
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name);
    std::fs::write(at("body"), "[{\n\"name\":\n\"no id\"},1,\"\\u00e9\",{\"id\":\"\"}]").unwrap();
    ndjson(&at("body"), &at("first"), &[]).expect(4);
    let first = std::fs::read_to_string(at("first")).unwrap();
    // Blank lines, and a line that is too long, so that there is nothing of it.
    let file = format!("\n \n{first}\n{}\n{first}", "x".repeat(100_000));
    std::fs::write(at("file"), &file).unwrap();
    let more = ["--shape", "dead-letters", "--max-record-bytes", "1000"];
    ndjson(&at("file"), &at("second"), &more).expect(4);
    let mut places = Vec::new();
    let mut byte = 0;
    for (index, line) in file.split_inclusive('\n').enumerate() {
        if !line.trim().is_empty() {
            places.push((Value::from(byte), Value::from(index + 1), Value::from(places.len())));
        }
        byte += line.len();
    }
    let letters = letters(&at("second"));
    let found = letters
        .iter()
        .map(|letter| (letter["byte"].clone(), letter["line"].clone(), letter["record"].clone()));
    assert_eq!(found.collect::<Vec<_>>(), places);
}

#[test]
fn half_a_letter_is_a_reject() {
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name);
    let letter = |text: &str| {
        format!(
            r#"{{"account":null,"byte":0,"line":1,"record":0,"length":2,"reason":"syntax","message":"","text":{}}}"#,
            Value::from(text)
        )
    };
    let (good, torn) = (letter(r#"{"id":"a"}"#), &letter(r#"{"id":"é"}"#)[..100]);
    for file in [format!("{good}\n{torn}"), format!("{good}\n{torn}\n{good}\n")] {
        std::fs::write(at("file"), &file).unwrap();
        let _ = std::fs::remove_file(at("letters"));
        let run = ndjson(&at("file"), &at("letters"), &[]).expect(4);
        assert_eq!(run.stdout.lines().count(), file.matches(&good).count());
        let letters = letters(&at("letters"));
        assert_eq!((letters.len(), letters[0]["text"].as_str()), (1, Some(torn)));
    }
}

#[test]
fn letters_of_several_accounts_are_read_one_account_at_a_time() {
    let directory = tempfile::tempdir().unwrap();
    let input = directory.path().join("letters");
    let letter = |account: &str, id: &str| {
        let start =
            format!(r#"{{"account":{account},"byte":0,"line":1,"record":0,"reason":"syntax""#);
        format!(r#"{start},"message":"","text":"{{\"id\":\"{id}\"}}"}}"#)
    };
    let file = [letter("\"A\"", "1"), letter("\"B\"", "2"), letter("\"A\"", "3")].join("\n");
    std::fs::write(&input, &file).unwrap();
    let read = |more: &[&str], code| {
        let mut command = license_stream();
        run(command.args(["ndjson", "--input"]).arg(&input).args(more)).expect(code)
    };
    let of_a = read(&["--account", "A"], 0);
    assert_eq!(of_a.stdout, "{\"id\":\"1\"}\n{\"id\":\"3\"}\n");
    assert!(of_a.stderr.contains("passed over: 1 dead letter of other accounts"), "{of_a:#?}");
    let unsaid = read(&[], 2);
    assert!(unsaid.stderr.contains("(--account, one of A, B)"), "{unsaid:#?}");
    assert_eq!(unsaid.stdout, "");
    assert!(
        read(&["--account", "C"], 2).stderr.contains("they are of others (--account, one of A, B)")
    );
}

#[test]
fn letters_that_were_written_anew_are_told_or_named() {
    let directory = tempfile::tempdir().unwrap();
    let input = directory.path().join("letters");
    let letter = r#"{"account": null, "byte": 0, "line": 1, "record": 0, "reason": "syntax", "message": "broken","#;
    let letter = format!(r#"{letter} "text": "{{\"id\":\"a\"}}"}}"#);
    let sorted = serde_json::from_str::<Value>(&letter).unwrap();
    let sorted = sorted.as_object().unwrap().iter().rev();
    let sorted: Vec<_> = sorted.map(|(name, value)| format!("\"{name}\":{value}")).collect();
    let sorted = format!("{{{}}}\n", sorted.join(","));
    let read = |file: &str, more: &[&str], code| {
        std::fs::write(&input, file).unwrap();
        let mut command = license_stream();
        run(command.args(["ndjson", "--input"]).arg(&input).args(more)).expect(code)
    };
    assert_eq!(read(&format!("\u{feff}{letter}\n"), &[], 0).stdout, "{\"id\":\"a\"}\n");
    assert!(read(&sorted, &[], 1).stderr.contains("(--shape dead-letters)"));
    let told = read(&sorted, &["--shape", "dead-letters"], 0);
    assert_eq!(told.stdout, "{\"id\":\"a\"}\n");
    // One that is cut stands before another, be it without its end or without its beginning.
    for cut in [&letter[..20], &letter[..60], &letter[60..], &sorted[..40]] {
        for policy in ["fail", "skip"] {
            let run = read(&format!("{cut}\n{letter}\n"), &["--on-error", policy], 1);
            assert!(run.stderr.contains("(--shape dead-letters)"), "{cut}: {run:#?}");
        }
    }
}

#[test]
fn strict_rejects_what_a_column_cannot_take() {
    let directory = tempfile::tempdir().unwrap();
    let input = directory.path().join("body");
    let body = "{\"id\":\"a\",\"tier\":1}\n{\"id\":\"b\",\"is_paid\":\"yes\"}\n";
    std::fs::write(&input, body).unwrap();
    let export = |more: &[&str]| {
        let mut command = license_stream();
        command.args(["parquet", "--json", "--on-error", "skip", "--input"]).arg(&input);
        run(command.arg("--out").arg(directory.path()).args(more))
    };
    let lenient = export(&[]).expect(0).summary();
    assert_eq!(lenient["fields_unexpected"]["is_paid"], 1);
    assert_eq!(lenient["fields_unknown"]["tier"], 1);
    let strict = export(&["--strict"]).expect(4).summary();
    assert_eq!(strict["rejects_by_reason"]["unexpected_type"], 1);
    assert_eq!(strict["records"], 1);
}

#[test]
fn a_letter_is_one_record_whatever_bytes_are_in_it() {
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name);
    // What the separator of a JSON text sequence stands in is one broken line, and stays that.
    let records = [
        &b"{\"id\":\"x\"}\x1e\"y\""[..],
        b"{\"id\":\"z\",\"n\":\"p\x1eq\"}",
        b"\x1e{\"id\":\"a\"}",
        b"{\"id\":\"b\"}\x1e",
        b"{\"id\":\"c\"}\0",
        b"{\"id\":\r\"\xff\"}",
        b"\xef\xbb\xbf{\"id\":\"d\"}",
    ];
    let body = [&b"{\"id\":\"first\"}\n"[..], &records.join(&b"\r\n"[..]), b"\r\n"].concat();
    std::fs::write(at("body"), body).unwrap();
    let first = ndjson(&at("body"), &at("first"), &["--json"]).expect(4);
    assert_eq!(first.stdout, "{\"id\":\"first\"}\n");
    assert_eq!(letters(&at("first")).len(), records.len());

    let again = ndjson(&at("first"), &at("second"), &[]).expect(4);
    assert_eq!(again.stdout, "");
    let what = |path| {
        letters(path)
            .into_iter()
            .map(|letter| ["reason", "message", "text", "base64"].map(|name| letter[name].clone()))
            .collect::<Vec<_>>()
    };
    assert_eq!(what(&at("second")), what(&at("first")));
    let places: Vec<_> =
        letters(&at("second")).iter().map(|letter| letter["record"].clone()).collect();
    assert_eq!(places, (0..records.len()).collect::<Vec<_>>());
}

#[test]
fn a_letter_without_bytes_is_rejected_again() {
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name);
    let long = format!("{{\"id\":\"{}\"}}\n", "x".repeat(100));
    let limit = ["--max-record-bytes", "50"];
    for count in [1, 2] {
        let name = |what: &str| at(&format!("{what}-{count}"));
        std::fs::write(name("body"), long.repeat(count)).unwrap();
        ndjson(&name("body"), &name("first"), &limit).expect(4);
        // Not even the largest limit brings the bytes back.
        let again = ndjson(&name("first"), &name("second"), &[]).expect(4);
        assert_eq!(again.stdout, "");
        let what = match count {
            1 => "warning: 1 dead letter has no bytes, since its record was too long to keep: ",
            _ => {
                "warning: 2 dead letters have no bytes, since their records were too long to keep: "
            }
        };
        assert!(again.stderr.contains(what), "{}", again.stderr);
        assert!(
            again.stderr.contains(&format!("rejected: {count} ({count} too_long)")),
            "{}",
            again.stderr
        );
        assert_eq!(letters(&name("second")).len(), count);

        let mut command = license_stream();
        let failed = run(command.args(["ndjson", "--input"]).arg(name("first"))).expect(1);
        assert!(failed.stderr.contains("record was too long to be kept"), "{}", failed.stderr);
    }
}

#[test]
fn a_shape_that_is_said_is_not_told_from_the_file() {
    let directory = tempfile::tempdir().unwrap();
    let input = directory.path().join("letters");
    let letter =
        r#"{"account":null,"byte":0,"line":1,"record":0,"reason":"syntax","message":"","id":"a"}"#;
    std::fs::write(&input, format!("{letter}\n")).unwrap();
    let mut command = license_stream();
    let lines = run(command.args(["ndjson", "--shape", "lines", "--input"]).arg(&input)).expect(0);
    assert_eq!(lines.stdout, format!("{letter}\n"));
}

#[test]
fn no_run_writes_to_the_file_that_it_reads() {
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name).into_os_string().into_string().unwrap();
    let body = "{\"id\":\"a\"}\nbroken\n";
    for name in ["body", "out.partial", "new"] {
        std::fs::write(at(name), body).unwrap();
    }
    std::os::unix::fs::symlink(at("body"), at("link")).unwrap();
    std::fs::remove_file(at("new")).unwrap();
    for (input, letters, out) in [
        ("body", "body", "out"),
        ("body", "link", "out"),
        ("link", "letters", "body"),
        ("out.partial", "letters", "out"),
        ("body", "new", "new"),
    ] {
        let [input, letters, out] = [input, letters, out].map(at);
        let mut command = license_stream();
        command.args(["ndjson", "--on-error", "dead-letter", "--input", &input]);
        let refused = run(command.args(["--dead-letter", &letters, "--out", &out])).expect(2);
        assert!(refused.stderr.contains("are the same file"), "{}", refused.stderr);
    }
    for name in ["body", "out.partial"] {
        assert_eq!(std::fs::read_to_string(at(name)).unwrap(), body);
    }
    let mut names: Vec<_> = std::fs::read_dir(directory.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    names.sort();
    assert_eq!(names, ["body", "link", "out.partial"]);

    let mut command = license_stream();
    command.args(["parquet", "--on-error", "dead-letter", "--input", &at("body")]);
    run(command.args(["--dead-letter", &at("body"), "--out", &at("lake")])).expect(2);
}
