//! Records and checkpoints in transactions of a real broker.

use std::time::Duration;

use license_stream::ErrorKind;
use license_stream::checkpoint::CheckpointStore;
use license_stream::pipeline::Outcome;
use license_stream::sink::kafka::Delivery;

use super::job::{ACCOUNT, Barrier, Job};
use crate::support::body::records;
use crate::support::broker::Broker;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_undisturbed_run_shows_each_record_once() {
    let job = Job::new("once", 2_000);
    let summary = job.run(None).await;
    assert_eq!(summary.outcome, Outcome::Done, "{:?}", summary.error);
    assert_eq!((summary.report.delivered, summary.counts.records), (2_000, 2_000));
    job.assert_once().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whenever_runs_are_dropped_each_record_is_seen_once() {
    for seed in 0..6 {
        let mut random = fastrand::Rng::with_seed(seed);
        let job = Job::new("once-killed", 1_500);
        let mut resumed = 0;
        for _ in 0..3 {
            let barrier = Barrier::default();
            let byte = random.usize(0..job.body.len());
            let killed = async {
                barrier.reached().await;
                // A commit takes some milliseconds: the kill comes before, in, or after one.
                tokio::time::sleep(Duration::from_millis(random.u64(0..40))).await;
            };
            tokio::select! {
                summary = job.run(Some((byte, barrier.clone()))) => panic!("{:?}", summary.error),
                () = killed => {}
            }
            resumed += u32::from(job.store().await.load(ACCOUNT).await.unwrap().is_some());
        }
        assert!(resumed > 0, "some of it was committed");
        let summary = job.run(None).await;
        assert_eq!(summary.outcome, Outcome::Done, "{:?}", summary.error);
        job.assert_once().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_run_fences_the_first() {
    let job = Job::new("once-fenced", 1_500);
    let barrier = Barrier::default();
    let first = job.run(Some((job.body.len() * 2 / 3, barrier.clone())));
    let second = async {
        barrier.reached().await;
        let summary = job.run(None).await;
        barrier.pass();
        summary
    };
    let (first, second) = tokio::join!(first, second);
    assert_eq!(second.outcome, Outcome::Done, "{:?}", second.error);
    assert_eq!(first.outcome, Outcome::Failed);
    let error = first.error.unwrap();
    assert_eq!(error.kind(), ErrorKind::Destination);
    let message = format!(
        "this run was fenced: another one with the transactional.id license-stream-{} has taken",
        job.topic
    );
    assert!(
        error.message().starts_with(&message),
        "{error}: {:?}",
        std::error::Error::source(&error)
    );
    job.assert_once().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_record_that_no_broker_takes_ends_the_run_behind_what_is_committed() {
    let mut job = Job::new("once-aborted", 600);
    let mut body = job.body.to_vec();
    let middle = records(&job.body)[300].byte as usize;
    let large = format!("{{\"id\":\"large\",\"description\":\"{}\"}}\n", "x".repeat(30_000));
    body.splice(middle..middle, large.into_bytes());
    job.body = body.into();
    job.config.set("message.max.bytes", "20000");
    let summary = job.run(None).await;
    assert_eq!(summary.outcome, Outcome::Failed);
    let error = summary.error.unwrap();
    assert_eq!(error.position().map(|at| at.record), Some(300), "{error:?}");
    assert!(error.message().contains("message.max.bytes"), "{error}");
    // What is seen is what was committed before, with its checkpoint.
    let kept = job.store().await.load(ACCOUNT).await.unwrap().expect("a checkpoint");
    assert!(!kept.is_complete && kept.place.position.record <= 300);
    assert_eq!(job.messages().len() as u64, kept.records);
    assert_eq!(summary.report.delivered, kept.records);

    job.config.set("message.max.bytes", "1000000");
    let summary = job.run(None).await;
    assert_eq!(summary.outcome, Outcome::Done, "{:?}", summary.error);
    job.assert_once().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_that_dies_in_mid_transaction_and_comes_back_is_survived() {
    let broker = tokio::task::spawn_blocking(Broker::start).await.unwrap();
    let job = Job::at(broker.bootstrap(), "once-restarted", 1_500);
    let barrier = Barrier::default();
    let run = job.run(Some((job.body.len() / 2, barrier.clone())));
    let (summary, broker) = tokio::join!(run, async {
        barrier.reached().await;
        broker.kill();
        barrier.pass();
        let restarted = tokio::task::spawn_blocking(move || {
            broker.restart();
            broker
        });
        restarted.await.unwrap()
    });
    assert_eq!(summary.outcome, Outcome::Done, "{:?}", summary.error);
    job.assert_once().await;
    tokio::task::spawn_blocking(move || drop(broker)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn at_least_once_a_killed_run_loses_nothing_and_repeats_nothing_before_its_checkpoint() {
    for seed in 0..4 {
        let mut random = fastrand::Rng::with_seed(seed);
        let mut job = Job::new("least-once", 1_500);
        job.delivery = Delivery::AtLeastOnce;
        // Less than is read before the kill, so that some of it is known to be delivered.
        job.in_flight_bytes = 100_000;
        let barrier = Barrier::default();
        let byte = job.body.len() / 2 + random.usize(0..job.body.len() / 2);
        let killed = async {
            barrier.reached().await;
            tokio::time::sleep(Duration::from_millis(random.u64(0..40))).await;
        };
        tokio::select! {
            summary = job.run(Some((byte, barrier.clone()))) => panic!("{:?}", summary.error),
            () = killed => {}
        }
        let kept = job.store().await.load(ACCOUNT).await.unwrap().expect("a checkpoint");
        let summary = job.run(None).await;
        assert_eq!(summary.outcome, Outcome::Done, "{:?}", summary.error);

        let records = records(&job.body);
        let mut seen = std::collections::BTreeMap::<u64, usize>::new();
        for message in job.messages() {
            let headers = message["headers"].as_array().unwrap();
            let position = headers.last().unwrap()[1].as_str().unwrap();
            *seen.entry(position.parse().unwrap()).or_default() += 1;
        }
        assert!(records.iter().all(|record| seen.contains_key(&record.byte)));
        assert_eq!(seen.len(), records.len());
        let before = seen.range(..kept.place.position.byte);
        assert!(before.clone().count() > 0 && before.into_iter().all(|(_, times)| *times == 1));
    }
}
