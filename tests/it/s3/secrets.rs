//! The API's token is in no object.

use super::Bucket;
use crate::support::process::{TOKEN, assert_no_token_below, run};
use crate::support::replies::{Answer, Replies, say};
use crate::support::s3::{SECRET, endpoint, settings};
use crate::support::scripted::response;
use crate::support::truto::api_command;

const ACCOUNT: &str = "62f44730-dd91-461e-bd6a-aedd9e0ad79d";

#[test]
fn the_token_is_in_no_object() {
    let json = "Content-Type: application/json\r\n";
    let page = "{\"result\":[{\"id\":\"1\"},{\"no\":\"id\"}],\"next_cursor\":\"c\"}";
    let echo = format!("{{\"message\":\"Bearer {TOKEN} had to wait\"}}");
    let cut = response("200 OK", json, "{\"result\":[")
        .replace("Content-Length: 1", "Content-Length: 1000");
    let bucket = Bucket::make("secrets");
    // The first run leaves a checkpoint; the next one completes the snapshot.
    for (last, code, marks) in [
        (Answer::Say(cut.into_bytes()), 1, &["checkpoint.json"][..]),
        (say("200 OK", json, "{\"result\":[{\"id\":\"2\"}]}"), 0, &["_SUCCESS", ".parquet"]),
    ] {
        let first = (code == 1).then(|| say("200 OK", json, page));
        let echo = say("502 Bad Gateway", json, &echo);
        let api = Replies::of(first.into_iter().chain([echo, last]).collect());
        let directory = tempfile::tempdir().unwrap();
        let mut command = api_command("parquet", &api.url(), ACCOUNT);
        command.args([
            "--out",
            &bucket.url(),
            "--on-error",
            "dead-letter",
            "--dead-letter",
            "dead",
        ]);
        command.args(["--json", "--verbose", "--retries=2", "--max-wait=0.01"]);
        command.current_dir(directory.path()).env("RUST_LOG", "trace");
        let got = run(settings(&mut command, &endpoint()));
        assert_eq!(got.code, Some(code), "{}", got.stderr);
        assert!(!got.stderr.contains(SECRET), "{}", got.stderr);
        assert!(api.requests().iter().all(|request| request.head.contains(TOKEN)));
        let copy = directory.path().join("bucket");
        bucket.get(&copy);
        let names = assert_no_token_below(&copy);
        for mark in marks {
            assert!(names.iter().any(|name| name.ends_with(mark)), "{mark}: {names:?}");
        }
    }
}
