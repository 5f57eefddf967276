//! The integration tests, in one binary: the command as it was built, a real Kafka broker, and readers
//! of what it writes that are not ours. `make test` starts what they need.

#![expect(clippy::unwrap_used, reason = "a test that panics has done its work, its helpers too")]

mod accounts;
mod azure;
mod cli;
mod compact;
#[cfg(feature = "failpoints")]
mod crash;
mod demo;
mod documents;
mod embedding;
mod examples;
mod gcs;
mod http;
mod kafka;
mod ndjson;
mod observe;
mod packaging;
mod parquet;
mod pipelines;
mod promises;
mod readers;
mod rejects;
mod replay;
mod report;
mod requests;
mod s3;
mod schemas;
mod shapes;
mod stores;
mod support;
mod troubleshooting;
