//! Any bytes are accepted or rejected, and read, as serde_json does it.

#![no_main]

libfuzzer_sys::fuzz_target!(|record: &[u8]| license_stream::fuzzing::decoding(record));
