//! Every way to be killed, tried out: the pipeline and its checkpoints themselves, a destination in memory, and
//! every order of step, kill and run again.
//!
//! What is durable changes in steps, each of which happens whole or not at all: a piece appears, a
//! checkpoint takes the place of the one before. A run is killed before its n-th step, the next before its
//! m-th, for every n and m that there are; the third is left in peace. Each run gets its chunks in another
//! size. The same with a topic is in `sink/kafka/kills.rs`, and with an object store in
//! `sink/parquet/kills.rs`.

mod disk;
pub(crate) mod pages;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;

use super::{OnReject, Options, Outcome, Summary, run_source};
use crate::checkpoint::{Beginning, Identity, Keeper};
use crate::error::ErrorKind;
use disk::{Disk, DiskStore, Hand, PieceSink};
use pages::{Bodies, Pages, ids, ids_before, shapes};

/// Runs until the `steps`-th step, or to the end. Answers how it ended, if it did.
fn run(disk: &Arc<Mutex<Disk>>, pages: &Bodies, chunk: usize, steps: usize) -> Option<Summary<()>> {
    let hand = Hand { disk: Arc::clone(disk), steps_left: Arc::new(Mutex::new(steps)) };
    let found = disk.lock().unwrap().checkpoint.clone();
    let identity = Identity::new("a");
    let beginning = Beginning::of(found, &identity).unwrap();
    let pieces_before = beginning.pieces().len();
    let sink = PieceSink::new(hand.clone(), beginning.snapshot_id(), pieces_before);
    let keeper = Keeper::new(DiskStore(hand.clone()), identity, &beginning);
    let options = Options {
        resume: beginning.reached(),
        journal: Some(Box::new(keeper.with_interval(Duration::ZERO))),
        ..pages::options(OnReject::Skip)
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

#[test]
fn whenever_runs_are_killed_the_pieces_are_those_of_an_undisturbed_run() {
    for pages in shapes() {
        let undisturbed = Arc::new(Mutex::new(Disk::default()));
        let summary = run(&undisturbed, &pages, 1000, usize::MAX).unwrap();
        assert_eq!(summary.outcome, Outcome::Rejected, "{:?}", summary.error);
        let undisturbed = undisturbed.lock().unwrap().clone();
        assert_eq!(undisturbed.kept().concat(), ids());
        assert!(undisturbed.kept().len() > 2);
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

#[test]
fn a_snapshot_without_licenses_is_complete_too() {
    let disk = Arc::new(Mutex::new(Disk::default()));
    let pages: Bodies = [(None, Bytes::from_static(b"{\"result\":[]}"))].into();
    assert_eq!(run(&disk, &pages, 3, usize::MAX).unwrap().outcome, Outcome::Done);
    assert_eq!(disk.lock().unwrap().end(), (&[][..], Some((0, 0, true))));
}

/// The checkpoint is never ahead of the pieces.
fn assert_is_sound(disk: &Disk) {
    let Some(kept) = &disk.checkpoint else { return };
    let delivered = disk.kept()[..kept.pieces.len()].concat();
    assert_eq!(delivered, ids_before(kept.place.position.record));
}

#[test]
fn nothing_is_passed_over_on_trust() {
    for pages in shapes() {
        let disk = Arc::new(Mutex::new(Disk::default()));
        assert!(run(&disk, &pages, 1000, 4).is_none());
        let before = disk.lock().unwrap().clone();
        let place = before.checkpoint.clone().expect("a place was kept").place;
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
        assert_eq!(disk.lock().unwrap().kept().concat().last().unwrap(), "15");
    }
}
