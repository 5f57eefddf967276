//! The page as it was reviewed, and what becomes of text that would be markup.

use std::path::Path;

use expect_test::expect_file;
use serde_json::{Value, json};

use super::{ACCOUNTS, accounts_file, fill, licenses, report};
use crate::support::command::license_stream;
use crate::support::run::run;

/// A summary with each of what one can have.
pub(super) fn summary(word: &str) -> Value {
    let snapshot = |index: usize, outcome: &str, more: Value| {
        let mut snapshot = json!({
            "account": ACCOUNTS.get(index).map(|(id, _)| id), "snapshot_id": null, "outcome": outcome,
            "complete": outcome == "done", "records": 1200 * (3 - index), "rejected": 0, "requests": 3, "retries": 0,
            "bytes_read": 9, "error": null,
        });
        snapshot.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        snapshot
    };
    let message = format!("account {}: the body was cut {word}", ACCOUNTS[1].0);
    json!({
        "outcome": "failed", "records": 1_234_567, "rejected": 20, "rejected_before": 2, "bytes_read": 91_234_567,
        "bytes_written": 8_123_456, "requests": 12, "retries": 2, "elapsed_seconds": 12.34,
        "rejects_by_reason": {"syntax": 15, "missing_id": 5}, "fields_unexpected": {"is_paid": 3},
        "fields_unknown": {"region": 7, word: 2}, "fields_unknown_total": 12, "error": null,
        "accounts": {"done": 1, "rejected": 1, "failed": 1, "interrupted": 0, "skipped": 1, "not_begun": 0},
        "snapshots": [
            snapshot(0, "done", json!({})),
            snapshot(1, "failed", json!({"retries": 2, "error": {"kind": "truncated", "message": message}})),
            snapshot(2, "rejected", json!({"rejected": 20, "rejected_before": 2})),
            snapshot(3, "skipped", json!({"records": 0, "reason": format!("its status is {word}")})),
        ],
    })
}

pub(super) fn write(path: &Path, json: &Value) {
    std::fs::write(path, json.to_string()).unwrap();
}

/// A page without what is another each time, and without its style.
fn steady(page: &str, directory: &Path) -> String {
    let (head, rest) = page.split_once("<style>").unwrap();
    let (_, rest) = rest.split_once("</style>").unwrap();
    let (front, rest) = rest.split_once(", made ").unwrap();
    let (_, rest) = rest.split_once(" by license-stream ").unwrap();
    let page = format!("{head}<style></style>{front}, made TIME by license-stream {rest}");
    let page = match page.split_once(" files of ") {
        Some((front, rest)) => {
            let (_, rest) = rest.split_once("B. ").unwrap();
            format!("{front} files of BYTES. {rest}")
        }
        None => page,
    };
    page.replace(&directory.display().to_string(), "DIR")
        .replace(env!("CARGO_PKG_VERSION"), "VERSION")
}

#[test]
fn the_pages_are_as_they_were_reviewed() {
    let directory = tempfile::tempdir().unwrap();
    let directory = directory.path();
    let (lake, file) = (directory.join("lake"), directory.join("summary.json"));
    for (index, (account, _)) in ACCOUNTS.into_iter().enumerate() {
        fill(&lake, account, &licenses(index as u64, 40), &[]);
    }
    // Now the first has one that is superseded.
    fill(&lake, ACCOUNTS[0].0, &licenses(7, 50), &[]);
    write(&file, &summary("here"));
    let known = accounts_file(directory, &[ACCOUNTS[0], (ACCOUNTS[1].0, "acme")]);
    let out = directory.join("report.html");
    let made = |places: &[&Path]| {
        let ended = run(report(places, &out).arg("--accounts-file").arg(&known)).expect(0);
        assert_eq!(ended.stdout, "");
        assert!(ended.stderr.starts_with("report: ") && ended.stderr.lines().count() == 1);
        steady(&std::fs::read_to_string(&out).unwrap(), directory)
    };
    expect_file!["../../golden/report-lake.html"].assert_eq(&made(&[&lake]));
    expect_file!["../../golden/report-summary.html"].assert_eq(&made(&[&file]));

    // Of both, in whatever order, it is both.
    let both = made(&[&lake, &file]);
    for title in ["The run", "The licenses", "Rejects by reason", "Cost by integration"] {
        assert_eq!(both.matches(&format!(">{title}</h")).count(), 1, "{title}");
    }
    assert!(!both.contains("Not on this page"));
    let names = std::fs::read_dir(directory).unwrap().map(|it| it.unwrap().file_name());
    assert!(names.into_iter().all(|name| !name.to_string_lossy().ends_with(".partial")));
}

#[test]
fn jobs_have_a_section_each_and_the_last_of_several_runs_is_told_of() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("runs.json");
    let job = |name: &str, outcome: &str, error: Value, summary: Value| {
        json!({"name": name, "to": "kafka", "outcome": outcome, "exit_code": 0, "elapsed_seconds": 1.0,
            "error": error, "summary": summary})
    };
    let jobs = [
        job("first", "failed", Value::Null, summary("there")),
        job("second", "not_begun", json!("no brokers"), Value::Null),
    ];
    let runs = json!({"outcome": "failed", "exit_code": 1, "elapsed_seconds": 2.0, "jobs": jobs});
    std::fs::write(&file, format!("{}\n{runs}\n", summary("before"))).unwrap();
    let page = run(&mut report(&[&file], Path::new("-"))).expect(0);
    assert_eq!(page.stderr, "");
    for wanted in [
        "<h2>Job first <span class=\"of\">to kafka</span></h2>",
        "<h2>Job second ",
        "no brokers",
        "has 2 runs: this is the last",
        "the body was cut there",
        "It did not come so far as to have a summary.",
    ] {
        assert_eq!(page.stdout.matches(wanted).count(), 1, "{wanted}");
    }
    assert!(!page.stdout.contains("before</"), "of a run that is not shown");
}

/// Whatever is read, the tags of a page are those of one that read nothing of the kind.
#[test]
fn no_text_from_anywhere_becomes_markup() {
    let hostile = "\"'><script>alert(1)</script><img src=x onerror=alert(2)>";
    let tags = |word: &str, name: &str, currency: &str, folder: &str| {
        let directory = tempfile::tempdir().unwrap();
        let place = directory.path().join(folder);
        std::fs::create_dir(&place).unwrap();
        let (lake, file) = (place.join("lake"), place.join("summary.json"));
        let license = json!({"id": word, "name": word, "currency": currency, "unit_amount": 1, "assigned_quantity": 2});
        fill(&lake, ACCOUNTS[0].0, &[license], &[]);
        std::fs::write(lake.join(format!("{name}.parquet")), "PAR1").unwrap();
        let job =
            json!({"name": word, "to": word, "outcome": word, "error": word, "summary": null});
        let mut told = summary(word);
        told["outcome"] = word.into();
        told["error"] = word.into();
        told["rejects_by_reason"] = json!({word: 3});
        told["snapshots"][0]["account"] = word.into();
        told["snapshots"][0]["outcome"] = word.into();
        let done =
            json!({"name": word, "to": word, "outcome": word, "error": null, "summary": told});
        write(&file, &json!({"outcome": word, "jobs": [job, done]}));
        let known = accounts_file(directory.path(), &[(ACCOUNTS[0].0, word)]);
        let page = run(report(&[&file, &lake], Path::new("-")).arg("--accounts-file").arg(known));
        let page = page.expect(0).stdout;
        let tags = page.split('<').skip(1).map(|tag| tag.split([' ', '>']).next().unwrap());
        let attributes = page.matches("=\"").count();
        (tags.map(str::to_owned).collect::<Vec<_>>(), attributes, page)
    };
    let (plain, attributes, _) = tags("word", "name", "EUR", "place");
    let (tags, hostile_attributes, page) =
        tags(hostile, "\"><script>", "<script>alert(3)</script>", "<b onclick=\"x\">");
    assert_eq!(tags, plain);
    assert_eq!(hostile_attributes, attributes);
    assert!(!page.contains("<script") && !page.contains("<img") && !page.contains("<b "));
    // In each place it is, as it was.
    let escaped =
        "&quot;&#39;&gt;&lt;script&gt;alert(1)&lt;/script&gt;&lt;img src=x onerror=alert(2)&gt;";
    assert!(page.matches(escaped).count() >= 12, "{}", page.matches(escaped).count());
    assert!(page.contains("<h3>In &lt;script&gt;alert(3)&lt;/script&gt;</h3>"));
    assert!(page.contains("/&lt;b onclick=&quot;x&quot;&gt;/lake</code>"));
    assert!(page.contains("<code>&quot;&gt;&lt;script&gt;.parquet</code>"));
}

#[test]
fn a_page_goes_where_it_is_told_once_it_is_whole() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("summary.json");
    write(&file, &summary("here"));
    let out = directory.path().join("report.html");
    std::fs::write(&out, "older").unwrap();
    assert_eq!(run(report(&[&file], &out).arg("-q")).expect(0).stderr, "");
    let page = std::fs::read_to_string(&out).unwrap();
    assert!(page.starts_with("<!doctype html>") && page.ends_with("</html>\n"));

    // From standard input to standard output.
    let mut command = license_stream();
    command.args(["report", "-", "--out", "-"]).stdin(std::fs::File::open(&file).unwrap());
    let output = command.output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let piped = String::from_utf8(output.stdout).unwrap();
    assert!(piped.contains("<p>On <code>standard input</code>, made "), "{piped}");
    assert_eq!(piped.lines().count(), page.lines().count());
}
