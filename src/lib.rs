//! Streams software licenses out of the Truto unified API into Kafka topics and Parquet files.

pub mod decode;
pub mod error;
pub mod frame;
pub mod license;
#[cfg(feature = "pipeline")]
pub mod pipeline;
pub mod position;
pub mod reject;
pub mod schema;
mod simd;
#[cfg(feature = "simulator")]
pub mod simulate;
#[cfg(feature = "pipeline")]
pub mod sink;
pub mod timestamp;
#[cfg(feature = "http")]
pub mod truto;

pub use error::{Error, ErrorKind, Result};
pub use license::License;
pub use position::{Position, Span};
pub use reject::{Reject, RejectReason};
pub use timestamp::Timestamp;
