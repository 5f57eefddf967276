//! How much may wait for delivery reports.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Bytes that may be in flight, whichever sink they are from. Whoever waits for room gets it in turn, so
/// that no sink starves.
#[derive(Clone, Debug)]
pub(super) struct Room {
    free: Arc<Semaphore>,
    bytes: u32,
}

impl Room {
    pub(super) fn new(bytes: usize) -> Self {
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX).max(1);
        Self { free: Arc::new(Semaphore::new(bytes as usize)), bytes }
    }

    /// Takes `bytes` once they are free; all that there are, where it is more than that.
    pub(super) async fn take(&self, bytes: usize) -> Option<OwnedSemaphorePermit> {
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX).clamp(1, self.bytes);
        // It is never closed, so there is always a permit.
        Arc::clone(&self.free).acquire_many_owned(bytes).await.ok()
    }
}
