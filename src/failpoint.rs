//! Named instants at which a test may have the process killed.
//!
//! They exist with the feature `failpoints` only, which is for the crash tests: `make test` turns it on,
//! no release does. The kill is a SIGKILL: nothing is flushed, dropped or closed, as with a loss of power
//! but for what the kernel already has.

/// What a test sets: `NAME:N` kills the process when it reaches that point for the N-th time.
#[cfg(feature = "failpoints")]
const VARIABLE: &str = "LICENSE_STREAM_KILL_AT";

/// A file to which the name of each point is added that is reached, by a test that is to find out which are.
#[cfg(feature = "failpoints")]
const REACHED: &str = "LICENSE_STREAM_REACHED";

macro_rules! points {
    ($($(#[$doc:meta])* $variant:ident = $name:literal,)*) => {
        /// An instant between two steps of making something durable.
        #[allow(dead_code, reason = "each feature reaches its own")]
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Point {
            $($(#[$doc])* $variant,)*
        }

        impl Point {
            /// The names of all, for tests to go through.
            #[cfg(feature = "failpoints")]
            pub(crate) const NAMES: &[&str] = &[$($name),*];

            #[cfg(feature = "failpoints")]
            fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }
        }
    };
}

points! {
    /// A file of data is whole, under another name.
    FileSynced = "file-synced",
    /// It has its name, and the directory need not be on disk.
    FileRenamed = "file-renamed",
    /// It is durable, and no checkpoint knows of it.
    FileDurable = "file-durable",
    /// A manifest is there and durable, and the account is still pending.
    ManifestWritten = "manifest-written",
    /// The account is not pending any more, and `_SUCCESS` is not there.
    AccountSettled = "account-settled",
    /// Everything says that the snapshot is complete, but for its checkpoint.
    LakeSettled = "lake-settled",
    /// The checkpoint is in a file of another name.
    CheckpointWritten = "checkpoint-written",
    /// That file is on disk.
    CheckpointSynced = "checkpoint-synced",
    /// The checkpoint has its name, and the directory need not be on disk.
    CheckpointRenamed = "checkpoint-renamed",
    /// The claim of an account in an object store is taken, and nothing is cleaned up.
    BucketClaimed = "bucket-claimed",
    /// An upload is begun, and the claim does not know of it.
    BucketUploadBegun = "bucket-upload-begun",
    /// All parts of an object are there, and it is not.
    BucketPartsSent = "bucket-parts-sent",
    /// The object is there, and no checkpoint knows of it.
    BucketUploadCompleted = "bucket-upload-completed",
    /// What is uploaded is whole, where uploads are staged, and has not its place.
    StagedWhole = "staged-whole",
    /// It has its place, and what it was staged in is still there.
    StagedCopied = "staged-copied",
    /// A checkpoint is in an object store.
    BucketCheckpointPut = "bucket-checkpoint-put",
    /// The claim says that the snapshot is complete, and its manifest is not there.
    BucketSnapshotComplete = "bucket-snapshot-complete",
    /// The manifest is there, and the account is still pending.
    BucketManifestPut = "bucket-manifest-put",
    /// Nothing is pending, and `_SUCCESS` is not there.
    BucketNonePending = "bucket-none-pending",
    /// A compaction's file is whole and has its name, and the files that it takes the place of count still.
    CompactMerged = "compact-merged",
    /// Its manifest is there, and so are the files that count no more.
    CompactCommitted = "compact-committed",
    /// Those are gone, and the compaction is still pending.
    CompactReplaced = "compact-replaced",
    /// The records of a transaction were sent, and its checkpoints were not.
    TransactionFull = "transaction-full",
    /// All of a transaction is acknowledged, and it is not committed.
    TransactionSent = "transaction-sent",
    /// A transaction is committed, and nobody was told.
    TransactionCommitted = "transaction-committed",
}

/// Says that the process has come to `point`: here a test may end it.
#[inline]
pub(crate) fn reach(point: Point) {
    #[cfg(feature = "failpoints")]
    kill::reach(point);
    #[cfg(not(feature = "failpoints"))]
    let _ = point;
}

#[cfg(feature = "failpoints")]
mod kill {
    use std::fs::OpenOptions;
    use std::io::Write;
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU64, Ordering};

    use rustix::process::{Signal, getpid, kill_process};

    use super::{Point, REACHED, VARIABLE};

    struct Wanted {
        name: String,
        left: AtomicU64,
    }

    pub(super) fn reach(point: Point) {
        if let Some(path) = std::env::var_os(REACHED) {
            let file = OpenOptions::new().create(true).append(true).open(path);
            // One write a line, so that those of several threads do not mix.
            let line = format!("{}\n", point.name());
            file.and_then(|mut file| file.write_all(line.as_bytes())).expect("a file to add to");
        }
        static WANTED: OnceLock<Option<Wanted>> = OnceLock::new();
        let Some(wanted) = WANTED.get_or_init(wanted) else { return };
        if wanted.name == point.name() && wanted.left.fetch_sub(1, Ordering::SeqCst) == 1 {
            let _ = kill_process(getpid(), Signal::KILL);
            // The signal is on its way: nothing more may happen.
            loop {
                std::thread::park();
            }
        }
    }

    /// What the test wants; a name that there is not is a mistake of the test, which must not pass.
    fn wanted() -> Option<Wanted> {
        let text = std::env::var(VARIABLE).ok()?;
        let (name, count) = text.split_once(':').expect("NAME:N");
        assert!(Point::NAMES.contains(&name), "there is no failpoint {name}");
        let left = AtomicU64::new(count.parse().expect("a count of times"));
        Some(Wanted { name: name.to_owned(), left })
    }
}
