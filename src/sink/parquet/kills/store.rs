//! A store in memory, which runs see through a gate that can stop them.

use std::collections::BTreeMap;
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
    ObjectStore, PutMultipartOptions, PutOptions, PutPayload, PutResult,
};
use tokio::sync::Notify;

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

/// What outlives a run.
#[derive(Default)]
pub(super) struct Shared {
    pub(super) objects: InMemory,
    /// The uploads that have neither been completed nor given up.
    pub(super) uploads: Mutex<BTreeMap<MultipartId, Path>>,
    /// How many there were at once.
    pub(super) most_uploads: Mutex<usize>,
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

    async fn copy_opts(&self, _: &Path, _: &Path, _: CopyOptions) -> StoreResult<()> {
        unreachable!("nothing is copied")
    }
}

#[async_trait::async_trait]
impl MultipartStore for Gate {
    async fn create_multipart(&self, path: &Path) -> StoreResult<MultipartId> {
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
        self.store.objects.put_part(path, id, number, part).await
    }

    async fn complete_multipart(
        &self,
        path: &Path,
        id: &MultipartId,
        parts: Vec<PartId>,
    ) -> StoreResult<PutResult> {
        self.steps.pass().await;
        let done = self.store.objects.complete_multipart(path, id, parts).await;
        self.store.uploads.lock().unwrap().remove(id);
        done
    }

    async fn abort_multipart(&self, path: &Path, id: &MultipartId) -> StoreResult<()> {
        self.steps.pass().await;
        let done = self.store.objects.abort_multipart(path, id).await;
        self.store.uploads.lock().unwrap().remove(id);
        done
    }
}
