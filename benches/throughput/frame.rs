//! Chunks into blocks of records.

use std::hint::black_box;

use bytes::Bytes;
use criterion::Criterion;

use crate::corpus::{ENVELOPE, PRETTY, RECORDS, WHOLE, chunks, frame};
use crate::group;

pub(crate) fn bench(criterion: &mut Criterion) {
    for (name, body) in
        [("frame", &WHOLE.body), ("frame, envelope", &*ENVELOPE), ("frame, pretty", &*PRETTY)]
    {
        let mut group = group(criterion, name, body.len());
        group.bench_function("license-stream", |bencher| bencher.iter(|| records(body)));
        // The least that framing can do: to look at every byte.
        group.bench_function("memchr", |bencher| {
            let feeds = line_feeds(body);
            bencher.iter(|| assert_eq!(line_feeds(body), feeds));
        });
        group.finish();
    }
}

fn records(body: &Bytes) {
    let mut records = 0;
    frame(body, |block| records += black_box(block).len());
    assert_eq!(records, RECORDS);
}

fn line_feeds(body: &Bytes) -> usize {
    chunks(body).map(|chunk| memchr::memchr_iter(b'\n', &chunk).count()).sum()
}
