//! Bytes a second of each part of the way, beside what others take for the same work.
//!
//! Every benchmark reads one shared [`corpus`] and asserts that it has met all of its records.
//! `make bench` runs them with a broker; `cargo bench --features cli -- arrow` runs some.

mod corpus;
mod decode;
mod encode;
mod frame;
mod peers;
mod pipeline;
mod values;

use std::time::Duration;

use criterion::{BenchmarkGroup, Criterion, SamplingMode, Throughput, measurement::WallTime};

fn main() {
    let mut criterion = Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_secs(1))
        .measurement_time(Duration::from_secs(5))
        .configure_from_args();
    frame::bench(&mut criterion);
    decode::bench(&mut criterion);
    encode::bench(&mut criterion);
    values::bench(&mut criterion);
    pipeline::bench(&mut criterion);
    criterion.final_summary();
}

/// A group of benchmarks that each read `bytes` of JSON. One pass takes about a tenth of a second, so
/// that there is no need for criterion to make series of passes of growing length.
fn group<'a>(
    criterion: &'a mut Criterion,
    name: &str,
    bytes: usize,
) -> BenchmarkGroup<'a, WallTime> {
    let mut group = criterion.benchmark_group(name);
    group.throughput(Throughput::Bytes(bytes as u64)).sampling_mode(SamplingMode::Flat);
    group
}
