//! An object that is uploaded in parts, and appears as a whole.

use std::io::{self, Write};
use std::sync::Arc;

use object_store::multipart::PartId;
use object_store::{Error as StoreError, PutPayload};
use tokio::runtime::Handle;
use tokio::task::JoinSet;

use super::{Bucket, failure};
use crate::error::{Error, ErrorKind, Result};

/// The least that S3 and GCS take for a part that is not the last.
const PART_BYTES: usize = 5 << 20;

/// An upload that has been begun. Dropped before it is [completed](Self::complete), it is given up.
#[derive(Debug)]
pub(crate) struct Upload {
    bucket: Bucket,
    name: String,
    id: String,
    runtime: Handle,
    /// The part in hand.
    part: Vec<u8>,
    /// Parts on their way, and those that are there, by their numbers.
    sending: JoinSet<(usize, Result<PartId, StoreError>)>,
    sent: Vec<Option<PartId>>,
    is_over: bool,
}

/// How an upload ended.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Completed {
    Done,
    /// There is no such upload: another run gave it up, or the answer to its completion was lost.
    Gone,
}

impl Upload {
    /// Begins to upload `name`.
    pub(crate) async fn begin(bucket: &Bucket, name: &str) -> Result<Self> {
        let id = bucket.store().create_multipart(&bucket.path(name)).await;
        let id = id.map_err(|error| {
            failure::failed(format!("{} could not be written", bucket.url_of(name)), error)
        })?;
        Ok(Self {
            bucket: bucket.clone(),
            name: name.to_owned(),
            id,
            runtime: Handle::current(),
            part: Vec::new(),
            sending: JoinSet::new(),
            sent: Vec::new(),
            is_over: false,
        })
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// By which another run can give it up.
    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    /// Sends what is left, and waits until all parts are there.
    pub(crate) async fn send(&mut self) -> Result<()> {
        if !self.part.is_empty() || self.sent.is_empty() {
            self.send_part().await?;
        }
        while let Some(sent) = self.sending.join_next().await {
            self.take(sent)?;
        }
        Ok(())
    }

    /// Makes the object of the parts that were [sent](Self::send).
    pub(crate) async fn complete(mut self) -> Result<Completed> {
        let parts: Vec<_> = std::mem::take(&mut self.sent).into_iter().flatten().collect();
        let path = self.bucket.path(&self.name);
        let completed = self.bucket.store().complete_multipart(&path, &self.id, parts).await;
        match completed {
            Ok(_) => {
                self.is_over = true;
                Ok(Completed::Done)
            }
            Err(error) if failure::is_missing_upload(&error) => {
                self.is_over = true;
                Ok(Completed::Gone)
            }
            Err(error) => Err(self.failed(error)),
        }
    }

    /// Begins to send the part in hand, once there is room for it on the way.
    async fn send_part(&mut self) -> Result<()> {
        while let Some(sent) = self.sending.try_join_next() {
            self.take(sent)?;
        }
        let slot = Arc::clone(&self.bucket.0.slots).acquire_owned().await;
        let slot = slot.map_err(|error| {
            Error::new(ErrorKind::Internal, "uploads have ended").caused_by(error)
        })?;
        let (number, bytes) = (self.sent.len(), std::mem::take(&mut self.part));
        self.sent.push(None);
        let (bucket, path, id) =
            (self.bucket.clone(), self.bucket.path(&self.name), self.id.clone());
        let send = async move {
            let part = PutPayload::from(bytes);
            let sent = bucket.store().put_part(&path, &id, number, part).await;
            drop(slot);
            (number, sent)
        };
        self.sending.spawn_on(send, &self.runtime);
        Ok(())
    }

    fn take(
        &mut self,
        sent: Result<(usize, Result<PartId, StoreError>), tokio::task::JoinError>,
    ) -> Result<()> {
        let (number, sent) = sent.map_err(|error| {
            Error::new(ErrorKind::Internal, "uploading a part failed").caused_by(error)
        })?;
        self.sent[number] = Some(sent.map_err(|error| self.failed(error))?);
        Ok(())
    }

    fn failed(&self, error: StoreError) -> Error {
        let what = format!("{} could not be written", self.bucket.url_of(&self.name));
        failure::failed(what, error)
    }
}

/// Waits while too many parts are on their way: only for threads that may.
impl Write for Upload {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let room = PART_BYTES - self.part.len();
        let taken = &bytes[..bytes.len().min(room)];
        self.part.extend_from_slice(taken);
        if self.part.len() == PART_BYTES {
            let runtime = self.runtime.clone();
            runtime.block_on(self.send_part()).map_err(io::Error::other)?;
        }
        Ok(taken.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        if self.is_over {
            return;
        }
        let mut sending = std::mem::take(&mut self.sending);
        let (bucket, name, id) =
            (self.bucket.clone(), std::mem::take(&mut self.name), std::mem::take(&mut self.id));
        let abort = async move {
            // A part that arrived after the upload was given up could stay for ever.
            sending.shutdown().await;
            // The next run does it if this fails: the upload is on record.
            let _ = bucket.abort(&name, &id).await;
        };
        self.bucket.aborts().spawn_on(abort, &self.runtime);
    }
}
