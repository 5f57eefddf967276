//! Every way to be killed, or overtaken, on the way into a topic: the pipeline, the transactions, the ledger and
//! the checkpoints themselves, brokers in memory, and every order of step, kill and run again.
//!
//! What brokers have changes with each request, which happens whole or not at all. A run stops before its n-th
//! request. Either it is killed there, from where on nothing that it does has any effect, and the next is killed
//! before its m-th; or another run does all its work meanwhile, and then it goes on.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rdkafka::error::{KafkaError, RDKafkaErrorCode};

use super::ledger::{Entry, Ledger, Unsent};
use super::parts::Parts;
use super::store::{Change, KafkaStore};
use super::transaction::{Calls, TransactionOptions, Transactions};
use crate::checkpoint::{Beginning, Checkpoint, CheckpointStore, Draft, Identity, Keeper};
use crate::decode::CheckedBlock;
use crate::error::{Error, ErrorKind, Result};
use crate::pipeline::kills::pages::{self, Bodies, Pages, ids, ids_before, shapes};
use crate::pipeline::{Durable, OnReject, Options, Outcome, Summary, run_source};
use crate::position::Position;
use crate::room::Room;
use crate::sink::{Batch, CheckDecoder, Pace, Sink};

const ACCOUNT: &str = "a";

/// A snapshot and the id of a license in it.
type Message = (String, String);

/// What brokers have.
#[derive(Clone, Debug, Default)]
struct Brokers {
    /// What a consumer sees that reads what is committed.
    seen: Vec<Message>,
    checkpoints: BTreeMap<String, Arc<[u8]>>,
    /// The transaction that has not ended.
    open: Transaction,
    /// Of the producer that fenced those before it.
    epoch: u64,
}

#[derive(Clone, Debug, Default)]
struct Transaction {
    messages: Vec<Message>,
    checkpoints: Vec<(String, Option<Arc<[u8]>>)>,
}

impl Brokers {
    fn checkpoint(&self) -> Option<Checkpoint> {
        self.checkpoints.get(ACCOUNT).map(|json| Checkpoint::from_json(json).unwrap())
    }

    /// The ids that are seen, by their snapshots.
    fn snapshots(&self) -> BTreeMap<String, Vec<String>> {
        let mut snapshots = BTreeMap::<_, Vec<_>>::new();
        for (snapshot, id) in &self.seen {
            snapshots.entry(snapshot.clone()).or_default().push(id.clone());
        }
        snapshots
    }
}

/// What a run that stops does instead of its next request.
enum Then {
    Die,
    /// Lets something happen, and goes on.
    Wait(Box<dyn FnOnce() + Send>),
}

/// A run's connection to the brokers.
#[derive(Clone)]
struct Connection {
    brokers: Arc<Mutex<Brokers>>,
    stop: Arc<Mutex<(usize, Option<Then>)>>,
    is_dead: Arc<AtomicBool>,
    epoch: Arc<AtomicU64>,
}

impl Connection {
    /// One that stops before its `steps`-th request.
    fn new(brokers: &Arc<Mutex<Brokers>>, steps: usize, then: Then) -> Self {
        Self {
            brokers: Arc::clone(brokers),
            stop: Arc::new(Mutex::new((steps, Some(then)))),
            is_dead: Arc::default(),
            epoch: Arc::default(),
        }
    }

    /// A request that changes something, of a producer that may be fenced.
    fn request<T>(&self, change: impl FnOnce(&mut Brokers) -> T) -> Result<T, KafkaError> {
        self.step(|brokers| {
            let is_fenced = brokers.epoch != self.epoch.load(Ordering::SeqCst);
            let fenced = KafkaError::Global(RDKafkaErrorCode::ProducerFenced);
            if is_fenced { Err(fenced) } else { Ok(change(brokers)) }
        })?
    }

    fn step<T>(&self, change: impl FnOnce(&mut Brokers) -> T) -> Result<T, KafkaError> {
        let then = {
            let mut stop = self.stop.lock().unwrap();
            stop.0 = stop.0.saturating_sub(1);
            if stop.0 == 0 { stop.1.take() } else { None }
        };
        match then {
            Some(Then::Die) => self.is_dead.store(true, Ordering::SeqCst),
            Some(Then::Wait(wait)) => wait(),
            None => {}
        }
        if self.is_dead.load(Ordering::SeqCst) {
            return Err(KafkaError::Global(RDKafkaErrorCode::Fatal));
        }
        Ok(change(&mut self.brokers.lock().unwrap()))
    }
}

impl Calls for Connection {
    fn brokers(&self) -> &str {
        "memory"
    }

    fn init(&self, _: Duration) -> Result<(), KafkaError> {
        self.step(|brokers| {
            brokers.epoch += 1;
            brokers.open = Transaction::default();
            self.epoch.store(brokers.epoch, Ordering::SeqCst);
        })
    }

    fn begin(&self) -> Result<(), KafkaError> {
        // Brokers hear of a transaction with what is first put into it.
        Ok(())
    }

    async fn enqueue(&self, change: &Change) -> Result<(), KafkaError> {
        let checkpoint = (change.key.clone(), change.json.clone());
        self.request(|brokers| brokers.open.checkpoints.push(checkpoint))
    }

    fn flush(&self, _: Duration) {}

    fn commit(&self, _: Duration) -> Result<(), KafkaError> {
        self.request(|brokers| {
            let Transaction { messages, checkpoints } = std::mem::take(&mut brokers.open);
            brokers.seen.extend(messages);
            for (key, json) in checkpoints {
                match json {
                    Some(json) => brokers.checkpoints.insert(key, json),
                    None => brokers.checkpoints.remove(&key),
                };
            }
        })
    }

    fn abort(&self, _: Duration) -> Result<(), KafkaError> {
        self.request(|brokers| brokers.open = Transaction::default())
    }

    fn fatal_error(&self) -> Option<KafkaError> {
        let is_dead = self.is_dead.load(Ordering::SeqCst);
        is_dead.then_some(KafkaError::Global(RDKafkaErrorCode::Fatal))
    }
}

/// What a sink of either delivery begins with.
struct Opened {
    connection: Connection,
    transactions: Arc<Transactions>,
    store: KafkaStore,
    identity: Identity,
    beginning: Beginning,
}

impl Opened {
    fn message(&self, id: &str) -> Message {
        (self.beginning.snapshot_id().to_owned(), id.to_owned())
    }
}

fn not_taken(error: KafkaError) -> Error {
    Error::new(ErrorKind::Destination, "the topic did not take the record").caused_by(error)
}

/// Puts batches into transactions, each with the place behind it, as [`KafkaSink`](super::KafkaSink) does.
struct ExactlyOnce {
    opened: Opened,
    draft: Draft,
    parts: Parts,
}

impl ExactlyOnce {
    fn new(opened: Opened) -> Self {
        let draft = Draft::of(opened.identity.clone(), &opened.beginning);
        Self { opened, draft, parts: Parts::default() }
    }

    async fn send(&mut self, batch: Batch<Vec<CheckedBlock>>) -> Result<()> {
        let Opened { connection, transactions, store, .. } = &self.opened;
        let mut part = transactions.enter().await?;
        let mut bytes = 0;
        for record in batch.value.iter().flat_map(CheckedBlock::records) {
            let message = self.opened.message(record.id);
            let sent = connection.request(|brokers| brokers.open.messages.push(message));
            if let Err(error) = sent {
                part.refused(&error);
                return Err(not_taken(error));
            }
            part.sent();
            bytes += record.id.len() as u64;
        }
        let reached = batch.reached.expect("whole batches only");
        let checkpoint = store.change(&self.draft.checkpoint(Durable::under_way(reached)));
        let number = part.end(bytes, Some(checkpoint));
        self.parts.push(number, batch.span.end, batch.records);
        Ok(())
    }
}

impl Sink for ExactlyOnce {
    type Decoder = CheckDecoder;
    type Report = ();

    fn decoder(&self) -> CheckDecoder {
        CheckDecoder::default()
    }

    fn pace(&self) -> Pace {
        Pace::Eager
    }

    fn is_exactly_once(&self) -> bool {
        true
    }

    async fn write(&mut self, batch: Batch<Vec<CheckedBlock>>) -> Result<()> {
        let error = match self.send(batch).await {
            Ok(()) => return Ok(()),
            Err(error) => error,
        };
        match self.opened.transactions.failure().await {
            Some(failure) if failure.is_fatal() => Err(failure.error()),
            _ => Err(error),
        }
    }

    fn durable(&self) -> Position {
        self.parts.durable_at(self.opened.transactions.committed())
    }

    async fn flush(&mut self) -> Result<Position> {
        Ok(self.durable())
    }

    async fn finish(&mut self) -> Result<()> {
        let transactions = &self.opened.transactions;
        let committed = transactions.commit_through(self.parts.last()).await;
        self.parts.advance(transactions.committed());
        committed
    }

    async fn abort(&mut self) -> Result<()> {
        let _ = self.finish().await;
        Ok(())
    }

    fn report(self) {}
}

/// Sends each record by itself. Reports come late, and in another order.
struct AtLeastOnce {
    opened: Opened,
    ledger: Arc<Ledger>,
    room: Room,
    unreported: Vec<Arc<Entry>>,
    random: fastrand::Rng,
}

impl AtLeastOnce {
    fn new(opened: Opened) -> Self {
        Self {
            opened,
            ledger: Arc::default(),
            room: Room::new(1 << 20),
            unreported: Vec::new(),
            random: fastrand::Rng::with_seed(1),
        }
    }

    /// Leaves `left` records without their reports.
    fn report_all_but(&mut self, left: usize) {
        while self.unreported.len() > left {
            let any = self.random.usize(0..self.unreported.len());
            self.unreported.swap_remove(any).report(Ok(()), || None);
        }
    }
}

impl Sink for AtLeastOnce {
    type Decoder = CheckDecoder;
    type Report = ();

    fn decoder(&self) -> CheckDecoder {
        CheckDecoder::default()
    }

    fn pace(&self) -> Pace {
        Pace::Eager
    }

    async fn write(&mut self, batch: Batch<Vec<CheckedBlock>>) -> Result<()> {
        let entry = self.ledger.open(batch.records, batch.span, &self.room, Vec::new()).await?;
        let mut unsent = Unsent::of(&entry, batch.records);
        for record in batch.value.iter().flat_map(CheckedBlock::records) {
            let message = self.opened.message(record.id);
            let sent = self.opened.connection.step(|brokers| brokers.seen.push(message));
            sent.map_err(not_taken)?;
            unsent.records -= 1;
            self.unreported.push(Arc::clone(&entry));
            self.report_all_but(3);
        }
        Ok(())
    }

    fn durable(&self) -> Position {
        self.ledger.durable()
    }

    async fn flush(&mut self) -> Result<Position> {
        self.report_all_but(0);
        self.ledger.settled().await.1
    }

    async fn finish(&mut self) -> Result<()> {
        self.flush().await.map(drop)
    }

    async fn abort(&mut self) -> Result<()> {
        let _ = self.flush().await;
        Ok(())
    }

    fn report(self) {}
}

/// One run, as the command does it.
async fn run<K: Sink<Report = ()>>(
    sink: fn(Opened) -> K,
    connection: Connection,
    on_reject: OnReject,
    source: Pages,
) -> Result<Summary<()>> {
    let mut options = TransactionOptions::of_topic("licenses");
    // Of the bytes of some batches.
    options.max_bytes = 3;
    let transactions = Arc::new(Transactions::begin(connection.clone(), options).await?);
    let kept = connection.brokers.lock().unwrap().checkpoints.clone();
    let store = KafkaStore::within(&transactions, "licenses.checkpoints", kept);
    let identity = Identity::new(ACCOUNT);
    let beginning = Beginning::of(store.load(ACCOUNT).await?, &identity)?;
    let keeper = Keeper::new(store.clone(), identity.clone(), &beginning);
    let options = Options {
        resume: beginning.reached(),
        journal: Some(Box::new(keeper.with_interval(Duration::ZERO))),
        ..pages::options(on_reject)
    };
    let sink = sink(Opened { connection, transactions, store, identity, beginning });
    run_source(source, sink, options).await.into_result()
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    // One that stands still in a request must not keep others of its tasks from ending.
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_time().build();
    runtime.unwrap().block_on(future)
}

/// Kills the first run before each of its requests, and the second before each of its own; tells `each` of what
/// there is before and after every run. Answers how many runs were killed.
fn every_kill<K: Sink<Report = ()>>(
    sink: fn(Opened) -> K,
    bodies: &Bodies,
    each: impl Fn(&Brokers, &Brokers),
) -> usize {
    let run = |before: &Brokers, chunk, steps| {
        let brokers = Arc::new(Mutex::new(before.clone()));
        let connection = Connection::new(&brokers, steps, Then::Die);
        let source = Pages { pages: Arc::clone(bodies), chunk };
        let ended = block_on(run(sink, connection.clone(), OnReject::Skip, source));
        let after = brokers.lock().unwrap().clone();
        each(before, &after);
        let is_dead = connection.is_dead.load(Ordering::SeqCst);
        if !is_dead {
            assert!(ended.unwrap().outcome.is_complete());
            assert!(after.checkpoint().is_some_and(|kept| kept.is_complete));
        }
        (after, !is_dead)
    };
    let mut kills = 0;
    for first in 1.. {
        let (after_first, has_ended) = run(&Brokers::default(), 7, first);
        if has_ended {
            return kills;
        }
        for second in 1.. {
            let (after_second, has_ended) = run(&after_first, 13, second);
            if has_ended {
                break;
            }
            assert!(run(&after_second, 1, usize::MAX).1, "nothing kills it");
            kills += 2;
        }
    }
    unreachable!()
}

/// Each license of a snapshot is seen once up to where its checkpoint is, and no other.
fn assert_once(brokers: &Brokers) {
    let mut snapshots = brokers.snapshots();
    if let Some(kept) = brokers.checkpoint() {
        let seen = snapshots.remove(&kept.snapshot_id).unwrap_or_default();
        assert_eq!(seen, ids_before(kept.place.position.record), "each once, and no other");
    }
    for (snapshot, seen) in snapshots {
        assert_eq!(seen, ids(), "{snapshot} was complete before the last began");
    }
}

#[test]
fn whenever_runs_are_killed_records_and_place_are_committed_together() {
    for bodies in shapes() {
        let kills = every_kill(ExactlyOnce::new, &bodies, |_, after| assert_once(after));
        assert!(kills > 300, "{kills}");
    }
}

#[test]
fn whenever_runs_are_killed_nothing_is_lost_and_only_what_no_checkpoint_knew_of_comes_again() {
    for bodies in shapes() {
        let kills = every_kill(AtLeastOnce::new, &bodies, |before, after| {
            let (snapshots, known) = (after.snapshots(), before.checkpoint());
            if let Some(kept) = after.checkpoint() {
                let seen = snapshots.get(&kept.snapshot_id).cloned().unwrap_or_default();
                let wanted = ids_before(kept.place.position.record);
                assert!(wanted.iter().all(|id| seen.contains(id)), "{seen:?} lacks of {wanted:?}");
            }
            let came = &after.seen[before.seen.len()..];
            let known =
                known.filter(|kept| came.first().is_some_and(|it| it.0 == kept.snapshot_id));
            let known = known.map_or(0, |kept| ids_before(kept.place.position.record).len());
            let came: Vec<_> = came.iter().map(|(_, id)| id).collect();
            assert!(came.iter().copied().eq(&ids()[known..][..came.len()]), "{came:?}");
        });
        assert!(kills > 300, "{kills}");
    }
}

#[test]
fn a_run_that_is_overtaken_is_fenced_and_leaves_what_the_other_made() {
    let bodies = shapes()[0].clone();
    let mut fenced = 0;
    for stop in 1.. {
        let brokers = Arc::<Mutex<Brokers>>::default();
        let has_stopped = Arc::new(AtomicBool::new(false));
        let other = {
            let (brokers, bodies) = (Arc::clone(&brokers), Arc::clone(&bodies));
            let has_stopped = Arc::clone(&has_stopped);
            move || {
                has_stopped.store(true, Ordering::SeqCst);
                let run = std::thread::spawn(move || {
                    let connection = Connection::new(&brokers, usize::MAX, Then::Die);
                    let source = Pages { pages: bodies, chunk: 13 };
                    block_on(run(ExactlyOnce::new, connection, OnReject::Skip, source)).unwrap()
                });
                assert!(run.join().unwrap().outcome.is_complete());
            }
        };
        let connection = Connection::new(&brokers, stop, Then::Wait(Box::new(other)));
        let source = Pages { pages: Arc::clone(&bodies), chunk: 7 };
        let first = block_on(run(ExactlyOnce::new, connection, OnReject::Skip, source));
        let brokers = brokers.lock().unwrap();
        assert_once(&brokers);
        assert!(brokers.checkpoint().is_some_and(|kept| kept.is_complete));
        if !has_stopped.load(Ordering::SeqCst) {
            break;
        }
        match first {
            // The first to connect is the later run of the two if it had not done so yet.
            Ok(_) => assert_eq!(stop, 1),
            Err(error) => {
                assert!(error.message().starts_with("this run was fenced"), "{stop}: {error}");
                fenced += 1;
            }
        }
    }
    assert!(fenced > 10, "{fenced}");
}

#[test]
fn a_batch_that_reading_ends_in_is_not_committed_exactly_once() {
    for bodies in &shapes()[..2] {
        let brokers = Arc::<Mutex<Brokers>>::default();
        let run = |on_reject| {
            let connection = Connection::new(&brokers, usize::MAX, Then::Die);
            let source = Pages { pages: Arc::clone(bodies), chunk: 1000 };
            block_on(run(ExactlyOnce::new, connection, on_reject, source))
        };
        // The second record is no license, and in one batch with the first.
        run(OnReject::Fail).unwrap_err();
        let after = brokers.lock().unwrap().clone();
        assert!(after.seen.is_empty() && after.checkpoint().is_none());
        assert_eq!(run(OnReject::Skip).unwrap().outcome, Outcome::Rejected);
        let after = brokers.lock().unwrap().clone();
        assert_eq!(after.snapshots().into_values().collect::<Vec<_>>(), [ids()]);
    }
}
