//! A short run of the fuzzers' checks that needs no fuzzer: over their seeds, and over what becomes of
//! them by the same changes every time. What a fuzzer found is a seed too.

use std::path::Path;

use crate::frame::{Shape, chunking};
use crate::numbers::Numbers;

fn seeds(of: &str) -> Vec<Vec<u8>> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds").join(of);
    let files = std::fs::read_dir(&directory).expect("the repository has seeds");
    let mut paths: Vec<_> = files.map(|file| file.expect("a file").path()).collect();
    paths.sort();
    assert!(!paths.is_empty());
    paths.iter().map(|path| std::fs::read(path).expect("a file")).collect()
}

/// Some pieces of two seeds, with some bytes that are others.
fn mutate(seeds: &[Vec<u8>], numbers: &mut Numbers, max: usize) -> Vec<u8> {
    const TELLING: &[u8] = b"{}[]\",:\\0-9e.+ \n\r\t\x1e\x00\x1f\x7f\xff\xc3\xa9\xed\xa0\x80ntu";
    let seed = &seeds[numbers.below(seeds.len())];
    let mut bytes = seed.clone();
    for _ in 0..=numbers.below(4) {
        let at = numbers.below(bytes.len() + 1);
        match numbers.below(6) {
            0 => bytes.truncate(at.max(1)),
            1 => bytes.insert(at, TELLING[numbers.below(TELLING.len())]),
            2 if at < bytes.len() => drop(bytes.remove(at)),
            3 => {
                let other = &seeds[numbers.below(seeds.len())];
                let start = numbers.below(other.len());
                let len = numbers.below(other.len() - start + 1);
                bytes.splice(at..at, other[start..start + len].iter().copied());
            }
            4 if at < bytes.len() => bytes[at] = numbers.below(256) as u8,
            _ if at < bytes.len() => bytes[at] = TELLING[numbers.below(TELLING.len())],
            _ => {}
        }
        bytes.truncate(max);
    }
    bytes
}

#[test]
fn seeds_and_what_becomes_of_them_are_framed_alike_however_they_are_cut() {
    let seeds = seeds("framing");
    let mut numbers = Numbers(7464);
    let mutated = (0..if cfg!(miri) { 2 } else { 100 }).map(|_| mutate(&seeds, &mut numbers, 128));
    for body in seeds.iter().cloned().chain(mutated) {
        for shape in [
            Shape::Auto,
            Shape::Lines,
            Shape::Envelope,
            Shape::Sequence,
            Shape::Document,
            Shape::Prefixed,
        ] {
            chunking::check(&body, shape);
        }
    }
}

#[cfg(feature = "arrow")]
#[test]
fn seeds_and_what_becomes_of_them_are_read_as_serde_json_reads_them() {
    let seeds = seeds("decoding");
    let mut numbers = Numbers(8259);
    let mutated =
        (0..if cfg!(miri) { 20 } else { 5000 }).map(|_| mutate(&seeds, &mut numbers, 512));
    let records: Vec<_> = seeds.iter().cloned().chain(mutated).collect();
    // Neighbours, so that what follows a record in its block is of every kind too.
    for run in records.chunks(7) {
        crate::decode::differential::compare(run);
    }
}
