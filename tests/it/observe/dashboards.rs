//! The dashboard and the alerts that come along: they ask for what there is.

use std::collections::BTreeSet;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use license_stream::simulate::Simulator;

use super::jobs::pipeline;
use crate::support::kafka::{bootstrap, topic};
use crate::support::python::{promql, root};
use crate::support::truto::Truto;
use crate::support::watched::Watched;

const DASHBOARD: &str = "docs/grafana/license-stream.json";
const ALERTS: &str = "docs/prometheus/alerts.yaml";

/// Labels that Prometheus itself adds to what it scrapes.
const OF_PROMETHEUS: [&str; 2] = ["instance", "job"];

/// What a job exposes into the sink that exposes most, in a run that is repeated.
fn exposed() -> String {
    let truto = Truto::start(Simulator::new().with_records(30).with_hold_after_records(10));
    let jobs = format!(
        "jobs:\n  - name: feed\n    to: kafka\n    brokers: {}\n    topic: {}\n    \
         settings: {{statistics.interval.ms: 100}}\n",
        bootstrap(),
        topic("dashboards")
    );
    let (_directory, mut command) = pipeline(&truto, &jobs);
    let run = Watched::start(command.args(["--every", "1d"]).stdout(Stdio::null()));
    run.until("statistics", |it| {
        it.contains_key("license_stream_kafka_queue_bytes{pipeline_job=\"feed\",sink=\"kafka\"}")
    });
    let text = run.get("/metrics").body;
    run.signal("TERM");
    truto.release();
    assert_eq!(run.finish().0, Some(143));
    text
}

/// Name and labels of each series: `name`, and `label=value` for each.
fn series(text: &str) -> Vec<(&str, BTreeSet<String>)> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines
        .map(|line| {
            let (name, rest) = line.split_once(['{', ' ']).unwrap();
            let labels = rest.rsplit_once('}').map_or("", |(labels, _)| labels);
            let labels = labels.split(',').filter(|label| !label.is_empty());
            (name, labels.map(|label| label.replace('"', "")).collect())
        })
        .collect()
}

#[test]
fn the_dashboard_and_the_alerts_ask_for_what_a_run_exposes() {
    let text = exposed();
    let exposed = series(&text);
    let files = [DASHBOARD, ALERTS].map(|file| root().join(file));
    let selected = promql(&files.each_ref().map(PathBuf::as_path));
    assert!(selected.len() > 50, "{}", selected.len());
    let mut asked = BTreeSet::new();
    for it in &selected {
        let metric = it["metric"].as_str().unwrap();
        // Prometheus' own, of what it scrapes.
        if metric == "up" {
            continue;
        }
        asked.insert(metric);
        let of_metric: Vec<_> =
            exposed.iter().filter(|(name, _)| *name == metric).map(|(_, labels)| labels).collect();
        assert!(!of_metric.is_empty(), "{it}: no such metric");
        for label in it["labels"].as_array().unwrap().iter().map(|label| label.as_str().unwrap()) {
            let begin = format!("{label}=");
            let is_there =
                of_metric.iter().any(|labels| labels.iter().any(|it| it.starts_with(&begin)));
            assert!(is_there || OF_PROMETHEUS.contains(&label), "{it}: no label {label}");
        }
        for (label, value) in it["equal"].as_object().unwrap() {
            let wanted = format!("{label}={}", value.as_str().unwrap());
            let is_there = of_metric.iter().any(|labels| labels.contains(&wanted));
            assert!(is_there || label == "sink", "{it}: no {wanted}");
        }
    }
    // And the dashboard shows all that there is.
    let shown: BTreeSet<_> = exposed.iter().map(|(name, _)| *name).collect();
    let unseen: Vec<_> = shown.difference(&asked).copied().collect();
    assert_eq!(unseen, ["process_start_time_seconds"]);
}

#[test]
fn the_metrics_that_the_guide_lists_are_those_that_a_run_exposes() {
    let text = exposed();
    let guide = std::fs::read_to_string(root().join("docs/operating.md")).unwrap();
    let types = text.lines().filter_map(|line| line.strip_prefix("# TYPE "));
    let exposed: BTreeSet<_> = types
        .map(|line| {
            let (name, kind) = line.split_once(' ').unwrap();
            (name.to_owned(), kind.to_owned())
        })
        .collect();
    let rows = guide.lines().filter_map(|line| line.strip_prefix("| `"));
    let listed: BTreeSet<_> = rows
        .filter_map(|row| {
            let cells: Vec<_> = row.split('|').map(str::trim).collect();
            let name = cells[0].split(['`', '{']).next().unwrap();
            let is_metric = name.starts_with("license_stream_") || name.starts_with("process_");
            is_metric.then(|| (name.to_owned(), cells[1].to_owned()))
        })
        .collect();
    assert_eq!(listed, exposed);
}

#[test]
fn promtool_finds_nothing_wrong() {
    let found = Command::new(root().join("scripts/promtool.sh")).output().unwrap();
    assert!(found.status.success(), "{}", String::from_utf8_lossy(&found.stderr));
    let promtool = String::from_utf8(found.stdout).unwrap();
    let promtool = |arguments: &[&str], input: &str| {
        let mut command = Command::new(promtool.trim());
        command.current_dir(root()).args(arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8(said).unwrap();
        assert!(output.status.success(), "{arguments:?}: {said}");
        said
    };
    promtool(&["check", "rules", ALERTS], "");
    let tests = "tests/prometheus/alerts.test.yaml";
    assert!(Path::new(root()).join(tests).exists());
    promtool(&["test", "rules", tests], "");
    // It only warns of names that are against the conventions.
    assert_eq!(promtool(&["check", "metrics"], &exposed()), "");
}
