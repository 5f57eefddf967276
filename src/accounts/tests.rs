//! Accounts whose bodies and failures are made up, and sinks that a test can look into.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use futures_util::stream;
use tokio::sync::Semaphore;

use super::*;
use crate::decode::CheckedBlock;
use crate::frame::Page;
use crate::pipeline::Outcome;
use crate::position::Position;
use crate::sink::{Batch, CheckDecoder, Pace};

/// What sinks did, in order: `b0` begun by account b at its first attempt, then `+` written, `.`
/// finished, `!` aborted, `-` discarded.
#[derive(Clone, Debug, Default)]
struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    fn add(&self, entry: String) {
        self.0.lock().unwrap().push(entry);
    }

    fn of(&self, account: &str) -> String {
        let log = self.0.lock().unwrap();
        let of_account = log.iter().filter(|entry| entry.starts_with(account));
        of_account.map(|entry| &entry[account.len()..]).collect::<Vec<_>>().join(" ")
    }
}

struct TestSink {
    name: String,
    log: Log,
    /// Writes wait for a permit, where there is a gate.
    gate: Option<Arc<Semaphore>>,
    position: Position,
}

impl Sink for TestSink {
    type Decoder = CheckDecoder;
    type Report = ();

    fn decoder(&self) -> CheckDecoder {
        CheckDecoder::default()
    }

    fn pace(&self) -> Pace {
        Pace::Eager
    }

    async fn write(&mut self, batch: Batch<Vec<CheckedBlock>>) -> Result<()> {
        if let Some(gate) = &self.gate {
            gate.acquire().await.unwrap().forget();
        }
        let records = || batch.value.iter().flat_map(CheckedBlock::records);
        assert!(!records().any(|record| record.id == "panic"), "as the test wants it");
        self.log.add(format!("{}+", self.name));
        self.position = batch.span.end;
        Ok(())
    }

    fn durable(&self) -> Position {
        self.position
    }

    async fn flush(&mut self) -> Result<Position> {
        Ok(self.position)
    }

    async fn finish(&mut self) -> Result<()> {
        self.log.add(format!("{}.", self.name));
        Ok(())
    }

    async fn abort(&mut self) -> Result<()> {
        self.log.add(format!("{}!", self.name));
        Ok(())
    }

    async fn discard(&mut self) -> Result<()> {
        self.log.add(format!("{}-", self.name));
        Ok(())
    }

    fn report(self) {}
}

/// An account of a test: its name says what it is and how it ends.
type Account = (&'static str, Option<ErrorKind>);

type Body = stream::Iter<std::vec::IntoIter<Result<Bytes>>>;

struct TestSource(Option<Body>);

impl Source for TestSource {
    type Body = Body;

    async fn next_body(&mut self, _: Option<Page>) -> Result<Option<Body>> {
        Ok(self.0.take())
    }
}

fn snapshot(
    (name, failure): Account,
    attempt: u32,
    log: &Log,
    gate: Option<Arc<Semaphore>>,
) -> Begun<TestSource, TestSink> {
    let id = if name == "panicking" { "panic" } else { "1" };
    let record = format!("{{\"id\":\"{id}\"}}\n");
    let mut chunks = vec![Ok(Bytes::from(record))];
    // `mended` changes once, and is as it was then.
    if let Some(kind) = failure.filter(|_| name != "mended" || attempt == 0) {
        chunks.push(Err(Error::new(kind, "as the test wants it")));
    }
    let name = format!("{name}{attempt}");
    log.add(name.clone());
    let sink = TestSink { name: name.clone(), log: log.clone(), gate, position: Position::START };
    let body: Body = stream::iter(chunks);
    Begun::Snapshot(Box::new(Snapshot::new(name, TestSource(Some(body)), sink)))
}

fn start(accounts: Vec<Result<Account>>, log: &Log, options: Options) -> TestRuns {
    start_stream(stream::iter(accounts), log, options)
}

fn start_stream(
    accounts: impl Stream<Item = Result<Account>> + Send + 'static,
    log: &Log,
    options: Options,
) -> TestRuns {
    let log = log.clone();
    let begin = move |account: Arc<Account>, attempt| {
        let begun = snapshot(*account, attempt, &log, None);
        async move {
            match *account {
                ("skipped", _) => Ok(Begun::Skip("no licenses".to_owned())),
                ("unmade", _) => Err(Error::new(ErrorKind::Destination, "no room")),
                _ => Ok(begun),
            }
        }
    };
    run(accounts, begin, options)
}

type TestRuns = Runs<Account, TestSource, TestSink>;

/// Each account in the order given, and how it ended, in a word.
async fn outcomes(mut runs: TestRuns) -> Vec<(&'static str, String)> {
    let mut found = Vec::new();
    while let Some(ended) = runs.next().await {
        let ended = ended.unwrap();
        let word = match (&ended.end, ended.error(), ended.outcome()) {
            (End::NotBegun, ..) => "not begun".to_owned(),
            (End::Skipped(reason), ..) => reason.clone(),
            (_, Some(error), _) => error.kind().as_str().to_owned(),
            (_, None, outcome) => outcome.unwrap().as_str().to_owned(),
        };
        found.push((ended.index, ended.account.0, word));
    }
    found.sort();
    found.into_iter().map(|(_, name, word)| (name, word)).collect()
}

fn words<'a>(found: &'a [(&'static str, String)]) -> Vec<(&'static str, &'a str)> {
    found.iter().map(|(name, word)| (*name, word.as_str())).collect()
}

#[tokio::test]
async fn a_failure_is_the_account_s_own() {
    let kinds = [
        ErrorKind::AccountUnauthorized,
        ErrorKind::Forbidden,
        ErrorKind::Refused,
        ErrorKind::Upstream,
        ErrorKind::Unreachable,
        ErrorKind::Truncated,
        ErrorKind::Malformed,
    ];
    let log = Log::default();
    let failing = kinds.map(|kind| Ok(("failing", Some(kind))));
    let others = [Ok(("skipped", None)), Ok(("unmade", None)), Ok(("panicking", None))];
    let accounts = failing.into_iter().chain(others).chain([Ok(("last", None))]).collect();
    let options = Options { concurrency: 1, ..Options::default() };
    let found = outcomes(start(accounts, &log, options)).await;
    let mut expected: Vec<_> = kinds.iter().map(|kind| ("failing", kind.as_str())).collect();
    expected.extend([
        ("skipped", "no licenses"),
        ("unmade", "destination"),
        ("panicking", "internal"),
        ("last", "done"),
    ]);
    assert_eq!(words(&found), expected);
    assert_eq!(log.of("last"), "0 0+ 0.");
}

#[tokio::test]
async fn a_token_that_is_refused_stops_everything() {
    let log = Log::default();
    let accounts = vec![
        Ok(("first", None)),
        Ok(("refused", Some(ErrorKind::Unauthorized))),
        Ok(("later", None)),
        Ok(("latest", None)),
    ];
    let options = Options { concurrency: 1, ..Options::default() };
    let found = outcomes(start(accounts, &log, options)).await;
    let expected = [
        ("first", "done"),
        ("refused", "unauthorized"),
        ("later", "not begun"),
        ("latest", "not begun"),
    ];
    assert_eq!(words(&found), expected);
    assert_eq!(log.of("late"), "");
}

#[tokio::test]
async fn whoever_wants_to_fails_fast() {
    let log = Log::default();
    let accounts = vec![Ok(("first", Some(ErrorKind::Upstream))), Ok(("later", None))];
    let options = Options { concurrency: 1, fail_fast: true, ..Options::default() };
    let found = outcomes(start(accounts, &log, options)).await;
    assert_eq!(words(&found), [("first", "upstream"), ("later", "not begun")]);
}

#[tokio::test]
async fn a_listing_that_breaks_off_ends_what_was_begun() {
    let log = Log::default();
    let broken = Err(Error::new(ErrorKind::Upstream, "no second page"));
    let mut runs = start(vec![Ok(("first", None)), broken], &log, Options::default());
    let (mut errors, mut ended) = (0, 0);
    while let Some(next) = runs.next().await {
        match next {
            Ok(_) => ended += 1,
            Err(error) => {
                assert_eq!(error.message(), "no second page");
                errors += 1;
            }
        }
    }
    assert_eq!((errors, ended), (1, 1));
}

#[tokio::test]
async fn a_run_that_is_stopped_says_whether_it_knows_all_accounts() {
    for is_whole in [false, true] {
        let log = Log::default();
        let known = stream::iter([Ok(("first", None)), Ok(("second", None))]);
        let rest = if is_whole { stream::empty().boxed() } else { stream::pending().boxed() };
        let mut runs = start_stream(known.chain(rest), &log, Options::default());
        runs.stop();
        let mut not_begun = 0;
        while let Some(ended) = runs.next().await {
            assert!(matches!(ended.unwrap().end, End::NotBegun));
            not_begun += 1;
        }
        assert_eq!((not_begun, runs.knows_all()), (2, is_whole));
    }
    let mut runs = start(vec![Ok(("only", None))], &Log::default(), Options::default());
    assert_eq!(runs.next().await.unwrap().unwrap().outcome(), Some(Outcome::Done));
    assert!(runs.next().await.is_none() && runs.knows_all());
}

#[tokio::test]
async fn a_changed_answer_is_begun_anew_and_not_for_ever() {
    let log = Log::default();
    let changed = Some(ErrorKind::Changed);
    let accounts = vec![Ok(("mended", changed)), Ok(("fickle", changed))];
    let mut runs = start(accounts, &log, Options::default());
    let mut ids = Vec::new();
    while let Some(ended) = runs.next().await {
        let ended = ended.unwrap();
        ids.extend(ended.snapshots.iter().map(|snapshot| snapshot.id.to_string()));
        let expected = if ended.account.0 == "mended" { Outcome::Done } else { Outcome::Failed };
        assert_eq!(ended.outcome(), Some(expected));
    }
    ids.sort();
    assert_eq!(ids, ["fickle0", "fickle1", "fickle2", "fickle3", "mended0", "mended1"]);
    assert_eq!(log.of("mended"), "0 0+ 0- 1 1+ 1.");
    assert_eq!(log.of("fickle"), "0 0+ 0- 1 1+ 1- 2 2+ 2- 3 3+ 3-");
}

#[tokio::test]
async fn no_more_are_read_at_once_than_was_said_and_in_their_order() {
    let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let begun = Arc::new(Mutex::new(Vec::new()));
    let log = Log::default();
    let begin = {
        let (now, most, begun) = (Arc::clone(&now), Arc::clone(&most), Arc::clone(&begun));
        move |account: Arc<usize>, attempt| {
            begun.lock().unwrap().push(*account);
            most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            let snapshot = snapshot(("a", None), attempt, &log, None);
            let now = Arc::clone(&now);
            async move {
                tokio::task::yield_now().await;
                now.fetch_sub(1, Ordering::SeqCst);
                Ok(snapshot)
            }
        }
    };
    let options = Options { concurrency: 3, ..Options::default() };
    let mut runs = run(stream::iter((0..50).map(Ok)), begin, options);
    let mut ended = 0;
    while let Some(next) = runs.next().await {
        assert_eq!(next.unwrap().outcome(), Some(Outcome::Done));
        ended += 1;
    }
    assert_eq!((ended, most.load(Ordering::SeqCst)), (50, 3));
    assert_eq!(*begun.lock().unwrap(), (0..50).collect::<Vec<_>>());
}

#[tokio::test]
async fn what_is_under_way_is_bounded_over_all_accounts() {
    const ACCOUNTS: usize = 4;
    const RECORD: usize = 1000;
    const QUEUE: usize = 10 * RECORD;
    let gate = Arc::new(Semaphore::new(0));
    let progress = Arc::new(Progress::default());
    let begin = {
        let gate = Arc::clone(&gate);
        move |_: Arc<usize>, attempt| {
            let record = format!("{{\"id\":\"{}\"}}\n", "x".repeat(RECORD - 10));
            assert_eq!(record.len(), RECORD);
            let body: Body =
                stream::iter((0..50).map(|_| Ok(record.clone().into())).collect::<Vec<_>>());
            let begun = snapshot(("a", None), attempt, &Log::default(), Some(Arc::clone(&gate)));
            let Begun::Snapshot(mut snapshot) = begun else { unreachable!() };
            snapshot.source = TestSource(Some(body));
            std::future::ready(Ok(Begun::Snapshot(snapshot)))
        }
    };
    let framer = FramerOptions { block_bytes: RECORD, ..FramerOptions::default() };
    let options = Options {
        concurrency: ACCOUNTS,
        framer,
        queue_bytes: QUEUE,
        progress: Arc::clone(&progress),
        ..Options::default()
    };
    let mut runs = run(stream::iter((0..ACCOUNTS).map(Ok)), begin, options);
    let all = async {
        let mut ended = 0;
        while let Some(next) = runs.next().await {
            assert_eq!(next.unwrap().outcome(), Some(Outcome::Done));
            ended += 1;
        }
        ended
    };
    tokio::pin!(all);
    // No sink takes anything: reading goes on until there is no room, and then stands still.
    let mut last = (0, 0);
    while last.1 < 1000 {
        assert!(all.as_mut().now_or_never().is_none());
        tokio::task::yield_now().await;
        let read = progress.bytes_read();
        last = if read == last.0 { (read, last.1 + 1) } else { (read, 0) };
    }
    // Beside the queue, each reader has the job for which it waits, and each sink the one it writes.
    let most = (QUEUE + ACCOUNTS * 2 * RECORD) as u64;
    assert!((QUEUE as u64..=most).contains(&last.0), "{} of {most}", last.0);
    gate.add_permits(Semaphore::MAX_PERMITS / 2);
    assert_eq!(all.await, ACCOUNTS);
    assert_eq!(progress.records(), 50 * ACCOUNTS as u64);
}

#[test]
fn a_job_follows_from_the_options_alone() {
    let block_bytes = |concurrency| Options { concurrency, ..Options::default() }.block_bytes();
    let whole = FramerOptions::default().block_bytes;
    assert_eq!([1, 8, 16].map(block_bytes), [whole; 3]);
    assert_eq!(block_bytes(64), 256 << 10);
    assert_eq!(block_bytes(100_000), 64 << 10);
}
