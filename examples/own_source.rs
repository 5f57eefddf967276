//! Writes a body that was recorded into S3 to Parquet files: a source of bytes that is not part of the library,
//! with its progress told once a second, and a stop by Ctrl-C that loses nothing.
//!
//!     export AWS_REGION=… AWS_ACCESS_KEY_ID=… AWS_SECRET_ACCESS_KEY=…
//!     cargo run --features cli --example own_source -- s3://recordings/2026-11-26.ndjson.zst lake/licenses
//!
//! A body to try it on: `license-stream simulate --records 100000 --out body.ndjson`. A third argument is the
//! bytes that are asked for at once.
//!
//! In a program of your own this takes the features `http` (for what unpacks recorded bodies) and `cloud`,
//! object_store, futures-util, bytes, uuid, anyhow, and tokio with its feature `signal`.

use std::env;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use bytes::Bytes;
use futures_util::{Stream, StreamExt, stream};
use license_stream::cloud::Bucket;
use license_stream::pipeline::{self, CancellationToken, Options, Outcome, Progress};
use license_stream::sink::parquet::{ParquetOptions, ParquetSink};
use license_stream::truto::unpacked;
use license_stream::{Error, ErrorKind, Result};
use object_store::path::Path;
use object_store::{GetOptions, ObjectMeta, ObjectStore, ObjectStoreExt};

/// The bytes of `object`, piece by piece: of that one, even if it is written anew meanwhile.
///
/// A stream of chunks is all that a source has to be. It may end without an error only if the body is whole, as
/// this one is once each piece came.
fn bytes_of(
    store: Arc<impl ObjectStore + ?Sized>,
    object: ObjectMeta,
    piece: u64,
) -> impl Stream<Item = Result<Bytes>> + Send + 'static {
    let starts = stream::iter((0..object.size).step_by(piece as usize));
    starts.then(move |start| {
        let (store, path) = (Arc::clone(&store), object.location.clone());
        let range = start..object.size.min(start + piece);
        let options = GetOptions {
            range: Some(range.into()),
            if_match: object.e_tag.clone(),
            ..GetOptions::default()
        };
        async move {
            let got = async { store.get_opts(&path, options).await?.bytes().await };
            got.await.map_err(|error| {
                Error::new(ErrorKind::Truncated, "the object did not come whole").caused_by(error)
            })
        }
    })
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let mut args = env::args().skip(1);
    let usage = "usage: own_source s3://BUCKET/KEY DIRECTORY [BYTES]";
    let (from, directory) = args.next().zip(args.next()).context(usage)?;
    let key = from.strip_prefix("s3://").and_then(|from| from.split_once('/')).context(usage)?.1;
    let piece = args.next().map_or(Ok(8 << 20), |bytes| bytes.parse::<u32>()).context(usage)?;
    let piece = u64::from(piece.max(1));

    // 1. Bytes. Any `ObjectStore` of yours will do; this one has the settings that `--out s3://…` has.
    let store = Arc::clone(Bucket::open(&from)?.store());
    let object = store.head(&Path::parse(key)?).await?;
    let body = bytes_of(store, object, piece);

    // 2. A stop. Ctrl-C ends the reading; what was read by then is delivered all the same.
    let stop = CancellationToken::new();
    let on_ctrl_c = stop.clone();
    tokio::spawn(async move {
        if tokio::signal::ctrl_c().await.is_ok() {
            on_ctrl_c.cancel();
        }
    });

    // 3. Progress: counters to look at, or to be called with.
    let progress = Arc::new(Progress::default());
    let options = Options { stop, progress: Arc::clone(&progress), ..Options::default() };
    let tell = |progress: &Progress| {
        eprintln!("{} bytes, {} licenses", progress.bytes_read(), progress.records());
    };

    // A recorded body may be compressed; that is told by its first bytes.
    let snapshot_id = uuid::Uuid::now_v7().to_string();
    let sink = ParquetSink::new(ParquetOptions::new(&directory, snapshot_id)).await?;
    let run = pipeline::run(unpacked(body), sink, options);
    let summary = progress.tell_while(run, Duration::from_secs(1), tell).await.into_result()?;

    let files = summary.report.files.len();
    println!("{} licenses in {files} files", summary.counts.records);
    let is_whole = summary.outcome != Outcome::Interrupted;
    anyhow::ensure!(is_whole, "stopped: the snapshot is not complete");
    Ok(())
}
