//! Records into what sinks write, and what programs read.

use std::hint::black_box;
use std::ops::ControlFlow;
use std::sync::Mutex;

use arrow_array::RecordBatch;
use criterion::Criterion;
use license_stream::License;
use license_stream::decode::arrow::{BatchOptions, LicenseBatchBuilder};
use license_stream::decode::{CheckedBlock, Limits};
use license_stream::frame::Block;

use crate::corpus::{Corpus, LEAN, RECORDS, WHOLE};
use crate::{group, peers};

pub(crate) fn bench(criterion: &mut Criterion) {
    identify_records(criterion);
    structs(criterion);
    arrow(criterion);
}

/// What a record needs that is passed on as it came: checked, and its id found.
fn identify_records(criterion: &mut Criterion) {
    let mut group = group(criterion, "identify", WHOLE.body.len());
    group.bench_function("license-stream", |bencher| {
        let limits = Limits::default();
        let check = |block: &Block| {
            CheckedBlock::check(block.clone(), &limits, |_| ControlFlow::Break(())).len()
        };
        bencher.iter(|| assert_eq!(WHOLE.blocks.iter().map(check).sum::<usize>(), RECORDS));
    });
    group.bench_function("serde_json", |bencher| {
        bencher.iter(|| count(&WHOLE, |record| peers::serde_json_id(record).is_some()));
    });
    group.finish();
}

/// One value of Rust a record.
fn structs(criterion: &mut Criterion) {
    let mut group = group(criterion, "struct", WHOLE.body.len());
    group.bench_function("license-stream", |bencher| {
        bencher.iter(|| {
            count(&WHOLE, |record| {
                serde_json::from_slice::<License>(record).map(black_box).is_ok()
            });
        });
    });
    // Text is borrowed, times are not parsed; unknown fields are dropped, and a value of another type
    // would be an error.
    group.bench_function("sonic-rs", |bencher| {
        bencher.iter(|| {
            count(&WHOLE, |record| {
                sonic_rs::from_slice::<peers::License<'_>>(record).map(black_box).is_ok()
            });
        });
    });
    group.finish();
}

/// Columns: one batch a block of 1 MiB.
fn arrow(criterion: &mut Criterion) {
    for (name, corpus) in [("arrow", &*WHOLE), ("arrow, no remote_data", &*LEAN)] {
        let mut group = group(criterion, name, corpus.body.len());
        group.bench_function("license-stream", |bencher| {
            bencher.iter(|| {
                assert_eq!(rows(&corpus.blocks), RECORDS);
            });
        });
        // Blocks are independent: each thread takes the next one, as workers of the pipeline do.
        group.bench_function("license-stream, two threads", |bencher| {
            bencher.iter(|| {
                let blocks = Mutex::new(corpus.blocks.iter());
                let next = || blocks.lock().expect("no thread panics").next();
                let work = || rows(std::iter::from_fn(next));
                std::thread::scope(|scope| {
                    let other = scope.spawn(work);
                    assert_eq!(work() + other.join().expect("no thread panics"), RECORDS);
                });
            });
        });
        group.bench_function("arrow-json", |bencher| {
            let schema = peers::arrow_json_schema();
            bencher.iter(|| {
                let batches = peers::arrow_json(corpus, &schema);
                let rows: usize = batches.map(|batch| black_box(batch).num_rows()).sum();
                assert_eq!(rows, RECORDS);
            });
        });
        // No columns, but all that has to be read for them.
        group.bench_function("sonic-rs into structs", |bencher| {
            bencher.iter(|| {
                count(corpus, |record| {
                    sonic_rs::from_slice::<peers::License<'_>>(record).map(black_box).is_ok()
                });
            });
        });
        group.finish();
    }
}

fn rows<'a>(blocks: impl IntoIterator<Item = &'a Block>) -> usize {
    batches_of(blocks).map(|batch| black_box(batch).num_rows()).sum()
}

/// The corpus as Arrow batches.
pub(crate) fn batches(corpus: &Corpus) -> impl Iterator<Item = RecordBatch> {
    batches_of(&corpus.blocks)
}

fn batches_of<'a>(
    blocks: impl IntoIterator<Item = &'a Block>,
) -> impl Iterator<Item = RecordBatch> {
    let mut builder = LicenseBatchBuilder::new(BatchOptions {
        snapshot_id: Some("01950000-0000-7000-8000-000000000000".into()),
        ..BatchOptions::default()
    });
    blocks.into_iter().map(move |block| {
        builder.append(block, |_| ControlFlow::Break(()));
        builder.flush()
    })
}

fn count(corpus: &Corpus, read: impl FnMut(&&[u8]) -> bool) {
    assert_eq!(corpus.records().filter(read).count(), RECORDS);
}
