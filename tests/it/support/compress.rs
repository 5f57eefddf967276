//! Bodies as servers compress them.

use compression_codecs::core::Level;
use compression_codecs::core::util::{PartialBuffer, WriteBuffer};
use compression_codecs::{
    BrotliEncoder, DeflateEncoder, EncodeV2, GzipEncoder, ZlibEncoder, ZstdEncoder,
};

/// The forms that are read, each with its `Content-Encoding`.
pub(crate) const FORMS: [(Form, &str); 5] = [
    (Form::Gzip, "gzip"),
    (Form::Brotli, "br"),
    (Form::Zstd, "zstd"),
    (Form::Zlib, "deflate"),
    (Form::Deflate, "deflate"),
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    Gzip,
    Brotli,
    Zstd,
    /// Deflate as it should be.
    Zlib,
    /// Deflate as some servers send it.
    Deflate,
}

impl Form {
    fn encoder(self) -> Box<dyn EncodeV2> {
        match self {
            Self::Gzip => Box::new(GzipEncoder::new(Level::Default.into())),
            Self::Brotli => Box::new(BrotliEncoder::new(
                compression_codecs::brotli::params::EncoderParams::default()
                    .quality(Level::Precise(5)),
            )),
            Self::Zstd => Box::new(ZstdEncoder::new(3)),
            Self::Zlib => Box::new(ZlibEncoder::new(Level::Default.into())),
            Self::Deflate => Box::new(DeflateEncoder::new(Level::Default.into())),
        }
    }

    /// `plain` as one whole stream.
    pub(crate) fn compress(self, plain: &[u8]) -> Vec<u8> {
        let mut encoder = self.encoder();
        let mut all = Vec::new();
        if !plain.is_empty() {
            all.extend(encode(&mut *encoder, plain));
        }
        all.extend(written(|out| encoder.finish(out).unwrap()));
        all
    }

    /// `parts`, each flushed, so that it can be unpacked before the next has come; then the end.
    pub(crate) fn compress_parts(self, parts: &[&[u8]]) -> Vec<Vec<u8>> {
        let mut encoder = self.encoder();
        let mut all: Vec<_> = parts
            .iter()
            .map(|part| {
                let mut part = encode(&mut *encoder, part);
                part.extend(written(|out| encoder.flush(out).unwrap()));
                part
            })
            .collect();
        all.push(written(|out| encoder.finish(out).unwrap()));
        all
    }
}

fn encode(encoder: &mut dyn EncodeV2, plain: &[u8]) -> Vec<u8> {
    let mut input = PartialBuffer::new(plain);
    written(|out| {
        encoder.encode(&mut input, out).unwrap();
        input.unwritten().is_empty()
    })
}

/// All that `step` writes until it says that it is done.
fn written(mut step: impl FnMut(&mut WriteBuffer<'_>) -> bool) -> Vec<u8> {
    let (mut all, mut scratch) = (Vec::new(), [0; 4096]);
    loop {
        let mut out = WriteBuffer::new_initialized(&mut scratch);
        let is_done = step(&mut out);
        all.extend_from_slice(out.written());
        if is_done {
            return all;
        }
    }
}
