//! Writes an account's licenses to Parquet files.
//!
//!     export TRUTO_API_TOKEN=…
//!     cargo run --features cli --example http_to_parquet -- 62f44730-dd91-461e-bd6a-aedd9e0ad79d lake/licenses
//!
//! Without an account at Truto, let `license-stream simulate` play one: it prints the TRUTO_BASE_URL,
//! the token and the account to use.
//!
//! In a program of your own this takes the features `http` and `parquet`, reqwest with a TLS feature, uuid,
//! anyhow, and tokio's multi-threaded runtime, so that reading, decoding and encoding overlap.

use std::env;

use anyhow::Context;
use license_stream::pipeline::{self, OnReject, Options, RejectPolicy};
use license_stream::sink::parquet::{ParquetOptions, ParquetSink};
use license_stream::truto::{DEFAULT_BASE_URL, LicensePages, LicenseRequest, Token, TrutoClient};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let mut args = env::args().skip(1);
    let (account, directory) =
        args.next().zip(args.next()).context("usage: http_to_parquet ACCOUNT DIRECTORY")?;
    let base_url = env::var("TRUTO_BASE_URL").unwrap_or_else(|_| DEFAULT_BASE_URL.to_owned());
    let token = Token::new(&env::var("TRUTO_API_TOKEN").context("TRUTO_API_TOKEN is not set")?)?;
    let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build()?;
    let client = TrutoClient::new(http, &base_url, token)?;

    // A snapshot is all that one run reads of one account; its id is a column and a part of the names.
    let snapshot_id = uuid::Uuid::now_v7().to_string();
    let mut options = ParquetOptions::new(&directory, snapshot_id);
    options.account = Some(account.as_str().into());
    let sink = ParquetSink::new(options).await?;

    // Without `remote_data` there is much less to send and to store.
    let mut request = LicenseRequest::new(account);
    request.ignore_remote_data = true;
    // One response as a rule; more if the API answers with a cursor to a next page.
    let pages = LicensePages::new(client, request);

    // The default policy ends the run at the first record that is no license; this one counts them.
    let rejects = RejectPolicy { on_reject: OnReject::Skip, ..RejectPolicy::default() };
    let summary =
        pipeline::run_source(pages, sink, Options { rejects, ..Options::default() }).await;

    // The summary tells of failure too: a body that was cut is an error here, whatever was written.
    let summary = summary.into_result()?;
    for file in &summary.report.files {
        println!("{}: {} rows, {} bytes", file.path.display(), file.rows, file.bytes);
    }
    println!("{} licenses, {} rejected", summary.counts.records, summary.counts.rejected);
    Ok(())
}
