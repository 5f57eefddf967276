//! Whether a place takes what a run would put there, found out by doing so.

use uuid::Uuid;

use super::{Bucket, Register};
use crate::error::Result;

impl Bucket {
    /// Writes a small object below this place, makes sure that the store keeps the conditions on which runs rely, and
    /// removes it again.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`](crate::ErrorKind::Configuration) if the store keeps no conditional puts; those of
    /// a store that is not there, refuses, or cannot be written to.
    pub async fn probe(&self) -> Result<()> {
        let name = format!("_license-stream/check-{}", Uuid::now_v7());
        let proved = match Register::take(self, &name, |_| 0_u64).await {
            Ok(register) => register.prove_conditions().await,
            Err(error) => return Err(error),
        };
        // Whatever was found: it is not to stay.
        let removed = self.remove(std::slice::from_ref(&name)).await;
        proved.and(removed)
    }
}
