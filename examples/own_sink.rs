//! Writes an account's licenses to a CSV file, by a sink that is not part of the library.
//!
//!     export TRUTO_API_TOKEN=…
//!     cargo run --features cli --example own_sink -- 62f44730-dd91-461e-bd6a-aedd9e0ad79d seats.csv
//!
//! Without an account at Truto, let `license-stream simulate` play one: it prints the TRUTO_BASE_URL,
//! the token and the account to use.
//!
//! In a program of your own this takes the feature `http`, reqwest with a TLS feature, serde_json, anyhow,
//! and tokio with its feature `fs`.

use std::env;

use anyhow::Context;
use license_stream::decode::CheckedBlock;
use license_stream::frame::RawRecord;
use license_stream::pipeline::{self, Options};
use license_stream::sink::{Batch, CheckDecoder, Pace, Sink};
use license_stream::truto::{DEFAULT_BASE_URL, LicensePages, LicenseRequest, Token, TrutoClient};
use license_stream::{Error, ErrorKind, License, Position, Result};
use tokio::fs::File;
use tokio::io::AsyncWriteExt;

// [sink] All that there is to a destination. A test counts its lines.
struct CsvSink {
    file: File,
    taken: Position,
    durable: Position,
}

impl Sink for CsvSink {
    type Decoder = CheckDecoder;
    type Report = ();

    fn decoder(&self) -> CheckDecoder {
        CheckDecoder::default()
    }

    fn pace(&self) -> Pace {
        Pace::Full // nobody waits for single lines
    }

    async fn write(&mut self, batch: Batch<Vec<CheckedBlock>>) -> Result<()> {
        let records = batch.value.iter().flat_map(CheckedBlock::records);
        let lines = records.map(|record| line(record.raw)).collect::<Result<String>>()?;
        self.file.write_all(lines.as_bytes()).await.map_err(failed)?;
        self.taken = batch.span.end;
        Ok(())
    }

    fn durable(&self) -> Position {
        self.durable
    }

    async fn flush(&mut self) -> Result<Position> {
        self.file.flush().await.map_err(failed)?;
        self.file.sync_all().await.map_err(failed)?;
        self.durable = self.taken;
        Ok(self.durable)
    }

    async fn finish(&mut self) -> Result<()> {
        self.flush().await.map(drop)
    }

    async fn abort(&mut self) -> Result<()> {
        self.finish().await // what came stays, in whole lines
    }

    fn report(self) {}
}
// [sink]

/// `id,name,assigned,available` of a license.
fn line(record: RawRecord<'_>) -> Result<String> {
    let license: License = serde_json::from_slice(record.bytes).map_err(|error| {
        // Without what serde says: no content of a record belongs in an error.
        let message = format!("a license could not be read as one ({:?})", error.classify());
        Error::new(ErrorKind::Destination, message).at(record.position)
    })?;
    let quoted = |text: &str| format!("\"{}\"", text.replace('"', "\"\""));
    let number = |number: Option<f64>| number.map(|number| number.to_string()).unwrap_or_default();
    Ok(format!(
        "{},{},{},{}\n",
        quoted(&license.id),
        quoted(&license.name.unwrap_or_default()),
        number(license.assigned_quantity),
        number(license.available_quantity)
    ))
}

fn failed(error: std::io::Error) -> Error {
    Error::new(ErrorKind::Destination, "the file did not take the lines").caused_by(error)
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let mut args = env::args().skip(1);
    let (account, path) = args.next().zip(args.next()).context("usage: own_sink ACCOUNT FILE")?;
    let base_url = env::var("TRUTO_BASE_URL").unwrap_or_else(|_| DEFAULT_BASE_URL.to_owned());
    let token = Token::new(&env::var("TRUTO_API_TOKEN").context("TRUTO_API_TOKEN is not set")?)?;
    let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build()?;
    let client = TrutoClient::new(http, &base_url, token)?;

    let mut file = File::create(&path).await.with_context(|| format!("{path} cannot be made"))?;
    file.write_all(b"id,name,assigned,available\n").await?;
    let sink = CsvSink { file, taken: Position::START, durable: Position::START };
    let pages = LicensePages::new(client, LicenseRequest::new(account));
    let summary = pipeline::run_source(pages, sink, Options::default()).await.into_result()?;
    println!("{} licenses in {path}", summary.counts.records);
    Ok(())
}
