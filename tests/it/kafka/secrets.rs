//! The API's token is in no topic: neither with licenses, nor with dead letters, nor in a checkpoint.

use super::job::ACCOUNT;
use crate::support::kafka::{bootstrap, topic};
use crate::support::process::{TOKEN, run};
use crate::support::python::topic_messages;
use crate::support::replies::{Answer, Replies, say};
use crate::support::scripted::response;
use crate::support::truto::api_command;

/// A page with a license and a reject; the next one says the token back, and the last is cut.
fn careless() -> Replies {
    let json = "Content-Type: application/json\r\n";
    let page = "{\"result\":[{\"id\":\"1\"},{\"no\":\"id\"}],\"next_cursor\":\"c\"}";
    let echo = format!("{{\"message\":\"Bearer {TOKEN} had to wait\"}}");
    let whole = response("200 OK", json, "{\"result\":[{\"id\":\"2\"}");
    let cut = whole.replace("Content-Length: 2", "Content-Length: 2000");
    assert_ne!(cut, whole);
    Replies::of(vec![
        say("200 OK", json, page),
        say("502 Bad Gateway", json, &echo),
        Answer::Say(cut.into_bytes()),
    ])
}

#[test]
fn the_token_is_in_no_topic() {
    for delivery in ["at-least-once", "exactly-once"] {
        let api = careless();
        let records = topic("secrets");
        let directory = tempfile::tempdir().unwrap();
        let mut command = api_command("kafka", &api.url(), ACCOUNT);
        command.args(["--brokers", &bootstrap(), "--topic", &records, "--delivery", delivery]);
        command.args(["--on-error", "dead-letter", "--dead-letter", "topic:"]);
        command.args(["--json", "--verbose", "--retries=2", "--max-wait=0.01"]);
        let got = run(command.current_dir(directory.path()).env("RUST_LOG", "trace"));
        assert_eq!(got.code, Some(1), "{}", got.stderr);
        assert!(got.stderr.contains("had to wait"), "{}", got.stderr);
        assert!(api.requests().iter().all(|request| request.head.contains(TOKEN)));
        for name in [records.clone(), format!("{records}.dlq"), format!("{records}.checkpoints")] {
            let messages = topic_messages(&name);
            assert!(!messages.is_empty(), "{name}");
            for message in messages {
                assert!(!message.to_string().contains(TOKEN), "{name}: {message}");
            }
        }
    }
}
