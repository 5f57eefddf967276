//! Topics: made, looked at, and one for each status or account.

use license_stream::simulate::{AccountGroup, Simulator};
use serde_json::{Value, json};

use super::kafka;
use crate::support::body::edges;
use crate::support::command::license_stream;
use crate::support::kafka::{bootstrap, topic};
use crate::support::process::TOKEN;
use crate::support::python::{create_topic, create_topic_of, topic_messages};
use crate::support::run::{Run, run};
use crate::support::truto::Truto;

fn check(topic: &str, arguments: &[&str]) -> Run {
    let mut command = license_stream();
    command.args(["check", "kafka", "--brokers", &bootstrap(), "--topic", topic, "--input"]);
    run(command.arg(edges()).args(arguments))
}

/// What a check found, by what it looked at.
fn findings(run: &Run) -> Vec<(String, String, String)> {
    let parse = |line| {
        let finding: Value = serde_json::from_str(line).unwrap();
        ["what", "result", "message"].map(|name| finding[name].as_str().unwrap().to_owned()).into()
    };
    run.stdout.lines().map(parse).collect()
}

#[test]
fn a_topic_is_made_as_it_is_asked_for_and_a_check_makes_none() {
    let topic = topic("made");
    let how = "partitions=5,config=cleanup.policy=compact,config=max.message.bytes=20000";
    let create = ["--create-topic", how];
    let before = check(&topic, &["--create-topic", how, "--json"]).expect(0);
    let found = findings(&before);
    let says = |what: &str| {
        let finding = found.iter().find(|finding| finding.0 == what).unwrap();
        (finding.1.as_str(), finding.2.as_str())
    };
    assert_eq!(says("topic"), ("ok", &*format!("{topic} is not there, and is made by the run")));
    assert_eq!(says("source").0, "ok");
    // It is still not there.
    let without = check(&topic, &["--json"]).expect(0);
    let found = findings(&without);
    assert!(
        found.iter().any(|finding| finding.0 == "topic" && finding.1 == "warning"),
        "{found:?}"
    );

    let mut command = kafka(&topic);
    run(command.args(create).arg("--input").arg(edges())).expect(0);
    let after = check(&topic, &["--json"]).expect(0);
    let expected = format!(
        "{topic}: 5 partitions, records up to 19939 bytes, cleanup.policy=compact, may be written to"
    );
    assert!(
        findings(&after).contains(&("topic".to_owned(), "ok".to_owned(), expected)),
        "{}",
        after.stdout
    );

    // Records without a key cannot be in a compacted topic.
    let keyless = ["--key", "none"];
    let message = format!("topic {topic} is compacted (cleanup.policy=compact)");
    let checked = check(&topic, &keyless).expect(2);
    assert!(checked.stdout.contains(&message), "{}", checked.stdout);
    let refused = run(kafka(&topic).args(keyless).arg("--input").arg(edges())).expect(2);
    assert!(refused.stderr.contains(&message), "{}", refused.stderr);
}

#[test]
fn a_check_says_that_a_topic_cannot_be_made_and_how_the_run_would_end() {
    for (how, why) in [
        ("partitions=1,replication=7", "Unable to replicate the partition 7 time(s)"),
        ("partitions=1,config=no.such.setting=1", "Unknown topic config name: no.such.setting"),
        (
            "partitions=1,config=retention.ms=soon",
            "Invalid value soon for configuration retention.ms",
        ),
    ] {
        let topic = topic("unmade");
        let message = format!("topic {topic} is not there, and cannot be made: {why}");
        let checked = check(&topic, &["--create-topic", how]).expect(2);
        assert!(checked.stdout.contains(&message), "{how}: {checked:?}");
        let mut command = kafka(&topic);
        let failed = run(command.args(["--create-topic", how, "--input"]).arg(edges())).expect(2);
        assert!(failed.stderr.contains(&message), "{how}: {failed:?}");
    }
}

/// Brokers refuse what is larger than the topic takes, and a run that keeps nothing would deliver all again, each time.
#[test]
fn a_topic_that_has_no_room_for_checkpoints_is_refused_before_the_first_record() {
    let topic = topic("roomless");
    let checkpoints = format!("{topic}.checkpoints");
    let config = json!({"cleanup.policy": "compact", "max.message.bytes": "600"});
    create_topic_of(&bootstrap(), &checkpoints, 1, &config);
    let message = format!(
        "topic {checkpoints} cannot keep checkpoints: it takes 600 bytes at most, and one of them may have 16384; raise its \
         max.message.bytes"
    );
    let checked = check(&topic, &[]).expect(2);
    assert!(checked.stdout.contains(&message), "{checked:?}");
    for delivery in ["at-least-once", "exactly-once"] {
        let mut command = kafka(&topic);
        command.args(["--create-topic", "", "--delivery", delivery, "--input"]);
        let failed = run(command.arg(edges())).expect(2);
        assert!(failed.stderr.contains(&message), "{failed:?}");
        failed.began_nothing();
    }
    assert_eq!(topic_messages(&topic).len(), 0);
}

#[test]
fn names_that_no_topic_can_have_are_refused_before_brokers_are_asked() {
    let long = "x".repeat(243);
    for (topic, flags, why) in [
        (&*long, &[][..], "checkpoints would be in a topic of another name than Kafka allows"),
        (
            &long,
            &["--no-checkpoint", "--on-error", "dead-letter", "--dead-letter", "topic:"],
            "--dead-letter topic: topic `x",
        ),
        ("__consumer_offsets", &[], "--topic: __consumer_offsets is the brokers' own"),
    ] {
        let topic = match flags {
            [] => topic.to_owned(),
            _ => format!("{topic}yyy"),
        };
        let failed = run(kafka(&topic).args(flags).arg("--input").arg(edges())).expect(2);
        assert!(failed.stderr.contains(why), "{failed:?}");
        let checked = check(&topic, flags).expect(2);
        assert!(checked.stdout.contains(why), "{checked:?}");
    }
}

#[test]
fn licenses_that_share_a_key_of_a_compacted_topic_are_warned_of() {
    let topic = topic("shared");
    create_topic_of(&bootstrap(), &topic, 1, &json!({"cleanup.policy": "compact"}));
    let words = format!(
        "topic {topic} is compacted (cleanup.policy=compact), and --key {{name|none}} has no {{id}}"
    );
    let key = ["--key", "{name|none}"];
    let checked = check(&topic, &key).expect(0);
    assert!(checked.stdout.contains(&words), "{checked:?}");
    let warned = run(kafka(&topic).args(key).arg("--input").arg(edges())).expect(0);
    assert!(warned.stderr.contains(&words), "{warned:?}");
    // The id is in it.
    let checked = check(&topic, &["--key", "{id}"]).expect(0);
    assert!(!checked.stdout.contains("warning"), "{checked:?}");
}

#[test]
fn a_check_of_brokers_that_are_away_says_so() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    drop(listener);
    let mut command = license_stream();
    command.args(["check", "kafka", "--brokers", &address, "--topic", "t", "--input"]);
    // Of both, it is the file that another run alone will not mend.
    let run = run(command.arg("no/such/file")).expect(2);
    assert!(run.stdout.contains("failed   source       no/such/file cannot be read"), "{run:?}");
    assert_eq!(run.stderr, "");
    let begin = format!("failed   brokers      no Kafka broker answers at {address}: ");
    assert!(run.stdout.contains(&begin), "{run:?}");
}

#[test]
fn a_check_says_what_a_run_would_of_the_account() {
    let integrations = ["Zoom", "GitHub"]
        .map(|name| AccountGroup { integration: Some(name.to_owned()), ..AccountGroup::default() });
    let without = AccountGroup { licenses: false, ..AccountGroup::default() };
    let groups = [&integrations[..], &[without]].concat();
    let simulator = Simulator::new().with_groups(groups);
    let ids: Vec<_> = simulator.account_ids().collect();
    let truto = Truto::start(simulator);
    let topic = topic("check");
    let source = |url: &str, token: &str, source: &[&str]| {
        let mut command = license_stream();
        command.args(["check", "kafka", "--brokers", &bootstrap(), "--topic", &topic, "--json"]);
        command.args(["--base-url", url, "--retries=0"]).args(source);
        let run = run(command.env("TRUTO_API_TOKEN", token));
        let of_source = |finding: &(String, String, String)| {
            ["source", "token", "accounts", "licenses"].contains(&finding.0.as_str())
        };
        findings(&run).into_iter().filter(of_source).collect::<Vec<_>>()
    };
    let scoped = format!("{TOKEN}.{}", ids[0]);
    let nobody = "00000000-0000-4000-8000-000000000000";
    let away = "http://127.0.0.1:1";
    for (url, token, flags, result, what) in [
        (&*truto.url(), TOKEN, &["--account", &ids[0]][..], "ok", "is known, Zoom"),
        (&truto.url(), TOKEN, &["--account", &ids[0]], "ok", "has them"),
        (&truto.url(), TOKEN, &["--account", nobody], "failed", "there is no such account"),
        (&truto.url(), TOKEN, &["--account", &ids[1]], "failed", "GitHub needs an organization_id"),
        (&truto.url(), TOKEN, &["--account", &ids[1], "--no-lookup"], "ok", "is known, GitHub"),
        (&truto.url(), TOKEN, &["--account", &ids[2]], "failed", "has no licenses"),
        (
            &truto.url(),
            TOKEN,
            &["--account", &ids[0], "--account", &ids[2]],
            "warning",
            "is skipped",
        ),
        (&truto.url(), "other", &["--account", &ids[0]], "failed", "look at TRUTO_API_TOKEN"),
        (&truto.url(), &scoped, &["--account", &ids[0]], "warning", "may not look at accounts"),
        (&truto.url(), &scoped, &["--token-account"], "ok", "the token's own is known"),
        (&truto.url(), TOKEN, &["--all-accounts"], "ok", "the API lists them"),
        (
            &truto.url(),
            TOKEN,
            &["--all-accounts", "--tenant", "none"],
            "warning",
            "fits the filters",
        ),
        (away, TOKEN, &["--account", &ids[0]], "failed", "cannot be connected to"),
    ] {
        let found = source(url, token, flags);
        let is_told = found.iter().any(|finding| finding.1 == result && finding.2.contains(what));
        let fails = found.iter().any(|finding| finding.1 == "failed");
        assert!(is_told && fails == (result == "failed"), "{flags:?}: {found:?}");
        // The token is taken unless it is what is wrong, and is told of once.
        let tokens = found.iter().filter(|finding| finding.0 == "token").count();
        assert_eq!(tokens, 1, "{flags:?}: {found:?}");
    }
}

#[test]
fn a_check_looks_at_the_topics_of_the_accounts_that_it_knows() {
    let integrations = ["Zoom", "Slack"]
        .map(|name| AccountGroup { integration: Some(name.to_owned()), ..AccountGroup::default() });
    let simulator = Simulator::new().with_groups(integrations);
    let ids: Vec<_> = simulator.account_ids().collect();
    let truto = Truto::start(simulator);
    let prefix = topic("of");
    create_topic(&bootstrap(), &format!("{prefix}-{}", ids[0]), 30_000);
    let check = |template: &str, arguments: &[&str], code| {
        let mut command = license_stream();
        command.args(["check", "kafka", "--brokers", &bootstrap(), "--json"]);
        command.args(["--topic", &format!("{prefix}-{template}")]).args(arguments);
        command.args(["--base-url", &truto.url()]).env("TRUTO_API_TOKEN", TOKEN);
        command.args(["-X", "batch.size=30000"]);
        let findings = findings(&run(&mut command).expect(code)).into_iter();
        findings.filter(|it| it.0 == "topic").map(|it| (it.1, it.2)).collect::<Vec<_>>()
    };
    let by_account = "{integrated_account_id}";
    let both = ["--account", &ids[0], "--account", &ids[1]];

    let found = check(by_account, &both, 0);
    assert_eq!(found.len(), 2, "{found:?}");
    let there = format!("{prefix}-{}: 3 partitions, records up to 29939 bytes", ids[0]);
    assert!(found[0].0 == "ok" && found[0].1.starts_with(&there), "{found:?}");
    let missing = format!("{prefix}-{} is not there: brokers make it", ids[1]);
    assert!(found[1].0 == "warning" && found[1].1.starts_with(&missing), "{found:?}");
    // What the run would end with.
    let found = check(by_account, &[&both[..], &["--max-topics", "1"]].concat(), 1);
    assert!(found[1].1.contains("would make more than 1 topics"), "{found:?}");
    let found = check("{integration}", &both, 0);
    assert!(found[0].1.starts_with(&format!("{prefix}-Zoom is not there")), "{found:?}");
    assert!(found[1].1.starts_with(&format!("{prefix}-Slack is not there")), "{found:?}");
    let found = check("{integration}", &[&both[..2], &["--no-lookup"]].concat(), 2);
    assert!(found[0].1.contains("names integration, which is not known here"), "{found:?}");
    let found = check("{integration}", &[&both[..2], &["--integration", "zoom"]].concat(), 0);
    assert!(found[0].1.starts_with(&format!("{prefix}-zoom is not there")), "{found:?}");

    // Of all, the first is looked at.
    let found = check(by_account, &["--all-accounts"], 0);
    assert!(found.len() == 2 && found[0].1.starts_with(&there), "{found:?}");
    assert!(found[1].0 == "warning" && found[1].1.contains("each further topic"), "{found:?}");
    let found = check("{status}", &both, 0);
    assert!(found.len() == 1 && found[0].1.contains("before its first record"), "{found:?}");
}

#[test]
fn records_are_spread_over_the_topics_that_a_template_makes() {
    let prefix = topic("by");
    let directory = tempfile::tempdir().unwrap();
    let input = directory.path().join("body.ndjson");
    let line =
        |number: usize, status: &str| format!("{{\"id\":\"{number}\",\"status\":\"{status}\"}}\n");
    let statuses = ["active", "inactive", "no longer"];
    let body: String = (0..30).map(|number| line(number, statuses[number % 3])).collect();
    std::fs::write(&input, body).unwrap();

    let template = format!("{prefix}-{{status}}");
    let produce =
        |arguments: &[&str]| run(kafka(&template).args(arguments).arg("--input").arg(&input));
    let summary = produce(&[]).expect(0).summary();
    assert_eq!(summary["snapshots"][0]["topic"], json!(template));
    for name in ["active", "inactive", "no-longer"] {
        assert_eq!(topic_messages(&format!("{prefix}-{name}")).len(), 10, "{name}");
    }

    let many = produce(&["--max-topics", "2", "--no-checkpoint"]).expect(1);
    let message = format!("would make more than 2 topics, the next being {prefix}-no-longer");
    assert!(many.stderr.contains(&message), "{}", many.stderr);
}

/// Three accounts of one integration, whose topic follows from it.
fn three_accounts() -> (Truto, String) {
    let group = AccountGroup {
        count: 3,
        integration: Some("Slack".to_owned()),
        records: 50,
        ..AccountGroup::default()
    };
    let truto = Truto::start(Simulator::new().with_groups([group]));
    (truto, topic("shared"))
}

fn all_accounts(truto: &Truto, topic: &str, arguments: &[&str]) -> Run {
    let mut command = license_stream();
    command.args(["kafka", "--brokers", &bootstrap(), "--json", "--no-checkpoint"]);
    command.args(["--topic", topic, "--all-accounts"]);
    command.args(["--base-url", &truto.url()]).env("TRUTO_API_TOKEN", TOKEN);
    run(command.args(arguments))
}

#[test]
fn each_account_is_held_to_what_the_topic_that_it_shares_takes() {
    let (truto, prefix) = three_accounts();
    let (template, shared) = (format!("{prefix}-{{integration}}"), format!("{prefix}-Slack"));
    create_topic(&bootstrap(), &shared, 300);
    // One after the other, and at once: the first may not be the only one that looks.
    for concurrency in ["1", "3"] {
        let arguments =
            ["--concurrency", concurrency, "--on-error", "skip", "-X", "batch.size=300"];
        let summary = all_accounts(&truto, &template, &arguments).expect(4).summary();
        let too_large = summary["rejects_by_reason"]["too_large"].as_u64().unwrap();
        assert_eq!(summary["records"].as_u64().unwrap() + too_large, 150, "{summary}");
        assert!(too_large > 100, "{summary}");
    }
    let refused = all_accounts(&truto, &template, &["--concurrency", "1"]).expect(2);
    let message = format!(
        "topic {shared} takes batches of 300 bytes at most (max.message.bytes), and those of this run may have 1000000"
    );
    assert!(refused.stderr.contains(&message), "{}", refused.stderr);
    assert!(refused.stderr.contains("-X batch.size=300"), "{}", refused.stderr);
}

#[test]
fn a_topic_of_a_status_is_refused_like_any_other() {
    let (truto, prefix) = three_accounts();
    let create = ["--create-topic", "config=cleanup.policy=compact", "--input"];
    run(kafka(&format!("{prefix}-none")).args(create).arg(edges())).expect(0);
    let template = format!("{prefix}-{{status|none}}");
    let refused = all_accounts(&truto, &template, &["--key", "none"]).expect(2);
    let message = "is compacted (cleanup.policy=compact) and takes no record without a key";
    assert!(refused.stderr.contains(message), "{}", refused.stderr);
}

#[test]
fn the_integration_of_a_named_account_is_asked_for() {
    let (truto, prefix) = three_accounts();
    let mut command = license_stream();
    command.args(["kafka", "--brokers", &bootstrap(), "--json", "--no-checkpoint"]);
    command.args(["--topic", &format!("{prefix}-{{integration}}"), "--account", truto.account()]);
    command.args(["--base-url", &truto.url()]).env("TRUTO_API_TOKEN", TOKEN);
    run(&mut command).expect(0);
    assert_eq!(topic_messages(&format!("{prefix}-Slack")).len(), 50);
}

#[test]
fn a_topic_that_accounts_share_is_made_as_it_is_asked_for() {
    for template in ["{integration}", "{status|none}"] {
        let (truto, prefix) = three_accounts();
        let create = ["--create-topic", "partitions=2,config=cleanup.policy=compact"];
        all_accounts(&truto, &format!("{prefix}-{template}"), &create).expect(0);
        let name = if template.contains("status") { "active" } else { "Slack" };
        let checked = check(&format!("{prefix}-{name}"), &["--json"]).expect(0);
        let made = findings(&checked).into_iter().find(|it| it.0 == "topic").unwrap().2;
        assert!(made.contains(": 2 partitions, "), "{made}");
        assert!(made.contains("cleanup.policy=compact"), "{made}");
    }
}
