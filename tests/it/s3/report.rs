//! A page on a lake in a bucket: the same as on one in a directory.

use std::path::Path;

use serde_json::json;

use crate::support::command::license_stream;
use crate::support::process::run;
use crate::support::s3::{Bucket, endpoint, settings};

#[test]
fn a_page_on_a_bucket_has_the_figures_of_one_on_a_directory() {
    let directory = tempfile::tempdir().unwrap();
    let body = directory.path().join("body.ndjson");
    let line = |number: u64| {
        let license = json!({
            "id": number.to_string(), "assigned_quantity": number % 7, "available_quantity": number % 11,
            "unit_amount": 1.5, "currency": if number.is_multiple_of(3) { "EUR" } else { "USD" },
            "remote_data": {"text": format!("{number:0200}")},
        });
        format!("{license}\n")
    };
    std::fs::write(&body, (0..20_000).map(line).collect::<String>()).unwrap();
    let forms: [&[&str]; 3] =
        [&[], &["--partition-by", "currency", "--row-group-rows", "3000"], &["--as", "arrow"]];
    let mut pages = Vec::new();
    for (number, options) in forms.into_iter().enumerate() {
        let bucket = Bucket::make("report");
        let here = directory.path().join(number.to_string());
        for lake in [bucket.url(), here.display().to_string()] {
            let mut command = license_stream();
            command.args(["parquet", "--quiet", "--out", &lake, "--input"]).arg(&body);
            let exported = run(settings(command.args(options), &endpoint()));
            assert_eq!(exported.code, Some(0), "{}", exported.stderr);
            let mut command = license_stream();
            command.args(["report", &lake, "--out", "-"]);
            let made = run(settings(&mut command, &endpoint()));
            assert_eq!((made.code, made.stderr.as_str()), (Some(0), ""));
            pages.push(figures(made.text(), &lake));
        }
    }
    let (first, others) = pages.split_first().unwrap();
    assert!(first.contains(">20,000</"), "{first}");
    others.iter().for_each(|page| assert_eq!(page, first));
    assert!(!Path::new("s3:").exists());
}

/// What is on a page but for its head and how many files of how many bytes there are.
fn figures(page: &str, lake: &str) -> String {
    assert!(page.contains(&format!("<code>{lake}</code>")));
    let (_, page) = page.split_once("<h2>Seats").unwrap();
    page.to_owned()
}
