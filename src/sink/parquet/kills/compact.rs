//! The same of compactions: whenever one is killed, or overtaken, or an account is read meanwhile, the rows are those
//! that there were.

use std::collections::HashSet;

use arrow_array::cast::AsArray;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use super::*;
use crate::pipeline::CancellationToken;
use crate::sink::parquet::{Compaction, CompactionSummary, LakeInspection, SnapshotState};

/// Two directories, with two files of each account in each.
const LAYOUT: Layout = LAYOUTS[1];

/// Account, snapshot and id of a row.
type Row = [String; 3];

/// A store with a snapshot of each of three accounts.
async fn lake(kind: Kind) -> Shared {
    lake_of(kind, &["a", "a-b", "c"], LAYOUT).await
}

async fn lake_of(kind: Kind, accounts: &[&str], layout: Layout) -> Shared {
    let store = Arc::new(Shared::of(kind));
    for account in accounts {
        let _ = run_of(account, Gate::new(&store, 0), layout).await.unwrap();
    }
    store.copy()
}

async fn compact(gate: Arc<Gate>, file_bytes: u64) -> Result<CompactionSummary> {
    let mut compaction = Compaction::new(gate.lake());
    compaction.threads = 1.try_into().unwrap();
    compaction.file_bytes = file_bytes;
    compaction.run(&CancellationToken::new()).await
}

/// Whether it ended before its `stop`-th writing request, before which it is killed.
async fn compact_until(store: &Arc<Shared>, stop: usize) -> bool {
    let gate = Gate::new(store, stop);
    let ended = gate.killed_or(compact(Arc::clone(&gate), 1 << 20)).await;
    ended.is_some_and(|report| {
        assert!(report.is_complete);
        true
    })
}

async fn read(store: &Shared, name: &str) -> Vec<Row> {
    let path = Path::parse(name).unwrap();
    let bytes = store.objects.get(&path).await.unwrap().bytes().await.unwrap();
    let mut rows = Vec::new();
    for batch in ParquetRecordBatchReaderBuilder::try_new(bytes).unwrap().build().unwrap() {
        let batch = batch.unwrap();
        let columns = ["_integrated_account_id", "_snapshot_id", "id"]
            .map(|name| batch.column_by_name(name).unwrap().as_string::<i32>().clone());
        rows.extend(
            (0..batch.num_rows()).map(|row| columns.clone().map(|it| it.value(row).to_owned())),
        );
    }
    rows
}

/// The rows of the files that count, by the manifests.
async fn rows(store: &Shared) -> Vec<Row> {
    let mut manifests = Vec::new();
    for name in names(store).await {
        if name.ends_with(".json") && !name.contains("checkpoint") {
            let object = store.objects.get(&Path::from(name)).await.unwrap();
            manifests
                .push(serde_json::from_slice::<Manifest>(&object.bytes().await.unwrap()).unwrap());
        }
    }
    let replaced: HashSet<_> = manifests.iter().flat_map(|manifest| &manifest.replaces).collect();
    let mut rows = Vec::new();
    for file in manifests.iter().flat_map(|manifest| &manifest.files) {
        if !replaced.contains(&file.name) {
            rows.extend(read(store, &format!("lake/{}", file.name)).await);
        }
    }
    rows.sort();
    rows
}

/// The rows of all files, and how many those are.
async fn all_rows(store: &Shared) -> (usize, Vec<Row>) {
    let (mut files, mut rows) = (0, Vec::new());
    for name in names(store).await.iter().filter(|name| name.ends_with(".parquet")) {
        rows.extend(read(store, name).await);
        files += 1;
    }
    rows.sort();
    (files, rows)
}

/// Whoever reads by manifests, or honours `_SUCCESS`, sees these rows.
async fn assert_rows(store: &Shared, wanted: &[Row], what: &str) {
    assert!(rows(store).await == wanted, "{what}: other rows by the manifests");
    if names(store).await.iter().any(|name| name == "lake/_SUCCESS") {
        assert!(all_rows(store).await.1 == wanted, "{what}: other rows with `_SUCCESS`");
    }
}

async fn has_success(store: &Shared) -> bool {
    names(store).await.iter().any(|name| name == "lake/_SUCCESS")
}

/// There is a file in each of so many directories, and nothing else; nothing is left to do.
async fn assert_compacted(store: &Arc<Shared>, directories: usize, wanted: &[Row], what: &str) {
    assert_rows(store, wanted, what).await;
    let names = names(store).await;
    let (files, all) = all_rows(store).await;
    assert_eq!(files, directories, "{what}: {names:?}");
    assert!(all == wanted, "{what}: other rows: {names:?}");
    let bucket = Gate::new(store, 0).lake();
    let seen = LakeInspection::of(&bucket).await.unwrap();
    assert_eq!(seen.pending, [""; 0], "{what}");
    let mut states = seen.snapshots.iter().map(|it| it.state);
    assert!(states.all(|state| state == SnapshotState::Complete), "{what}: {seen:?}");
    let rows: u64 = seen.snapshots.iter().map(|it| it.rows).sum();
    assert_eq!(rows, wanted.len() as u64, "{what}");
    let again = compact(Gate::new(store, 0), 1 << 20).await.unwrap();
    assert_eq!(again, CompactionSummary { is_complete: true, ..Default::default() }, "{what}");
}

#[tokio::test]
async fn whenever_a_compaction_is_killed_the_rows_are_those_that_there_were() {
    for kind in KINDS {
        let lake = lake(kind).await;
        let wanted = rows(&lake).await;
        assert_eq!(wanted.len(), 3 * LAYOUT.records);
        for stop in 1.. {
            let store = Arc::new(lake.copy());
            let has_ended = compact_until(&store, stop).await;
            let what = format!("{kind:?}, killed before {stop}");
            assert_rows(&store, &wanted, &what).await;
            if !has_ended {
                assert!(compact_until(&store, 0).await);
            }
            assert_compacted(&store, 2, &wanted, &what).await;
            assert!(has_success(&store).await, "{what}");
            assert_no_uploads(&store, 1, &what).await;
            if has_ended {
                assert!(stop > 30, "{stop}");
                break;
            }
        }
    }
}

#[tokio::test]
async fn whenever_two_compactions_are_killed_the_rows_are_those_that_there_were() {
    for kind in KINDS {
        let lake = lake_of(kind, &["a"], LAYOUTS[0]).await;
        let wanted = rows(&lake).await;
        let mut kills = 0;
        'first: for first in 1.. {
            for second in 1.. {
                let store = Arc::new(lake.copy());
                if compact_until(&store, first).await {
                    break 'first;
                }
                let has_ended = compact_until(&store, second).await;
                let what = format!("{kind:?}, killed before {first} and {second}");
                assert_rows(&store, &wanted, &what).await;
                if !has_ended {
                    assert!(compact_until(&store, 0).await);
                    kills += 2;
                }
                assert_compacted(&store, 1, &wanted, &what).await;
                assert!(has_success(&store).await, "{what}");
                assert_no_uploads(&store, 2, &what).await;
                if has_ended {
                    break;
                }
            }
        }
        assert!(kills > 200, "{kills}");
    }
}

#[tokio::test]
async fn an_account_that_is_read_while_a_compaction_stands_still_hinders_none_and_is_not_hindered()
{
    for kind in KINDS {
        let lake = lake(kind).await;
        let before = rows(&lake).await;
        for stop in 1.. {
            let store = Arc::new(lake.copy());
            let gate = Gate::new(&store, stop);
            let compaction = compact(Arc::clone(&gate), 1 << 20);
            tokio::pin!(compaction);
            if gate.stands_or(compaction.as_mut()).await.is_some() {
                assert!(stop > 30, "{stop}");
                break;
            }
            let what = format!("{kind:?}, while it stands before {stop}");
            let _ = run(Gate::new(&store, 0), LAYOUT).await.unwrap();
            let wanted = rows(&store).await;
            assert_eq!(wanted.len(), before.len() + LAYOUT.records, "{what}");
            assert!(before.iter().all(|row| wanted.contains(row)), "{what}");
            gate.steps.goes_on.notify_one();
            assert!(compaction.await.unwrap().is_complete, "{what}");
            assert_rows(&store, &wanted, &what).await;
            // What it did not know of.
            compact(Gate::new(&store, 0), 1 << 20).await.unwrap();
            assert_compacted(&store, 2, &wanted, &what).await;
            assert!(has_success(&store).await, "{what}");
        }
    }
}

#[tokio::test]
async fn an_account_that_was_killed_is_gone_on_with_after_a_compaction() {
    for kind in KINDS {
        for stop in 1.. {
            let store = Arc::new(Shared::of(kind));
            let _ = run_of("c", Gate::new(&store, 0), LAYOUT).await.unwrap();
            if killed_at(&store, LAYOUT, stop).await {
                break;
            }
            let what = format!("{kind:?}, killed before {stop}");
            compact(Gate::new(&store, 0), 1 << 20).await.unwrap();
            let _ = run(Gate::new(&store, 0), LAYOUT).await.unwrap();
            let (_, all) = all_rows(&store).await;
            assert!(
                all == rows(&store).await,
                "{what}: files that no manifest has, or that count no more"
            );
            let snapshots: HashSet<_> = all.iter().map(|row| row[1].clone()).collect();
            let each: HashSet<_> = all.iter().collect();
            assert_eq!(all.len(), snapshots.len() * LAYOUT.records, "{what}");
            assert_eq!(each.len(), all.len(), "{what}: a row is there twice");
        }
    }
}

#[tokio::test]
async fn a_compaction_that_is_overtaken_fails_and_leaves_what_the_other_made() {
    for kind in KINDS {
        let lake = lake(kind).await;
        let wanted = rows(&lake).await;
        let (mut overtaken, mut late) = (0, 0);
        for stop in 1.. {
            let store = Arc::new(lake.copy());
            let gate = Gate::new(&store, stop);
            let first = compact(Arc::clone(&gate), 1 << 20);
            tokio::pin!(first);
            if gate.stands_or(first.as_mut()).await.is_some() {
                break;
            }
            let what = format!("{kind:?}, overtaken before {stop}");
            assert!(compact_until(&store, 0).await);
            assert_compacted(&store, 2, &wanted, &what).await;
            assert!(has_success(&store).await, "{what}");
            gate.steps.goes_on.notify_one();
            if let Err(error) = first.await {
                let message = error.to_string();
                let is_told = ["another run has taken over", "was given up by another"];
                assert!(is_told.iter().any(|told| message.contains(told)), "{what}: {message}");
                overtaken += 1;
            }
            assert_compacted(&store, 2, &wanted, &format!("{what}, afterwards")).await;
            // Its own removal of `_SUCCESS` may come late, where it stands in one of the two steps to that, once a
            // group. The next run that ends well writes it.
            late += usize::from(!has_success(&store).await);
            assert_no_uploads(&store, 0, &what).await;
        }
        assert!(overtaken > 10, "{overtaken}");
        assert!(late <= 4, "{late}");
    }
}

#[tokio::test]
async fn what_was_merged_is_merged_further_until_no_two_small_files_lie_together() {
    let lake = Arc::new(lake(Kind::Uploads).await);
    let (before, wanted) = all_rows(&lake).await;
    let size = lake.objects.list(None).try_collect::<Vec<_>>().await.unwrap();
    let size =
        size.iter().filter(|it| it.location.as_ref().ends_with(".parquet")).map(|it| it.size);
    // Two sources fit into one, which is shorter than both.
    let done = compact(Gate::new(&lake, 0), 2 * size.max().unwrap() + 2).await.unwrap();
    let (after, rows) = all_rows(&lake).await;
    assert!(rows == wanted);
    assert!(done.groups > before as u64 / 2, "{done:?}");
    assert_eq!((done.files_before, done.files_after), (before as u64, after as u64));
    assert_eq!(done.rows, wanted.len() as u64);
}
