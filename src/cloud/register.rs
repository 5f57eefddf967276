//! A value that several runs write, each only over what it has seen.

use bytes::Bytes;
use object_store::{Error as StoreError, ObjectStoreExt, PutMode, PutOptions, UpdateVersion};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Bucket, answer, failure};
use crate::error::{Error, ErrorKind, Result};
use crate::kept;

/// How often a value is read anew because another run wrote it meanwhile. Each time, that run came on.
const ATTEMPTS: usize = 30;

/// An object that holds a value, as one run has written it last.
///
/// Every write has the condition that the object is as this run knows it. Who
/// [takes](Self::take) a register makes sure, by a write of its own, that no earlier holder's write can
/// succeed any more, however late it arrives.
#[derive(Debug)]
pub(crate) struct Register<T> {
    bucket: Bucket,
    name: String,
    version: UpdateVersion,
    stored: Stored<T>,
}

/// What the object is. No two writes are the same bytes: a store tells objects apart by a hash of their
/// content, and whoever finds its own write knows it, should the answer to it have been lost.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Stored<T> {
    /// Who wrote it.
    run: String,
    /// The how manieth of its writes it is.
    write: u64,
    pub(crate) value: T,
}

impl<T> Stored<T> {
    pub(crate) fn from_json(json: &[u8]) -> serde_json::Result<Self>
    where
        T: DeserializeOwned,
    {
        serde_json::from_slice(json)
    }
}

/// What became of a write.
enum Put {
    Done(UpdateVersion),
    /// The object is not as it was known.
    Lost,
}

impl<T: Clone + Serialize + DeserializeOwned> Register<T> {
    /// Takes the register `name`, with the value that `change` makes of the one before.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`] if the store keeps no conditional puts; [`ErrorKind::Input`] if
    /// something else is in the register; those of a store that cannot be written to.
    pub(crate) async fn take(
        bucket: &Bucket,
        name: &str,
        change: impl FnMut(Option<T>) -> T,
    ) -> Result<Self> {
        Self::take_or(bucket, name, async || Ok(None), change).await
    }

    /// The same, where nothing is in the register with what `otherwise` answers in the place of the value before.
    pub(crate) async fn take_or<F>(
        bucket: &Bucket,
        name: &str,
        otherwise: impl Fn() -> F,
        mut change: impl FnMut(Option<T>) -> T,
    ) -> Result<Self>
    where
        F: Future<Output = Result<Option<T>>>,
    {
        let run = Uuid::now_v7().to_string();
        for write in 0..ATTEMPTS as u64 {
            let (before, version) = match read(bucket, name).await? {
                Some((json, version)) => {
                    let stored = Stored::from_json(&json).map_err(|error| {
                        let message = format!(
                            "{} is of another version, or damaged: go on with the version that wrote it, or \
                             remove that object while nothing runs",
                            bucket.url_of(name)
                        );
                        Error::new(ErrorKind::Input, message).caused_by(error)
                    })?;
                    (Some(stored.value), Some(version))
                }
                None => (otherwise().await?, None),
            };
            let stored = Stored { run: run.clone(), write, value: change(before) };
            if let Put::Done(version) = put(bucket, name, &stored, version).await? {
                return Ok(Self { bucket: bucket.clone(), name: name.to_owned(), version, stored });
            }
        }
        let message = format!(
            "{} could not be written: other runs write it all the time",
            bucket.url_of(name)
        );
        Err(Error::new(ErrorKind::Destination, message))
    }

    pub(crate) fn value(&self) -> &T {
        &self.stored.value
    }

    /// Writes `value`, if nobody else has taken the register; otherwise the answer is false.
    pub(crate) async fn try_set(&mut self, value: T) -> Result<bool> {
        let Stored { run, write, .. } = &self.stored;
        let stored = Stored { run: run.clone(), write: write + 1, value };
        let known = Some(self.version.clone());
        let put = put(&self.bucket, &self.name, &stored, known).await?;
        if let Put::Done(version) = put {
            self.version = version;
            self.stored = stored;
            return Ok(true);
        }
        Ok(false)
    }

    /// Writes `value`.
    ///
    /// # Errors
    /// [`ErrorKind::Destination`] if another run has taken the register.
    pub(crate) async fn set(&mut self, value: T) -> Result<()> {
        if self.try_set(value).await? { Ok(()) } else { Err(self.taken_over()) }
    }

    /// The same, as what is behind `error`. What would help against that by itself does not: a run that is begun
    /// again takes over from the other one.
    pub(crate) fn taken_over_by(&self, error: Error) -> Error {
        self.taken_over().caused_by(Overtaken(Some(error.without_advice())))
    }

    pub(crate) fn taken_over(&self) -> Error {
        overtaken(&self.bucket, &self.name)
    }

    /// Makes sure that the store keeps conditions, and does not pass over them.
    pub(crate) async fn prove_conditions(&self) -> Result<()> {
        let options = PutOptions::from(PutMode::Create);
        let path = self.bucket.path(&self.name);
        // The same bytes: a store that does not mind changes nothing.
        let put = self.bucket.store().put_opts(&path, self.stored.json().into(), options).await;
        match put {
            Err(StoreError::AlreadyExists { .. } | StoreError::Precondition { .. }) => Ok(()),
            Ok(_) => Err(unconditional(&self.bucket)),
            Err(error) => Err(self.bucket.not_written(&self.name, error)),
        }
    }
}

/// Behind errors that say that another run has taken over, so that they can be told from others; with what the store
/// said, if that is known.
#[derive(Debug)]
struct Overtaken(Option<Error>);

impl std::fmt::Display for Overtaken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("another run has taken over")
    }
}

impl std::error::Error for Overtaken {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.as_ref().map(|error| error as _)
    }
}

/// That another run has written `name` meanwhile, and so taken over.
pub(crate) fn overtaken(bucket: &Bucket, name: &str) -> Error {
    let message = format!(
        "another run has taken over: it has written {} since; this one ends, and what it had not \
         completed is the other's",
        bucket.url_of(name)
    );
    Error::new(ErrorKind::Destination, message).caused_by(Overtaken(None))
}

/// Whether it says that another run has taken over what this one was at, in an object store.
pub fn is_overtaken(error: &Error) -> bool {
    std::error::Error::source(error).is_some_and(<dyn std::error::Error>::is::<Overtaken>)
}

impl<T: Serialize> Stored<T> {
    fn json(&self) -> Vec<u8> {
        // Numbers, text, and maps with text for keys: nothing that JSON cannot say.
        let mut json = serde_json::to_vec(self).unwrap_or_default();
        json.push(b'\n');
        json
    }
}

async fn read(bucket: &Bucket, name: &str) -> Result<Option<(Bytes, UpdateVersion)>> {
    let unreadable =
        |error| failure::failed(format!("{} could not be read", bucket.url_of(name)), error);
    let found = match bucket.store().get(&bucket.path(name)).await {
        Ok(found) => found,
        Err(error) if failure::is_missing_object(&error) => return Ok(None),
        Err(error) => return Err(unreadable(error)),
    };
    let (e_tag, version) = (found.meta.e_tag.clone(), found.meta.version.clone());
    let json = answer::whole(found).await.map_err(unreadable)?;
    Ok(Some((json, UpdateVersion { e_tag, version })))
}

async fn put<T: Serialize>(
    bucket: &Bucket,
    name: &str,
    stored: &Stored<T>,
    known: Option<UpdateVersion>,
) -> Result<Put> {
    let json = stored.json();
    kept::refuse_too_long(&bucket.url_of(name), &json, kept::MOST_KEPT_BYTES)?;
    let path = bucket.path(name);
    let mut known = known;
    for _ in 0..ATTEMPTS {
        let mode = known.take().map_or(PutMode::Create, PutMode::Update);
        let put = bucket.store().put_opts(&path, json.clone().into(), PutOptions::from(mode)).await;
        match put {
            Ok(done) => {
                return Ok(Put::Done(UpdateVersion { e_tag: done.e_tag, version: done.version }));
            }
            Err(StoreError::AlreadyExists { .. } | StoreError::Precondition { .. }) => {
                match read(bucket, name).await? {
                    // The answer to it was lost, and it was sent again.
                    Some((found, version)) if found == json => return Ok(Put::Done(version)),
                    // So it was with an earlier one, which was told as one that had failed.
                    Some((found, version)) if is_of_run(&found, &stored.run) => {
                        known = Some(version);
                    }
                    _ => return Ok(Put::Lost),
                }
            }
            Err(StoreError::NotImplemented { .. }) => return Err(unconditional(bucket)),
            Err(error) => return Err(bucket.not_written(name, error)),
        }
    }
    Ok(Put::Lost)
}

/// Whether what is in a register was written by this run.
fn is_of_run(json: &[u8], run: &str) -> bool {
    Stored::<serde::de::IgnoredAny>::from_json(json).is_ok_and(|found| found.run == run)
}

fn unconditional(bucket: &Bucket) -> Error {
    let mut message = format!(
        "{bucket} keeps no conditional puts (If-None-Match, If-Match), without which two runs could mix: \
         use a store that does"
    );
    if bucket.to_string().starts_with("s3://") {
        message.push_str(", and leave AWS_CONDITIONAL_PUT at etag");
    }
    Error::new(ErrorKind::Configuration, message)
}

impl Bucket {
    fn not_written(&self, name: &str, error: StoreError) -> Error {
        failure::failed(format!("{} could not be written", self.url_of(name)), error)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use object_store::memory::InMemory;

    use super::*;

    #[tokio::test]
    async fn who_was_taken_over_from_is_not_told_to_run_again() {
        let bucket = Bucket::new(Arc::new(InMemory::new()), "a", "memory:///a");
        let register = Register::take(&bucket, "kept", |_| String::new()).await.unwrap();
        let status = "x: Server returned non-2xx status code: 500 Internal Server Error: ".into();
        let failing = StoreError::Generic { store: "S3", source: status };
        let failing = failure::failed("a could not be written".to_owned(), failing);
        assert!(failing.to_string().contains("run again once it answers"), "{failing}");
        let error = register.taken_over_by(failing);
        assert!(is_overtaken(&error));
        let first: &dyn std::error::Error = &error;
        let told: Vec<_> = std::iter::successors(Some(first), |error| error.source())
            .map(ToString::to_string)
            .collect();
        let told = told.join(": ");
        assert!(told.contains("the store answered with status 500"), "{told}");
        assert!(!told.contains("run again"), "{told}");
    }

    #[tokio::test]
    async fn a_write_whose_answer_was_lost_is_not_another_runs() {
        let bucket = Bucket::new(Arc::new(InMemory::new()), "a", "memory:///a");
        let mut register = Register::take(&bucket, "kept", |_| 0).await.unwrap();
        // It came to be, and nobody was told.
        let version = register.version.clone();
        assert!(register.try_set(1).await.unwrap());
        register.version = version;
        assert!(register.try_set(2).await.unwrap());
        let mut other = Register::take(&bucket, "kept", Option::unwrap_or_default).await.unwrap();
        assert_eq!(*other.value(), 2);
        assert!(!register.try_set(3).await.unwrap(), "another run has it");
        assert!(other.try_set(4).await.unwrap());
    }

    #[tokio::test]
    async fn what_could_not_be_read_any_more_is_neither_written_nor_read() {
        let bucket = Bucket::new(Arc::new(InMemory::new()), "a", "memory:///a");
        let mut register = Register::take(&bucket, "kept", |_| String::new()).await.unwrap();
        let error = register.set("x".repeat(kept::MOST_KEPT_BYTES)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Destination);
        assert!(error.message().starts_with("memory:///a/kept would have 167772"), "{error}");
        assert!(error.message().ends_with("with a larger --file-bytes"), "{error}");
        register.set("as it was".to_owned()).await.expect("nothing was written");

        let long = vec![b' '; kept::MOST_BYTES + 1];
        assert!(bucket.put("long", long.clone()).await.is_err());
        bucket.store().put(&bucket.path("long"), long.into()).await.unwrap();
        for error in [
            bucket.read("long").await.unwrap_err(),
            Register::<String>::take(&bucket, "long", Option::unwrap_or_default).await.unwrap_err(),
        ] {
            assert_eq!(error.kind(), ErrorKind::Destination);
            assert_eq!(error.message(), "memory:///a/long could not be read");
        }
    }
}
