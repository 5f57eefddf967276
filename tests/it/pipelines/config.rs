//! What a job is given: flag before environment before file before default, and secrets shown to nobody.

use expect_test::expect_file;

use super::Pipeline;
use crate::support::process::{Run, run};
use crate::support::python::root;

/// What a key of the only job is, and where that is from; what is in a comment is so by default.
fn value(run: &Run, key: &str) -> String {
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let begins = [format!("    {key}: "), format!("    # {key}: ")];
    let line = run.text().lines().find(|line| begins.iter().any(|begin| line.starts_with(begin)));
    line.map_or("nothing".to_owned(), |line| line.trim().replacen(&format!("{key}: "), "", 1))
}

#[test]
fn a_flag_wins_over_the_environment_over_the_file_over_the_default() {
    let text =
        |more: &str| format!("jobs:\n  - name: a\n    to: ndjson\n    token-account: true\n{more}");
    let (silent, file) = (text(""), text("    base-url: http://127.0.0.1:3\n"));
    let defaults = format!("defaults:\n  base-url: http://127.0.0.1:4\n{silent}");
    let both = format!("defaults:\n  base-url: http://127.0.0.1:4\n{file}");
    let (all, own) = ("*.base-url=http://127.0.0.1:5", "a.base-url=http://127.0.0.1:6");
    for (text, variable, flags, wanted) in [
        (&silent, false, &[][..], "# https://api.truto.one"),
        (&defaults, false, &[], "http://127.0.0.1:4  # defaults, line 2"),
        (&both, false, &[], "http://127.0.0.1:3  # line 7"),
        (&both, true, &[], "http://127.0.0.1:2  # TRUTO_BASE_URL"),
        (&silent, true, &[], "http://127.0.0.1:2  # TRUTO_BASE_URL"),
        (&both, true, &[all], "http://127.0.0.1:5  # --set"),
        (&both, true, &[all, own], "http://127.0.0.1:6  # --set"),
    ] {
        let pipeline = Pipeline::new(text);
        let mut command = pipeline.run();
        if variable {
            command.env("TRUTO_BASE_URL", "http://127.0.0.1:2");
        }
        command.args(flags.iter().flat_map(|flag| ["--set", flag])).arg("--print-config");
        assert_eq!(value(&run(&mut command), "base-url"), wanted, "{text}");
    }

    // It is what the job does, too, and not only what is printed: nobody listens at any of these.
    for (variable, port) in [(false, 3), (true, 2)] {
        let pipeline = Pipeline::new(&file);
        let mut command = pipeline.run();
        if variable {
            command.env("TRUTO_BASE_URL", "http://127.0.0.1:2");
        }
        let got = run(command.args(["--set", "a.retries=0"]));
        let told = format!("a: error: 127.0.0.1:{port} cannot be connected to");
        assert!(got.code == Some(3) && got.stderr.contains(&told), "{}", got.stderr);
    }
}

#[test]
fn a_job_takes_back_what_the_defaults_say() {
    let text = "defaults:\n  all-accounts: true\n  status: [active]\n  fail-fast: true\njobs:\n  - name: a\n    \
                to: ndjson\n    all-accounts: false\n    status: ~\n    token-account: true\n";
    let got = run(Pipeline::new(text).run().arg("--print-config"));
    assert_eq!(value(&got, "all-accounts"), "false  # line 8");
    assert_eq!(value(&got, "status"), "nothing");
    assert_eq!(value(&got, "fail-fast"), "true  # defaults, line 4");
}

const SECRETS: &str = "\
concurrency: ${JOBS:-2}
metrics: 127.0.0.1:${PORT:-9400}
defaults:
  account: '62f44730-dd91-461e-bd6a-aedd9e0ad79d'
  remote-query:
    filter[role]: hidden-1
    ids[]: [hidden-2, hidden-3]
jobs:
  - name: lake
    to: parquet
    out: ${DIR}/lake
    columns: [id, name]
    token-file: ${DIR}/token
    checkpoint: $${literal}
  - name: feed
    to: kafka
    brokers: ${BROKERS:-one:9092,two:9092}
    topic: 'licenses-{integration}'
    value: avro
    schema-registry: https://me:${REGISTRY_PASSWORD}@registry.test
    header:
      authorization: Bearer ${HEADER_TOKEN}
      plain: 'yes'
    settings:
      sasl.username: me
      sasl.password: ${KAFKA_PASSWORD}
      ssl.key.password: '@key'
      linger.ms: 5
";

fn secrets(pipeline: &Pipeline) -> std::process::Command {
    let mut command = pipeline.run();
    command
        .env("DIR", "/srv")
        .env("KAFKA_PASSWORD", "hidden-4")
        .env("REGISTRY_PASSWORD", "hidden-5");
    command.env("HEADER_TOKEN", "hidden-6").arg("--print-config");
    std::fs::write(pipeline.path().join("key"), "hidden-7").unwrap();
    command
}

#[test]
fn a_secret_that_ends_in_a_line_feed_is_not_shown_where_it_is_refused() {
    let text = "jobs:\n  - name: a\n    to: ndjson\n    account: x\n    limit: ${API_TOKEN}\n";
    for secret in ["hidden-1", "hidden-1\n", " hidden-1\nhidden-2\n"] {
        let got = run(Pipeline::new(text).run().env("API_TOKEN", secret));
        assert_eq!(got.code, Some(2), "{}", got.stderr);
        assert!(got.stderr.contains("***") && !got.stderr.contains("hidden-"), "{}", got.stderr);
    }
}

#[test]
fn what_results_is_printed_and_secrets_are_masked() {
    // A registry refuses a password in its address, so that this one only looks.
    let text = SECRETS
        .replace("me:${REGISTRY_PASSWORD}@", "")
        .replace("    value: avro\n", "    value: json\n");
    let text = text.replace("    schema-registry: https://registry.test\n", "");
    let pipeline = Pipeline::new(&text);
    let got = run(&mut secrets(&pipeline));
    assert_eq!(got.code, Some(0), "{}", got.stderr);
    assert!(!got.text().contains("hidden-"), "{}", got.text());
    expect_file!["../../golden/print-config.txt"].assert_eq(got.text());

    // An address with a password is masked wherever it is told of.
    let got = run(&mut secrets(&Pipeline::new(SECRETS)));
    let told = format!("{}{}", got.text(), got.stderr);
    assert!(!told.contains("hidden-"), "{told}");
}

#[test]
fn nothing_that_was_typed_as_an_address_or_a_header_gives_a_secret_away() {
    let text = "jobs:
  - {name: plain, to: parquet, out: lake, input: body}
  - name: feed
    to: kafka
    brokers: one:9092
    topic: t
    input: body
    header: ['Authorization=Bearer hidden-1', 'traceparent=hidden-2']
    settings: {sasl.kerberos.kinit.cmd: 'kinit -w hidden-3'}
    base-url: ${ADDRESS}
    value: avro
    schema-registry: https://registry.test/?apikey=hidden-4
";
    let outs = [
        "s3://AK:hidden-5@bucket/x",
        "s3://AK:hidden-5/a+b@bucket/x",
        "az://c/p?sv=1&sig=hidden-5",
        "https://account.blob.core.windows.net/c?sig=hidden-5",
    ];
    let text = text.replace("    input: body\n    header", "    token-account: true\n    header");
    let pipeline = Pipeline::new(&text);
    std::fs::write(pipeline.path().join("body"), "").unwrap();
    let address = "https://api.test/?token=hidden-6";
    for out in outs {
        for flags in [&[][..], &["--check"], &["--print-config"]] {
            let mut command = pipeline.run();
            command.args(["--job", "plain", "--set", &format!("plain.out={out}")]).args(flags);
            let got = run(command.env("ADDRESS", address));
            let told = format!("{}{}", got.text(), got.stderr);
            assert!(!told.contains("hidden-") && told.contains("***"), "{out} {flags:?}: {told}");
            assert_eq!(got.code == Some(0), flags == ["--print-config"], "{told}");
        }
        for command in [
            &["parquet", "--input", "body", "--out", out][..],
            &["inspect", out],
            &["report", out, "--out", "page.html"],
            &["compact", out],
            &["checkpoint", "show", "--out", out],
            &["ndjson", "--input", "body", out],
        ] {
            let mut typed = crate::support::command::license_stream();
            let got = run(typed.current_dir(pipeline.path()).args(command));
            let told = format!("{}{}", got.text(), got.stderr);
            assert!(!told.contains("hidden-") && got.code != Some(0), "{command:?}: {told}");
        }
    }
    let mut command = pipeline.run();
    command.args(["--set", "feed.header=Authorization=Bearer hidden-7", "--print-config"]);
    for command in [&mut command, pipeline.run().arg("--print-config")] {
        let got = run(command.env("ADDRESS", address));
        assert_eq!(got.code, Some(0), "{}", got.stderr);
        assert!(!got.text().contains("hidden-"), "{}", got.text());
        for wanted in ["https://api.test/?token=***", "Authorization=***", "?apikey=***"] {
            assert!(got.text().contains(wanted), "{wanted}: {}", got.text());
        }
    }
}

#[test]
fn what_is_printed_is_a_file_that_results_in_the_same() {
    let text = std::fs::read_to_string(root().join("examples/pipeline.yaml")).unwrap();
    let printed = run(Pipeline::new(&text).run().arg("--print-config"));
    assert_eq!(printed.code, Some(0), "{}", printed.stderr);
    let again = run(Pipeline::new(printed.text()).run().arg("--print-config"));
    // Where a value is from is another thing then.
    let values = |run: &Run| -> Vec<String> {
        let lines = run.text().lines().filter(|line| !line.trim_start().starts_with('#'));
        lines.map(|line| line.split("  # ").next().unwrap().to_owned()).collect()
    };
    assert_eq!(again.code, Some(0), "{}", again.stderr);
    assert_eq!(values(&printed), values(&again));
    assert!(values(&printed).len() > 20, "{}", printed.text());
}

#[test]
fn every_file_in_the_documents_can_be_run() {
    let text = std::fs::read_to_string(root().join("docs/pipelines.md")).unwrap();
    let blocks = text.split("```yaml\n").skip(1).map(|block| block.split("```").next().unwrap());
    let mut files = 0;
    for block in blocks.filter(|block| block.contains("jobs:") && !block.contains("apiVersion")) {
        let got = run(Pipeline::new(block).run().env("LAKE", "lake").arg("--print-config"));
        assert_eq!(got.code, Some(0), "{block}: {}", got.stderr);
        files += 1;
    }
    assert!(files >= 2, "{files}");
}
