use compression_codecs::brotli::params::EncoderParams;
use compression_codecs::core::Level;
use compression_codecs::zstd::params::CParameter;
use compression_codecs::{
    BrotliEncoder, DeflateEncoder, EncodeV2, GzipEncoder, ZlibEncoder, ZstdEncoder,
};

use super::*;

const KINDS: [(&str, Encoding); 5] = [
    ("gzip", Encoding::Gzip),
    ("br", Encoding::Brotli),
    ("zstd", Encoding::Zstd),
    ("deflate, as zlib", Encoding::Deflate),
    ("deflate, raw", Encoding::Deflate),
];

fn encoder(kind: &str) -> Box<dyn EncodeV2> {
    match kind {
        "gzip" => Box::new(GzipEncoder::new(Level::Default.into())),
        "br" => Box::new(BrotliEncoder::new(EncoderParams::default().quality(Level::Precise(5)))),
        "zstd" => Box::new(ZstdEncoder::new_with_params(3, &[CParameter::checksum_flag(true)])),
        "deflate, as zlib" => Box::new(ZlibEncoder::new(Level::Default.into())),
        "deflate, raw" => Box::new(DeflateEncoder::new(Level::Default.into())),
        _ => unreachable!(),
    }
}

/// What `step` writes until it says that it is done.
fn written(mut step: impl FnMut(&mut WriteBuffer<'_>) -> bool) -> Vec<u8> {
    let (mut all, mut scratch) = (Vec::new(), [0; 4096]);
    loop {
        let mut out = WriteBuffer::new_initialized(&mut scratch);
        let done = step(&mut out);
        all.extend_from_slice(out.written());
        if done {
            return all;
        }
    }
}

fn encode(encoder: &mut dyn EncodeV2, plain: &[u8]) -> Vec<u8> {
    let mut input = PartialBuffer::new(plain);
    written(|out| {
        encoder.encode(&mut input, out).unwrap();
        input.unwritten().is_empty()
    })
}

fn compressed(kind: &str, plain: &[u8]) -> Vec<u8> {
    let mut encoder = encoder(kind);
    let mut all = if plain.is_empty() { Vec::new() } else { encode(&mut *encoder, plain) };
    all.extend(written(|out| encoder.finish(out).unwrap()));
    all
}

/// What `body` unpacks to in chunks of `size`, as far as it does, and how it ends.
fn unpacked(encoding: Encoding, body: &[u8], size: usize) -> (Vec<u8>, Result<()>) {
    let mut decompressor = Decompressor::new(encoding, 1000);
    let mut plain = Vec::new();
    for chunk in body.chunks(size) {
        decompressor.push(Bytes::copy_from_slice(chunk));
        loop {
            match decompressor.next() {
                Ok(Some(chunk)) => plain.extend_from_slice(&chunk),
                Ok(None) => break,
                Err(error) => return (plain, Err(error)),
            }
        }
    }
    let end = decompressor.finish();
    (plain, end)
}

/// Lines that shrink to about a tenth, as licenses do.
fn lines(bytes: usize) -> Vec<u8> {
    let mut lines = Vec::new();
    for number in 0_u64.. {
        let name = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        lines.extend_from_slice(
            format!("{{\"id\":\"{number}\",\"name\":\"{name:x}\",\"status\":\"active\",\"currency\":null,\"is_paid\":true,\"description\":\"A license of a person\"}}\n").as_bytes(),
        );
        if lines.len() >= bytes {
            break;
        }
    }
    lines
}

#[test]
fn a_body_is_unpacked_however_it_is_chunked() {
    // Less than comes out at once, just that much, and far more of it from a single chunk.
    for plain in [Vec::new(), lines(300), vec![b' '; OUT], vec![b' '; 10 * OUT + 1], lines(4 * OUT)]
    {
        for (kind, encoding) in KINDS {
            let body = compressed(kind, &plain);
            for size in [1, 2, 3, 7, 100, 16 << 10, body.len()] {
                let (got, end) = unpacked(encoding, &body, size);
                end.unwrap_or_else(|error| panic!("{kind}, {size}: {error:?}"));
                assert!(got == plain, "{kind}, {size}: {} of {}", got.len(), plain.len());
            }
        }
    }
}

#[test]
fn a_stream_without_its_end_is_cut() {
    let plain = lines(2000);
    for (kind, encoding) in KINDS {
        let body = compressed(kind, &plain);
        for length in 0..body.len() {
            for size in [1, body.len()] {
                let (got, end) = unpacked(encoding, &body[..length], size);
                let error = end.expect_err(kind);
                assert_eq!(error.kind(), ErrorKind::Truncated);
                assert!(error.message().contains("cut before its end"), "{kind}: {error}");
                assert!(plain.starts_with(&got), "{kind}, {length}");
            }
        }
    }
}

#[test]
fn several_streams_follow_each_other_where_the_encoding_has_that() {
    let (first, second) = (lines(500), lines(900));
    for (kind, encoding) in KINDS {
        let mut body = compressed(kind, &first);
        body.extend(compressed(kind, b""));
        body.extend(compressed(kind, &second));
        for size in [1, 10, body.len()] {
            let (got, end) = unpacked(encoding, &body, size);
            if encoding.may_go_on() {
                end.unwrap();
                assert!(got == [&first[..], &second].concat(), "{kind}, {size}");
            } else {
                assert!(end.is_err() && first.starts_with(&got), "{kind}, {size}");
            }
        }
    }
}

#[test]
fn rubbish_behind_the_end_is_damage() {
    let plain = lines(500);
    for (kind, encoding) in KINDS {
        for rubbish in [&b"\0"[..], b"{\"id\":\"x\"}\n", b"\x1f\x8b\x09"] {
            let mut body = compressed(kind, &plain);
            body.extend_from_slice(rubbish);
            for size in [1, body.len()] {
                let (got, end) = unpacked(encoding, &body, size);
                assert!(plain.starts_with(&got));
                assert_eq!(end.expect_err(kind).kind(), ErrorKind::Truncated, "{kind}, {size}");
            }
        }
    }
}

#[test]
fn damage_is_noticed_where_there_is_a_check_sum() {
    let plain = lines(1000);
    for (kind, encoding) in KINDS {
        let has_sum = matches!(kind, "gzip" | "zstd" | "deflate, as zlib");
        let whole = compressed(kind, &plain);
        for at in 0..whole.len() {
            for bit in 0..8 {
                let mut body = whole.clone();
                body[at] ^= 1 << bit;
                // Without a sum, it is enough that nothing worse happens.
                let (got, end) = unpacked(encoding, &body, body.len());
                if let Err(error) = end {
                    // A window that the damage has made too large cannot be told from one that is.
                    let is_of_window = kind == "zstd" && error.message().contains("window");
                    let expected =
                        if is_of_window { ErrorKind::Malformed } else { ErrorKind::Truncated };
                    assert_eq!(error.kind(), expected);
                } else if has_sum {
                    // What was hit says nothing of the content, such as gzip's time.
                    assert!(got == plain, "{kind}, bit {bit} of byte {at}");
                }
            }
        }
    }
    let (_, end) = unpacked(Encoding::Gzip, b"{\"id\":\"not compressed\"}", 100);
    let error = end.unwrap_err();
    assert_eq!(error.message(), "body is damaged: it cannot be unpacked as gzip");
    assert!(std::error::Error::source(&error).is_some());
}

#[test]
fn what_was_flushed_comes_out_at_once() {
    for (kind, encoding) in KINDS {
        let mut encoder = encoder(kind);
        let mut decompressor = Decompressor::new(encoding, 1000);
        for part in lines(2000).chunks(150) {
            let mut body = encode(&mut *encoder, part);
            body.extend(written(|out| encoder.flush(out).unwrap()));
            decompressor.push(body.into());
            let mut got = Vec::new();
            while let Some(chunk) = decompressor.next().unwrap() {
                got.extend_from_slice(&chunk);
            }
            assert!(got == part, "{kind}");
        }
    }
}

#[test]
fn a_bomb_is_stopped_before_it_has_gone_off() {
    const MIB: usize = 1 << 20;
    let plain = vec![b' '; 16 * MIB];
    for (kind, encoding) in KINDS {
        let body = compressed(kind, &plain);
        let (got, end) = unpacked(encoding, &body, 16 << 10);
        let error = end.expect_err(kind);
        assert_eq!(error.kind(), ErrorKind::Malformed);
        assert!(!error.is_retryable());
        assert!(error.message().contains("more than 1000 times"), "{error}");
        // Not more than the ratio allows, where that is more than what is free.
        let allowed = (FREE as usize).max(body.len() * 1000);
        assert!(got.len() <= allowed, "{kind}: {} of {}", got.len(), body.len());
    }
}

#[test]
fn how_far_a_body_may_unpack_can_be_set() {
    let plain = vec![b' '; 12 << 20];
    let body = compressed("gzip", &plain);
    let mut decompressor = Decompressor::new(Encoding::Gzip, 2000);
    decompressor.push(body.into());
    let mut got = 0;
    while let Some(chunk) = decompressor.next().unwrap() {
        got += chunk.len();
    }
    decompressor.finish().unwrap();
    assert_eq!(got, plain.len());
}

#[test]
fn what_licenses_reach_is_allowed() {
    let plain = lines(1 << 20);
    for (kind, encoding) in KINDS.into_iter().filter(|(_, encoding)| encoding.may_go_on()) {
        let (got, end) = unpacked(encoding, &compressed(kind, &plain).repeat(12), 16 << 10);
        end.unwrap();
        assert!(got.len() as u64 > FREE && got == plain.repeat(12), "{kind}");
    }
}

#[test]
fn a_window_that_would_need_too_much_memory_is_refused() {
    let plain = lines(1000);
    for (log, is_read) in [(ZSTD_WINDOW_LOG, true), (ZSTD_WINDOW_LOG + 1, false)] {
        let window = CParameter::window_log(log);
        let mut encoder = ZstdEncoder::new_with_params(1, &[window]);
        let mut body = encode(&mut encoder, &plain);
        // Flushed first: the encoder would else choose a window by the length.
        body.extend(written(|out| encoder.flush(out).unwrap()));
        body.extend(written(|out| encoder.finish(out).unwrap()));
        let unpacked = unpacked(Encoding::Zstd, &body, body.len()).1;
        assert_eq!(unpacked.is_ok(), is_read, "{log}");
        if let Err(error) = unpacked {
            // The same would come another time.
            assert_eq!(error.kind(), ErrorKind::Malformed, "{error}");
            assert!(error.to_string().contains("--no-compression"), "{error}");
        }
    }
}
