//! What docs/embedding.md promises to programs that have the library in them.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use futures_util::{StreamExt, TryStreamExt, stream};
use license_stream::accounts::{self, Begun, Runs, Snapshot};
use license_stream::checkpoint::{
    Beginning, BucketStore, CheckpointStore, Identity, Keeper, LocalStore,
};
use license_stream::cloud::Bucket;
use license_stream::decode::Limits;
use license_stream::decode::arrow::LicenseBatchBuilder;
use license_stream::encode::Format;
use license_stream::frame::{Block, FrameExt, Framer};
use license_stream::pipeline::{
    self, CancellationToken, OneBody, Options, Outcome, Progress, Summary,
};
use license_stream::registry::{Register, SchemaRegistry};
use license_stream::simulate::Simulator;
use license_stream::sink::kafka::{
    Delivery, KafkaOptions, KafkaProducer, KafkaSink, KafkaStore, TransactionOptions,
    producer_config,
};
use license_stream::sink::ndjson::NdjsonSink;
use license_stream::sink::parquet::{ParquetOptions, ParquetSink};
use license_stream::sink::reject::DeadLetters;
use license_stream::truto::{
    LicenseBody, LicensePages, LicenseRequest, Token, TrutoClient, unpacked,
};
use license_stream::{Error, License, Result};

use crate::support::python::root;

type Chunk = Result<bytes::Bytes>;

fn movable<T: Send + 'static>(what: T) {
    drop(what);
}

fn shared<T: Send + Sync + 'static>() {}

fn client() -> TrutoClient {
    TrutoClient::new(reqwest::Client::new(), "https://api.test", Token::new("token").unwrap())
        .unwrap()
}

/// Compiled only: each of these can be given to `tokio::spawn`. None is polled.
#[test]
fn futures_and_streams_can_be_moved_to_another_task() {
    let body = || stream::iter(["{\"id\":\"a\"}\n"].map(|chunk| Chunk::Ok(chunk.into())));
    let ndjson = || NdjsonSink::new(tokio::io::sink(), Limits::default());
    let pages = || LicensePages::new(client(), LicenseRequest::new("a"));
    movable(body().frames());
    movable(body().frames().json::<License>());
    movable(unpacked(body()));
    movable(pipeline::run(body(), ndjson(), Options::default()));
    movable(pipeline::run_source(pages(), ndjson(), Options::default()));
    movable(async move {
        let progress = Progress::default();
        let run = pipeline::run(body(), ndjson(), Options::default());
        progress.tell_while(run, Duration::from_secs(1), |_| ()).await.into_result().map(drop)
    });
    movable(async move {
        let body: LicenseBody = client().licenses(&LicenseRequest::new("a")).await?;
        body.frames().json::<License>().try_for_each(async |_| Ok(())).await
    });
    movable(async move {
        let sink = ParquetSink::new(ParquetOptions::new(Path::new("lake"), "1")).await?;
        pipeline::run_source(pages(), sink, Options::default()).await.into_result().map(drop)
    });
    movable(async move {
        let bucket = Bucket::open("s3://bucket/lake")?;
        let store = BucketStore::new(bucket.clone());
        store.load("a").await?;
        ParquetSink::new(ParquetOptions::new(&bucket, "1")).await.map(drop)
    });
    movable(async move {
        let config = producer_config("broker:9092");
        let sink = KafkaSink::new(&config, KafkaOptions::new("topic"))?;
        sink.check(Duration::from_secs(1)).await?;
        pipeline::run_source(pages(), sink, Options::default()).await.into_result().map(drop)
    });
    movable(async move {
        let config = producer_config("broker:9092");
        let delivery = Delivery::ExactlyOnce(TransactionOptions::of_topic("topic"));
        let producer = KafkaProducer::connect(&config, 1 << 20, delivery).await?;
        let patience = Duration::from_secs(1);
        let store = KafkaStore::through(&producer, &config, "topic.checkpoints", patience).await?;
        let identity = Identity::new("a");
        let beginning = Beginning::of(store.load(identity.key()).await?, &identity)?;
        let sink = KafkaSink::through(&producer, KafkaOptions::new("topic"));
        let sink = sink.keeping(&store, identity.clone(), &beginning);
        let journal = Some(Box::new(Keeper::new(store, identity, &beginning)) as _);
        let options = Options { journal, ..Options::default() };
        pipeline::run_source(pages(), sink, options).await.into_result().map(drop)
    });
    movable(async move {
        let registry = SchemaRegistry::new(reqwest::Client::new(), "https://registry.test", None)?;
        registry.id("topic-value", Format::Avro, Register::Auto).await
    });
    movable(async move {
        let begin = move |_: Arc<&'static str>, _: u32| async move {
            let snapshot = Snapshot::new("1".to_owned(), OneBody::new(body()), ndjson());
            Ok(Begun::Snapshot(Box::new(snapshot)))
        };
        let accounts = stream::iter([Ok("a")]);
        let mut runs: Runs<_, _, _> = accounts::run(accounts, begin, accounts::Options::default());
        while let Some(ended) = runs.next().await {
            drop(ended?);
        }
        Ok::<_, Error>(())
    });
}

/// Compiled only.
#[test]
fn values_can_be_shared() {
    shared::<Error>();
    shared::<License>();
    shared::<Framer>();
    shared::<Block>();
    shared::<LicenseBatchBuilder>();
    shared::<Summary<()>>();
    shared::<Progress>();
    shared::<TrutoClient>();
    shared::<LicenseRequest>();
    shared::<KafkaProducer>();
    shared::<Bucket>();
    shared::<SchemaRegistry>();
    shared::<LocalStore>();
    shared::<Simulator>();
    movable::<Option<DeadLetters>>(None);
    movable::<Option<Options>>(None);
}

#[tokio::test(flavor = "current_thread")]
async fn a_run_that_is_told_to_stop_delivers_what_it_has_read() {
    let lines = (0..100).map(|id| Chunk::Ok(format!("{{\"id\":\"{id}\"}}\n").into()));
    // Behind them nothing comes, and no end either.
    let body = stream::iter(lines).chain(stream::pending());
    let (stop, progress) = (CancellationToken::new(), Arc::new(Progress::default()));
    let options =
        Options { stop: stop.clone(), progress: Arc::clone(&progress), ..Options::default() };
    let mut out = Vec::new();
    let run = pipeline::run(body, NdjsonSink::new(&mut out, Limits::default()), options);
    // Called back until all have come, and then it stops the run.
    let tell = |progress: &Progress| {
        if progress.records() == 100 {
            stop.cancel();
        }
    };
    let summary = progress.tell_while(run, Duration::from_millis(5), tell).await;
    assert_eq!((summary.outcome, summary.counts.records), (Outcome::Interrupted, 100));
    assert_eq!(out.split_inclusive(|byte| *byte == b'\n').count(), 100);
}

/// The library's sources without their tests, and without the command.
fn sources() -> HashMap<PathBuf, String> {
    let mut sources = HashMap::new();
    let mut directories = vec![root().join("src")];
    while let Some(directory) = directories.pop() {
        for entry in std::fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap();
            if path.is_dir() && name != "bin" {
                directories.push(path);
            } else if name.ends_with(".rs")
                && !["kills.rs", "tests.rs", "conformance.rs"].contains(&name)
            {
                let text = std::fs::read_to_string(&path).unwrap();
                let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
                // Neither are examples in the documentation of it.
                let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
                let code = code.map(|line| format!("{line}\n")).collect();
                sources.insert(path, code);
            }
        }
    }
    assert!(sources.len() > 150, "{}", sources.len());
    sources
}

#[test]
fn the_library_starts_no_runtime_and_no_thread_and_has_one_static_that_changes() {
    let mut changing = Vec::new();
    for (path, code) in sources() {
        for word in ["Runtime::new", "runtime::Builder", "thread::spawn", "thread::Builder"] {
            assert!(!code.contains(word), "{word} in {}", path.display());
        }
        for word in ["static mut", "thread_local!", "set_global_default", "set_hook", "set_var"] {
            assert!(!code.contains(word), "{word} in {}", path.display());
        }
        for line in code.lines().map(str::trim_start) {
            let line = line.trim_start_matches("pub(crate) ").trim_start_matches("pub ");
            let is_changed = ["Semaphore", "Mutex", "Atomic", "RwLock", "Notify", "Cell"];
            if line.starts_with("static ") && is_changed.iter().any(|word| line.contains(word)) {
                changing.push(line.to_owned());
            }
        }
    }
    assert_eq!(changing, ["static DECODERS: LazyLock<Semaphore> = LazyLock::new(|| {"]);
}

fn text(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap()
}

/// The entries of a table of a manifest: names, and what stands behind ` = `.
fn entries<'a>(manifest: &'a str, table: &str) -> HashMap<&'a str, &'a str> {
    let (_, behind) = manifest.split_once(&format!("[{table}]\n")).unwrap();
    let lines = behind.lines().take_while(|line| !line.starts_with('['));
    lines.filter(|line| !line.starts_with('#')).filter_map(|line| line.split_once(" = ")).collect()
}

/// The version that a dependency asks for; one by its path asks for none.
fn version(dependency: &str) -> Option<&str> {
    let quoted = dependency.strip_prefix("{ version = ").unwrap_or(dependency);
    quoted.strip_prefix('"')?.split('"').next()
}

fn features(dependency: &str) -> Vec<&str> {
    let behind = dependency.split_once(" features = [").map(|(_, behind)| behind);
    let list = behind.and_then(|behind| behind.split(']').next()).unwrap_or_default();
    list.split(", ").map(|feature| feature.trim_matches('"')).filter(|it| !it.is_empty()).collect()
}

#[test]
fn what_a_program_is_told_to_depend_on_is_what_this_crate_has() {
    let manifest = text("Cargo.toml");
    let (own, crates) = (entries(&manifest, "features"), entries(&manifest, "dependencies"));
    let mut blocks = 0;
    for document in ["README.md", "docs/embedding.md"] {
        for block in text(document).split("```toml\n").skip(1) {
            let block = block.split("```").next().unwrap();
            for (name, dependency) in entries(block, "dependencies") {
                let Some(asked) = version(dependency) else {
                    assert_eq!(name, "license-stream", "{document}");
                    let unknown = features(dependency).into_iter().find(|it| !own.contains_key(it));
                    assert_eq!(unknown, None, "{document}");
                    continue;
                };
                let ours = version(crates[name]).unwrap();
                // `1` is each version that begins so.
                let is_ours = ours == asked || ours.starts_with(&format!("{asked}."));
                assert!(is_ours, "{document}: {name} {asked}, and here it is {ours}");
            }
            blocks += 1;
        }
    }
    assert_eq!(blocks, 7);
}

#[test]
fn each_feature_is_in_both_tables_of_features() {
    let manifest = text("Cargo.toml");
    let own = entries(&manifest, "features");
    assert!(own.len() > 10, "{own:?}");
    for document in ["README.md", "src/lib.rs"] {
        let text = text(document);
        let lines = text.lines().map(|line| line.trim_start_matches("//! "));
        let rows = lines.filter(|line| line.starts_with("| `"));
        let names: Vec<_> = rows.filter_map(|row| row.split(" | ").next()).collect();
        for feature in own.keys().filter(|name| **name != "default") {
            let quoted = format!("`{feature}`");
            assert!(names.iter().any(|name| name.contains(&quoted)), "{document}: {feature}");
        }
    }
}
