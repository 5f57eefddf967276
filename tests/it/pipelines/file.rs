//! What is wrong with a file is told with its line and column, and with what helps.

use std::fmt::Write;

use expect_test::expect_file;
use serde_json::json;

use super::Pipeline;
use crate::support::process::run;
use crate::support::python::{root, schema_violations};

/// A file that could run, in which one line is replaced.
fn with(line: &str, by: &str) -> String {
    let text = "defaults:\n  input: body\njobs:\n  - name: lake\n    to: parquet\n    out: lake\n  \
                - name: feed\n    to: kafka\n    brokers: b:1\n    topic: t\n";
    assert!(line.is_empty() || text.lines().filter(|it| it.contains(line)).count() == 1, "{line}");
    let lines = text.lines().map(|it| if !line.is_empty() && it.contains(line) { by } else { it });
    lines.map(|it| format!("{it}\n")).collect()
}

#[test]
fn each_mistake_is_told_where_it_is() {
    let files = [
        with("out: lake", "    outt: lake"),
        with("out: lake", "    Out: lake"),
        with("out: lake", "    out: lake\n    topic: t"),
        with("out: lake", "    out: lake\n    on_error: skip"),
        with("out: lake", "    out: lake\n    on-error: ignore"),
        with("out: lake", "    out: lake\n    limit: many"),
        with("out: lake", "    out: [a, b]"),
        with("out: lake", "    out: true"),
        with("out: lake", "    out: lake\n    columns: {a: b}"),
        with("out: lake", "    out: lake\n    columns: [id, {a: b}]"),
        with("out: lake", "    out: lake\n    strict: yes"),
        with("out: lake", "    out: lake\n    strict: 'true'"),
        with("out: lake", "    out: lake\n    quiet: true"),
        with("out: lake", "    out: lake\n    <<: *x").replace("defaults:", "defaults: &x"),
        with("to: kafka", "    <<: *x").replace("defaults:", "defaults: &x"),
        with("out: lake", "    out: lake\n    log-format: json"),
        with("out: lake", "    strict: true"),
        with("out: lake", "    out: lake\n    columns: [no_such]"),
        with("out: lake", "    out: lake\n    format: raw"),
        with("out: lake", "    out: lake\n    out: lake"),
        with("out: lake", "    out: lake\n    max-rejects: 1"),
        with("out: lake", "    out: ${NO_SUCH_VARIABLE}/lake"),
        with("out: lake", "    out: ${lake"),
        with("out: lake", "    out: ${LAKE-lake}"),
        with("out: lake", "    out: ftp://lake/a"),
        with("input: body", "  token: passw0rd"),
        with("input: body", "  api_token: passw0rd"),
        with("input: body", "  name: x"),
        with("input: body", "  inptu: body"),
        with("input: body", "  account: [62f44730-dd91-461e-bd6a-aedd9e0ad79d]\n  all-accounts: true"),
        with("input: body", "  token-account: true\n  base-url: https://me:passw0rd@truto.test"),
        with("topic: t", "    topic: t\n    settings: {sasl.password: passw0rd}"),
        with("topic: t", "    topic: t\n    settings: ['sasl.password=passw0rd']"),
        with("topic: t", "    topic: t\n    settings: {sasl.password: '${PASSWORD:-passw0rd}'}"),
        with("topic: t", "    topic: t\n    settings: {linger.ms: [1, {a: b}]}"),
        with("topic: t", "    topic: t\n    settings: {acks: 1}"),
        with("topic: t", "    topic: t\n    transaction-seconds: ${NUMBER_TOKEN}"),
        with("to: kafka", "    to: kafak"),
        with("to: kafka", "    sink: kafka"),
        with("name: feed", "  - to: kafka\n    name: lake").replace("    to: kafka\n    bro", "    bro"),
        with("name: feed", "  - name: to the feed"),
        with("name: feed", "  - nam: feed"),
        with("jobs:", "job:"),
        with("jobs:", "concurrency: 0\njobs:"),
        with("jobs:", "metrics: localhost\njobs:"),
        with("jobs:", "metrics: [127.0.0.1:0]\njobs:"),
        with("jobs:", "all-accounts: true\njobs:"),
        with("jobs:", "every: 6h\njobs:"),
        "jobs: []\n".to_owned(),
        "defaults: {topic: t}\njobs:\n  - {name: a, to: ndjson, input: body}\n".to_owned(),
        "jobs:\n  - {name: c, to: ndjson, out: l, all-accounts: true}\n  - {name: d, to: ndjson, out: ./l/, all-accounts: true}\n"
            .to_owned(),
        "jobs:\n  - {name: c, to: ndjson, out: l, input: body}\n  - {name: d, to: ndjson, out: no/../l, input: body}\n"
            .to_owned(),
        "jobs:\n  - {name: c, to: ndjson, out: l, all-accounts: true}\n  - {name: d, to: ndjson, out: l/a.ndjson, input: body}\n"
            .to_owned(),
        "concurrency: 2\njobs:\n  - {name: c, to: parquet, out: l, all-accounts: true}\n  - {name: d, to: parquet, out: l, all-accounts: true}\n"
            .to_owned(),
        "concurrency: 2\njobs:\n  - {name: c, to: parquet, out: 's3://a/b', input: body}\n  - {name: d, to: parquet, out: 's3://a/b/', input: body}\n"
            .to_owned(),
        "jobs:\n  lake: {to: parquet}\n".to_owned(),
        "- lake\n".to_owned(),
        "\n# nothing\n".to_owned(),
        "jobs: [\n".to_owned(),
        "jobs: &j [*j]\n".to_owned(),
        "a: 1\n---\nb: 2\n".to_owned(),
        format!("jobs: {}\n", "[".repeat(40)),
        format!("jobs:\n{}", "  - {name: a, to: ndjson}\n".repeat(257)),
        format!("# {}", "x".repeat(1 << 20)),
        "jobs:\n  - {name: a, to: ndjson, input: body}\n  - {name: b, to: ndjson, input: body}\n".to_owned(),
        "jobs:\n  - {name: a, to: ndjson, out: a, input: '-'}\n  - {name: b, to: ndjson, input: '-'}\n"
            .to_owned(),
    ];
    let mut golden = String::new();
    for text in &files {
        let pipeline = Pipeline::new(text);
        std::fs::write(pipeline.path().join("body"), "{\"id\":\"1\"}\n").unwrap();
        let got = run(pipeline.run().env("NUMBER_TOKEN", "passw0rd"));
        assert_eq!((got.code, got.text()), (Some(2), ""), "{text}: {}", got.stderr);
        assert!(!got.stderr.contains("passw0rd"), "{text}: {}", got.stderr);
        assert_eq!(got.stderr.lines().count(), 1, "{}", got.stderr);
        assert!(!pipeline.path().join("lake").exists(), "{text}");
        // What is another than in the first file.
        let usual = with("", "");
        let lines: Vec<_> =
            text.lines().filter(|line| !usual.lines().any(|it| it == *line)).take(3).collect();
        let shown: String = lines.join("\n").chars().take(200).collect();
        writeln!(golden, "{shown}\n=> {}", got.stderr).unwrap();
    }
    expect_file!["../../golden/pipeline-errors.txt"].assert_eq(&golden);
}

#[test]
fn jobs_that_do_not_meet_may_have_a_place_in_common() {
    let (one, other) = ("account: 62f44730-dd91-461e-bd6a-aedd9e0ad79d", "all-accounts: true");
    for (concurrency, to, out, flags) in [
        // One after the other, of what each account has once.
        (1, "parquet", ["lake", "lake"], [other, other]),
        (2, "parquet", ["lake", "lake"], [one, other]),
        (2, "parquet", ["lake/a", "lake/b"], [other, other]),
        (2, "ndjson", ["l/a.ndjson", "l/b.ndjson"], [one, one]),
        (2, "ndjson", ["l/a", "l/b"], [other, other]),
        (2, "ndjson", ["/dev/null", "/dev/null"], [one, one]),
    ] {
        let job = |name: &str, place: usize| {
            format!("  - {{name: {name}, to: {to}, out: {}, {}}}\n", out[place], flags[place])
        };
        let text = format!("concurrency: {concurrency}\njobs:\n{}{}", job("a", 0), job("b", 1));
        let got = run(Pipeline::new(&text).run().arg("--print-config"));
        assert_eq!(got.code, Some(0), "{text}: {}", got.stderr);
    }
    // Of those that do not run, nothing is said.
    let text = "jobs:\n  - {name: a, to: ndjson, out: l, input: body}\n  - {name: b, to: ndjson, out: l, input: body}\n";
    let got = run(Pipeline::new(text).run().args(["--print-config", "--job", "b"]));
    assert_eq!(got.code, Some(0), "{}", got.stderr);
}

#[test]
fn what_was_typed_beside_the_file_is_told_too() {
    let pipeline = Pipeline::new(&with("", ""));
    let mut golden = String::new();
    for line in [
        "run missing.yaml",
        "run .",
        "run pipeline.yaml --job lak",
        "run pipeline.yaml --set out=x",
        "run pipeline.yaml --set lak.out=x",
        "run pipeline.yaml --set lake.outt=x",
        "run pipeline.yaml --set *.outt=x",
        "run pipeline.yaml --set lake.strict=yes",
        "run pipeline.yaml --set lake.out=x --set lake.out=y",
        "run pipeline.yaml --set lake.on-error=ignore",
        "run pipeline.yaml --set feed.settings=sasl.password=passw0rd",
        "run pipeline.yaml --concurrency 0",
        "run pipeline.yaml --every soon",
        "run pipeline.yaml --metrics :9400",
        "run pipeline.yaml --every 6h --check",
        "run pipeline.yaml --jitter 5s",
        "run pipeline.yaml --every 6h --set lake.input=-",
    ] {
        let mut command = pipeline.run();
        let mut again = std::process::Command::new(command.get_program());
        again.current_dir(pipeline.path()).env("COLUMNS", "100").args(line.split(' '));
        command = again;
        let got = run(&mut command);
        assert_eq!((got.code, got.text()), (Some(2), ""), "{line}: {}", got.stderr);
        assert!(!got.stderr.contains("passw0rd"), "{line}: {}", got.stderr);
        writeln!(golden, "$ license-stream {line}\n{}", got.stderr).unwrap();
    }
    expect_file!["../../golden/run-errors.txt"].assert_eq(&golden);
}

#[test]
fn the_schema_takes_what_the_command_takes_and_nothing_else() {
    let lake = json!({"name": "lake", "to": "parquet", "out": "lake", "input": "body"});
    let with = |key: &str, value: serde_json::Value| {
        let mut job = lake.clone();
        job[key] = value;
        json!({"jobs": [job]})
    };
    let feed = json!({"name": "feed", "to": "kafka", "brokers": "b:1", "topic": "t", "input": "body",
        "settings": {"linger.ms": 5}, "header": ["a=b"], "tombstone-on": {"status": ["a", "b"]}});
    let good = [
        json!({"jobs": [lake]}),
        json!({"jobs": [lake, feed], "concurrency": 2, "defaults": {"strict": false, "topic": "x"}}),
        with("strict", json!(true)),
        with("strict", json!("${STRICT:-true}")),
        with("strict", json!(null)),
        with("columns", json!("id,name")),
        with("columns", json!(["id", "name"])),
        with("max-depth", json!(64)),
        with("max-depth", json!("${DEPTH:-64}")),
        with("grace", json!(0.5)),
        with("on-error", json!("skip")),
        with("roll", json!("256MiB")),
    ];
    let bad = [
        json!({}),
        json!({"jobs": []}),
        json!({"jobs": lake}),
        json!({"jobs": [lake], "concurrency": 0}),
        json!({"jobs": [lake], "defaults": {"outt": "x"}}),
        json!({"jobs": [{"name": "lake", "out": "lake"}]}),
        json!({"jobs": [{"to": "parquet", "out": "lake"}]}),
        with("to", json!("csv")),
        with("name", json!("a b")),
        with("outt", json!("x")),
        with("topic", json!("x")),
        with("quiet", json!(true)),
        with("strict", json!("yes")),
        with("on-error", json!("ignore")),
        with("max-depth", json!("many")),
        with("out", json!(["a"])),
        with("columns", json!({"a": "b"})),
    ];
    for (documents, is_good) in [(&good[..], true), (&bad[..], false)] {
        for document in documents {
            // JSON is YAML.
            let pipeline = Pipeline::new(&document.to_string());
            let got = run(pipeline.run().arg("--print-config"));
            assert_eq!(got.code, Some(if is_good { 0 } else { 2 }), "{document}: {}", got.stderr);
            let schema = root().join("schemas/pipeline.schema.json");
            let violations = schema_violations(&schema, &document.to_string());
            assert_eq!(violations.is_empty(), is_good, "{document}: {violations:?}");
        }
    }
}
