//! Transactions that all sinks of a producer write in.
//!
//! A producer has one transaction open at a time. Each sink puts whole batches into it, and with each
//! batch how far its snapshot is then; so whatever is committed, the records and the checkpoints in it
//! belong together:
//!
//! ```text
//! sink ──batch + checkpoint──▶┐                    ┌─ full, old, or asked for
//! sink ──batch + checkpoint──▶┼─ open transaction ─┤  by a sink that ends
//! sink ──batch + checkpoint──▶┘   (the gate)       └──▶ committer: the last checkpoint of each
//!                                                      account, all reports, commit, the next
//! ```
//!
//! Whoever sends holds the gate open for a batch; the committer closes it. A batch that was given up
//! half-way cannot be taken out again, so its transaction is aborted, and with it ends the run: what was
//! committed before is durable, and the next run goes on from there.

mod calls;
mod committer;
mod failure;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use tokio::sync::{Notify, RwLock, RwLockReadGuard, watch};
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tracing::Instrument;

use super::store::Change;
use crate::error::Result;
pub(super) use calls::Calls;
use committer::Committer;
pub(super) use failure::Failure;

/// How records are delivered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Delivery {
    /// Each record once or, behind the last checkpoint, again after a run was killed.
    #[default]
    AtLeastOnce,
    /// Each record once, for consumers that read what is committed.
    ExactlyOnce(TransactionOptions),
}

/// When transactions end, and who they belong to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransactionOptions {
    /// The `transactional.id`. A producer fences the one before that has the same: so it must be the same
    /// for all runs of a job, and another for each job that runs at the same time.
    pub id: String,
    /// Bytes of keys and values of a transaction; the batch that reaches them is the last. 32 MiB by
    /// default: with more, no more records a second were measured.
    pub max_bytes: u64,
    /// How long a transaction is open at most before it is committed. Consumers wait as long for its
    /// records. Five seconds by default.
    pub max_duration: Duration,
    /// How long brokers may take to commit or abort a transaction before the run fails, and, unless the
    /// configuration sets `transaction.timeout.ms`, how long they keep one open of a producer that says
    /// nothing. Two minutes by default, so that a broker may be away for one; brokers allow 15.
    pub timeout: Duration,
    /// How long brokers may take to let the first transaction begin, which includes the end of one that a
    /// killed run left open. 30 seconds by default.
    pub start_timeout: Duration,
}

impl TransactionOptions {
    /// Those of the one job that writes into `topic`: its id is `license-stream-TOPIC`, so that a second
    /// run into the same topic fences the first.
    pub fn of_topic(topic: &str) -> Self {
        Self {
            id: format!("license-stream-{topic}"),
            max_bytes: 32 << 20,
            max_duration: Duration::from_secs(5),
            timeout: Duration::from_secs(120),
            start_timeout: Duration::from_secs(30),
        }
    }
}

/// The transactions of a producer. They end with this: the one that is open is then neither committed nor
/// aborted, until the next producer of the same id, or the brokers' patience, aborts it.
pub(super) struct Transactions {
    shared: Arc<Shared>,
    committer: JoinHandle<()>,
}

impl fmt::Debug for Transactions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transactions")
            .field("options", &self.shared.options)
            .finish_non_exhaustive()
    }
}

impl Drop for Transactions {
    fn drop(&mut self) {
        self.committer.abort();
    }
}

struct Shared {
    options: TransactionOptions,
    /// Held for reading while a batch is sent, for writing while a transaction ends.
    gate: RwLock<()>,
    open: Mutex<Open>,
    /// Wakes the committer.
    changed: Notify,
    standing: watch::Sender<Standing>,
}

/// The transaction that is open.
#[derive(Debug)]
struct Open {
    /// From 1.
    number: u64,
    bytes: u64,
    /// When something was first put into it.
    since: Option<Instant>,
    /// The last of each account.
    checkpoints: BTreeMap<(Arc<str>, String), Change>,
    is_wanted: bool,
    spoilt: Option<Spoilt>,
}

/// Why a transaction cannot be committed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Spoilt {
    /// Part of a batch is in it.
    HalfWay,
    /// The same, and librdkafka takes nothing more: it knows why.
    Closed,
}

impl Open {
    fn new(number: u64) -> Self {
        Self {
            number,
            bytes: 0,
            since: None,
            checkpoints: BTreeMap::new(),
            is_wanted: false,
            spoilt: None,
        }
    }
}

/// How it went so far.
#[derive(Clone, Debug, Default)]
struct Standing {
    /// The last transaction that was committed.
    committed: u64,
    failure: Option<Failure>,
}

impl Transactions {
    /// Fences the producers before, ends their transactions, and begins the first of `producer`.
    pub(super) async fn begin(producer: impl Calls, options: TransactionOptions) -> Result<Self> {
        let shared = Arc::new(Shared {
            options,
            gate: RwLock::new(()),
            open: Mutex::new(Open::new(1)),
            changed: Notify::new(),
            standing: watch::Sender::default(),
        });
        let committer = Committer::begin(producer, Arc::clone(&shared)).await?;
        Ok(Self { shared, committer: tokio::spawn(committer.run().in_current_span()) })
    }

    /// The last transaction that was committed.
    pub(super) fn committed(&self) -> u64 {
        self.shared.standing.borrow().committed
    }

    /// Waits until a batch may be put into a transaction.
    pub(super) async fn enter(&self) -> Result<Part<'_>> {
        let gate = self.shared.gate.read().await;
        if let Some(failure) = &self.shared.standing.borrow().failure {
            return Err(failure.error());
        }
        Ok(Part { shared: &self.shared, _gate: gate, is_begun: false })
    }

    /// Keeps a checkpoint that belongs to no records, in a transaction that ends with it.
    pub(super) async fn keep(&self, checkpoint: Change) -> Result<(), Failure> {
        let number = {
            let _gate = self.shared.gate.read().await;
            if let Some(failure) = &self.shared.standing.borrow().failure {
                return Err(failure.clone());
            }
            Part { shared: &self.shared, _gate, is_begun: false }.end(0, Some(checkpoint))
        };
        let standing = self.ended(number).await;
        match standing.failure {
            Some(failure) if standing.committed < number => Err(failure),
            _ => Ok(()),
        }
    }

    /// Ends transactions up to `number`, without waiting until they are full.
    pub(super) async fn commit_through(&self, number: u64) -> Result<()> {
        let standing = self.ended(number).await;
        match standing.failure {
            Some(failure) if standing.committed < number => Err(failure.error()),
            _ => Ok(()),
        }
    }

    /// Why the open transaction fails, if it does; it is ended to know.
    pub(super) async fn failure(&self) -> Option<Failure> {
        let number = self.shared.open().number;
        self.ended(number).await.failure
    }

    async fn ended(&self, number: u64) -> Standing {
        {
            let mut open = self.shared.open();
            open.is_wanted |= open.number <= number;
        }
        self.shared.changed.notify_one();
        let mut standing = self.shared.standing.subscribe();
        let ended = standing
            .wait_for(|standing| standing.committed >= number || standing.failure.is_some())
            .await;
        // The sender is ours, and lives as long.
        ended.map(|standing| standing.clone()).unwrap_or_default()
    }
}

impl Shared {
    fn open(&self) -> MutexGuard<'_, Open> {
        // No code that holds the lock can panic half-way through a change.
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until the open transaction should end.
    async fn due(&self) {
        loop {
            let until = {
                let open = self.open();
                let is_full = open.bytes >= self.options.max_bytes;
                if open.is_wanted || open.spoilt.is_some() || is_full {
                    return;
                }
                open.since.map(|since| since + self.options.max_duration)
            };
            match until {
                None => self.changed.notified().await,
                Some(until) if until <= Instant::now() => return,
                Some(until) => {
                    let _ = tokio::time::timeout_at(until, self.changed.notified()).await;
                }
            }
        }
    }
}

/// A batch on its way into a transaction, which cannot end meanwhile. Dropped before its
/// [end](Self::end), it spoils the transaction if something of it is in there.
pub(super) struct Part<'a> {
    shared: &'a Shared,
    _gate: RwLockReadGuard<'a, ()>,
    is_begun: bool,
}

impl Part<'_> {
    /// A record of it is in there.
    pub(super) fn sent(&mut self) {
        self.is_begun = true;
    }

    /// A record was not taken.
    pub(super) fn refused(&mut self, error: &KafkaError) {
        // No transaction is open any more: the first error that the brokers reported closed it.
        if matches!(error, KafkaError::MessageProduction(RDKafkaErrorCode::State)) {
            self.shared.open().spoilt = Some(Spoilt::Closed);
            self.shared.changed.notify_one();
        }
    }

    /// The batch is whole: `bytes` of keys and values, and the checkpoint behind it. Answers the number of
    /// the transaction.
    pub(super) fn end(mut self, bytes: u64, checkpoint: Option<Change>) -> u64 {
        self.is_begun = false;
        let mut open = self.shared.open();
        open.bytes += bytes;
        open.since.get_or_insert_with(Instant::now);
        if let Some(change) = checkpoint {
            open.checkpoints.insert((Arc::clone(&change.topic), change.key.clone()), change);
        }
        let number = open.number;
        drop(open);
        self.shared.changed.notify_one();
        number
    }
}

impl Drop for Part<'_> {
    fn drop(&mut self) {
        if self.is_begun {
            self.shared.open().spoilt.get_or_insert(Spoilt::HalfWay);
            self.shared.changed.notify_one();
        }
    }
}
