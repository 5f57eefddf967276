//! Streams software licenses out of the Truto unified API into Kafka topics and Parquet files.
//!
//! The library reads `GET /unified/user-directory/licenses` while the response is still arriving,
//! checks every byte of it, and hands on each license with its position in the body. Memory does not
//! depend on how long the body is. The command `license-stream` is a thin shell around it.
//!
//! There are three ways in, each of them built on the one after it:
//!
//! | you have | you want | use |
//! |---|---|---|
//! | the API, or any body | it in Kafka, in Parquet, in a place of your own | [`pipeline`] with a [`sink`] |
//! | a stream of bytes | a stream of licenses | [`FrameExt`](frame::FrameExt) |
//! | bytes, from wherever | records, Arrow batches | [`Framer`](frame::Framer) and [`decode`], without I/O |
//!
//! # A stream of licenses
//!
//! Every stream of chunks, a `reqwest` response's for one, can be read as a stream of records:
//!
#![cfg_attr(all(feature = "http", feature = "simulator"), doc = "```")]
#![cfg_attr(not(all(feature = "http", feature = "simulator")), doc = "```ignore")]
//! use futures_util::TryStreamExt;
//! use license_stream::{License, frame::FrameExt};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # use license_stream::simulate::{DEFAULT_TOKEN, Simulator};
//! # let simulator = Simulator::new().with_records(100).start()?;
//! # let url = format!(
//! #     "{}/unified/user-directory/licenses?integrated_account_id={}&truto_response_format=stream",
//! #     simulator.base_url(),
//! #     simulator.accounts()[0],
//! # );
//! # let http = reqwest::Client::builder().no_proxy().build()?;
//! # let response = http.get(url).bearer_auth(DEFAULT_TOKEN).send().await?.error_for_status()?;
//! # let mut count = 0;
//! let mut licenses = response.bytes_stream().frames().json::<License>();
//! while let Some(record) = licenses.try_next().await? {
//!     println!("{} at {}: {:?}", record.value.id, record.span.start, record.raw);
//! #   count += 1;
//! }
//! # assert_eq!(count, 100);
//! # Ok(())
//! # }
//! ```
//!
//! `value` is the record as a [`License`], or as whatever else serde can read; `raw` are its bytes as
//! they came, and `span` is where they stood. An error with [`is_record`](Error::is_record) is about
//! that one record, and the next call goes on behind it; after any other error the stream has ended.
//! [`truto::TrutoClient`] makes the request, tells errors apart by what can be done about them, and
//! knows whether a body came whole; [`truto::LicensePages`] follows cursors.
//!
//! # Bytes in, records out
//!
//! Without any feature the crate does no I/O, and has no runtime and no clock. Chunks are pushed in as
//! they come, and blocks of whole records are taken out:
//!
//! ```
//! use license_stream::decode::{Limits, identify};
//! use license_stream::frame::{Framer, FramerOptions};
//!
//! let mut framer = Framer::new(FramerOptions::default());
//! let mut ids = Vec::new();
//! for chunk in [Some("{\"id\":\"a\"}\n{\"id\":oo"), Some("ps}\n{\"id\":\"b\"}"), None] {
//!     match chunk {
//!         Some(chunk) => framer.push(chunk.into()),
//!         None => framer.finish(), // the body has ended, and is known to be whole
//!     }
//!     while let Some(block) = framer.next_block()? {
//!         for record in block.records() {
//!             match identify(record.bytes, &Limits::default()) {
//!                 Ok(id) => ids.push(id.into_owned()),
//!                 Err(fault) => println!("{}", fault.into_error(record.position)),
//!             }
//!         }
//!     }
//! }
//! assert_eq!(ids, ["a", "b"]);
//! # Ok::<(), license_stream::Error>(())
//! ```
//!
//! [`decode::arrow::LicenseBatchBuilder`] takes the same blocks and makes Arrow batches of them;
//! [`decode::CheckedBlock`] checks a block and keeps its bytes as they are.
//!
//! # A pipeline into a sink
//!
//! [`pipeline::run_source`] joins a source to a sink. Reading, decoding and writing overlap, on all
//! cores, with a bound in bytes on what is under way between them:
//!
#![cfg_attr(all(feature = "http", feature = "parquet", feature = "simulator"), doc = "```")]
#![cfg_attr(
    not(all(feature = "http", feature = "parquet", feature = "simulator")),
    doc = "```ignore"
)]
//! use license_stream::pipeline::{self, Options};
//! use license_stream::sink::parquet::{ParquetOptions, ParquetSink};
//! use license_stream::truto::{LicensePages, LicenseRequest, Token, TrutoClient};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # use license_stream::simulate::{DEFAULT_TOKEN, Simulator};
//! # let simulator = Simulator::new().with_records(100).start()?;
//! # let http = reqwest::Client::builder().no_proxy().build()?;
//! # let (base_url, token, account) = (simulator.base_url(), DEFAULT_TOKEN, &simulator.accounts()[0]);
//! # let directory = tempfile::tempdir()?;
//! let client = TrutoClient::new(http, &base_url, Token::new(token)?)?;
//! let pages = LicensePages::new(client, LicenseRequest::new(account));
//! let sink = ParquetSink::new(ParquetOptions::new(directory.path(), "snapshot-1")).await?;
//!
//! let summary = pipeline::run_source(pages, sink, Options::default()).await.into_result()?;
//! assert_eq!(summary.counts.records, 100);
//! # Ok(())
//! # }
//! ```
//!
//! The sinks are [`sink::kafka`], [`sink::parquet`] and [`sink::ndjson`]; one of your own is an
//! implementation of [`sink::Sink`], whose documentation has one in full.
//!
//! While a run goes on, [`pipeline::Progress`] counts it, or [calls back](pipeline::Progress::tell_while), and
//! [`pipeline::Options::stop`] ends it behind what was read. Nothing here starts a runtime, installs
//! anything for the whole process, or keeps state between runs but in a [`checkpoint`]. The only threads beside the
//! runtime's own are those of librdkafka; blocks are decoded on tokio's pool for blocking work, by no more at once, over
//! the process, than there are cores. Futures and streams are `Send + 'static` where what they are given is.
//!
//! # Frame first, decode second
//!
//! Most readers of a stream of JSON split it and parse it in one go. The parser then decides where a
//! record ends, and a parser that has met a broken byte no longer knows: it gives up on all that
//! follows, or it begins again somewhere inside the broken record. One bad record in a million costs
//! the run, or its neighbours.
//!
//! Here two steps that need to know nothing of each other do this. [`frame`] finds where records end,
//! without reading what they say. In newline-delimited JSON that is a search for line feeds: within
//! JSON a line feed in a string has to be escaped, so a raw one always ends a record, whatever is
//! wrong with the record. [`decode`] then checks each record by itself, against the grammar of
//! RFC 8259 and UTF-8, every byte of it, wanted or not. What follows from it:
//!
//! - **A broken record costs itself.** The next one begins where it began anyway.
//! - **A record has a [`Position`] before anyone has understood it:** the bytes before it, counted
//!   from 0 in the decoded body, its line, counted from 1, and the number of records before it, broken
//!   ones included. It follows from the body alone, not from chunks, blocks or threads, and counts on
//!   over all the bodies of a run. Messages, rejects and Kafka headers all name that one place, and a
//!   sink says up to which one everything is durable.
//! - **Blocks of whole records are the unit of work.** They are decoded on as many threads as there
//!   are, and put back in order.
//! - **A record can be passed on as it came.** Kafka and NDJSON get the very bytes that Truto sent, not
//!   what became of them by way of a parser and a printer.
//!
//! The price is that bytes are looked at twice. The first look is a search for one byte, which is
//! cheap beside the parsing. Where records stand inside one JSON value, in an envelope or an array,
//! framing must follow quotes and brackets, and a record in which these do not pair up ends the body:
//! nothing behind it could be trusted. So does one in which they stand where they may not, if others may
//! be in it, with [`ErrorKind::Malformed`].
//!
//! **A broken record is a [`Reject`], not an error.** An error is what the caller has to deal with
//! before anything can go on: the body was cut, the disk is full. A record that is no license is data:
//! it has a position, a [reason](RejectReason) and its bytes, and what is to become of it is a
//! [policy](pipeline::RejectPolicy) that is stated once, beforehand: end the run, count it, or keep it
//! as a dead letter. No message has any of a record's content, so that what customers have stored does
//! not end up in a log.
//!
//! # A success is earned
//!
//! Most of what can go wrong with a long body looks like its end. So nothing counts as whole because it
//! has stopped: a [source](pipeline::Source) ends a body without an error only if its length, its last
//! chunk or its own form says that this was all; a sink is [finished](sink::Sink::finish) only behind
//! that, and [aborted](sink::Sink::abort) otherwise; a [checkpoint] is written only behind what a sink
//! has said is [durable](sink::Sink::durable); and what a later run passes over was read again and
//! [compared](pipeline::Place) first. The price is a second look at what was delivered before a cut,
//! and an error where others are content with a part.
//!
//! # Features
//!
//! They only add. None is on by default.
//!
//! | feature | brings | rests on |
//! |---|---|---|
//! | none | [`frame::Framer`], [`decode`], [`encode`], [`License`]; no runtime, no I/O | bytes, memchr, serde |
//! | `stream` | [`frame::FrameExt`]: adapters of streams | futures-util |
//! | `arrow` | [`decode::arrow`]: Arrow batches, [`License::schema`] | arrow-array, arrow-schema |
//! | `pipeline` | [`pipeline`], [`sink`], [`sink::ndjson`], dead letters | tokio |
//! | `http` | [`truto`]: the endpoint as a source; choose a TLS feature of reqwest yourself | reqwest |
//! | `registry` | [`registry`]: schemas in a registry that speaks Confluent's API | reqwest |
//! | `parquet` | [`sink::parquet`] | parquet |
//! | `cloud` | [`cloud`]: Parquet files and checkpoints in S3, Google Cloud Storage and Azure, over the TLS of the system | object_store |
//! | `kafka` | [`sink::kafka`]; links the system's OpenSSL | rdkafka |
//! | `simulator` | [`simulate`]: a Truto API of our own, labelled so | tokio, httparse |
//! | `vendored` | builds OpenSSL from source instead of linking the system's | |
//! | `failpoints` | instants at which a crash test may kill the process; never in a release | rustix |
//! | `cli` | the command `license-stream`, with all of the above but `vendored` and `failpoints` | clap, reqwest's native-tls |
// Only docs.rs sets it, which builds with a nightly compiler: each item is shown with the feature that it needs.
#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(feature = "pipeline")]
pub mod accounts;
#[cfg(feature = "pipeline")]
pub mod checkpoint;
#[cfg(feature = "cloud")]
pub mod cloud;
pub mod decode;
#[cfg(feature = "pipeline")]
pub mod digest;
pub mod encode;
pub mod error;
#[cfg(feature = "pipeline")]
mod failpoint;
pub mod frame;
mod insight;
pub mod integration;
#[cfg(feature = "pipeline")]
mod kept;
pub mod license;
mod masked;
#[cfg(test)]
mod mutated;
#[cfg(any(test, fuzzing))]
mod numbers;
#[cfg(feature = "pipeline")]
pub mod pipeline;
pub mod position;
mod printable;
#[cfg(feature = "registry")]
pub mod registry;
pub mod reject;
#[cfg(feature = "pipeline")]
mod room;
pub mod schema;

/// What the fuzzer holds true; there under `--cfg fuzzing` only.
#[cfg(fuzzing)]
#[doc(hidden)]
pub mod fuzzing {
    /// Any chunking of a body gives the same framing, in every shape.
    pub fn framing(body: &[u8]) {
        use crate::frame::Shape;

        for shape in [
            Shape::Auto,
            Shape::Lines,
            Shape::Envelope,
            Shape::Sequence,
            Shape::Document,
            Shape::Prefixed,
        ] {
            crate::frame::chunking::check(body, shape);
        }
    }

    /// A record is read alike by every path, alone or beside others.
    pub fn decoding(record: &[u8]) {
        crate::decode::differential::compare(&[record, br#"{"id":"a"}"#, record]);
    }
}
mod simd;
#[cfg(feature = "simulator")]
pub mod simulate;
#[cfg(feature = "pipeline")]
pub mod sink;
pub mod timestamp;
#[cfg(feature = "http")]
pub mod truto;

pub use error::{Error, ErrorKind, Result};
pub use integration::Integration;
pub use license::License;
pub use masked::masked;
pub use position::{Position, Span};
pub use printable::printable;
pub use reject::{Reject, RejectReason};
pub use timestamp::Timestamp;

/// The Rust of the README, compiled and run with the other doctests.
#[cfg(all(doctest, feature = "cli"))]
#[doc = include_str!("../README.md")]
struct Readme;

/// The Rust of the guide for programs that have the library in them, likewise.
#[cfg(all(doctest, feature = "cli"))]
#[doc = include_str!("../docs/embedding.md")]
struct EmbeddingGuide;

/// The Rust of the simulator's guide, likewise.
#[cfg(all(doctest, feature = "cli"))]
#[doc = include_str!("../docs/simulator.md")]
struct SimulatorGuide;
