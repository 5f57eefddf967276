//! Compressed bytes in, what they stand for out: no I/O, and no more in memory than was pushed.

use std::{fmt, io};

use bytes::{Bytes, BytesMut};
use compression_codecs::core::util::{PartialBuffer, WriteBuffer};
use compression_codecs::zstd::params::DParameter;
use compression_codecs::{
    BrotliDecoder, DecodeV2, DeflateDecoder, GzipDecoder, ZlibDecoder, ZstdDecoder,
};

use super::encoding::{self, Encoding};
use crate::error::{Error, ErrorKind, Result};

/// Bytes that any body may unpack to before the ratio is looked at.
const FREE: u64 = 10 << 20;

/// The most that comes out at once.
const OUT: usize = 64 << 10;

/// The window that RFC 9659 allows a `zstd` body to need, 8 MiB: it is held in memory.
const ZSTD_WINDOW_LOG: u32 = 23;

/// Whether compressed bodies are asked for, and how far one may unpack.
///
/// Whatever is asked for, a body that comes compressed by gzip, br, zstd or deflate is unpacked, while
/// it arrives. The memory for that does not depend on what it unpacks to: at most 16 MiB, the largest
/// window that these know, and less than 1 MiB with gzip and deflate. What [`max_ratio`](Self::max_ratio)
/// bounds is the work that few bytes can make.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Compression {
    /// Ask for a compressed body by `Accept-Encoding`. On by default: licenses as JSON shrink to a
    /// tenth or less, and the network is as a rule what a run waits for.
    pub ask: bool,
    /// Bytes that a body may unpack to for each byte that came, beyond the first 10 MiB. More is an
    /// error of kind [`Malformed`](ErrorKind::Malformed). 1,000 by default: licenses reach 10 to 40,
    /// gzip never more than 1,032, br and zstd a hundred times that.
    pub max_ratio: u32,
}

impl Default for Compression {
    fn default() -> Self {
        Self { ask: true, max_ratio: 1000 }
    }
}

impl Compression {
    /// What is sent as `Accept-Encoding`.
    pub(super) fn accepted(self) -> &'static str {
        if self.ask { encoding::WANTED } else { encoding::UNWANTED }
    }
}

/// Unpacks one body: [`push`](Self::push) what came, take all that [`next`](Self::next) gives, and
/// [`finish`](Self::finish).
pub(super) struct Decompressor {
    encoding: Encoding,
    max_ratio: u64,
    /// The stream in hand; `None` before the first byte of one.
    codec: Option<Box<dyn DecodeV2 + Send>>,
    /// Whether a stream came whole.
    has_ended: bool,
    /// What came and was not looked at yet.
    input: Bytes,
    scratch: Box<[u8]>,
    received: u64,
    unpacked: u64,
}

impl fmt::Debug for Decompressor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Decompressor")
            .field("encoding", &self.encoding)
            .field("received", &self.received)
            .field("unpacked", &self.unpacked)
            .finish_non_exhaustive()
    }
}

impl Decompressor {
    pub(super) fn new(encoding: Encoding, max_ratio: u32) -> Self {
        Self {
            encoding,
            max_ratio: max_ratio.into(),
            codec: None,
            has_ended: false,
            input: Bytes::new(),
            scratch: vec![0; OUT].into(),
            received: 0,
            unpacked: 0,
        }
    }

    /// Takes a chunk. What was pushed before should have been taken out.
    pub(super) fn push(&mut self, chunk: Bytes) {
        self.received += chunk.len() as u64;
        self.input = if self.input.is_empty() {
            chunk
        } else {
            let mut joined = BytesMut::from(&self.input[..]);
            joined.extend_from_slice(&chunk);
            joined.freeze()
        };
    }

    /// The next that can be unpacked, at once: nothing is held back until more has come. `None` if
    /// more must be pushed first.
    ///
    /// # Errors
    /// [`ErrorKind::Truncated`] if it is damaged, [`ErrorKind::Malformed`] if it unpacks to too much.
    pub(super) fn next(&mut self) -> Result<Option<Bytes>> {
        let mut out = WriteBuffer::new_initialized(&mut self.scratch);
        loop {
            let Some(codec) = &mut self.codec else {
                if self.input.is_empty() {
                    break;
                }
                if self.has_ended && !self.encoding.may_go_on() {
                    return Err(damaged(self.encoding, "bytes follow behind its end"));
                }
                match new_codec(self.encoding, &self.input) {
                    Some(codec) => self.codec = Some(codec),
                    None => break,
                }
                continue;
            };
            if self.input.is_empty() {
                // What is left inside, such as the rest of a long repetition.
                codec.flush(&mut out).map_err(|error| broken(self.encoding, error))?;
                break;
            }
            let mut input = PartialBuffer::new(&self.input[..]);
            let before = out.written_len();
            let ended =
                codec.decode(&mut input, &mut out).map_err(|error| broken(self.encoding, error))?;
            let taken = input.written_len();
            if !ended && taken == 0 && out.written_len() == before {
                return Err(damaged(self.encoding, "it does not go on"));
            }
            let _ = self.input.split_to(taken);
            if ended {
                self.codec = None;
                self.has_ended = true;
            }
            if out.has_no_spare_space() {
                break;
            }
        }
        let unpacked = out.written_len();
        if unpacked == 0 {
            return Ok(None);
        }
        self.unpacked += unpacked as u64;
        if self.unpacked > FREE && self.unpacked / self.max_ratio.max(1) > self.received {
            let message = format!(
                "body unpacks to more than {} times the {} bytes of {} that came",
                self.max_ratio,
                self.received,
                self.encoding.name()
            );
            return Err(Error::new(ErrorKind::Malformed, message).advising(
                "if that is what it should do, allow more with --max-compression-ratio, or ask for it as \
                 it is with --no-compression",
            ));
        }
        Ok(Some(Bytes::copy_from_slice(&self.scratch[..unpacked])))
    }

    /// Ends the body, of which all was taken out.
    ///
    /// # Errors
    /// [`ErrorKind::Truncated`] if the compressed stream has not come to its own end, such as where
    /// its trailer is missing.
    pub(super) fn finish(&mut self) -> Result<()> {
        let is_whole = match &mut self.codec {
            // The bytes that told which it is may have been too few.
            None => self.has_ended && self.input.is_empty(),
            // Its end may have been met while it was flushed, which does not tell.
            Some(codec) => {
                let mut out = WriteBuffer::new_initialized(&mut self.scratch);
                codec.finish(&mut out).is_ok_and(|ended| ended && out.written_len() == 0)
            }
        };
        if is_whole {
            return Ok(());
        }
        let message = format!(
            "body is whole, but what it holds in {} was cut before its end",
            self.encoding.name()
        );
        Err(Error::new(ErrorKind::Truncated, message))
    }
}

/// A codec for a stream that begins with `start`; `None` if that does not tell yet.
fn new_codec(encoding: Encoding, start: &[u8]) -> Option<Box<dyn DecodeV2 + Send>> {
    Some(match encoding {
        Encoding::Gzip => Box::new(GzipDecoder::new()),
        Encoding::Brotli => Box::new(BrotliDecoder::new()),
        Encoding::Zstd => {
            let window = DParameter::window_log_max(ZSTD_WINDOW_LOG);
            Box::new(ZstdDecoder::new_with_params(&[window]))
        }
        Encoding::Deflate => match start {
            [first, second, ..] if has_zlib_header(*first, *second) => Box::new(ZlibDecoder::new()),
            [_, _, ..] => Box::new(DeflateDecoder::new()),
            _ => return None,
        },
    })
}

/// Whether a stream begins as RFC 1950 says: method 8, and a check of both bytes. Without that frame
/// its first byte would stand for a stored block with padding that no encoder writes.
fn has_zlib_header(first: u8, second: u8) -> bool {
    first & 0x0f == 8 && first >> 4 <= 7 && u16::from_be_bytes([first, second]).is_multiple_of(31)
}

fn damaged(encoding: Encoding, how: &'static str) -> Error {
    broken(encoding, io::Error::new(io::ErrorKind::InvalidData, how))
}

/// The same kind as a cut: what is damaged on its way comes whole another time.
fn broken(encoding: Encoding, error: io::Error) -> Error {
    // So zstd says of a window; the error has no other mark.
    if encoding == Encoding::Zstd && error.to_string().contains("too much memory") {
        let message =
            "body was compressed by zstd with a window of more than 8 MiB, which is not read";
        let error = Error::new(ErrorKind::Malformed, message).caused_by(error);
        return error.advising("ask for it as it is with --no-compression");
    }
    let message = format!("body is damaged: it cannot be unpacked as {}", encoding.name());
    Error::new(ErrorKind::Truncated, message).caused_by(error)
}

#[cfg(test)]
mod tests;
