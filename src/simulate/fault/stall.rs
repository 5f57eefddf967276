//! Answers that stand still.

use std::time::Duration;

/// How long nothing is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Stall {
    /// So long; then the answer goes on.
    For(Duration),
    /// Until the client gives up and closes the connection.
    Forever,
}

impl Stall {
    /// Waits so long; for ever, if that is what it is told.
    pub(in crate::simulate) async fn pass(self) {
        match self {
            Self::For(time) => tokio::time::sleep(time).await,
            Self::Forever => std::future::pending().await,
        }
    }
}
