//! `license-stream integrations`

use expect_test::{expect, expect_file};
use license_stream::schema;
use serde_json::{Value, json};

use crate::support::command::license_stream;
use crate::support::process::run;

fn printed(arguments: &[&str]) -> String {
    let got = run(license_stream().arg("integrations").args(arguments));
    assert_eq!((got.code, got.stderr.as_str()), (Some(0), ""), "{arguments:?}");
    got.text().to_owned()
}

#[test]
fn the_table_is_as_it_was_reviewed_and_fits_80_columns() {
    let table = printed(&[]);
    expect_file!["../../golden/integrations.txt"].assert_eq(&table);
    assert!(table.lines().all(|line| line.chars().count() <= 80), "{table}");
}

#[test]
fn one_integration_is_shown_field_by_field() {
    expect![[r#"
        Webex

          id                   yes
          assigned_quantity    yes
          available_quantity   no
          created_at           no
          currency             no
          description          no
          is_paid              no
          name                 yes
          products             no
          remote_data          may be: it is listed for no integration
          roles                no
          status               no
          unit_amount          no
          updated_at           no

          --organization-id    possible
          --product            no
    "#]]
    .assert_eq(&printed(&["webex"]));
    assert!(printed(&["cisco-meraki"]).contains("--organization-id    needed\n"));
}

#[test]
fn the_json_says_what_the_data_say() {
    let data: Value = serde_json::from_str(schema::INTEGRATIONS).unwrap();
    let all: Vec<Value> = serde_json::from_str(&printed(&["--json"])).unwrap();
    let documented = data["integrations"].as_array().unwrap();
    assert_eq!(all.len(), documented.len());
    for (printed, documented) in all.iter().zip(documented) {
        assert_eq!(printed["name"], documented["name"]);
        let listed = documented["fields"].as_array().unwrap();
        let fields = data["fields"].as_array().unwrap();
        assert_eq!(printed["fields"].as_object().unwrap().len(), fields.len());
        for field in fields {
            let unlisted = data["fields_without_listing"].as_array().unwrap().contains(field);
            let expected = if unlisted { Value::Null } else { json!(listed.contains(field)) };
            assert_eq!(printed["fields"][field.as_str().unwrap()], expected, "{printed}");
        }
        for name in data["parameters"].as_object().unwrap().keys() {
            assert_eq!(printed["parameters"].get(name), Some(&documented["parameters"][name]));
        }
    }
    let one: Value = serde_json::from_str(&printed(&["--json", "Zoom"])).unwrap();
    assert_eq!(Some(&one), all.last());
}

#[test]
fn an_unknown_name_is_a_matter_of_usage() {
    let got = run(license_stream().args(["integrations", "Slack"]));
    assert_eq!((got.code, got.text()), (Some(2), ""));
    assert!(got.stderr.contains("no integration of that name is documented"), "{}", got.stderr);
}
