//! Produces an account's licenses to a Kafka topic.
//!
//!     export TRUTO_API_TOKEN=… KAFKA_BOOTSTRAP_SERVERS=localhost:9092
//!     cargo run --features cli --example http_to_kafka -- 62f44730-dd91-461e-bd6a-aedd9e0ad79d saas.licenses
//!
//! Without an account at Truto, let `license-stream simulate` play one: it prints the TRUTO_BASE_URL,
//! the token and the account to use.
//!
//! In a program of your own this takes the features `http` and `kafka`, reqwest with a TLS feature, anyhow,
//! and tokio's multi-threaded runtime, so that reading, checking and producing overlap.

use std::env;
use std::time::Duration;

use anyhow::Context;
use license_stream::pipeline::{self, OnReject, Options, RejectPolicy};
use license_stream::sink::kafka::{KafkaOptions, KafkaSink, producer_config};
use license_stream::sink::reject::DeadLetters;
use license_stream::truto::{DEFAULT_BASE_URL, LicensePages, LicenseRequest, Token, TrutoClient};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let mut args = env::args().skip(1);
    let (account, topic) = args
        .next()
        .zip(args.next())
        .context("usage: http_to_kafka ACCOUNT TOPIC [DEAD_LETTERS]")?;
    let dead_letters = args.next();
    let brokers =
        env::var("KAFKA_BOOTSTRAP_SERVERS").context("KAFKA_BOOTSTRAP_SERVERS is not set")?;
    let base_url = env::var("TRUTO_BASE_URL").unwrap_or_else(|_| DEFAULT_BASE_URL.to_owned());
    let token = Token::new(&env::var("TRUTO_API_TOKEN").context("TRUTO_API_TOKEN is not set")?)?;
    let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build()?;
    let client = TrutoClient::new(http, &base_url, token)?;

    // Any setting of librdkafka, on top of those that deliver without loss.
    let mut config = producer_config(&brokers);
    config.set("compression.type", "zstd");

    // Keys are `account:id`, so that all versions of a license share a partition and their order.
    let mut options = KafkaOptions::new(topic);
    options.account = Some(account.as_str().into());
    let sink = KafkaSink::new(&config, options)?;
    // Ask the brokers first: it would be a pity to begin a long response for nothing.
    sink.check(Duration::from_secs(15)).await?;

    // What is no license ends the run, unless there is a file to keep it in.
    let mut rejects = RejectPolicy::default();
    if let Some(path) = dead_letters {
        let letters = DeadLetters::open(path, Some(account.clone()))?;
        rejects.on_reject = OnReject::DeadLetter(letters);
    }

    // One response as a rule; more if the API answers with a cursor to a next page.
    let pages = LicensePages::new(client, LicenseRequest::new(account));
    let summary =
        pipeline::run_source(pages, sink, Options { rejects, ..Options::default() }).await;

    // Every delivery report was awaited by now, in failure too.
    let delivered = summary.report.delivered;
    println!("{delivered} licenses acknowledged, {} rejected", summary.counts.rejected);
    summary.error.map_or(Ok(()), |error| Err(error.into()))
}
