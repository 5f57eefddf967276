//! The demo, with the cluster inside of it: what it says has arrived is what it was asked for.

use crate::support::command::license_stream;
use crate::support::python::{ENGINES, parquet_rows, root};
use crate::support::run::run;

#[test]
fn shows_what_arrived_where() {
    let directory = tempfile::tempdir().unwrap();
    let out = directory.path().join("lake");
    let mut command = license_stream();
    let shown =
        run(command.args(["demo", "--records", "3000", "--out"]).arg(&out)).expect(0).stdout;

    assert_eq!(shown.matches("✓ 3,000 licenses").count(), 2, "{shown}");
    assert!(shown.contains("librdkafka's mock cluster inside this process"), "{shown}");
    assert!(shown.contains("3,000 rows in 1 row group of 17 columns"), "{shown}");
    let in_partitions: u64 = shown
        .lines()
        .filter_map(|line| line.trim().strip_prefix("partition "))
        .filter_map(|line| line.split_whitespace().nth(1)?.replace(',', "").parse::<u64>().ok())
        .sum();
    assert_eq!(in_partitions, 3000, "{shown}");
    // A path is as long as it is; everything else fits a terminal of 80 columns.
    let own = shown.lines().filter(|line| !line.contains("duckdb"));
    assert!(own.clone().all(|line| line.chars().count() <= 80), "{shown}");
    for engine in ENGINES {
        assert_eq!(parquet_rows(engine, &out).len(), 3000);
    }
}

/// What is the same of a line however many licenses there are and however fast they come: words without figures, ids
/// and units.
fn words(line: &str) -> Vec<&str> {
    // The value is another license, and cut.
    let line = if line.trim_start().starts_with("value ") { "value" } else { line };
    let is_unit = |word: &str| matches!(word.trim_end_matches("/s"), "B" | "kB" | "MB" | "GB");
    let words = line.split_whitespace();
    let words = words.filter(|word| !word.contains(|char: char| char.is_ascii_digit()));
    words
        .filter(|word| !is_unit(word))
        .map(|word| if word == "groups" { "group" } else { word })
        .collect()
}

#[test]
fn the_picture_is_of_what_it_shows_now() {
    let directory = tempfile::tempdir().unwrap();
    let mut command = license_stream();
    command.current_dir(directory.path()).args(["demo", "--records", "3000"]);
    let shown = run(&mut command).expect(0).stdout;
    let svg = std::fs::read_to_string(root().join("docs/demo.svg")).unwrap();
    // A row of the terminal is a line of texts, the first of them the prompt.
    let rows = svg.lines().filter(|line| line.starts_with("<text"));
    let rows: Vec<_> = rows
        .map(|row| {
            let texts = row.split('<').map(|tag| tag.rsplit_once('>').map_or("", |(_, text)| text));
            let text = texts.collect::<Vec<_>>().join(" ");
            text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
        })
        .collect();
    let [prompt, rows @ ..] = rows.as_slice() else { panic!("{svg}") };
    assert_eq!(prompt.split_whitespace().collect::<Vec<_>>(), ["$", "license-stream", "demo"]);
    let lines = shown.lines().filter(|line| !line.trim().is_empty());
    let (drawn, shown): (Vec<_>, Vec<_>) =
        (rows.iter().map(|row| words(row)).collect(), lines.map(words).collect());
    assert_eq!(drawn, shown, "`make demo-picture` makes it anew");
    assert!(svg.len() < 100_000 && !svg.contains("<script") && !svg.contains("url("));
}
