//! Which integration an account is of, where the run knew it: of the summary, and of the manifests.

use std::path::{Path, PathBuf};

use license_stream::simulate::{AccountGroup, Simulator};
use serde_json::Value;

use super::page::write;
use super::{ACCOUNTS, report};
use crate::support::command::license_stream;
use crate::support::process::TOKEN;
use crate::support::python::{root, schema_violations};
use crate::support::run::run;
use crate::support::truto::Truto;

/// What people call them.
const NAMES: [&str; 3] = ["DocuSign", "Zoom", "Webex"];

/// Reads all accounts of an API that lists what each is connected to into `lake`; the summary.
fn fill_from_api(lake: &Path) -> Value {
    let group = |(id, name): (&str, &str)| AccountGroup {
        ids: vec![id.to_owned()],
        integration: Some(name.to_owned()),
        records: 200,
        ..AccountGroup::default()
    };
    let truto = Truto::start(Simulator::new().with_seed(5).with_groups(ACCOUNTS.map(group)));
    let mut command = license_stream();
    command.env("TRUTO_API_TOKEN", TOKEN);
    command.args(["parquet", "--json", "--all-accounts", "--base-url", &truto.url(), "--out"]);
    run(command.arg(lake)).expect(0).summary()
}

fn page(places: &[&Path]) -> String {
    run(&mut report(places, Path::new("-"))).expect(0).stdout
}

/// In how many tables of accounts each is of its integration.
fn named(page: &str) -> [usize; 3] {
    let cell = "</code></th><td role=\"cell\" class=\"words\" data-head=\"Integration\">";
    [0, 1, 2].map(|index| {
        let row = format!("<code>{}{cell}{}</td>", ACCOUNTS[index].0, NAMES[index]);
        page.matches(&row).count()
    })
}

#[track_caller]
fn assert_knows_all(page: &str, tables: usize) {
    assert_eq!(named(page), [tables; 3]);
    assert!(!page.contains(">not known<"), "{page}");
}

/// Asserts that seats, cost and coverage are by integration, the last against what is promised of it.
#[track_caller]
fn assert_grouped(page: &str) {
    for name in NAMES {
        let row = format!("class=\"words\" data-head=\"Integration\">{name}</th>");
        assert!(page.matches(&row).count() >= 2, "{name}");
        let card = page.split_once(&format!("<strong>{name}</strong> ")).unwrap().1;
        let (told, table) = card.split_once("</summary>").unwrap();
        assert!(told.contains(" promised fields came"), "{told}");
        assert!(table.split("</table>").next().unwrap().contains(">promised</span>"), "{name}");
    }
}

/// The manifests that say which integration their account is of.
fn manifests(lake: &Path) -> Vec<(PathBuf, Value)> {
    let files = std::fs::read_dir(lake.join("_license-stream")).unwrap();
    let files = files.map(|entry| entry.unwrap().path());
    let json = files.filter(|path| path.extension().is_some_and(|it| it == "json"));
    let read = |path: PathBuf| {
        let manifest: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        (path, manifest)
    };
    json.map(read).filter(|(_, manifest)| manifest["integration"].is_string()).collect()
}

/// Takes out of the manifests what those of earlier versions do not have.
fn age(lake: &Path) {
    for (path, mut manifest) in manifests(lake) {
        manifest.as_object_mut().unwrap().remove("integration");
        write(&path, &manifest);
    }
}

#[track_caller]
fn assert_valid(schema: &str, document: &Value) {
    let schema = root().join("schemas").join(schema);
    assert_eq!(schema_violations(&schema, &document.to_string()), [""; 0]);
}

#[test]
fn what_the_list_of_accounts_says_is_in_the_summary_in_the_lake_and_on_the_page() {
    let directory = tempfile::tempdir().unwrap();
    let (lake, file) = (directory.path().join("lake"), directory.path().join("summary.json"));
    let summary = fill_from_api(&lake);
    let said = summary["snapshots"].as_array().unwrap().iter();
    let mut said: Vec<_> = said
        .map(|it| (it["account"].as_str().unwrap(), it["integration"].as_str().unwrap()))
        .collect();
    said.sort_unstable();
    assert_eq!(said, ACCOUNTS);
    assert_valid("summary.schema.json", &summary);
    write(&file, &summary);
    let manifests = manifests(&lake);
    assert_eq!(manifests.len(), ACCOUNTS.len());
    for (_, manifest) in &manifests {
        assert_valid("manifest.schema.json", manifest);
    }

    let of_lake = page(&[&lake]);
    assert_knows_all(&of_lake, 1);
    assert_grouped(&of_lake);
    assert_knows_all(&page(&[&file]), 1);
    assert_knows_all(&page(&[&file, &lake]), 2);

    // What is merged stays as it was.
    run(license_stream().arg("compact").arg(&lake).arg("-q")).expect(0);
    assert_knows_all(&page(&[&lake]), 1);

    age(&lake);
    let of_both = page(&[&file, &lake]);
    assert_knows_all(&of_both, 2);
    assert_grouped(&of_both);
    let of_lake = page(&[&lake]);
    assert_eq!(named(&of_lake), [0; 3]);
    assert!(of_lake.contains("The integration of 3 accounts is not known"), "{of_lake}");
}
