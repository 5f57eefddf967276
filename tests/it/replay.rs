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
    assert!(failed.expect(1).stderr.contains("line is no dead letter at byte 0, line 1, record 0"));
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
