//! Object stores: S3, and what speaks its protocol; Google Cloud Storage; Azure Blob Storage.
//!
//! A [`Bucket`] is a place in one, to which Parquet files are written and in which checkpoints are kept,
//! as in a directory. There is no lock in an object store. In its stead, what runs keep there for
//! themselves is written on the condition that nobody else has written it since: so a later run takes
//! over from an earlier one, whose next step then fails. A store must therefore keep conditional puts
//! (`If-None-Match`, `If-Match`); one that does not is refused.

mod address;
mod answer;
mod azure;
mod client;
mod credentials;
mod crypto;
mod environment;
mod failure;
mod gcs;
mod listing;
mod probe;
mod register;
mod s3;
mod staged;
mod upload;

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use object_store::multipart::MultipartStore;
use object_store::path::{Path, PathPart};
use object_store::{ObjectMeta, ObjectStore, ObjectStoreExt};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::error::{Error, Result};
use crate::{kept, masked};
use address::Address;
use failure::failed;
pub use failure::is_away;
pub(crate) use failure::is_of_a_failing_store;
use listing::Uploads;
pub use register::is_overtaken;
pub(crate) use register::overtaken;
pub(crate) use register::{Register, Stored};
use staged::Staged;
pub(crate) use upload::{Completed, Upload};

/// Parts of uploads that are on their way at once, over all files: with the part in hand of each file,
/// they are what uploading takes of memory.
const PARTS_IN_FLIGHT: usize = 4;

/// Objects that are asked for, or removed, at once.
const REQUESTS_AT_ONCE: usize = 8;

/// What a [`Bucket`] needs of a store. Whatever has uploads in parts is one.
pub trait Store: ObjectStore + MultipartStore {}

impl<S: ObjectStore + MultipartStore> Store for S {}

/// A place in an object store: all names that begin with a prefix.
///
/// ```
/// use std::sync::Arc;
///
/// use license_stream::cloud::Bucket;
/// use license_stream::pipeline::{self, Options};
/// use license_stream::sink::parquet::{ParquetOptions, ParquetSink};
/// use object_store::memory::InMemory;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> license_stream::Result<()> {
/// # let body = futures_util::stream::iter([Ok::<_, license_stream::Error>("{\"id\":\"a\"}\n".into())]);
/// // Of the environment: Bucket::open("s3://lake/licenses"), of gs:// and az:// too
/// let bucket = Bucket::new(Arc::new(InMemory::new()), "licenses", "memory:///licenses");
/// let options = ParquetOptions::new(&bucket, "01a20c7e-5167-7459-84d1-21cf616966d5");
/// let sink = ParquetSink::new(options).await?;
/// let summary = pipeline::run(body, sink, Options::default()).await.into_result()?;
///
/// let path = summary.report.files[0].path.display().to_string();
/// assert!(path.starts_with("memory:///licenses/input-01a20c7e-"));
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Bucket(Arc<Inner>);

struct Inner {
    store: Arc<dyn Store>,
    prefix: Path,
    url: String,
    listing: Option<Arc<dyn Uploads>>,
    slots: Arc<Semaphore>,
    /// Uploads that are being given up.
    aborts: Mutex<JoinSet<()>>,
    /// Whose turn it is to change what all accounts of a run change.
    turn: tokio::sync::Mutex<()>,
}

impl Bucket {
    /// The place below `prefix` of `store`; messages and summaries call it `url`.
    ///
    /// An upload in parts that was given up must not be completable any more, as it is not in S3 and Google Cloud
    /// Storage. Of Azure that is not so: that is for [`staged`](Self::staged).
    pub fn new(
        store: Arc<impl ObjectStore + MultipartStore>,
        prefix: impl Into<Path>,
        url: impl Into<String>,
    ) -> Self {
        Self::with_listing(store, prefix.into(), &url.into(), None)
    }

    /// The same of a store in which uploads in parts have no ids of their own and cannot be given up, which is
    /// [`MicrosoftAzure`](object_store::azure::MicrosoftAzure): they are made such, and lie below
    /// `prefix/_license-stream/uploads/` until they are completed.
    pub fn staged(
        store: Arc<impl ObjectStore + MultipartStore>,
        prefix: impl Into<Path>,
        url: impl Into<String>,
    ) -> Self {
        let prefix = prefix.into();
        let store = Arc::new(Staged::new(store, prefix.clone()));
        let listing: Arc<dyn Uploads> = Arc::clone(&store) as _;
        Self::with_listing(store, prefix, &url.into(), Some(listing))
    }

    /// The place that an address names: `s3://bucket/prefix`; `gs://bucket/prefix`; `az://container/prefix`, or
    /// `abfss://container@account.dfs.core.windows.net/prefix`.
    ///
    /// Credentials and settings are those of the environment, by the names that `object_store` has for them. One that
    /// is empty is not set. For S3, what they do not say is taken of the profile that `AWS_PROFILE` names, or of `default`: its
    /// keys, its region and its endpoint. Plain HTTP is spoken to this machine only, unless it is said that it may. Nothing is sent
    /// yet.
    ///
    /// | | credentials | other settings |
    /// |---|---|---|
    /// | S3 | `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY`; a web identity; keys of a profile in `~/.aws`; a container's or an instance's role | `AWS_REGION`, `AWS_ENDPOINT_URL`, `AWS_ALLOW_HTTP` |
    /// | Google Cloud Storage | `GOOGLE_APPLICATION_CREDENTIALS` or `GOOGLE_SERVICE_ACCOUNT`; what `gcloud auth application-default login` has left; the machine's service account | `GOOGLE_BASE_URL`, `GOOGLE_ALLOW_HTTP` |
    /// | Azure | `AZURE_STORAGE_ACCOUNT_KEY`; `AZURE_STORAGE_SAS_TOKEN`; `AZURE_CLIENT_ID` with `AZURE_TENANT_ID`, and with `AZURE_CLIENT_SECRET` or `AZURE_FEDERATED_TOKEN_FILE`; a managed identity | `AZURE_STORAGE_ACCOUNT_NAME`, `AZURE_STORAGE_ENDPOINT`, `AZURE_ALLOW_HTTP` |
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`](crate::ErrorKind::Configuration) if the address is none, or if the environment does not fit it.
    pub fn open(url: &str) -> Result<Self> {
        let address = Address::of(url);
        match address.scheme {
            "s3" => s3::open(address),
            "gs" => gcs::open(address),
            "az" | "azure" | "abfs" | "abfss" => azure::open(address),
            _ => Err(address.wrong(
                "an object store is named s3://BUCKET/PREFIX, gs://BUCKET/PREFIX or az://CONTAINER/PREFIX",
            )),
        }
    }

    fn with_listing(
        store: Arc<dyn Store>,
        prefix: Path,
        url: &str,
        listing: Option<Arc<dyn Uploads>>,
    ) -> Self {
        Self(Arc::new(Inner {
            store,
            prefix,
            url: masked(url.trim_end_matches('/')).into_owned(),
            listing,
            slots: Arc::new(Semaphore::new(PARTS_IN_FLIGHT)),
            aborts: Mutex::default(),
            turn: tokio::sync::Mutex::default(),
        }))
    }

    /// Whose turn it is to change what all accounts of a run change.
    pub(crate) async fn turn(&self) -> tokio::sync::MutexGuard<'_, ()> {
        self.0.turn.lock().await
    }

    /// The store.
    pub fn store(&self) -> &Arc<dyn Store> {
        &self.0.store
    }

    /// The address of `name`.
    pub(crate) fn url_of(&self, name: &str) -> String {
        format!("{}/{name}", self.0.url)
    }

    /// The path of `name`, which may have slashes in it, in the store.
    pub(crate) fn path(&self, name: &str) -> Path {
        let join = |path: Path, part| match PathPart::parse(part) {
            Ok(part) => path.join(part),
            // Escaped, it can be one.
            Err(_) => path.join(part),
        };
        name.split('/').fold(self.0.prefix.clone(), join)
    }

    /// The place below `folder`.
    #[must_use]
    pub fn folder(&self, folder: &str) -> Self {
        let Inner { store, listing, .. } = &*self.0;
        let (path, url) = (self.path(folder), self.url_of(folder));
        Self::with_listing(Arc::clone(store), path, &url, listing.clone())
    }

    /// The names of the objects directly below `folder`, with their lengths, in order.
    pub(crate) async fn names(&self, folder: &str) -> Result<Vec<(String, u64)>> {
        let prefix = if folder.is_empty() { self.0.prefix.clone() } else { self.path(folder) };
        let listed = self.store().list_with_delimiter(Some(&prefix)).await;
        let listed = listed.map_err(|error| self.not_listed(error))?;
        let name = |object: ObjectMeta| Some((object.location.filename()?.to_owned(), object.size));
        let mut names: Vec<_> = listed.objects.into_iter().filter_map(name).collect();
        names.sort();
        Ok(names)
    }

    /// Some names of objects directly below `folder`: those among the first `most` at whatever depth, in order. As many
    /// as a page of a listing has cost one request.
    pub(crate) async fn some_names(&self, folder: &str, most: usize) -> Result<Vec<String>> {
        let folder = self.path(folder);
        let listed = self.store().list(Some(&folder)).take(most).try_collect::<Vec<_>>().await;
        let listed = listed.map_err(|error| self.not_listed(error))?;
        let name = |object: ObjectMeta| {
            let mut parts = object.location.prefix_match(&folder)?;
            let name = parts.next()?.as_ref().to_owned();
            parts.next().is_none().then_some(name)
        };
        let mut names: Vec<_> = listed.into_iter().filter_map(name).collect();
        names.sort();
        Ok(names)
    }

    /// The names of the objects here, and of those in folders below of names that `is_wanted`, with their
    /// lengths, in order.
    pub(crate) async fn tree(&self, is_wanted: fn(&str) -> bool) -> Result<Vec<(String, u64)>> {
        let listed = self.store().list_with_delimiter(Some(&self.0.prefix)).await;
        let listed = listed.map_err(|error| self.not_listed(error))?;
        let is_wanted_folder = |folder: &Path| folder.filename().is_some_and(is_wanted);
        let folders = listed.common_prefixes.into_iter().filter(is_wanted_folder);
        let below = |folder: Path| self.store().list(Some(&folder)).try_collect::<Vec<_>>();
        let below = stream::iter(folders.map(below)).buffer_unordered(REQUESTS_AT_ONCE);
        let below: Vec<Vec<_>> =
            below.try_collect().await.map_err(|error| self.not_listed(error))?;
        let name = |object: ObjectMeta| {
            let parts: Vec<_> = object.location.prefix_match(&self.0.prefix)?.collect();
            let (_, folders) = parts.split_last()?;
            let is_there = folders.iter().all(|folder| is_wanted(folder.as_ref()));
            let parts: Vec<_> = parts.iter().map(AsRef::as_ref).collect();
            is_there.then(|| (parts.join("/"), object.size))
        };
        let objects = listed.objects.into_iter().chain(below.into_iter().flatten());
        let mut names: Vec<_> = objects.filter_map(name).collect();
        names.sort();
        Ok(names)
    }

    fn not_listed(&self, error: object_store::Error) -> Error {
        failed(format!("{} could not be listed", self.0.url), error)
    }

    /// The bytes of `name`, if it is there.
    pub(crate) async fn read(&self, name: &str) -> Result<Option<Bytes>> {
        let read = async { answer::whole(self.store().get(&self.path(name)).await?).await };
        match read.await {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if failure::is_missing_object(&error) => Ok(None),
            Err(error) => Err(failed(format!("{} could not be read", self.url_of(name)), error)),
        }
    }

    /// A stretch of `name`.
    pub(crate) async fn read_range(
        &self,
        name: &str,
        range: std::ops::Range<u64>,
    ) -> Result<Bytes> {
        if range.is_empty() {
            // What stores have no way to ask for.
            return Ok(Bytes::new());
        }
        let read = self.store().get_range(&self.path(name), range).await;
        read.map_err(|error| failed(format!("{} could not be read", self.url_of(name)), error))
    }

    /// The bytes of each of `names`, in their order, if it is there.
    pub(crate) async fn read_each(
        &self,
        names: Vec<String>,
    ) -> Vec<(String, Result<Option<Bytes>>)> {
        let read = |name: String| async move {
            let read = self.read(&name).await;
            (name, read)
        };
        let reads: Vec<_> = names.into_iter().map(read).collect();
        stream::iter(reads).buffered(REQUESTS_AT_ONCE).collect().await
    }

    /// The length of `name`, if it is there.
    pub(crate) async fn length(&self, name: &str) -> Result<Option<u64>> {
        match self.store().head(&self.path(name)).await {
            Ok(object) => Ok(Some(object.size)),
            Err(error) if failure::is_missing_object(&error) => Ok(None),
            Err(error) => {
                Err(failed(format!("{} could not be asked for", self.url_of(name)), error))
            }
        }
    }

    /// The lengths of `names`, in their order.
    pub(crate) async fn lengths(&self, names: Vec<String>) -> Result<Vec<Option<u64>>> {
        let asked = names.into_iter().map(|name| async move { self.length(&name).await });
        stream::iter(asked).buffered(REQUESTS_AT_ONCE).try_collect().await
    }

    /// Puts `bytes` in the place of what `name` had, as a whole.
    pub(crate) async fn put(&self, name: &str, bytes: Vec<u8>) -> Result<()> {
        kept::refuse_too_long(&self.url_of(name), &bytes, kept::MOST_BYTES)?;
        let put = self.store().put(&self.path(name), bytes.into()).await;
        put.map(drop)
            .map_err(|error| failed(format!("{} could not be written", self.url_of(name)), error))
    }

    /// Removes what is there of `names`.
    pub(crate) async fn remove(&self, names: &[String]) -> Result<()> {
        let remove = |name: &String| {
            let name = name.clone();
            async move {
                match self.store().delete(&self.path(&name)).await {
                    Err(error) if !failure::is_missing_object(&error) => {
                        let what = format!("{} could not be removed", self.url_of(&name));
                        Err(failed(what, error))
                    }
                    _ => Ok(()),
                }
            }
        };
        let removals: Vec<_> = names.iter().map(remove).collect();
        stream::iter(removals).buffer_unordered(REQUESTS_AT_ONCE).try_collect().await
    }

    /// The uploads in parts that were begun below this place and have not ended, as name and id, where
    /// the store can list them.
    pub(crate) async fn open_uploads(&self) -> Result<Vec<(String, String)>> {
        match &self.0.listing {
            Some(listing) => listing.uploads(&self.0.prefix).await,
            None => Ok(Vec::new()),
        }
    }

    /// Gives up the upload `id` of `name`; nothing of it can appear any more.
    pub(crate) async fn abort(&self, name: &str, id: &String) -> Result<()> {
        match self.store().abort_multipart(&self.path(name), id).await {
            Err(error) if !failure::is_missing_upload(&error) => {
                let what = format!("the upload of {} could not be given up", self.url_of(name));
                Err(failed(what, error))
            }
            _ => Ok(()),
        }
    }

    /// Waits until all uploads that were dropped are given up.
    pub(crate) async fn settle(&self) {
        let mut aborts = std::mem::take(&mut *self.aborts());
        while aborts.join_next().await.is_some() {}
    }

    fn aborts(&self) -> std::sync::MutexGuard<'_, JoinSet<()>> {
        self.0.aborts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl PartialEq for Bucket {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0.store, &other.0.store) && self.0.prefix == other.0.prefix
    }
}

impl fmt::Display for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.url)
    }
}

impl fmt::Debug for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A store may show its settings, which may be secret.
        f.debug_tuple("Bucket").field(&self.0.url).finish()
    }
}
