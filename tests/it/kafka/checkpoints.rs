//! Checkpoints in a topic of a real broker.

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::time::{Duration, Instant};

use license_stream::ErrorKind;
use license_stream::checkpoint::{Checkpoint, CheckpointStore, Identity};
use license_stream::sink::kafka::{ClientConfig, KafkaStore, producer_config};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use serde_json::{Value, json};

use crate::support::command::license_stream;
use crate::support::kafka::{bootstrap, topic};
use crate::support::python::{create_topic_of, topic_messages};
use crate::support::run::run;

const PATIENCE: Duration = Duration::from_secs(30);

fn config() -> ClientConfig {
    producer_config(&bootstrap())
}

async fn open(topic: &str) -> license_stream::Result<KafkaStore> {
    KafkaStore::open(&config(), topic, PATIENCE).await
}

/// All that are in `store`, none of which is unreadable.
async fn listed(store: &KafkaStore) -> Vec<Checkpoint> {
    let listed = store.list().await.unwrap();
    listed.into_iter().map(|listed| listed.checkpoint.unwrap()).collect()
}

/// A checkpoint of `account` behind `record` records.
fn checkpoint(account: &str, record: u64) -> Checkpoint {
    let position = json!({"byte": record * 10, "line": record + 1, "record": record});
    let start = json!({"byte": 0, "line": 1, "record": 0});
    let json = json!({
        "format": 1, "key": account, "options": Identity::new(account).options(), "snapshot_id": "s",
        "is_complete": false, "records": record, "rejected": 0, "pieces": [],
        "place": {
            "position": position, "digest": "0".repeat(32), "record_end": record * 10,
            "page": {"position": start, "cursor": null, "is_partial": false},
        },
    });
    Checkpoint::from_json(json.to_string().as_bytes()).unwrap()
}

#[tokio::test]
async fn what_one_run_keeps_the_next_finds() {
    let topic = topic("checkpoints");
    let store = open(&topic).await.unwrap();
    assert_eq!(listed(&store).await, []);
    assert!(!store.remove("a").await.unwrap());
    for (account, record) in [("a", 1), ("b", 2), ("a", 3), ("c", 4)] {
        store.save(&checkpoint(account, record)).await.unwrap();
    }
    assert!(store.remove("b").await.unwrap());

    for store in [store, open(&topic).await.unwrap()] {
        assert_eq!(store.load("a").await.unwrap(), Some(checkpoint("a", 3)));
        assert_eq!(store.load("b").await.unwrap(), None);
        assert_eq!(listed(&store).await, [checkpoint("a", 3), checkpoint("c", 4)]);
    }
    // As compaction and any client see it.
    let mut last = BTreeMap::new();
    for message in topic_messages(&topic) {
        assert_eq!(message["partition"], 0);
        last.insert(message["key"].as_str().unwrap().to_owned(), message["value"].clone());
    }
    assert_eq!(last["b"], Value::Null);
    let kept: Value = serde_json::from_str(last["a"].as_str().unwrap()).unwrap();
    assert_eq!(kept["place"]["position"]["record"], 3);
}

#[tokio::test]
async fn a_checkpoint_that_cannot_be_read_stops_its_account_only() {
    let topic = topic("checkpoints-newer");
    open(&topic).await.unwrap().save(&checkpoint("a", 1)).await.unwrap();
    let producer: BaseProducer = config().create().unwrap();
    producer.send(BaseRecord::to(&topic).key("b").payload("{\"format\":9}")).unwrap();
    producer.flush(PATIENCE).unwrap();
    let store = open(&topic).await.unwrap();
    assert_eq!(store.load("a").await.unwrap(), Some(checkpoint("a", 1)));
    let error = store.load("b").await.unwrap_err();
    let named = format!("topic {topic}, key b: checkpoint has form 9");
    assert!(error.message().starts_with(&named), "{error}");
    assert!(error.message().ends_with("`license-stream checkpoint reset --account`"), "{error}");
    let listed = store.list().await.unwrap();
    let keys: Vec<_> = listed.iter().map(|listed| listed.key.as_str()).collect();
    assert_eq!(keys, ["a", "b"]);
    assert!(listed[0].checkpoint.is_ok() && listed[1].checkpoint.is_err());
    assert!(store.remove("b").await.unwrap());
    assert_eq!(store.list().await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_topic_that_would_lose_checkpoints_is_refused() {
    let deleting = topic("checkpoints-deleting");
    create_topic_of(&bootstrap(), &deleting, 1, &json!({}));
    let error = open(&deleting).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Configuration);
    assert!(
        error.message().ends_with("its cleanup.policy is delete, and must be compact"),
        "{error}"
    );

    let wide = topic("checkpoints-wide");
    create_topic_of(&bootstrap(), &wide, 2, &json!({"cleanup.policy": "compact"}));
    let error = open(&wide).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Configuration);
    assert!(error.message().ends_with("it has 2 partitions, and must have one"), "{error}");

    let error = open("no such name").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Destination, "{error}");
}

#[tokio::test]
async fn who_only_looks_makes_no_topic() {
    let topic = topic("checkpoints-looked");
    for _ in 0..2 {
        assert!(KafkaStore::find(&config(), &topic, PATIENCE).await.unwrap().is_none());
    }
    open(&topic).await.unwrap().save(&checkpoint("a", 1)).await.unwrap();
    let found = KafkaStore::find(&config(), &topic, PATIENCE).await.unwrap().unwrap();
    assert_eq!(found.remark, None);
    assert_eq!(listed(&found.store).await, [checkpoint("a", 1)]);
    assert!(found.store.remove("a").await.unwrap());
    assert_eq!(listed(&open(&topic).await.unwrap()).await, []);
}

#[tokio::test]
async fn what_lies_behind_an_open_transaction_is_waited_for_and_what_was_aborted_is_not_seen() {
    let topic = topic("checkpoints-open");
    open(&topic).await.unwrap().save(&checkpoint("a", 1)).await.unwrap();
    let mut other = config();
    other.set("transactional.id", &topic);
    let other: BaseProducer = other.create().unwrap();
    other.init_transactions(PATIENCE).unwrap();
    other.begin_transaction().unwrap();
    other.send(BaseRecord::to(&topic).key("a").payload("aborted")).unwrap();
    other.flush(PATIENCE).unwrap();

    let blocked = KafkaStore::open(&config(), &topic, Duration::from_secs(4)).await.unwrap_err();
    assert_eq!(blocked.kind(), ErrorKind::Unreachable);
    let why =
        "cannot be read: a transaction in it has not ended; a run that was killed has left it";
    assert!(blocked.message().contains(why), "{blocked:?}");

    let opening = tokio::spawn({
        let topic = topic.clone();
        async move { open(&topic).await }
    });
    tokio::task::spawn_blocking(move || other.abort_transaction(PATIENCE)).await.unwrap().unwrap();
    let store = opening.await.unwrap().unwrap();
    assert_eq!(store.load("a").await.unwrap(), Some(checkpoint("a", 1)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_committed_before_an_open_transaction_is_shown_and_can_be_reset() {
    let family = topic("checkpoints-killed");
    let topic = format!("{family}.checkpoints");
    open(&topic).await.unwrap().save(&checkpoint("a", 1)).await.unwrap();
    // As a run that was killed leaves it.
    let mut killed = config();
    killed.set("transactional.id", &topic);
    let killed: BaseProducer = killed.create().unwrap();
    killed.init_transactions(PATIENCE).unwrap();
    killed.begin_transaction().unwrap();
    killed.send(BaseRecord::to(&topic).key("a").payload("aborted")).unwrap();
    killed.flush(PATIENCE).unwrap();

    let checkpoint = |arguments: &[&str]| {
        let mut command = license_stream();
        command.arg("checkpoint").args(arguments);
        command.args(["--topic", &family, "--brokers", &bootstrap()]);
        let begun = Instant::now();
        let ended = tokio::task::block_in_place(|| run(&mut command));
        assert!(begun.elapsed() < Duration::from_secs(20), "it waits for no killed run");
        ended
    };
    let warning =
        format!("warning: what was kept last in topic {topic} cannot be seen yet: a transaction");
    let shown = checkpoint(&["show"]).expect(0);
    assert!(shown.stderr.starts_with(&warning), "{}", shown.stderr);
    assert!(shown.stdout.lines().any(|line| line.starts_with("a  ")), "{}", shown.stdout);
    let unknown = checkpoint(&["reset", "--account", "b"]).expect(1);
    let told = "error: no checkpoint of b was found: what was kept last";
    assert!(unknown.stderr.starts_with(told), "{}", unknown.stderr);
    let reset = checkpoint(&["reset", "--account", "a"]).expect(0);
    let told = "reset: the next run of a begins a new snapshot, unless a run is under way, which keeps its \
        checkpoint anew\n";
    assert_eq!(reset.stderr, told);
    tokio::task::block_in_place(|| killed.abort_transaction(PATIENCE)).unwrap();
    assert_eq!(listed(&open(&topic).await.unwrap()).await, []);
}

#[tokio::test]
async fn brokers_that_say_nothing_are_not_waited_for_beyond_the_bound() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let config = producer_config(&silent.local_addr().unwrap().to_string());
    let begun = Instant::now();
    let opened = KafkaStore::open(&config, "checkpoints", Duration::from_secs(1)).await;
    assert_eq!(opened.unwrap_err().kind(), ErrorKind::Unreachable);
    assert!(begun.elapsed() < Duration::from_secs(10));
}
