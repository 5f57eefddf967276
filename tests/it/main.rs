//! The integration tests, in one binary: the command as it was built, a real Kafka broker, and readers
//! of what it writes that are not ours. `make test` starts what they need.

mod examples;
mod parquet;
mod readers;
mod schemas;
mod shapes;
mod support;
