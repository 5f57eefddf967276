//! Chunks into blocks of records.

use std::hint::black_box;

use criterion::Criterion;

use crate::corpus::{RECORDS, WHOLE, frame};
use crate::group;

pub(crate) fn bench(criterion: &mut Criterion) {
    let mut group = group(criterion, "frame", WHOLE.body.len());
    group.bench_function("license-stream", |bencher| {
        bencher.iter(|| {
            let mut records = 0;
            frame(&WHOLE.body, |block| records += black_box(block).len());
            assert_eq!(records, RECORDS);
        });
    });
    // The least that framing can do: to look at every byte.
    group.bench_function("memchr", |bencher| {
        bencher.iter(|| {
            let chunks = WHOLE.chunks();
            let lines: usize = chunks.map(|chunk| memchr::memchr_iter(b'\n', &chunk).count()).sum();
            assert_eq!(lines, RECORDS);
        });
    });
    group.finish();
}
