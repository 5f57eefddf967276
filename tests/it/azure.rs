//! Parquet files and checkpoints in Azure's blobs: a real server of its protocol, read back by a client that is not
//! ours.

mod cuts;
mod export;
mod overtaken;
mod refusals;

use crate::stores::{parquet, rows, summary};
