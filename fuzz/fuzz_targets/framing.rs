//! Any chunking of any bytes gives the same records, positions, errors and cursors.

#![no_main]

libfuzzer_sys::fuzz_target!(|body: &[u8]| license_stream::fuzzing::framing(body));
