//! Clients that nobody waits for any more.

use std::ops::Deref;

use tokio::runtime::Handle;

/// A client of Kafka that is closed beside whatever comes next: its threads take a tenth of a second to end, and
/// until then it would hold up a run that has only begun. The runtime waits for it when it is shut down itself.
#[derive(Debug)]
pub(super) struct ClosedAside<T: Send + 'static>(Option<T>);

impl<T: Send + 'static> ClosedAside<T> {
    pub(super) fn new(client: T) -> Self {
        Self(Some(client))
    }
}

impl<T: Send + 'static> Deref for ClosedAside<T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.0.as_ref().expect("a client is there until it is dropped")
    }
}

impl<T: Send + 'static> Drop for ClosedAside<T> {
    fn drop(&mut self) {
        let client = self.0.take();
        // Without a runtime it is closed here and now.
        if let Ok(runtime) = Handle::try_current() {
            runtime.spawn_blocking(move || drop(client));
        }
    }
}
