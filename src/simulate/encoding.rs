//! Compression of bodies.

use std::fmt;
use std::io;

use async_compression::Level;
use async_compression::tokio::write::{
    BrotliEncoder, DeflateEncoder, GzipEncoder, ZlibEncoder, ZstdEncoder,
};
use serde::Deserialize;
use tokio::io::AsyncWriteExt;

use super::content::Content;
use super::delivery::Delivery;

/// How much white space of a bomb is made at once.
const BOMB_STEP_BYTES: u64 = 64 * 1024;

/// What bodies are compressed with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum SimulatedEncoding {
    /// Nothing.
    #[default]
    Identity,
    /// What the request accepts; of several, the one that stands first here.
    Accepted,
    /// zstd, even if the request does not accept it; and so with the others.
    Zstd,
    /// brotli, `br`.
    Brotli,
    /// gzip.
    Gzip,
    /// `deflate` as HTTP means it: zlib.
    Deflate,
    /// `deflate` as some servers mean it: without zlib's head and trailer.
    RawDeflate,
}

/// What one body is compressed with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Encoding {
    Zstd,
    Brotli,
    Gzip,
    Deflate,
    RawDeflate,
}

impl SimulatedEncoding {
    /// What answers a request with that `Accept-Encoding`.
    pub(super) fn choose(self, accept: Option<&str>) -> Option<Encoding> {
        match self {
            Self::Identity => None,
            Self::Accepted => [Encoding::Zstd, Encoding::Brotli, Encoding::Gzip, Encoding::Deflate]
                .into_iter()
                .find(|encoding| accepts(accept.unwrap_or_default(), &encoding.to_string())),
            Self::Zstd => Some(Encoding::Zstd),
            Self::Brotli => Some(Encoding::Brotli),
            Self::Gzip => Some(Encoding::Gzip),
            Self::Deflate => Some(Encoding::Deflate),
            Self::RawDeflate => Some(Encoding::RawDeflate),
        }
    }
}

/// Whether a list such as `gzip, br;q=0.5, zstd;q=0` names it with a weight above 0.
fn accepts(list: &str, name: &str) -> bool {
    list.split(',').any(|item| {
        let (given, parameters) = item.split_once(';').unwrap_or((item, ""));
        let weight = parameters.trim().strip_prefix("q=");
        given.trim().eq_ignore_ascii_case(name)
            && weight
                .and_then(|weight| weight.parse::<f64>().ok())
                .is_none_or(|weight| weight > 0.0)
    })
}

impl fmt::Display for Encoding {
    /// The name in `Content-Encoding`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Zstd => "zstd",
            Self::Brotli => "br",
            Self::Gzip => "gzip",
            Self::Deflate | Self::RawDeflate => "deflate",
        })
    }
}

/// A content on its way to the bytes that are sent.
#[derive(Debug)]
pub(super) struct Encoded {
    content: Content,
    /// White space that is still to come before the content.
    bomb: u64,
    change: Option<Change>,
    encoder: Option<Encoder>,
    /// How many of the last bytes never come out.
    kept_back: usize,
    /// What was made and not encoded.
    plain: Vec<u8>,
    /// What was encoded and may be among the last bytes.
    encoded: Vec<u8>,
}

impl Encoded {
    pub(super) fn new(content: Content, delivery: &Delivery) -> Self {
        // Licenses are to be there soon; of a bomb there is to be little.
        let level = if delivery.bomb > 0 { Level::Default } else { Level::Fastest };
        let encoder = delivery.encoding.map(|encoding| Encoder::new(encoding, level));
        let kept_back = if encoder.is_some() { delivery.cut_encoding } else { 0 };
        Encoded {
            content,
            bomb: delivery.bomb,
            change: delivery.change_at.map(Change::at),
            encoder,
            kept_back: usize::try_from(kept_back).unwrap_or(usize::MAX),
            plain: Vec::new(),
            encoded: Vec::new(),
        }
    }

    /// How many records have been appended, or are in the encoder.
    pub(super) fn records(&self) -> u64 {
        self.content.records()
    }

    /// Appends what comes next, which may be nothing; `false` if there is no more.
    #[inline]
    pub(super) async fn append_next(&mut self, out: &mut Vec<u8>) -> io::Result<bool> {
        if self.encoder.is_none() && self.change.is_none() && self.bomb == 0 {
            return Ok(self.content.append_next(out));
        }
        self.encode_next(out).await
    }

    async fn encode_next(&mut self, out: &mut Vec<u8>) -> io::Result<bool> {
        self.plain.clear();
        let goes_on = if self.bomb > 0 {
            let step = self.bomb.min(BOMB_STEP_BYTES);
            self.bomb -= step;
            self.plain.resize(step as usize, b' ');
            // It compresses to next to nothing: whoever sends would not stop for it.
            tokio::task::yield_now().await;
            true
        } else {
            let goes_on = self.content.append_next(&mut self.plain);
            if let Some(change) = &mut self.change {
                change.apply(&mut self.plain);
            }
            goes_on
        };
        let Some(encoder) = &mut self.encoder else {
            out.extend_from_slice(&self.plain);
            return Ok(goes_on);
        };
        if goes_on {
            encoder.write(&self.plain).await?;
        } else if encoder.is_finished() {
            return Ok(false);
        } else {
            encoder.finish().await?;
        }
        self.pass_on(out);
        Ok(true)
    }

    /// Makes the encoder give out all that it has taken in.
    pub(super) async fn flush(&mut self, out: &mut Vec<u8>) -> io::Result<()> {
        if let Some(encoder) = &mut self.encoder {
            encoder.flush().await?;
            self.pass_on(out);
        }
        Ok(())
    }

    fn pass_on(&mut self, out: &mut Vec<u8>) {
        let Some(encoder) = &mut self.encoder else { return };
        if self.kept_back == 0 {
            out.append(encoder.output());
        } else {
            self.encoded.append(encoder.output());
            let length = self.encoded.len().saturating_sub(self.kept_back);
            out.extend(self.encoded.drain(..length));
        }
    }
}

/// Changes one digit, so that what was JSON stays JSON.
#[derive(Debug)]
struct Change {
    /// How many bytes are still to be left as they are.
    left: u64,
    /// The last bytes that were seen, to spare `\u1234`.
    escape: u32,
    done: bool,
}

impl Change {
    fn at(byte: u64) -> Self {
        Change { left: byte, escape: 0, done: false }
    }

    fn apply(&mut self, bytes: &mut [u8]) {
        if self.done {
            return;
        }
        let mut before = 0;
        for byte in bytes {
            // The four digits behind `\u`, or behind what only looks like it.
            self.escape = match *byte {
                b'u' if before == b'\\' => 5,
                _ => self.escape.saturating_sub(1),
            };
            before = *byte;
            if self.left > 0 {
                self.left -= 1;
            } else if self.escape == 0 && (b'1'..=b'9').contains(byte) {
                *byte = if *byte == b'9' { b'1' } else { *byte + 1 };
                self.done = true;
                return;
            }
        }
    }
}

/// Writes into memory, so that nothing here ever waits.
enum Encoder {
    Zstd(ZstdEncoder<Vec<u8>>),
    Brotli(Box<BrotliEncoder<Vec<u8>>>),
    Gzip(GzipEncoder<Vec<u8>>),
    Deflate(ZlibEncoder<Vec<u8>>),
    RawDeflate(DeflateEncoder<Vec<u8>>),
    /// All was written; what came out last.
    Finished(Vec<u8>),
}

impl Encoder {
    fn new(encoding: Encoding, level: Level) -> Self {
        let out = Vec::new();
        match encoding {
            Encoding::Zstd => Self::Zstd(ZstdEncoder::with_quality(out, level)),
            Encoding::Brotli => Self::Brotli(Box::new(BrotliEncoder::with_quality(out, level))),
            Encoding::Gzip => Self::Gzip(GzipEncoder::with_quality(out, level)),
            Encoding::Deflate => Self::Deflate(ZlibEncoder::with_quality(out, level)),
            Encoding::RawDeflate => Self::RawDeflate(DeflateEncoder::with_quality(out, level)),
        }
    }

    fn is_finished(&self) -> bool {
        matches!(self, Self::Finished(_))
    }

    async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Zstd(encoder) => encoder.write_all(bytes).await,
            Self::Brotli(encoder) => encoder.write_all(bytes).await,
            Self::Gzip(encoder) => encoder.write_all(bytes).await,
            Self::Deflate(encoder) => encoder.write_all(bytes).await,
            Self::RawDeflate(encoder) => encoder.write_all(bytes).await,
            Self::Finished(_) => Err(io::ErrorKind::WriteZero.into()),
        }
    }

    async fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Zstd(encoder) => encoder.flush().await,
            Self::Brotli(encoder) => encoder.flush().await,
            Self::Gzip(encoder) => encoder.flush().await,
            Self::Deflate(encoder) => encoder.flush().await,
            Self::RawDeflate(encoder) => encoder.flush().await,
            Self::Finished(_) => Ok(()),
        }
    }

    async fn finish(&mut self) -> io::Result<()> {
        match self {
            Self::Zstd(encoder) => encoder.shutdown().await?,
            Self::Brotli(encoder) => encoder.shutdown().await?,
            Self::Gzip(encoder) => encoder.shutdown().await?,
            Self::Deflate(encoder) => encoder.shutdown().await?,
            Self::RawDeflate(encoder) => encoder.shutdown().await?,
            Self::Finished(_) => {}
        }
        *self = Self::Finished(std::mem::take(self.output()));
        Ok(())
    }

    fn output(&mut self) -> &mut Vec<u8> {
        match self {
            Self::Zstd(encoder) => encoder.get_mut(),
            Self::Brotli(encoder) => encoder.get_mut(),
            Self::Gzip(encoder) => encoder.get_mut(),
            Self::Deflate(encoder) => encoder.get_mut(),
            Self::RawDeflate(encoder) => encoder.get_mut(),
            Self::Finished(out) => out,
        }
    }
}

impl fmt::Debug for Encoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Encoder").field("is_finished", &self.is_finished()).finish_non_exhaustive()
    }
}
