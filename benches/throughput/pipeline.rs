//! The whole way, as the command goes it.

use std::sync::Arc;

use criterion::{BenchmarkId, Criterion};
use futures_util::{Stream, TryStreamExt};
use license_stream::pipeline::{self, Options};
use license_stream::simulate::{DEFAULT_TOKEN, RunningSimulator};
use license_stream::sink::Sink;
use license_stream::sink::kafka::{KafkaOptions, KafkaSink, producer_config};
use license_stream::sink::parquet::{ParquetOptions, ParquetSink};
use license_stream::truto::{LicenseRequest, Token, TrutoClient};
use license_stream::{Error, ErrorKind, Result};
use tokio::runtime::Runtime;
use tokio_util::io::ReaderStream;

use crate::corpus::{CHUNK_BYTES, LEAN, RECORDS, WHOLE, simulator};
use crate::group;

pub(crate) fn bench(criterion: &mut Criterion) {
    let runtime = Runtime::new().expect("a runtime");
    let directory = tempfile::tempdir().expect("a temporary directory");
    // On a runtime of its own, as if it were another process; dropped last, when nobody asks any more.
    let server = Runtime::new().expect("a runtime");
    let api = server.block_on(async { simulator().start() }).expect("a free port");

    for (name, corpus) in [("pipeline", &*WHOLE), ("pipeline, no remote_data", &*LEAN)] {
        let input = directory.path().join("body.ndjson");
        let mut group = group(criterion, name, corpus.body.len());
        group.bench_function("file to Parquet", |bencher| {
            std::fs::write(&input, &corpus.body).expect("room for the corpus");
            bencher.iter(|| {
                runtime.block_on(async {
                    let file = tokio::fs::File::open(&input).await.expect("it was written");
                    let body = ReaderStream::with_capacity(file, CHUNK_BYTES).map_err(|error| {
                        Error::new(ErrorKind::Input, "corpus cannot be read").caused_by(error)
                    });
                    deliver(body, parquet_sink(directory.path()).await).await;
                });
            });
        });
        let mut request = LicenseRequest::new(&api.accounts()[0]);
        request.ignore_remote_data = std::ptr::eq(corpus, &*LEAN);
        group.bench_function("HTTP to Parquet", |bencher| {
            let client = client(&api);
            bencher.iter(|| {
                runtime.block_on(async {
                    let body = client.licenses(&request).await.expect("the simulator answers");
                    deliver(body, parquet_sink(directory.path()).await).await;
                });
            });
        });
        for codec in ["none", "lz4", "zstd"] {
            group.bench_function(BenchmarkId::new("HTTP to Kafka", codec), |bencher| {
                let (brokers, client) = (brokers(), client(&api));
                bencher.iter(|| {
                    runtime.block_on(async {
                        let sink = kafka_sink(&brokers, codec);
                        let body = client.licenses(&request).await.expect("the simulator answers");
                        deliver(body, sink).await;
                    });
                });
            });
        }
        group.finish();
    }
    runtime.block_on(api.stop());
}

/// Runs a pipeline to its end, which must have delivered all of the corpus.
async fn deliver<S, K: Sink>(body: S, sink: K)
where
    S: Stream<Item = Result<bytes::Bytes>> + Send + 'static,
{
    let summary = pipeline::run(body, sink, Options::default()).await;
    let summary = summary.into_result().expect("nothing fails");
    assert_eq!(summary.counts.records, RECORDS as u64);
}

/// Every run has the same name for its file, and so takes the place of the one before.
async fn parquet_sink(directory: &std::path::Path) -> ParquetSink {
    let sink = ParquetSink::new(ParquetOptions::new(directory, Arc::from("bench")));
    sink.await.expect("a directory")
}

fn kafka_sink(brokers: &str, codec: &str) -> KafkaSink {
    let mut config = producer_config(brokers);
    config.set("compression.type", codec);
    let topic = format!("bench-{}-{codec}", std::process::id());
    KafkaSink::new(&config, KafkaOptions::new(topic)).expect("librdkafka takes the settings")
}

fn client(api: &RunningSimulator) -> TrutoClient {
    let token = Token::new(DEFAULT_TOKEN).expect("a token");
    TrutoClient::new(reqwest::Client::new(), &api.base_url(), token).expect("a URL on this host")
}

fn brokers() -> String {
    std::env::var("KAFKA_BOOTSTRAP_SERVERS")
        .ok()
        .filter(|servers| !servers.is_empty())
        .unwrap_or_else(|| {
            panic!(
                "this benchmark needs a Kafka broker: run `make bench`, which starts one, or set \
             KAFKA_BOOTSTRAP_SERVERS to a broker that may be written to"
            )
        })
}
