//! Prints an account's licenses while the response is still arriving.
//!
//!     export TRUTO_API_TOKEN=…
//!     cargo run --features cli --example print_stream -- 62f44730-dd91-461e-bd6a-aedd9e0ad79d
//!
//! Without an account at Truto, let `license-stream simulate` play one: it prints the TRUTO_BASE_URL,
//! the token and the account to use.
//!
//! In a program of your own this takes the feature `http`, reqwest with a TLS feature, futures-util,
//! anyhow and tokio.

use std::env;
use std::io::Write;

use anyhow::Context;
use futures_util::StreamExt;
use license_stream::License;
use license_stream::pipeline::Source;
use license_stream::truto::{DEFAULT_BASE_URL, LicensePages, LicenseRequest, Token, TrutoClient};

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let account = env::args().nth(1).context("usage: print_stream ACCOUNT")?;
    let base_url = env::var("TRUTO_BASE_URL").unwrap_or_else(|_| DEFAULT_BASE_URL.to_owned());
    let token = Token::new(&env::var("TRUTO_API_TOKEN").context("TRUTO_API_TOKEN is not set")?)?;

    // The client is yours: proxies, certificates and the time to connect are its settings. It must not
    // have a total time-out, since a body may take hours.
    let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build()?;
    let client = TrutoClient::new(http, &base_url, token)?;

    // One body as a rule; more if the API answers with a cursor to a next page.
    let mut pages = LicensePages::new(client, LicenseRequest::new(account));
    let mut before = None;
    // Answers as soon as the response has begun.
    while let Some(body) = pages.next_body(before.take()).await? {
        let mut licenses = body.frames().json::<License>();
        while let Some(record) = licenses.next().await {
            match record {
                Ok(record) => print(&record.value)?,
                // One record is broken, and the stream goes on behind it.
                Err(error) if error.is_record() => eprintln!("skipped: {error}"),
                // The body was cut, or stalled: what was printed is not all there is.
                Err(error) => return Err(error.into()),
            }
        }
        before = Some(licenses.page());
    }
    Ok(())
}

fn print(license: &License) -> std::io::Result<()> {
    let quantity = |number: Option<f64>| number.map_or("?".to_owned(), |n| n.to_string());
    // Quoted and escaped: what an API sends must not be able to steer a terminal.
    writeln!(
        std::io::stdout(),
        "{:?} {:?}: {} of {} assigned",
        license.id,
        license.name.as_deref().unwrap_or_default(),
        quantity(license.assigned_quantity),
        quantity(license.available_quantity),
    )
}
