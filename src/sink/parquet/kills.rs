//! Every way to be killed, or overtaken, in an object store: the sink, its journal and the checkpoints
//! themselves, over a store in memory, and every order of request, kill and run again.
//!
//! What is durable changes with each request that writes, which happens whole or not at all. A run stops
//! before its n-th such request. Either it is killed there, and the next is killed before its m-th; or it
//! only stands still there while another run does all its work, and then goes on. All of it once in a store that has
//! uploads, and once in one that has but blocks.

mod compact;
mod forget;
mod store;
mod uploads;

use std::sync::Arc;

use bytes::Bytes;
use futures_util::{TryStreamExt, stream};
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};

use store::{Gate, KINDS, Kind, Shared};

use super::{Claim, Completion, Manifest, ParquetOptions, ParquetSink};
use crate::checkpoint::{Beginning, BucketStore, CheckpointStore, Identity, Keeper};
use crate::error::Result;
use crate::frame::FramerOptions;
use crate::pipeline::{self, Options, Outcome, Summary};

/// What is read, and how it is to lie there.
#[derive(Clone, Copy)]
struct Layout {
    records: usize,
    partition_by: &'static [&'static str],
    row_group_bytes: u64,
    file_bytes: u64,
    open_partitions: usize,
}

const LAYOUTS: [Layout; 3] = [
    // Three files of two licenses each.
    Layout {
        records: 6,
        partition_by: &[],
        row_group_bytes: 100,
        file_bytes: 1,
        open_partitions: 1,
    },
    // Two pieces of two files of two licenses each. Both files are open at once.
    Layout {
        records: 8,
        partition_by: &["status"],
        row_group_bytes: 1,
        file_bytes: 60,
        open_partitions: 2,
    },
    // Two pieces of two files of a license each, in two levels; one is complete before the other begins.
    Layout {
        records: 4,
        partition_by: &["account", "status"],
        row_group_bytes: 100,
        file_bytes: 1,
        open_partitions: 1,
    },
];

impl Layout {
    fn body(&self) -> Vec<Bytes> {
        let record = |number: usize| {
            let status = if number.is_multiple_of(2) { "a/b" } else { "c d" };
            format!("{{\"id\":\"{number}\",\"status\":\"{status}\",\"name\":\"x\"}}\n").into()
        };
        (0..self.records).map(record).collect()
    }
}

/// One run of account `a`, as the command does it.
async fn run(store: Arc<Gate>, layout: Layout) -> Result<Summary<super::ParquetReport>> {
    run_of("a", store, layout).await
}

/// One of another account.
async fn run_of(
    account: &str,
    store: Arc<Gate>,
    layout: Layout,
) -> Result<Summary<super::ParquetReport>> {
    let bucket = store.lake();
    let identity = Identity::new(account);
    let claim = Arc::new(Claim::take(&bucket, Some(account)).await?);
    let checkpoints = BucketStore::new(bucket.folder("_license-stream"));
    let beginning = Beginning::of(checkpoints.load(account).await?, &identity)?;
    let beginning = claim.unless_complete(beginning).await?;
    let mut options = ParquetOptions::new(&bucket, beginning.snapshot_id());
    options.account = Some(account.into());
    options.files_before = beginning.pieces().to_vec();
    options.partition_by = layout.partition_by.iter().map(|field| field.parse().unwrap()).collect();
    (options.row_group_bytes, options.file_bytes) = (layout.row_group_bytes, layout.file_bytes);
    options.open_partitions = layout.open_partitions.try_into().unwrap();
    options.threads = 1.try_into().unwrap();
    claim.prove(&options.files_before).await?;
    claim.remove_unfinished(&options.files_before).await?;
    let mut manifest = Manifest::new(Some(account), beginning.snapshot_id());
    if let Beginning::Resumed(checkpoint) = &beginning {
        manifest.records = checkpoint.records;
        manifest.files.clone_from(&checkpoint.pieces);
    }
    let keeper = Keeper::new(checkpoints, identity, &beginning);
    let completion = Completion::new(Arc::clone(&claim), manifest).and_then(Box::new(keeper));
    let sink = ParquetSink::within(claim, options).await?;
    let options = Options {
        framer: FramerOptions { block_bytes: 60, max_record_bytes: 90, ..FramerOptions::default() },
        resume: beginning.reached(),
        journal: Some(Box::new(completion)),
        ..Options::default()
    };
    pipeline::run(stream::iter(layout.body().into_iter().map(Ok::<_, crate::Error>)), sink, options)
        .await
        .into_result()
}

/// Runs until the `stop`-th writing request, and is killed there; whether it ended before.
async fn killed_at(store: &Arc<Shared>, layout: Layout, stop: usize) -> bool {
    let gate = Gate::new(store, stop);
    let ended = gate.killed_or(run(Arc::clone(&gate), layout)).await;
    ended.is_some_and(|summary| {
        assert_eq!(summary.outcome, Outcome::Done);
        true
    })
}

async fn names(store: &Shared) -> Vec<String> {
    let objects: Vec<_> = store.objects.list(None).try_collect().await.unwrap();
    let mut names: Vec<_> = objects.into_iter().map(|object| object.location.to_string()).collect();
    names.sort();
    names
}

/// There are the files of all manifests, as long as those say, and no others; nothing is unfinished.
async fn assert_whole(store: &Shared, layout: Layout, what: &str) {
    let names = names(store).await;
    let is_manifest = |name: &&String| name.ends_with(".json") && !name.contains("checkpoint");
    let mut files = Vec::new();
    for name in names.iter().filter(is_manifest) {
        let json =
            store.objects.get(&Path::from(name.as_str())).await.unwrap().bytes().await.unwrap();
        let manifest: Manifest = serde_json::from_slice(&json).unwrap();
        assert_eq!(manifest.records, layout.records as u64, "{what}");
        let records: u64 = manifest.files.iter().map(|file| file.records).sum();
        assert_eq!(records, layout.records as u64, "{what}");
        for file in &manifest.files {
            assert_eq!(file.partition.len(), layout.partition_by.len(), "{what}");
        }
        files.extend(manifest.files);
    }
    assert!(!files.is_empty(), "{what}: {names:?}");
    let there: Vec<_> = names.iter().filter(|name| name.ends_with(".parquet")).collect();
    let mut wanted: Vec<_> = files.iter().map(|file| format!("lake/{}", file.name)).collect();
    wanted.sort();
    assert!(there.into_iter().eq(&wanted), "{what}: {names:?}");
    for file in &files {
        let object =
            store.objects.head(&Path::parse(format!("lake/{}", file.name)).unwrap()).await.unwrap();
        assert_eq!(object.size, file.bytes, "{what}");
    }
    assert!(names.iter().any(|name| name == "lake/_SUCCESS"), "{what}: {names:?}");
}

/// Uploads that no claim was told of may be left where the store cannot list them: as many a kill as begin together.
async fn assert_no_uploads(store: &Shared, unknown: usize, what: &str) {
    let uploads = store.open_uploads().await;
    assert!(uploads.len() <= unknown, "{what}: {uploads:?}");
}

#[tokio::test]
async fn whenever_runs_are_killed_the_next_leaves_what_an_undisturbed_one_would() {
    // The third is the second once more, as far as kills go, and there are thousands of them. Where there are but blocks,
    // each upload is four kills more.
    for (kind, layout) in
        [(Kind::Uploads, LAYOUTS[0]), (Kind::Uploads, LAYOUTS[1]), (Kind::Blocks, LAYOUTS[0])]
    {
        // Row groups may be others in each run, and with them in how many files a piece is.
        let other = Layout { row_group_bytes: 101 - layout.row_group_bytes, ..layout };
        let mut kills = 0;
        'first: for first in 1.. {
            for second in 1.. {
                let store = Arc::new(Shared::of(kind));
                if killed_at(&store, layout, first).await {
                    break 'first;
                }
                let has_ended = killed_at(&store, other, second).await;
                if !has_ended {
                    assert!(killed_at(&store, layout, usize::MAX).await);
                    kills += 2;
                }
                let by = layout.partition_by;
                let what = format!("{kind:?}, by {by:?}, killed before {first} and {second}");
                assert_whole(&store, layout, &what).await;
                assert_no_uploads(&store, 2 * layout.open_partitions, &what).await;
                if has_ended {
                    break;
                }
            }
        }
        assert!(kills > 200, "{kills}");
    }
}

#[tokio::test]
async fn a_run_that_is_overtaken_fails_and_leaves_what_the_other_made() {
    for (kind, layout) in KINDS.into_iter().flat_map(|kind| LAYOUTS.map(|layout| (kind, layout))) {
        let mut overtaken = 0;
        for stop in 1.. {
            let store = Arc::new(Shared::of(kind));
            let gate = Gate::new(&store, stop);
            let first = run(Arc::clone(&gate), layout);
            tokio::pin!(first);
            if gate.stands_or(first.as_mut()).await.is_some() {
                break;
            }
            let what = format!("{kind:?}, by {:?}, overtaken before {stop}", layout.partition_by);
            assert!(killed_at(&store, layout, usize::MAX).await);
            assert_whole(&store, layout, &what).await;
            gate.steps.goes_on.notify_one();
            match first.await {
                // Its snapshot was complete: the other began another.
                Ok(summary) => assert_eq!(summary.outcome, Outcome::Done),
                Err(error) => {
                    let message = error.to_string();
                    let is_told = ["another run has taken over", "was given up by another"];
                    assert!(is_told.iter().any(|told| message.contains(told)), "{what}: {message}");
                    overtaken += 1;
                }
            }
            // A first run that had written nothing yet is the later of the two.
            assert_whole(&store, layout, &format!("{what}, afterwards")).await;
            assert_no_uploads(&store, 0, &what).await;
        }
        assert!(overtaken > 10, "{overtaken}");
    }
}

#[tokio::test]
async fn files_of_a_piece_are_open_at_once_and_as_many_as_the_layouts_say() {
    for (layout, files, most) in [(LAYOUTS[0], 3, 1), (LAYOUTS[1], 4, 2), (LAYOUTS[2], 4, 1)] {
        let store = Arc::new(Shared::of(Kind::Uploads));
        assert!(killed_at(&store, layout, usize::MAX).await);
        let names = names(&store).await;
        assert_eq!(names.iter().filter(|name| name.ends_with(".parquet")).count(), files);
        assert_eq!(*store.most_uploads.lock().unwrap(), most);
    }
}
