//! Produces an account's licenses to a Kafka topic, each once for consumers that read what is committed,
//! whenever it is killed and run again.
//!
//!     export TRUTO_API_TOKEN=… KAFKA_BOOTSTRAP_SERVERS=localhost:9092
//!     cargo run --features cli --example kafka_exactly_once -- 62f44730-dd91-461e-bd6a-aedd9e0ad79d saas.licenses
//!
//! Records go into transactions, and with them, into the topic `saas.licenses.checkpoints`, how far the
//! snapshot is. A third argument is the bytes of a transaction.
//!
//! Without an account at Truto, let `license-stream simulate` play one, as for `http_to_kafka`. In a program of
//! your own it takes the same features and crates as that.

use std::env;
use std::time::Duration;

use anyhow::Context;
use license_stream::checkpoint::{Beginning, CheckpointStore, Identity, Keeper};
use license_stream::pipeline::{self, Options};
use license_stream::sink::kafka::{
    Delivery, KafkaOptions, KafkaProducer, KafkaSink, KafkaStore, TransactionOptions,
    producer_config,
};
use license_stream::truto::{DEFAULT_BASE_URL, LicensePages, LicenseRequest, Token, TrutoClient};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let mut args = env::args().skip(1);
    let (account, topic) = args
        .next()
        .zip(args.next())
        .context("usage: kafka_exactly_once ACCOUNT TOPIC [TRANSACTION_BYTES]")?;
    let brokers =
        env::var("KAFKA_BOOTSTRAP_SERVERS").context("KAFKA_BOOTSTRAP_SERVERS is not set")?;
    let base_url = env::var("TRUTO_BASE_URL").unwrap_or_else(|_| DEFAULT_BASE_URL.to_owned());
    let token = Token::new(&env::var("TRUTO_API_TOKEN").context("TRUTO_API_TOKEN is not set")?)?;
    let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build()?;
    let client = TrutoClient::new(http, &base_url, token)?;

    let mut transactions = TransactionOptions::of_topic(&topic);
    if let Some(bytes) = args.next() {
        transactions.max_bytes = bytes.parse().context("TRANSACTION_BYTES is a number")?;
    }

    // From here on a run of this job that is still under way is fenced, and what a killed one left open
    // is ended. So the checkpoint that is then found belongs to the last records that consumers see.
    let config = producer_config(&brokers);
    let delivery = Delivery::ExactlyOnce(transactions);
    let producer = KafkaProducer::connect(&config, 16 << 20, delivery).await?;
    let checkpoints = format!("{topic}.checkpoints");
    let patience = Duration::from_secs(30);
    let store = KafkaStore::through(&producer, &config, &checkpoints, patience).await?;
    producer.check(&topic, patience).await?;

    // An unfinished snapshot is gone on with, under its own id; else a new one begins.
    let identity = Identity::new(account.as_str());
    let beginning = Beginning::of(store.load(identity.key()).await?, &identity)?;
    let mut options = KafkaOptions::new(topic);
    options.account = Some(account.as_str().into());
    options.snapshot_id = Some(beginning.snapshot_id().into());
    let sink = KafkaSink::through(&producer, options);
    let sink = sink.keeping(&store, identity.clone(), &beginning);

    let options = Options {
        resume: beginning.reached(),
        // Says at the end that the snapshot is complete.
        journal: Some(Box::new(Keeper::new(store, identity, &beginning))),
        ..Options::default()
    };
    let pages = LicensePages::new(client, LicenseRequest::new(account));
    let summary = pipeline::run_source(pages, sink, options).await;
    println!("{} licenses committed by this run", summary.report.delivered);
    summary.error.map_or(Ok(()), |error| Err(error.into()))
}
