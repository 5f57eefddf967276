//! Streams software licenses out of the Truto unified API into Kafka topics and Parquet files.

pub mod schema;
#[cfg(feature = "simulator")]
pub mod simulate;
