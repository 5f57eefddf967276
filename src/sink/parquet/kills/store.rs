//! Stores in memory, which runs see through a gate that can stop them.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use object_store::memory::InMemory;
use object_store::multipart::{MultipartStore, PartId};
use object_store::path::Path;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartId, MultipartUpload, ObjectMeta,
    ObjectStore, ObjectStoreExt, PutMultipartOptions, PutOptions, PutPayload, PutResult,
};
use tokio::sync::Notify;

use crate::cloud::Bucket;
use crate::error::Result;

type StoreResult<T> = object_store::Result<T>;

/// A store as one run sees it: before its `stop`-th writing request it stands still until it may go on.
pub(super) struct Gate {
    store: Arc<Shared>,
    pub(super) steps: Arc<Steps>,
}

pub(super) struct Steps {
    left: Mutex<usize>,
    is_killed: AtomicBool,
    stands: Notify,
    pub(super) goes_on: Notify,
}

/// What stores have for uploads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// An id for each, by which it can be given up, as S3 and GCS have.
    Uploads,
    /// Blocks by the name of an object, of which anybody can make one at any time, as Azure has.
    Blocks,
}

pub(super) const KINDS: [Kind; 2] = [Kind::Uploads, Kind::Blocks];

/// What outlives a run.
pub(super) struct Shared {
    pub(super) kind: Kind,
    pub(super) objects: InMemory,
    /// Those that no object was made of, by their ids.
    pub(super) blocks: Mutex<HashMap<Path, HashMap<String, PutPayload>>>,
    /// The uploads that have neither been completed nor given up.
    pub(super) uploads: Mutex<BTreeMap<MultipartId, Path>>,
    /// How many there were at once.
    pub(super) most_uploads: Mutex<usize>,
}

impl Shared {
    pub(super) fn of(kind: Kind) -> Self {
        let (blocks, uploads) = (Mutex::default(), Mutex::default());
        Self { kind, objects: InMemory::new(), blocks, uploads, most_uploads: Mutex::default() }
    }

    /// Another that has the same objects.
    pub(super) fn copy(&self) -> Self {
        Self { objects: self.objects.fork(), ..Self::of(self.kind) }
    }

    /// The uploads that have not ended.
    pub(super) async fn open_uploads(&self) -> Vec<String> {
        match self.kind {
            Kind::Uploads => {
                let uploads = self.uploads.lock().unwrap();
                uploads.values().map(ToString::to_string).collect()
            }
            Kind::Blocks => {
                let folder = Path::from("lake/_license-stream/uploads");
                let objects: Vec<_> = self.objects.list(Some(&folder)).collect().await;
                let path = |object: StoreResult<ObjectMeta>| object.unwrap().location.to_string();
                let mut uploads: Vec<_> = objects.into_iter().map(path).collect();
                uploads.iter_mut().for_each(|path| path.truncate(path.rfind('.').unwrap()));
                uploads.sort();
                uploads.dedup();
                uploads
            }
        }
    }

    /// Makes an object of blocks, all of which must be there, and of which none is afterwards.
    async fn commit(&self, path: &Path, parts: Vec<PartId>) -> StoreResult<PutResult> {
        let mut blocks = self.blocks.lock().unwrap().get(path).cloned().unwrap_or_default();
        let block = |part: PartId| blocks.remove(&part.content_id);
        let found: Option<Vec<_>> = parts.into_iter().map(block).collect();
        let Some(found) = found else {
            let source = "InvalidBlockList".into();
            return Err(object_store::Error::Generic { store: "blocks", source });
        };
        let done = self.objects.put(path, found.iter().flatten().cloned().collect()).await;
        self.blocks.lock().unwrap().remove(path);
        done
    }
}

impl Gate {
    pub(super) fn new(store: &Arc<Shared>, stop: usize) -> Arc<Self> {
        let (stands, goes_on) = (Notify::new(), Notify::new());
        let steps = Arc::new(Steps {
            left: Mutex::new(stop),
            is_killed: AtomicBool::new(false),
            stands,
            goes_on,
        });
        Arc::new(Self { store: Arc::clone(store), steps })
    }

    /// The lake there.
    pub(super) fn lake(self: &Arc<Self>) -> Bucket {
        match self.store.kind {
            Kind::Uploads => Bucket::new(Arc::clone(self), "lake", "memory:///lake"),
            Kind::Blocks => Bucket::staged(Arc::clone(self), "lake", "memory:///lake"),
        }
    }

    /// What `run`, which has its store through this gate, comes to; `None` where it stands still before its step, from
    /// where it can go on.
    pub(super) async fn stands_or<T>(&self, run: impl Future<Output = Result<T>>) -> Option<T> {
        tokio::select! {
            biased;
            () = self.steps.stands.notified() => None,
            ended = run => Some(ended.unwrap()),
        }
    }

    /// The same, but it is killed there.
    pub(super) async fn killed_or<T>(&self, run: impl Future<Output = Result<T>>) -> Option<T> {
        tokio::pin!(run);
        let ended = self.stands_or(run.as_mut()).await;
        // Its uploads are not given up: nobody is left who would.
        self.steps.is_killed.store(ended.is_none(), Ordering::SeqCst);
        ended
    }
}

impl Steps {
    /// Goes on from where it stands, up to the `stop`-th writing request that follows.
    pub(super) fn go_on_to(&self, stop: usize) {
        *self.left.lock().unwrap() = stop;
        self.goes_on.notify_one();
    }

    async fn pass(&self) {
        if self.is_killed.load(Ordering::SeqCst) {
            std::future::pending::<()>().await;
        }
        let stops = {
            let mut left = self.left.lock().unwrap();
            let stops = *left == 1;
            *left = left.saturating_sub(1);
            stops
        };
        if stops {
            self.stands.notify_one();
            self.goes_on.notified().await;
        }
    }
}

impl fmt::Debug for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Gate")
    }
}

impl fmt::Display for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Gate")
    }
}

#[async_trait::async_trait]
impl ObjectStore for Gate {
    async fn put_opts(
        &self,
        path: &Path,
        payload: PutPayload,
        options: PutOptions,
    ) -> StoreResult<PutResult> {
        self.steps.pass().await;
        self.store.objects.put_opts(path, payload, options).await
    }

    async fn put_multipart_opts(
        &self,
        _: &Path,
        _: PutMultipartOptions,
    ) -> StoreResult<Box<dyn MultipartUpload>> {
        unreachable!("uploads go through `MultipartStore`")
    }

    async fn get_opts(&self, path: &Path, options: GetOptions) -> StoreResult<GetResult> {
        self.store.objects.get_opts(path, options).await
    }

    fn delete_stream(
        &self,
        paths: BoxStream<'static, StoreResult<Path>>,
    ) -> BoxStream<'static, StoreResult<Path>> {
        let steps = Arc::clone(&self.steps);
        let paths = paths.then(move |path| {
            let steps = Arc::clone(&steps);
            async move {
                steps.pass().await;
                path
            }
        });
        self.store.objects.delete_stream(paths.boxed())
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, StoreResult<ObjectMeta>> {
        self.store.objects.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> StoreResult<ListResult> {
        self.store.objects.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> StoreResult<()> {
        assert_eq!(self.store.kind, Kind::Blocks, "else nothing is copied");
        self.steps.pass().await;
        self.store.objects.copy_opts(from, to, options).await
    }
}

#[async_trait::async_trait]
impl MultipartStore for Gate {
    async fn create_multipart(&self, path: &Path) -> StoreResult<MultipartId> {
        assert_eq!(self.store.kind, Kind::Uploads, "blocks need none");
        self.steps.pass().await;
        let id = self.store.objects.create_multipart(path).await?;
        let mut uploads = self.store.uploads.lock().unwrap();
        uploads.insert(id.clone(), path.clone());
        let mut most = self.store.most_uploads.lock().unwrap();
        *most = uploads.len().max(*most);
        Ok(id)
    }

    async fn put_part(
        &self,
        path: &Path,
        id: &MultipartId,
        number: usize,
        part: PutPayload,
    ) -> StoreResult<PartId> {
        if self.store.kind == Kind::Uploads {
            return self.store.objects.put_part(path, id, number, part).await;
        }
        let content_id = uuid::Uuid::now_v7().to_string();
        let mut blocks = self.store.blocks.lock().unwrap();
        blocks.entry(path.clone()).or_default().insert(content_id.clone(), part);
        Ok(PartId { content_id })
    }

    async fn complete_multipart(
        &self,
        path: &Path,
        id: &MultipartId,
        parts: Vec<PartId>,
    ) -> StoreResult<PutResult> {
        self.steps.pass().await;
        if self.store.kind == Kind::Blocks {
            return self.store.commit(path, parts).await;
        }
        let done = self.store.objects.complete_multipart(path, id, parts).await;
        self.store.uploads.lock().unwrap().remove(id);
        done
    }

    async fn abort_multipart(&self, path: &Path, id: &MultipartId) -> StoreResult<()> {
        assert_eq!(self.store.kind, Kind::Uploads, "blocks cannot be given up");
        self.steps.pass().await;
        let done = self.store.objects.abort_multipart(path, id).await;
        self.store.uploads.lock().unwrap().remove(id);
        done
    }
}
