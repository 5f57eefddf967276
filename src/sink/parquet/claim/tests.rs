//! Claims of accounts in a directory and in a bucket.

use std::fs;
use std::path::Path;

use serde_json::json;

use super::*;
use crate::checkpoint::{Checkpoint, FORMAT, Identity};
use crate::digest::Digester;
use crate::pipeline::PageStart;
use crate::position::Position;
use crate::sink::parquet::RunClaim;
use crate::sink::parquet::lake::{OWN, SUCCESS};
use crate::sink::parquet::manifest::Manifest;

const SNAPSHOT: &str = "01a20c7e-5167-7459-84d1-21cf616966d5";

fn has_success(directory: &Path) -> bool {
    directory.join(SUCCESS).exists()
}

#[test]
fn only_the_accounts_own_partial_files_are_leftovers() {
    let name = |account: &str| format!(".{account}-{SNAPSHOT}-00003.parquet.partial");
    assert!(is_leftover("a", &name("a")));
    assert!(is_leftover("a-b", &name("a-b")));
    assert!(is_leftover(SNAPSHOT, &name(SNAPSHOT)));
    for name in [
        name("a-b"),
        name("b"),
        name(&format!("a-{SNAPSHOT}")),
        format!("a-{SNAPSHOT}-00003.parquet"),
        format!(".a-{SNAPSHOT}-00003.parquet"),
        format!(".a-{SNAPSHOT}-0000x.parquet.partial"),
        ".a-notes-00001.parquet.partial".to_owned(),
    ] {
        assert!(!is_leftover("a", &name), "{name}");
    }
}

#[test]
fn files_of_any_account_are_told_from_their_names() {
    for account in ["a", "a-b", SNAPSHOT, "input"] {
        let name = format!("{account}-{SNAPSHOT}-00003.parquet");
        let partial = format!("status=x/.{name}.partial");
        for name in [&name, &format!("a=b/{name}"), &partial] {
            assert_eq!(owner(name), Some((account, SNAPSHOT)), "{name}");
        }
    }
    for name in ["a.parquet", "notes-00001.parquet", "ü-00001.parquet", "a-00001.parquet"] {
        assert_eq!(owner(name), None, "{name}");
    }
    assert_eq!(owner(&format!("{SNAPSHOT}-00003.parquet")), None);
    let names = ["a", "b"].map(|account| format!("{account}-{SNAPSHOT}-00000.parquet"));
    let found = unfinished(&names, &[manifest_name("a", SNAPSHOT)]);
    assert_eq!(found, BTreeMap::from([("b", SNAPSHOT)]));
}

fn piece(name: String) -> DurablePiece {
    DurablePiece { name, partition: Default::default(), records: 1, bytes: 1, digest: None }
}

#[tokio::test]
async fn files_in_partitions_are_found_and_number_the_next_piece() {
    let directory = tempfile::tempdir().unwrap();
    let folder = directory.path().join("status=a%2Fb/x=y");
    fs::create_dir_all(&folder).unwrap();
    let name = format!("a-{SNAPSHOT}-00007.parquet");
    let (file, partial) = (folder.join(&name), folder.join(format!(".{name}.partial")));
    [&file, &partial].into_iter().for_each(|path| fs::write(path, "").unwrap());
    // No run of this account has begun a snapshot that is not complete.
    let claim = Claim::take(directory.path(), Some("a")).await.unwrap();
    claim.remove_unfinished(&[]).await.unwrap();
    assert!(file.exists() && partial.exists());
    claim.begin(SNAPSHOT).await.unwrap();
    drop(claim);
    let claim = Claim::take(directory.path(), Some("a")).await.unwrap();
    assert!(file.exists() && !partial.exists());
    let known = [piece(format!("status=a%2Fb/x=y/{name}"))];
    assert_eq!(claim.next_number(&known).unwrap(), 8);
    claim.remove_unfinished(&known).await.unwrap();
    assert!(file.exists());
    claim.remove_snapshot("01a20c7e-5167-7459-84d1-21cf61690000").await.unwrap();
    assert!(file.exists());
    claim.remove_snapshot(SNAPSHOT).await.unwrap();
    assert!(!file.exists());
    let refused = claim.next_number(&[piece(format!("b-{SNAPSHOT}-00000.parquet"))]);
    assert_eq!(refused.unwrap_err().kind(), ErrorKind::Configuration);
}

#[tokio::test]
async fn what_belongs_to_no_complete_snapshot_is_removed() {
    let directory = tempfile::tempdir().unwrap();
    let claim = Claim::take(directory.path(), Some("a")).await.unwrap();
    let [complete, unfinished, other] = ["1", "2", "3"]
        .map(|digit| format!("01a20c7e-5167-7459-84d1-21cf61696{digit}{digit}{digit}"));
    let names: Vec<_> = [&complete, &unfinished, &other]
        .into_iter()
        .flat_map(|snapshot| {
            ["a", "a-b"].into_iter().flat_map(move |account| {
                (0..3).map(move |number| format!("{account}-{snapshot}-{number:05}.parquet"))
            })
        })
        .chain(["a-notes.parquet".to_owned(), format!("a-{other}.parquet")])
        .collect();
    names.iter().for_each(|name| fs::write(directory.path().join(name), "").unwrap());
    claim.complete(&Manifest::new(Some("a"), &complete)).await.unwrap();
    claim.begin(&unfinished).await.unwrap();
    let kept = |number| piece(format!("a-{unfinished}-{number:05}.parquet"));
    claim.remove_unfinished(&[kept(0), kept(1)]).await.unwrap();
    let gone = |name: &&String| !directory.path().join(name).exists();
    let gone: Vec<_> = names.iter().filter(gone).cloned().collect();
    let of = |snapshot: &str, number| format!("a-{snapshot}-{number:05}.parquet");
    let wanted = [of(&unfinished, 2), of(&other, 0), of(&other, 1), of(&other, 2)];
    assert_eq!(gone, wanted);
}

#[tokio::test]
async fn a_snapshot_with_a_manifest_is_complete_whatever_its_checkpoint_says() {
    let directory = tempfile::tempdir().unwrap();
    let claim = Claim::take(directory.path(), Some("a")).await.unwrap();
    let identity = Identity::new("a");
    let json = json!({
        "format": FORMAT, "key": "a", "options": {}, "snapshot_id": SNAPSHOT, "is_complete": false,
        "records": 0, "rejected": 0, "pieces": [], "place": {
            "position": Position::START, "page": PageStart::default(),
            "digest": Digester::default().digest(), "record_end": 0,
        },
    });
    let checkpoint = Checkpoint::from_json(json.to_string().as_bytes()).unwrap();
    let resumed = || Beginning::of(Some(checkpoint.clone()), &identity).unwrap();
    let goes_on = claim.unless_complete(resumed()).await.unwrap();
    assert_eq!(goes_on.snapshot_id(), SNAPSHOT);
    claim.complete(&Manifest::new(Some("a"), SNAPSHOT)).await.unwrap();
    let begun = claim.unless_complete(resumed()).await.unwrap();
    assert!(matches!(begun, Beginning::New { .. }), "{begun:?}");
}

#[tokio::test]
async fn a_checkpoint_whose_counts_do_not_fit_its_files_is_damaged() {
    let directory = tempfile::tempdir().unwrap();
    let claim = Claim::take(directory.path(), Some("a")).await.unwrap();
    let place = json!({
        "position": Position::START, "page": PageStart::default(),
        "digest": Digester::default().digest(), "record_end": 0,
    });
    let beginning = |records: u64, pieces: &[u64]| {
        let piece = |records: &u64| json!({"name": "x", "records": records, "bytes": 1});
        let json = json!({
            "format": FORMAT, "key": "a", "options": {}, "snapshot_id": SNAPSHOT,
            "is_complete": false, "records": records, "rejected": 1, "place": place,
            "pieces": pieces.iter().map(piece).collect::<Vec<_>>(),
        });
        let checkpoint = Checkpoint::from_json(json.to_string().as_bytes()).unwrap();
        Beginning::of(Some(checkpoint), &Identity::new("a")).unwrap()
    };
    for (records, pieces) in [(0, &[][..]), (3, &[1, 2])] {
        claim.unless_complete(beginning(records, pieces)).await.unwrap();
    }
    for (records, pieces) in [(3, &[][..]), (3, &[1]), (0, &[1]), (4, &[5, u64::MAX])] {
        let refused = claim.unless_complete(beginning(records, pieces)).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Input);
        assert!(refused.message().contains("it is damaged; `license-stream checkpoint reset"));
    }
}

#[tokio::test]
async fn a_part_has_a_manifest_and_leaves_its_account_pending() {
    #[cfg(feature = "cloud")]
    fn bucket() -> Lake {
        use crate::cloud::Bucket;
        let store = std::sync::Arc::new(object_store::memory::InMemory::new());
        Bucket::new(store, "lake", "memory:///lake").into()
    }

    let directory = tempfile::tempdir().unwrap();
    let lakes = [
        Lake::from(directory.path()),
        #[cfg(feature = "cloud")]
        bucket(),
    ];
    for lake in lakes {
        use crate::sink::parquet::{LakeInspection, SnapshotState};
        let seen = async || {
            let seen = LakeInspection::of(lake.clone()).await.unwrap();
            let states: Vec<_> = seen.snapshots.iter().map(|it| it.state).collect();
            (seen.success, seen.pending.len(), states)
        };
        let claim = Claim::take(lake.clone(), Some("a")).await.unwrap();
        claim.begin(SNAPSHOT).await.unwrap();
        let part = Manifest { is_part: true, ..Manifest::new(Some("a"), SNAPSHOT) };
        claim.complete(&part).await.unwrap();
        assert_eq!(seen().await, (false, 1, vec![SnapshotState::Part]));
        drop(claim);
        let claim = Claim::take(lake.clone(), Some("a")).await.unwrap();
        claim.remove_unfinished(&[]).await.unwrap();
        let whole = Uuid::now_v7().to_string();
        claim.begin(&whole).await.unwrap();
        claim.complete(&Manifest::new(Some("a"), &whole)).await.unwrap();
        let states = vec![SnapshotState::Part, SnapshotState::Complete];
        assert_eq!(seen().await, (true, 0, states));
    }
}

#[tokio::test]
async fn where_the_marks_are_lost_what_is_unfinished_is_found_out_anew() {
    let directory = tempfile::tempdir().unwrap();
    let (path, own) = (directory.path(), directory.path().join(OWN));
    let file = |account: &str| path.join(format!("{account}-{SNAPSHOT}-00000.parquet"));
    for account in ["a", "b"] {
        let claim = Claim::take(path, Some(account)).await.unwrap();
        claim.begin(SNAPSHOT).await.unwrap();
        fs::write(file(account), "").unwrap();
        if account == "a" {
            claim.complete(&Manifest::new(Some(account), SNAPSHOT)).await.unwrap();
        }
    }
    fs::remove_dir_all(own.join("pending")).unwrap();
    for account in ["c", "a", "b"] {
        let claim = Claim::take(path, Some(account)).await.unwrap();
        claim.remove_unfinished(&[]).await.unwrap();
    }
    assert!(file("a").exists() && !file("b").exists());

    // Where nothing tells what is complete, all of it may be.
    fs::remove_dir_all(own).unwrap();
    let claim = Claim::take(path, Some("a")).await.unwrap();
    claim.remove_unfinished(&[]).await.unwrap();
    assert!(file("a").exists());
}

#[tokio::test]
async fn a_second_claim_of_an_account_is_refused_until_the_first_is_dropped() {
    let directory = tempfile::tempdir().unwrap();
    let first = Claim::take(directory.path(), Some("a")).await.unwrap();
    let refused = Claim::take(directory.path(), Some("a")).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Destination);
    assert!(refused.to_string().starts_with("another run is writing to "), "{refused}");
    Claim::take(directory.path(), Some("b")).await.unwrap();
    drop(first);
    Claim::take(directory.path(), Some("a")).await.unwrap();
}

#[tokio::test]
async fn a_compaction_leaves_the_success_that_would_be_there_without_it() {
    #[cfg(feature = "cloud")]
    fn bucket() -> Lake {
        use crate::cloud::Bucket;
        let store = std::sync::Arc::new(object_store::memory::InMemory::new());
        Bucket::new(store, "lake", "memory:///lake").into()
    }

    let directory = tempfile::tempdir().unwrap();
    let lakes = [
        Lake::from(directory.path()),
        #[cfg(feature = "cloud")]
        bucket(),
    ];
    for lake in lakes {
        let has_success = async || {
            use crate::sink::parquet::LakeInspection;
            LakeInspection::of(lake.clone()).await.unwrap().success
        };
        // None begins twice.
        let begin = async |claim: &Claim| {
            let id = Uuid::now_v7().to_string();
            claim.begin(&id).await.unwrap();
            id
        };
        let complete = async |claim: &Claim, id: &str| {
            claim.complete(&Manifest::new(Some(&claim.account), id)).await.unwrap();
        };
        let take = async |account| Claim::take(lake.clone(), Some(account)).await.unwrap();
        let (a, compaction) = (take("a").await, take(COMPACTED).await);
        let snapshot = begin(&a).await;
        begin(&compaction).await;
        compaction.give_up().await.unwrap();
        assert!(!has_success().await, "a is pending");
        complete(&a, &snapshot).await;
        assert!(has_success().await);
        // There was one.
        let merged = begin(&compaction).await;
        assert!(!has_success().await);
        complete(&compaction, &merged).await;
        assert!(has_success().await);
        // It would have come meanwhile.
        let snapshot = begin(&a).await;
        let merged = begin(&compaction).await;
        complete(&a, &snapshot).await;
        assert!(!has_success().await, "files are merged");
        complete(&compaction, &merged).await;
        assert!(has_success().await);
        // It would have gone meanwhile, and a killed one is followed by another.
        begin(&compaction).await;
        drop(compaction);
        let compaction = take(COMPACTED).await;
        let run = RunClaim::take(lake.clone()).await.unwrap();
        let merged = begin(&compaction).await;
        complete(&compaction, &merged).await;
        run.end(false).await.unwrap();
        let merged = begin(&compaction).await;
        complete(&compaction, &merged).await;
        assert!(!has_success().await, "a run has failed");
    }
}

#[tokio::test]
async fn success_is_there_only_while_no_account_is_pending() {
    async fn complete(claim: &Claim) {
        claim.complete(&Manifest::new(Some(&claim.account), SNAPSHOT)).await.unwrap();
    }

    let directory = tempfile::tempdir().unwrap();
    let path = directory.path();
    let a = Claim::take(path, Some("a")).await.unwrap();
    let b = Claim::take(path, Some("b")).await.unwrap();
    a.begin(SNAPSHOT).await.unwrap();
    b.begin(SNAPSHOT).await.unwrap();
    complete(&a).await;
    assert!(!has_success(path), "b is pending");
    complete(&b).await;
    assert!(has_success(path));
    let refused = a.begin(SNAPSHOT).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Configuration, "{refused}");
    assert!(has_success(path), "it is complete");
    a.begin(&SNAPSHOT.replace('1', "2")).await.unwrap();
    assert!(!has_success(path));

    // A run that was killed leaves its account pending.
    drop(a);
    complete(&b).await;
    assert!(!has_success(path));
    let a = Claim::take(path, Some("a")).await.unwrap();
    complete(&a).await;
    assert!(has_success(path));
    assert!(path.join(OWN).join(format!("a-{SNAPSHOT}.json")).exists());
}
