//! Every way to be killed, tried out: the pipeline itself, a destination in memory, and every order of
//! step, kill and run again.
//!
//! What is durable changes in steps, each of which happens whole or not at all: a piece appears, the
//! journal takes a place. A run is killed before its n-th step, the next before its m-th, for every n
//! and m that there are; the third is left in peace. Each run gets its chunks in another size.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use futures_util::{FutureExt, future, future::BoxFuture, stream};

use super::{Durable, Journal, Options, Outcome, Place, Reached, Source, Summary, run_source};
use crate::decode::CheckedBlock;
use crate::error::{ErrorKind, Result};
use crate::frame::{FramerOptions, Page};
use crate::pipeline::{OnReject, RejectPolicy};
use crate::position::Position;
use crate::sink::{Batch, CheckDecoder, DurablePiece, Pace, Sink};

/// The ids in it.
type Piece = Vec<String>;

/// What outlives a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Disk {
    /// By number.
    pieces: Vec<Piece>,
    /// The ids that a topic shows to who reads what is committed.
    topic: Vec<String>,
    journal: Option<Kept>,
}

impl Disk {
    /// What there is at the end of a run. Not the byte that the journal has: white space behind the last
    /// record of a chunk belongs to its block.
    fn end(&self) -> (&[Piece], Option<(u64, usize, bool)>) {
        let kept = self.journal.as_ref();
        let kept = kept.map(|kept| (kept.place.position.record, kept.pieces, kept.is_complete));
        (&self.pieces, kept)
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Kept {
    place: Place,
    pieces: usize,
    is_complete: bool,
}

/// One run's hold on the disk: it ends with the run's last step.
#[derive(Clone, Debug)]
struct Hand {
    disk: Arc<Mutex<Disk>>,
    steps_left: Arc<Mutex<usize>>,
}

impl Hand {
    /// Does `step`, unless the run is killed before it: then this never ends.
    async fn step<T>(&self, step: impl FnOnce(&mut Disk) -> T) -> T {
        let lives = {
            let mut left = self.steps_left.lock().unwrap();
            let lives = *left > 0;
            *left = left.saturating_sub(1);
            lives
        };
        if !lives {
            future::pending::<()>().await;
        }
        step(&mut self.disk.lock().unwrap())
    }

    fn is_killed(&self) -> bool {
        *self.steps_left.lock().unwrap() == 0
    }
}

/// Makes a piece of every two batches, as files are made of many.
struct PieceSink {
    hand: Hand,
    open: Vec<String>,
    batches: usize,
    pieces_before: usize,
    pieces: Vec<DurablePiece>,
    written: Position,
    durable: Position,
}

impl PieceSink {
    async fn close_piece(&mut self) {
        let number = self.pieces_before + self.pieces.len();
        let ids = std::mem::take(&mut self.open);
        let records = ids.len() as u64;
        if records > 0 {
            self.hand
                .step(|disk| {
                    disk.pieces.resize(disk.pieces.len().max(number + 1), Vec::new());
                    disk.pieces[number] = ids;
                })
                .await;
            self.pieces.push(DurablePiece {
                name: number.to_string(),
                partition: Default::default(),
                records,
                bytes: 0,
                digest: None,
            });
        }
        self.batches = 0;
        self.durable = self.written;
    }
}

impl Sink for PieceSink {
    type Decoder = CheckDecoder;
    type Report = ();

    fn decoder(&self) -> CheckDecoder {
        CheckDecoder::default()
    }

    fn pace(&self) -> Pace {
        Pace::Full
    }

    async fn write(&mut self, batch: Batch<Vec<CheckedBlock>>) -> Result<()> {
        let records = batch.value.iter().flat_map(CheckedBlock::records);
        self.open.extend(records.map(|record| record.id.to_owned()));
        self.written = batch.span.end;
        self.batches += 1;
        if self.batches == 2 {
            self.close_piece().await;
        }
        Ok(())
    }

    fn durable(&self) -> Position {
        self.durable
    }

    fn pieces(&self) -> &[DurablePiece] {
        &self.pieces
    }

    async fn flush(&mut self) -> Result<Position> {
        Ok(self.durable)
    }

    async fn finish(&mut self) -> Result<()> {
        self.close_piece().await;
        Ok(())
    }

    async fn abort(&mut self) -> Result<()> {
        Ok(())
    }

    fn report(self) {}
}

/// Sends one record at a time to a topic, which keeps each.
struct AtLeastOnce {
    hand: Hand,
    durable: Position,
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
        for record in batch.value.iter().flat_map(CheckedBlock::records) {
            self.hand.step(|disk| disk.topic.push(record.id.to_owned())).await;
        }
        self.durable = batch.span.end;
        Ok(())
    }

    fn durable(&self) -> Position {
        self.durable
    }

    async fn flush(&mut self) -> Result<Position> {
        Ok(self.durable)
    }

    async fn finish(&mut self) -> Result<()> {
        Ok(())
    }

    async fn abort(&mut self) -> Result<()> {
        Ok(())
    }

    fn report(self) {}
}

/// Puts two batches into a transaction, and the place behind them: a topic shows all of it or nothing.
struct ExactlyOnce {
    hand: Hand,
    open: Vec<String>,
    batches: usize,
    reached: Option<Reached>,
    written: Position,
    durable: Position,
}

impl ExactlyOnce {
    async fn commit(&mut self) {
        let ids = std::mem::take(&mut self.open);
        if let Some(Reached { place, .. }) = self.reached.take() {
            self.hand
                .step(|disk| {
                    disk.topic.extend(ids);
                    disk.journal = Some(Kept { place, pieces: 0, is_complete: false });
                })
                .await;
        }
        self.batches = 0;
        self.durable = self.written;
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
        let records = batch.value.iter().flat_map(CheckedBlock::records);
        self.open.extend(records.map(|record| record.id.to_owned()));
        self.reached = Some(batch.reached.expect("whole batches only"));
        self.written = batch.span.end;
        self.batches += 1;
        if self.batches == 2 {
            self.commit().await;
        }
        Ok(())
    }

    fn durable(&self) -> Position {
        self.durable
    }

    async fn flush(&mut self) -> Result<Position> {
        Ok(self.durable)
    }

    async fn finish(&mut self) -> Result<()> {
        self.commit().await;
        Ok(())
    }

    async fn abort(&mut self) -> Result<()> {
        self.commit().await;
        Ok(())
    }

    fn report(self) {}
}

#[derive(Debug)]
struct DiskJournal {
    hand: Hand,
    pieces_before: usize,
}

impl Journal for DiskJournal {
    fn record(&mut self, durable: Durable) -> BoxFuture<'_, Result<()>> {
        async move {
            let pieces = self.pieces_before + durable.pieces.len();
            let Durable { place, is_complete, .. } = durable;
            let new = Kept { place, pieces, is_complete };
            // What was in a transaction is not written again.
            let is_there = self.hand.disk.lock().unwrap().journal.as_ref() == Some(&new);
            if !is_there {
                self.hand.step(|disk| disk.journal = Some(new)).await;
            }
            Ok(())
        }
        .boxed()
    }

    fn abandon(&mut self) -> BoxFuture<'_, Result<()>> {
        // The tests look at what there was.
        future::ready(Ok(())).boxed()
    }
}

/// An API whose pages come in chunks of one size.
struct Pages {
    pages: Arc<[(Option<String>, Bytes)]>,
    chunk: usize,
}

impl Source for Pages {
    type Body = stream::Iter<std::vec::IntoIter<Result<Bytes>>>;

    async fn next_body(&mut self, before: Option<Page>) -> Result<Option<Self::Body>> {
        let cursor = match before {
            None => None,
            Some(Page { next_cursor: None, .. }) => return Ok(None),
            Some(page) => page.next_cursor,
        };
        let (_, bytes) = self.pages.iter().find(|(of, _)| *of == cursor).expect("a known cursor");
        let chunks: Vec<_> = bytes.chunks(self.chunk).map(Bytes::copy_from_slice).map(Ok).collect();
        Ok(Some(stream::iter(chunks)))
    }
}

type Bodies = Arc<[(Option<String>, Bytes)]>;

/// Runs until the `steps`-th step, or to the end. Answers how it ended, if it did.
fn run(disk: &Arc<Mutex<Disk>>, pages: &Bodies, chunk: usize, steps: usize) -> Option<Summary<()>> {
    run_into(piece_sink, OnReject::Skip, disk, pages, chunk, steps)
}

fn piece_sink(hand: Hand, pieces_before: usize) -> PieceSink {
    PieceSink {
        hand,
        open: Vec::new(),
        batches: 0,
        pieces_before,
        pieces: Vec::new(),
        written: Position::START,
        durable: Position::START,
    }
}

fn at_least_once(hand: Hand, _: usize) -> AtLeastOnce {
    AtLeastOnce { hand, durable: Position::START }
}

fn exactly_once(hand: Hand, _: usize) -> ExactlyOnce {
    ExactlyOnce {
        hand,
        open: Vec::new(),
        batches: 0,
        reached: None,
        written: Position::START,
        durable: Position::START,
    }
}

fn run_into<K: Sink<Report = ()>>(
    sink: impl FnOnce(Hand, usize) -> K,
    on_reject: OnReject,
    disk: &Arc<Mutex<Disk>>,
    pages: &Bodies,
    chunk: usize,
    steps: usize,
) -> Option<Summary<()>> {
    let hand = Hand { disk: Arc::clone(disk), steps_left: Arc::new(Mutex::new(steps)) };
    let kept = disk.lock().unwrap().journal.clone();
    let pieces_before = kept.as_ref().map_or(0, |kept| kept.pieces);
    let sink = sink(hand.clone(), pieces_before);
    let options = Options {
        framer: FramerOptions { block_bytes: 40, max_record_bytes: 90, ..FramerOptions::default() },
        rejects: RejectPolicy { on_reject, ..RejectPolicy::default() },
        resume: kept.map(|kept| kept.place),
        journal: Some(Box::new(DiskJournal { hand: hand.clone(), pieces_before })),
        ..Options::default()
    };
    let source = Pages { pages: Arc::clone(pages), chunk };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(async {
        let killed = async {
            while !hand.is_killed() {
                tokio::task::yield_now().await;
            }
            // The step before the kill is done; what follows it, up to the next step, may be.
            for _ in 0..20 {
                tokio::task::yield_now().await;
            }
        };
        tokio::select! {
            biased;
            summary = run_source(source, sink, options) => Some(summary),
            () = killed => None,
        }
    })
}

fn record(number: usize) -> String {
    match number % 5 {
        1 => format!("{{\"name\":{number}}}"), // no license: a reject
        3 => format!("{{\"id\":\"{number}\",\"description\":\"{}\"}}", "x".repeat(80)), // too long
        _ => format!("{{\"id\":\"{number}\",\n\"name\":\"é\"}}").replace('\n', " "),
    }
}

fn lines() -> Bodies {
    let body: String = (0..17).map(|number| record(number) + "\r\n\n").collect();
    [(None, Bytes::from(body))].into()
}

fn envelopes(cursor_first: bool) -> Bodies {
    let page = |from: usize, to: usize, cursor: &str| {
        let records: Vec<_> = (from..to).map(record).collect();
        let (cursor, result) = (
            format!("\"next_cursor\":{cursor}"),
            format!("\"result\":[\n{}\n]", records.join(" ,\n")),
        );
        if cursor_first {
            format!("{{{cursor},{result}}}\n")
        } else {
            format!("{{{result},{cursor}}}")
        }
    };
    [
        (None, page(0, 7, "\"b\"").into()),
        (Some("b".to_owned()), page(7, 7, "\"c\"").into()),
        (Some("c".to_owned()), page(7, 17, "null").into()),
    ]
    .into()
}

/// All ids, in order.
fn ids() -> Vec<String> {
    (0..17).filter(|number| !matches!(number % 5, 1 | 3)).map(|number| number.to_string()).collect()
}

#[test]
fn whenever_runs_are_killed_the_pieces_are_those_of_an_undisturbed_run() {
    for pages in [lines(), envelopes(false), envelopes(true)] {
        let undisturbed = Arc::new(Mutex::new(Disk::default()));
        let summary = run(&undisturbed, &pages, 1000, usize::MAX).unwrap();
        assert_eq!(summary.outcome, Outcome::Rejected, "{:?}", summary.error);
        let undisturbed = undisturbed.lock().unwrap().clone();
        assert_eq!(undisturbed.pieces.concat(), ids());
        assert!(undisturbed.pieces.len() > 2);
        let mut kills = 0;
        for first in 1.. {
            let after_first = Arc::new(Mutex::new(Disk::default()));
            if run(&after_first, &pages, 7, first).is_some() {
                break; // fewer steps than that
            }
            for second in 1.. {
                let disk = Arc::new(Mutex::new(after_first.lock().unwrap().clone()));
                let ended = run(&disk, &pages, 13, second).is_some();
                assert_is_sound(&disk.lock().unwrap());
                if ended {
                    break;
                }
                let summary = run(&disk, &pages, 1, usize::MAX).expect("nothing kills it");
                assert_eq!(summary.outcome, Outcome::Rejected, "{:?}", summary.error);
                let disk = disk.lock().unwrap().clone();
                assert_eq!(disk.end(), undisturbed.end(), "killed before {first} and {second}");
                kills += 2;
            }
        }
        assert!(kills > 30, "{kills}");
    }
}

/// Kills the first run before each of its steps, and the second before each of its own; tells `each` of
/// the disk before and after every run. Answers how many runs were killed.
fn every_kill<K: Sink<Report = ()>>(
    sink: fn(Hand, usize) -> K,
    pages: &Bodies,
    each: impl Fn(&Disk, &Disk),
) -> usize {
    let run = |before: &Disk, chunk, steps| {
        let disk = Arc::new(Mutex::new(before.clone()));
        let summary = run_into(sink, OnReject::Skip, &disk, pages, chunk, steps);
        let after = disk.lock().unwrap().clone();
        each(before, &after);
        let outcome = summary.map(|summary| (summary.outcome, summary.error));
        if let Some(outcome) = &outcome {
            assert!(outcome.0.is_complete(), "{outcome:?}");
            assert!(after.journal.as_ref().is_some_and(|kept| kept.is_complete));
        }
        (after, outcome.is_some())
    };
    let mut kills = 0;
    for first in 1.. {
        let (after_first, has_ended) = run(&Disk::default(), 7, first);
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

/// The ids before the place that the journal has.
fn ids_before(disk: &Disk) -> Vec<String> {
    let record = disk.journal.as_ref().map_or(0, |kept| kept.place.position.record);
    ids().into_iter().filter(|id| id.parse::<u64>().unwrap() < record).collect()
}

#[test]
fn whenever_runs_are_killed_records_and_place_are_committed_together() {
    for pages in [lines(), envelopes(false), envelopes(true)] {
        let kills = every_kill(exactly_once, &pages, |_, after| {
            assert_eq!(after.topic, ids_before(after), "each once, and no other");
        });
        assert!(kills >= 12, "{kills}");
    }
}

#[test]
fn whenever_runs_are_killed_nothing_is_lost_and_only_what_no_checkpoint_knew_of_comes_again() {
    for pages in [lines(), envelopes(false), envelopes(true)] {
        let kills = every_kill(at_least_once, &pages, |before, after| {
            assert!(ids_before(after).iter().all(|id| after.topic.contains(id)));
            let known = ids_before(before);
            let (earlier, came) = after.topic.split_at(before.topic.len());
            assert_eq!(earlier, before.topic);
            assert_eq!(came, &ids()[known.len()..][..came.len()], "in order, behind the place");
        });
        assert!(kills > 100, "{kills}");
    }
}

#[test]
fn a_batch_that_reading_ends_in_is_not_committed_exactly_once() {
    for pages in [lines(), envelopes(false)] {
        let disk = Arc::new(Mutex::new(Disk::default()));
        // The second record is no license, and in one batch with the first.
        let failed = run_into(exactly_once, OnReject::Fail, &disk, &pages, 1000, usize::MAX);
        assert_eq!(failed.unwrap().outcome, Outcome::Failed);
        let after = disk.lock().unwrap().clone();
        assert_eq!((after.topic.len(), after.journal), (0, None));
        let skipped = run_into(exactly_once, OnReject::Skip, &disk, &pages, 1000, usize::MAX);
        assert_eq!(skipped.unwrap().outcome, Outcome::Rejected);
        assert_eq!(disk.lock().unwrap().topic, ids());
    }
}

#[test]
fn a_snapshot_without_licenses_is_complete_too() {
    let disk = Arc::new(Mutex::new(Disk::default()));
    let pages: Bodies = [(None, Bytes::from_static(b"{\"result\":[]}"))].into();
    assert_eq!(run(&disk, &pages, 3, usize::MAX).unwrap().outcome, Outcome::Done);
    assert_eq!(disk.lock().unwrap().end(), (&[][..], Some((0, 0, true))));
}

/// The journal is never ahead of the pieces.
fn assert_is_sound(disk: &Disk) {
    let Some(kept) = &disk.journal else { return };
    let delivered: usize = disk.pieces[..kept.pieces].iter().map(Vec::len).sum();
    let before =
        ids().into_iter().filter(|id| id.parse::<u64>().unwrap() < kept.place.position.record);
    assert_eq!(delivered, before.count());
}

#[test]
fn nothing_is_passed_over_on_trust() {
    for pages in [lines(), envelopes(false), envelopes(true)] {
        let disk = Arc::new(Mutex::new(Disk::default()));
        assert!(run(&disk, &pages, 1000, 4).is_none());
        let before = disk.lock().unwrap().clone();
        let place = before.journal.clone().expect("a place was kept").place;
        let page = pages.iter().position(|(cursor, _)| *cursor == place.page.cursor).unwrap();
        let body = &pages[page].1;
        let known = (place.position.byte - place.page.position.byte) as usize;
        let other = |change: &dyn Fn(&mut Vec<u8>)| {
            let mut changed = body.to_vec();
            change(&mut changed);
            let mut pages = pages.to_vec();
            pages[page].1 = changed.into();
            Bodies::from(pages)
        };
        let digit = body.iter().position(u8::is_ascii_digit).unwrap();
        let mut changes = vec![
            other(&|body| body[digit] = b'9'),
            other(&|body| body[known - 1] = b' ' + (body[known - 1] == b' ') as u8 * 2),
            other(&|body| body.truncate(known - 1)),
            other(&|body| body.insert(0, b' ')),
            other(&|body| body.clear()),
        ];
        for changed in changes.drain(..) {
            let summary = run(&disk, &changed, 11, usize::MAX).unwrap();
            let error = summary.error.expect("it is not the same page");
            assert_eq!(error.kind(), ErrorKind::Changed, "{error}");
            assert_eq!(*disk.lock().unwrap(), before);
        }
        // What is behind the place is nothing that was delivered.
        let grown =
            other(&|body| *body = String::from_utf8_lossy(body).replace("\"16\"", "\"18\"").into());
        let summary = run(&disk, &grown, 11, usize::MAX).unwrap();
        assert!(summary.outcome.is_complete(), "{:?}", summary.error);
        assert_eq!(disk.lock().unwrap().pieces.concat().last().unwrap(), "15");
    }
}
