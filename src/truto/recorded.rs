//! Recorded bodies, which may be compressed.

use std::pin::Pin;

use bytes::{Bytes, BytesMut};
use futures_util::{Stream, TryStreamExt, stream};

use super::decompress::Decompressor;
use super::encoding::Encoding;
use crate::error::Result;

/// The chunks of a recorded `body`, unpacked where it begins as gzip, zstd or zlib do: no JSON begins so.
///
/// brotli cannot be told from its first bytes. As with bodies of the API, memory does not depend on the
/// length, zstd may need a window of 8 MiB at most, and what is cut or damaged is an error of the kind
/// [`Truncated`](crate::ErrorKind::Truncated). How far it unpacks is not bounded: a file is no stranger's.
///
/// ```
/// use futures_util::{StreamExt, stream};
/// use license_stream::truto::unpacked;
///
/// # futures_util::future::FutureExt::now_or_never(async {
/// let body = stream::iter([Ok("{\"id\":\"a\"}\n".into())]);
/// let mut chunks = std::pin::pin!(unpacked(body));
/// assert_eq!(chunks.next().await.unwrap()?, "{\"id\":\"a\"}\n");
/// # Ok::<(), license_stream::Error>(())
/// # }).unwrap().unwrap();
/// ```
pub fn unpacked<S>(body: S) -> impl Stream<Item = Result<Bytes>> + Send
where
    S: Stream<Item = Result<Bytes>> + Send,
{
    let recorded = Recorded { body: Box::pin(body), is_begun: false, decompressor: None };
    stream::try_unfold(recorded, |mut recorded| async move {
        Ok(recorded.next().await?.map(|chunk| (chunk, recorded)))
    })
}

struct Recorded<S> {
    body: Pin<Box<S>>,
    /// Whether it is known how it begins.
    is_begun: bool,
    decompressor: Option<Decompressor>,
}

impl<S: Stream<Item = Result<Bytes>>> Recorded<S> {
    async fn next(&mut self) -> Result<Option<Bytes>> {
        if !self.is_begun {
            self.is_begun = true;
            let start = self.start().await?;
            match Encoding::of_start(&start) {
                Some(encoding) => {
                    let mut decompressor = Decompressor::new(encoding, u32::MAX);
                    decompressor.push(start);
                    self.decompressor = Some(decompressor);
                }
                None if !start.is_empty() => return Ok(Some(start)),
                None => {}
            }
        }
        loop {
            let Some(decompressor) = &mut self.decompressor else {
                return self.body.try_next().await;
            };
            if let Some(chunk) = decompressor.next()? {
                return Ok(Some(chunk));
            }
            match self.body.try_next().await? {
                Some(chunk) => decompressor.push(chunk),
                None => {
                    decompressor.finish()?;
                    return Ok(None);
                }
            }
        }
    }

    /// As many bytes as tell how it begins, or all of it.
    async fn start(&mut self) -> Result<Bytes> {
        let mut start = BytesMut::new();
        while start.len() < Encoding::START {
            match self.body.try_next().await? {
                Some(chunk) => start.extend_from_slice(&chunk),
                None => break,
            }
        }
        Ok(start.freeze())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;
    use futures_util::FutureExt;

    const BODY: &str = "{\"id\":\"a\"}\n";

    /// What comes of `bytes` in chunks of `size`.
    fn read(bytes: &[u8], size: usize) -> Result<Vec<u8>> {
        let chunks: Vec<_> = bytes.chunks(size).map(|chunk| Ok(chunk.to_vec().into())).collect();
        let chunks = unpacked(stream::iter(chunks)).try_collect::<Vec<Bytes>>();
        Ok(chunks.now_or_never().expect("nothing waits")?.concat())
    }

    #[test]
    fn what_begins_as_compressed_is_unpacked_however_it_is_chunked() {
        // `printf '{"id":"a"}\n'` through gzip, zstd, and zlib.
        let gzip: &[u8] = &[
            31, 139, 8, 0, 0, 0, 0, 0, 2, 3, 171, 86, 202, 76, 81, 178, 82, 74, 84, 170, 229, 2, 0,
            95, 178, 152, 221, 11, 0, 0, 0,
        ];
        let zstd: &[u8] = b"\x28\xb5\x2f\xfd\x04\x58\x59\x00\x00{\"id\":\"a\"}\n\x3f\x2e\xa3\x44";
        let zlib: &[u8] =
            &[120, 156, 171, 86, 202, 76, 81, 178, 82, 74, 84, 170, 229, 2, 0, 19, 91, 2, 243];
        for packed in [gzip, zstd, zlib] {
            for size in 1..=packed.len() {
                assert_eq!(read(packed, size).unwrap(), BODY.as_bytes());
                let cut = read(&packed[..packed.len() - 1], size).unwrap_err();
                assert_eq!(cut.kind(), ErrorKind::Truncated);
            }
        }
    }

    #[test]
    fn what_does_not_is_as_it_is() {
        for body in [BODY, "", "x", "\u{1e}{}", "[", "\u{feff}[]"] {
            for size in 1..=body.len().max(1) {
                assert_eq!(read(body.as_bytes(), size).unwrap(), body.as_bytes());
            }
        }
    }
}
