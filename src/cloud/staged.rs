//! Uploads in parts that can be given up, for a store in which they cannot.
//!
//! Azure has no uploads but a list of blocks for each name: whoever has sent blocks can make an object of them at any
//! time, and there is no way to forbid it. What runs rely on, that an upload which was given up can never be completed,
//! is made here of what it does have. An upload of `lake/a.parquet` is two objects:
//!
//! ```text
//! lake/_license-stream/uploads/a.parquet.<uuid>.ticket   there until the upload is completed, or given up
//! lake/_license-stream/uploads/a.parquet.<uuid>.parts    what was uploaded, once it is whole
//! ```
//!
//! All of them lie in one folder: where folders are more than parts of names, each would stay, and be empty.
//!
//! It is completed in four steps: the parts are made an object; then it is looked whether the ticket is still there;
//! then the object is copied to where it belongs; then both are removed. It is given up in two: the ticket is removed,
//! and after it the parts. Whoever looks for the ticket after the first of them is told that the upload is gone. Whoever
//! has looked before had the parts whole already, as nothing makes an object of them twice; so the second step takes
//! them away, and a copy is either there by then, or fails as there is nothing to copy.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::stream::BoxStream;
use futures_util::{StreamExt, TryStreamExt, stream};
use object_store::multipart::{MultipartStore, PartId};
use object_store::path::Path;
use object_store::{
    CopyOptions, Error as StoreError, GetOptions, GetResult, ListResult, MultipartId,
    MultipartUpload, ObjectMeta, ObjectStore, ObjectStoreExt, PutMode, PutMultipartOptions,
    PutOptions, PutPayload, PutResult, Result as StoreResult,
};
use uuid::Uuid;

use super::client::RETRY;
use super::failure::{failed, is_missing_object};
use super::listing::Uploads;
use crate::error::Result;
use crate::failpoint::{self, Point};

/// Where uploads lie below the root. Readers pass over what begins with `_`.
const FOLDER: &str = "_license-stream/uploads";

const TICKET: &str = ".ticket";
const PARTS: &str = ".parts";

/// More objects of uploads than this are not looked at; those that are left are found by the next run.
const MOST: usize = 2_000;

/// Before a copy that has not come to its end is looked at again; twice as long each time, up to the second.
const WAIT: Duration = Duration::from_millis(100);
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// A store whose uploads in parts are known by nothing but the name of the object, with uploads that have ids of their
/// own, and can be given up.
#[derive(Debug)]
pub(super) struct Staged<S> {
    store: Arc<S>,
    root: Path,
}

/// The two objects of an upload.
#[derive(Debug)]
struct Staging {
    ticket: Path,
    parts: Path,
    /// By which the ticket that was made is told from the same request that arrives once more, and late.
    tag: String,
}

impl Staging {
    /// That of the upload `id`. It says itself where it lies, so that it is found from any root.
    fn of(id: &MultipartId) -> StoreResult<Self> {
        // No path has a `#` in it.
        let (stem, tag) = id.split_once('#').unwrap_or((id, ""));
        let (folder, name) = stem.rsplit_once('/').unwrap_or(("", stem));
        if name_of(name).is_none() || !format!("/{folder}").ends_with(&format!("/{FOLDER}")) {
            let source = "this is not the id of an upload".into();
            return Err(StoreError::Generic { store: "object", source });
        }
        let path = |extension| Path::parse(format!("{stem}{extension}"));
        Ok(Self { ticket: path(TICKET)?, parts: path(PARTS)?, tag: tag.to_owned() })
    }
}

/// Of which object an upload is, by the last part of its stem.
fn name_of(stem: &str) -> Option<&str> {
    let (name, id) = stem.rsplit_once('.')?;
    Uuid::try_parse(id).is_ok().then_some(name)
}

fn id(stem: &str, tag: Option<&str>) -> MultipartId {
    format!("{stem}#{}", tag.unwrap_or_default())
}

impl<S: ObjectStore + MultipartStore> Staged<S> {
    /// One that keeps uploads below `root`.
    pub(super) fn new(store: Arc<S>, root: Path) -> Self {
        Self { store, root }
    }

    fn folder(&self) -> String {
        if self.root.is_root() { FOLDER.to_owned() } else { format!("{}/{FOLDER}", self.root) }
    }

    /// Removes `path`, if it is there.
    async fn remove(&self, path: &Path) -> StoreResult<()> {
        match self.store.delete(path).await {
            Err(error) if !is_missing_object(&error) => Err(error),
            _ => Ok(()),
        }
    }

    /// Waits until `path` is all of `parts`: a store may say that it will copy, and do so later. Until then the object
    /// is there, and empty.
    async fn copied(&self, path: &Path, parts: &ObjectMeta) -> StoreResult<ObjectMeta> {
        let (begun, mut wait) = (Instant::now(), WAIT);
        loop {
            let copy = self.store.head(path).await?;
            if copy.size == parts.size {
                return Ok(copy);
            }
            if begun.elapsed() > RETRY {
                let seconds = RETRY.as_secs();
                let source = format!("it was not copied to its place within {seconds} seconds");
                return Err(StoreError::Generic { store: "object", source: source.into() });
            }
            tokio::time::sleep(wait).await;
            wait = (wait * 2).min(LONGEST_WAIT);
        }
    }
}

#[async_trait::async_trait]
impl<S: ObjectStore + MultipartStore> MultipartStore for Staged<S> {
    async fn create_multipart(&self, path: &Path) -> StoreResult<MultipartId> {
        let name = path.filename().unwrap_or_default();
        let stem = format!("{}/{name}.{}", self.folder(), Uuid::now_v7());
        let ticket = Path::parse(format!("{stem}{TICKET}"))?;
        // For whoever looks: its own name says all that is needed.
        let text = format!("{path}\n");
        let put = PutOptions::from(PutMode::Create);
        let tag = match self.store.put_opts(&ticket, text.into(), put).await {
            Ok(put) => put.e_tag,
            // Nobody else has this name: the answer was lost, and it was asked again.
            Err(StoreError::AlreadyExists { .. } | StoreError::Precondition { .. }) => {
                self.store.head(&ticket).await?.e_tag
            }
            Err(error) => return Err(error),
        };
        Ok(id(&stem, tag.as_deref()))
    }

    async fn put_part(
        &self,
        _: &Path,
        id: &MultipartId,
        number: usize,
        part: PutPayload,
    ) -> StoreResult<PartId> {
        let parts = Staging::of(id)?.parts;
        self.store.put_part(&parts, &MultipartId::new(), number, part).await
    }

    async fn complete_multipart(
        &self,
        path: &Path,
        id: &MultipartId,
        parts: Vec<PartId>,
    ) -> StoreResult<PutResult> {
        let staging = Staging::of(id)?;
        let whole = self.store.complete_multipart(&staging.parts, &MultipartId::new(), parts).await;
        // It is there too if only the answer was lost. It must be before the ticket is looked for: who then gives the
        // upload up finds it, and takes it away.
        let there = self.store.head(&staging.parts).await;
        let ticket = self.store.head(&staging.ticket).await;
        match ticket {
            Ok(ticket) if ticket.e_tag.as_deref().unwrap_or_default() == staging.tag => {}
            Err(error) if !is_missing_object(&error) => return Err(error),
            _ => {
                // Whoever gave it up may have done so before there was something to remove.
                let _ = self.remove(&staging.parts).await;
                let source = "the upload was given up".into();
                return Err(StoreError::NotFound { path: path.to_string(), source });
            }
        }
        let there = there.map_err(|missing| whole.err().unwrap_or(missing))?;
        failpoint::reach(Point::StagedWhole);
        match self.store.copy(&staging.parts, path).await {
            // That it is being copied already, as it was asked to before the answer was lost.
            Err(StoreError::AlreadyExists { .. }) => {}
            copied => copied?,
        }
        let ObjectMeta { e_tag, version, .. } = self.copied(path, &there).await?;
        failpoint::reach(Point::StagedCopied);
        let both = stream::iter([Ok(staging.ticket), Ok(staging.parts)]).boxed();
        // The object is there. What is left if this fails is found by the next run.
        let _ = self.store.delete_stream(both).try_collect::<Vec<_>>().await;
        Ok(PutResult { e_tag, version, extensions: Default::default() })
    }

    async fn abort_multipart(&self, _: &Path, id: &MultipartId) -> StoreResult<()> {
        let staging = Staging::of(id)?;
        // In this order.
        self.remove(&staging.ticket).await?;
        self.remove(&staging.parts).await
    }
}

#[async_trait::async_trait]
impl<S: ObjectStore + MultipartStore> Uploads for Staged<S> {
    /// With the last part of the name only. Of a place below the root none: they lie among the others there.
    async fn uploads(&self, prefix: &Path) -> Result<Vec<(String, String)>> {
        if *prefix != self.root {
            return Ok(Vec::new());
        }
        let folder = self.folder();
        let what = |error| failed(format!("{folder} could not be listed"), error);
        let root = Path::parse(&folder).map_err(|error| what(error.into()))?;
        let listed = self.store.list(Some(&root)).take(MOST).try_collect::<Vec<_>>().await;
        let mut uploads = BTreeSet::new();
        for object in listed.map_err(what)? {
            let path = object.location.as_ref();
            let stem = path.strip_suffix(TICKET).or_else(|| path.strip_suffix(PARTS));
            let Some((stem, name)) = stem.and_then(|stem| Some((stem, stem.rsplit_once('/')?.1)))
            else {
                continue;
            };
            if let Some(name) = name_of(name) {
                uploads.insert((name.to_owned(), id(stem, None)));
            }
        }
        Ok(uploads.into_iter().collect())
    }
}

impl<S: fmt::Display> fmt::Display for Staged<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.store.fmt(f)
    }
}

/// All but uploads is the store's own affair.
#[async_trait::async_trait]
impl<S: ObjectStore> ObjectStore for Staged<S> {
    async fn put_opts(
        &self,
        path: &Path,
        payload: PutPayload,
        options: PutOptions,
    ) -> StoreResult<PutResult> {
        self.store.put_opts(path, payload, options).await
    }

    async fn put_multipart_opts(
        &self,
        path: &Path,
        options: PutMultipartOptions,
    ) -> StoreResult<Box<dyn MultipartUpload>> {
        self.store.put_multipart_opts(path, options).await
    }

    async fn get_opts(&self, path: &Path, options: GetOptions) -> StoreResult<GetResult> {
        self.store.get_opts(path, options).await
    }

    fn delete_stream(
        &self,
        paths: BoxStream<'static, StoreResult<Path>>,
    ) -> BoxStream<'static, StoreResult<Path>> {
        self.store.delete_stream(paths)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, StoreResult<ObjectMeta>> {
        self.store.list(prefix)
    }

    fn list_with_offset(
        &self,
        prefix: Option<&Path>,
        offset: &Path,
    ) -> BoxStream<'static, StoreResult<ObjectMeta>> {
        self.store.list_with_offset(prefix, offset)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> StoreResult<ListResult> {
        self.store.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> StoreResult<()> {
        self.store.copy_opts(from, to, options).await
    }
}
