//! What no page can be made of.

use std::fmt::Write;
use std::path::Path;

use expect_test::expect;

use super::page::{summary, write};
use super::{ACCOUNTS, fill, licenses, report};
use crate::support::command::license_stream;
use crate::support::run::run;

#[test]
fn what_is_wrong_is_told_with_what_helps_and_an_older_page_stays() {
    let directory = tempfile::tempdir().unwrap();
    let place = directory.path();
    write(&place.join("summary.json"), &summary("here"));
    std::fs::write(place.join("empty.json"), "").unwrap();
    std::fs::write(place.join("cut.json"), "{\"outcome\":\"done\",\"snapshots\":[").unwrap();
    std::fs::write(place.join("other.json"), "{\"rows\":7}\n").unwrap();
    std::fs::write(place.join("accounts"), "an-account\n").unwrap();
    std::fs::create_dir(place.join("nothing")).unwrap();
    std::fs::write(place.join("r.html"), "older").unwrap();
    let mut told = String::new();
    for (line, code) in [
        ("missing.json --out r.html", 1),
        ("empty.json --out r.html", 1),
        ("cut.json --out r.html", 1),
        ("other.json --out r.html", 1),
        ("nothing --out r.html", 1),
        ("nothing nothing --out r.html", 2),
        ("summary.json other.json --out r.html", 2),
        ("summary.json --out missing/r.html", 1),
        ("summary.json --accounts-file accounts --out r.html", 2),
        ("s4://bucket/lake --out r.html", 2),
    ] {
        let mut command = license_stream();
        command.current_dir(place).arg("report").args(line.split_whitespace());
        let ended = run(&mut command).expect(code);
        assert_eq!(ended.stdout, "", "{line}");
        writeln!(told, "$ report {line}\n{}", ended.stderr).unwrap();
        assert_eq!(std::fs::read_to_string(place.join("r.html")).unwrap(), "older", "{line}");
    }
    expect![[r#"
        $ report missing.json --out r.html
        error: missing.json cannot be read: give what --json printed of a run, or a directory that `parquet` writes into: No such file or directory (os error 2)

        $ report empty.json --out r.html
        error: empty.json is no summary of a run: it is empty; give what --json printed of one

        $ report cut.json --out r.html
        error: cut.json is no summary of a run: it cannot be parsed; give what --json printed of one: EOF while parsing a list at line 1 column 31

        $ report other.json --out r.html
        error: other.json is no summary of a run: it has neither `outcome` and `snapshots` nor `jobs`; give what --json printed of one

        $ report nothing --out r.html
        error: nothing holds no file of licenses, and nothing of a run

        $ report nothing nothing --out r.html
        error: a page is on one summary, on one directory, or on one of each: make a page for each

        $ report summary.json other.json --out r.html
        error: a page is on one summary, on one directory, or on one of each: make a page for each

        $ report summary.json --out missing/r.html
        error: missing/r.html could not be written: No such file or directory (os error 2)

        $ report summary.json --accounts-file accounts --out r.html
        error: --accounts-file accounts, line 1: an account is a UUID in five groups

        $ report s4://bucket/lake --out r.html
        error: s4://bucket/lake: an object store is named s3://BUCKET/PREFIX, gs://BUCKET/PREFIX or az://CONTAINER/PREFIX

    "#]].assert_eq(&told);
}

#[test]
fn a_file_that_is_no_longer_what_it_was_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let lake = directory.path().join("lake");
    let summary = fill(&lake, ACCOUNTS[0].0, &licenses(1, 500), &["--compression", "none"]);
    let file = Path::new(summary["snapshots"][0]["files"][0].as_str().unwrap());
    // As long as before, with an end that can be read, and pages that cannot.
    let mut bytes = std::fs::read(file).unwrap();
    let pages = bytes.len() / 2;
    bytes[4..pages].fill(0xff);
    std::fs::write(file, bytes).unwrap();
    let ended = run(&mut report(&[&lake], &directory.path().join("r.html"))).expect(1);
    let wanted = format!("error: {} cannot be read", file.display());
    assert!(ended.stderr.starts_with(&wanted), "{}", ended.stderr);
    assert!(!directory.path().join("r.html").exists());
}
