//! README.md and docs/*.md: every command that is a line of its own is run as it stands there, by a shell, against a
//! simulated Truto and the servers of the tests. Commands in sentences are parsed only, since they are mostly names of
//! commands: src/bin/license-stream/args/documents.rs.

use std::collections::BTreeMap;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use license_stream::simulate::{Scenario, Simulator};

use crate::support::command::license_stream;
use crate::support::kafka::{bootstrap, topic};
use crate::support::process::{TOKEN, kill};
use crate::support::python::{python, root};
use crate::support::registry::registry;
use crate::support::run::{Run, start};
use crate::support::s3;
use crate::support::truto::Truto;
use crate::support::typed::{Typed, commands};

const ACCOUNT: &str = "62f44730-dd91-461e-bd6a-aedd9e0ad79d";
const OTHERS: [&str; 2] =
    ["0a1c9e3f-57d2-4b6e-8f90-1d2c3b4a5e6f", "5d7e8f90-2b3c-4d5e-9f60-7a8b9c0d1e2f"];

/// What runs until it is stopped, and what it has said once it runs.
const SERVERS: [(&str, &str); 2] = [(" simulate ", "TRUTO_BASE_URL"), (" --every ", "next at ")];

/// What is there already where the commands of a document begin.
const BEFORE: [(&str, &str); 2] = [
    (
        "docs/report.md",
        "license-stream parquet --all-accounts --out lake/licenses --json >summary.json",
    ),
    ("docs/report.md", "license-stream accounts --json >accounts.ndjson"),
];

/// A directory in which the commands of one document are run, with what they name.
struct Desk {
    directory: tempfile::TempDir,
    /// What stands in the documents, and what in its place.
    names: Vec<(&'static str, String)>,
}

impl Desk {
    fn new() -> Self {
        let bucket = s3::Bucket::make("documents");
        let topic = topic("documents");
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path();
        symlink(root().join("examples"), path.join("examples")).unwrap();
        symlink(env!("CARGO_BIN_EXE_license-stream"), path.join("license-stream")).unwrap();
        std::fs::copy(root().join("examples/pipeline.yaml"), path.join("pipeline.yaml")).unwrap();
        std::fs::write(path.join("secrets.properties"), "client.id=documents\n").unwrap();
        for body in ["body.ndjson", "record.ndjson"] {
            std::fs::write(path.join(body), "{\"id\":\"a\"}\n").unwrap();
        }
        // As docs/parquet.md has it.
        let guide = std::fs::read_to_string(root().join("docs/parquet.md")).unwrap();
        let load =
            guide.split("```python\n").find(|block| block.starts_with("import sys, pyarrow"));
        std::fs::write(path.join("load.py"), load.unwrap().split("```").next().unwrap()).unwrap();
        let [a, b] = OTHERS;
        let brokers = bootstrap();
        let whole = format!("--account {a} --account {b} --brokers {brokers} --topic {topic}");
        let names = vec![
            ("broker1:9092,broker2:9092", bootstrap()),
            ("broker1:9092", bootstrap()),
            ("saas.licenses", topic),
            ("s3://bucket/licenses", bucket.url()),
            // That of the tests asks nobody who they are, and has no schema before the first run.
            (
                "https://registry:8081 --registry-user-file registry.txt",
                format!("{} --register auto", registry()),
            ),
            ("--account A --account B …", whole),
            // Which needs no parameter of its own.
            ("--integration-name github", "--integration-name zoom".to_owned()),
            ("license-stream simulate", "license-stream simulate --listen 127.0.0.1:0".to_owned()),
            ("0.0.0.0:9400", "127.0.0.1:0".to_owned()),
            ("/etc/license-stream/pipeline.yaml", "pipeline.yaml".to_owned()),
            ("/tmp/licenses", "licenses".to_owned()),
            ("| python ", format!("| {} ", python().get_program().to_str().unwrap())),
        ];
        Self { directory, names }
    }

    /// What is typed in place of `command`.
    fn line(&self, command: &Typed) -> String {
        let blanks = command.line.split_whitespace().collect::<Vec<_>>().join(" ");
        let names = self.names.iter();
        names.fold(blanks, |line, (name, here)| line.replace(name, here))
    }

    /// A shell that is told `line`.
    fn shell(&self, line: &str, truto: &Truto) -> Command {
        // Deaf to the settings of whoever runs the tests, as the command is everywhere.
        let mut shell = Command::new("bash");
        for (variable, value) in license_stream().get_envs() {
            match value {
                Some(value) => shell.env(variable, value),
                None => shell.env_remove(variable),
            };
        }
        s3::settings(&mut shell, &s3::endpoint())
            .env("TRUTO_BASE_URL", truto.url())
            .env("TRUTO_API_TOKEN", TOKEN)
            .env("KAFKA_BOOTSTRAP_SERVERS", bootstrap())
            .env("BROKERS", bootstrap())
            .env("TOPIC", topic("documents"))
            .env("PATH", format!("{}:{}", self.path().display(), std::env::var("PATH").unwrap()))
            .current_dir(self.path())
            .args(["-o", "pipefail", "-c", line]);
        shell
    }

    fn path(&self) -> &Path {
        self.directory.path()
    }
}

/// Runs what serves until it has said `sign`, and then stops it.
fn serve(shell: &mut Command, log: &Path, sign: &str) {
    let file = std::fs::File::create(log).unwrap();
    let mut child = shell.stdout(file.try_clone().unwrap()).stderr(file).spawn().unwrap();
    let begun = Instant::now();
    loop {
        let said = std::fs::read_to_string(log).unwrap();
        if said.contains(sign) {
            break;
        }
        let is_late = begun.elapsed() > Duration::from_secs(120);
        assert!(!is_late && child.try_wait().unwrap().is_none(), "{shell:?}: {said}");
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(kill("TERM", child.id()));
    let code = child.wait().unwrap().code();
    assert!(matches!(code, Some(0 | 143)), "{shell:?}: {code:?}");
}

#[test]
fn every_command_in_the_documents_runs() {
    let scenario = format!(
        "{{\"accounts\": [{{\"ids\": [\"{ACCOUNT}\", \"{}\", \"{}\"], \"integration\": \"Zoom\", \"records\": 20}}]}}",
        OTHERS[0], OTHERS[1]
    );
    let truto = Truto::start(Simulator::from(scenario.parse::<Scenario>().unwrap()));
    let mut desks = BTreeMap::new();
    let mut count = 0;
    for command in commands(root()).into_iter().filter(|command| command.is_block) {
        let desk = desks.entry(command.document.clone()).or_insert_with(|| {
            let desk = Desk::new();
            for (_, line) in BEFORE.iter().filter(|(document, _)| *document == command.document) {
                Run::of(start(&mut desk.shell(line, &truto))).expect(0);
            }
            desk
        });
        let line = desk.line(&command);
        let server = SERVERS.iter().find(|(word, _)| line.contains(word));
        match server {
            Some((_, sign)) => {
                let line = format!("exec {line}");
                serve(&mut desk.shell(&line, &truto), &desk.path().join("log"), sign);
            }
            None => {
                Run::of(start(&mut desk.shell(&line, &truto))).expect(0);
            }
        }
        count += 1;
    }
    assert!(count >= 25, "{count}");
}

#[test]
fn the_charts_of_performance_and_the_words_of_the_readme_are_those_of_its_tables() {
    for script in ["benches/chart.py", "benches/headline.py"] {
        Run::of(start(python().arg(root().join(script)).arg("--check"))).expect(0);
    }
}

#[test]
fn each_table_that_is_measured_is_there_and_names_its_commit() {
    let mut sections = 0;
    for document in ["performance", "decoding", "accounts"] {
        let text = std::fs::read_to_string(root().join(format!("docs/{document}.md"))).unwrap();
        for after in text.split("<!-- /").skip(1) {
            let (name, _) = after.split_once(" -->").unwrap();
            let (_, section) = text.split_once(&format!("<!-- {name} -->\n")).unwrap();
            let (section, _) = section.split_once("<!-- /").unwrap();
            assert!(section.contains("|--:|"), "{document}: {name} is not measured yet");
            assert!(section.contains("; commit "), "{document}: {name} is of no commit");
            sections += 1;
        }
    }
    assert_eq!(sections, 11);
}
