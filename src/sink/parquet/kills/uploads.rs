//! One upload, and another run that gives it up meanwhile: what was given up never appears afterwards.

use super::*;
use crate::cloud::{Bucket, Completed, Upload};

const NAME: &str = "a=b%2Fc/d.parquet";

/// Requests that begin one.
const BEGUN: usize = 1;

/// One of a few bytes, all of which were sent.
async fn sent(bucket: &Bucket) -> Upload {
    let mut upload = Upload::begin(bucket, NAME).await.unwrap();
    std::io::Write::write_all(&mut upload, b"abc").unwrap();
    upload.send().await.unwrap();
    upload
}

/// What became of an upload that stood before its `first` request of those that complete it until another stood before
/// its `abort`-th of those that give it up, and then went on to its `second` from there until the other had ended;
/// `None` if there are not as many.
async fn met(kind: Kind, first: usize, second: usize, abort: usize) -> Option<Completed> {
    let store = Arc::new(Shared::of(kind));
    let what = format!("{kind:?}, {first} and {second}, given up before {abort}");
    let (gate, other) = (Gate::new(&store, BEGUN + first), Gate::new(&store, abort));
    let upload = sent(&gate.lake()).await;
    let id = upload.id().to_owned();
    let completion = upload.complete();
    tokio::pin!(completion);
    if gate.stands_or(completion.as_mut()).await.is_some() {
        return None;
    }
    let lake = other.lake();
    let given_up = lake.abort(NAME, &id);
    tokio::pin!(given_up);
    let mut is_given_up = other.stands_or(given_up.as_mut()).await.is_some();
    let mut completed = None;
    if second > 0 {
        if is_given_up {
            return None;
        }
        gate.steps.go_on_to(second);
        completed = gate.stands_or(completion.as_mut()).await;
    }
    if !is_given_up {
        other.steps.go_on_to(0);
        is_given_up = other.stands_or(given_up.as_mut()).await.is_some();
    }
    assert!(is_given_up, "{what}");
    // From here on nothing may change, but that what is left of it goes.
    let there = lake.length(NAME).await.unwrap();
    if completed.is_none() {
        gate.steps.go_on_to(0);
        completed = gate.stands_or(completion.as_mut()).await;
    }
    let completed = completed.expect("it has ended");
    assert_eq!(lake.length(NAME).await.unwrap(), there, "{what}: {completed:?}");
    assert!(there.is_none_or(|bytes| bytes == 3), "{what}: {there:?}");
    assert!(there.is_some() || completed == Completed::Gone, "{what}");
    assert_no_uploads(&store, 0, &what).await;
    Some(completed)
}

#[tokio::test]
async fn what_was_given_up_never_appears_at_whatever_step_both_stand() {
    for (kind, meetings) in [(Kind::Uploads, 1), (Kind::Blocks, 30)] {
        let (mut done, mut gone) = (0, 0);
        for (first, second, abort) in (1..6).flat_map(|first| {
            (0..6).flat_map(move |second| (1..4).map(move |abort| (first, second, abort)))
        }) {
            match met(kind, first, second, abort).await {
                Some(Completed::Done) => done += 1,
                Some(Completed::Gone) => gone += 1,
                None => {}
            }
        }
        assert!(gone > 0 && done + gone >= meetings, "{kind:?}: {done} and {gone}");
    }
}

#[tokio::test]
async fn one_is_given_up_from_wherever_its_place_is_named_and_twice() {
    for kind in KINDS {
        let store = Arc::new(Shared::of(kind));
        let lake = Gate::new(&store, 0).lake();
        let upload = sent(&lake).await;
        let id = upload.id().to_owned();
        assert_eq!(store.open_uploads().await.len(), 1);
        let deeper = lake.folder("a=b%2Fc");
        for _ in 0..2 {
            deeper.abort("d.parquet", &id).await.unwrap();
        }
        assert_eq!(upload.complete().await.unwrap(), Completed::Gone);
        assert_eq!(lake.length(NAME).await.unwrap(), None);
        assert_no_uploads(&store, 0, "given up").await;
    }
}

#[tokio::test]
async fn those_that_have_not_ended_are_listed_where_there_are_but_blocks() {
    let store = Arc::new(Shared::of(Kind::Blocks));
    let lake = Gate::new(&store, 0).lake();
    let upload = sent(&lake).await;
    let (name, listed) = lake.open_uploads().await.unwrap().pop().unwrap();
    assert_eq!(name, "d.parquet");
    assert_eq!(lake.folder("a=b%2Fc").open_uploads().await.unwrap(), []);
    lake.abort(&name, &listed).await.unwrap();
    assert_eq!(upload.complete().await.unwrap(), Completed::Gone);
    assert_eq!(lake.open_uploads().await.unwrap(), []);
    let foreign = "lake/_license-stream/pending#".to_owned();
    assert!(lake.abort(NAME, &foreign).await.is_err(), "no upload's");
}

#[tokio::test]
async fn a_ticket_that_arrives_once_more_and_late_is_none() {
    let store = Arc::new(Shared::of(Kind::Blocks));
    let lake = Gate::new(&store, 0).lake();
    let upload = sent(&lake).await;
    let id = upload.id().to_owned();
    lake.abort(NAME, &id).await.unwrap();
    let ticket = Path::parse(format!("{}.ticket", id.split_once('#').unwrap().0)).unwrap();
    store.objects.put(&ticket, "late".into()).await.unwrap();
    assert_eq!(upload.complete().await.unwrap(), Completed::Gone);
    assert_eq!(lake.length(NAME).await.unwrap(), None);
}

#[tokio::test]
async fn one_whose_parts_are_whole_is_completed_though_the_answer_was_lost() {
    let store = Arc::new(Shared::of(Kind::Blocks));
    let lake = Gate::new(&store, 0).lake();
    let upload = sent(&lake).await;
    // Asked once more, the store has none of the blocks any more.
    let parts = Path::parse(format!("{}.parts", upload.id().split_once('#').unwrap().0)).unwrap();
    store.blocks.lock().unwrap().remove(&parts).expect("blocks");
    store.objects.put(&parts, "abc".into()).await.unwrap();
    assert_eq!(upload.complete().await.unwrap(), Completed::Done);
    assert_eq!(lake.length(NAME).await.unwrap(), Some(3));
    assert_no_uploads(&store, 0, "completed").await;
}

#[tokio::test]
async fn one_whose_parts_are_not_there_is_no_object_and_was_given_up_by_nobody() {
    let store = Arc::new(Shared::of(Kind::Blocks));
    let lake = Gate::new(&store, 0).lake();
    let upload = sent(&lake).await;
    store.blocks.lock().unwrap().clear();
    let error = upload.complete().await.unwrap_err();
    let cause = std::error::Error::source(&error).expect("what the store said").to_string();
    assert!(cause.contains("InvalidBlockList"), "{cause}");
    lake.settle().await;
    assert_eq!(lake.length(NAME).await.unwrap(), None);
    assert_no_uploads(&store, 0, "dropped").await;
}
