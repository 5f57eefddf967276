//! Licenses as lines, each as it came.

use tokio::io::{AsyncWrite, AsyncWriteExt};

use super::{Batch, CheckDecoder, Pace, Sink, not_taken};
use crate::decode::{CheckedBlock, Limits};
use crate::error::{Error, ErrorKind, Result};
use crate::position::Position;

/// Writes newline-delimited JSON: the bytes of each license as they came, and a line feed.
///
/// A license that came over several lines, as it may in an envelope, would be no line: its line ends
/// become spaces, which say the same and are as long.
///
/// Lines are written whole and passed on at once, so that a reader sees the first license while the
/// body is still arriving. Durable means here: handed to the writer and flushed. An example is at
/// [`pipeline::run`](crate::pipeline::run).
#[derive(Debug)]
pub struct NdjsonSink<W> {
    writer: W,
    limits: Limits,
    any_json: bool,
    name: String,
    buffer: Vec<u8>,
    report: NdjsonReport,
    durable: Position,
}

/// What a [`NdjsonSink`] wrote.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NdjsonReport {
    /// Bytes, line feeds included.
    pub bytes: u64,
}

impl<W: AsyncWrite + Send + Unpin> NdjsonSink<W> {
    /// A sink into `writer`.
    pub fn new(writer: W, limits: Limits) -> Self {
        Self {
            writer,
            limits,
            any_json: false,
            name: "output".to_owned(),
            buffer: Vec::new(),
            report: NdjsonReport::default(),
            durable: Position::START,
        }
    }

    /// The same, taking any JSON and not only licenses, as `truto_response_format=raw` brings it.
    #[must_use]
    pub fn with_any_json(mut self, any_json: bool) -> Self {
        self.any_json = any_json;
        self
    }

    /// The same, with what errors call the writer: a path, say.
    #[must_use]
    pub fn with_name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }
}

impl<W: AsyncWrite + Send + Unpin> Sink for NdjsonSink<W> {
    type Decoder = CheckDecoder;
    type Report = NdjsonReport;

    fn decoder(&self) -> CheckDecoder {
        CheckDecoder { limits: self.limits, any_json: self.any_json }
    }

    fn pace(&self) -> Pace {
        Pace::Eager
    }

    async fn write(&mut self, batch: Batch<Vec<CheckedBlock>>) -> Result<()> {
        self.buffer.clear();
        for record in batch.value.iter().flat_map(CheckedBlock::records) {
            let start = self.buffer.len();
            self.buffer.extend_from_slice(record.raw.bytes);
            join_lines(&mut self.buffer[start..]);
            self.buffer.push(b'\n');
        }
        let written = async {
            self.writer.write_all(&self.buffer).await?;
            self.writer.flush().await
        };
        written.await.map_err(|error| not_taken(&self.name, error).at(batch.span.start))?;
        self.report.bytes += self.buffer.len() as u64;
        self.durable = batch.span.end;
        Ok(())
    }

    fn durable(&self) -> Position {
        self.durable
    }

    fn bytes_written(&self) -> u64 {
        self.report.bytes
    }

    async fn flush(&mut self) -> Result<Position> {
        Ok(self.durable)
    }

    async fn finish(&mut self) -> Result<()> {
        self.writer.shutdown().await.map_err(|error| {
            Error::new(ErrorKind::Destination, format!("{} could not be closed", self.name))
                .caused_by(error)
        })
    }

    async fn abort(&mut self) -> Result<()> {
        self.finish().await
    }

    fn report(self) -> NdjsonReport {
        self.report
    }
}

/// Puts a record on one line. In checked JSON a raw line end is white space between tokens: within a
/// string it would be escaped.
fn join_lines(record: &mut [u8]) {
    if memchr::memchr(b'\n', record).is_none() {
        return;
    }
    for byte in record {
        if matches!(byte, b'\n' | b'\r') {
            *byte = b' ';
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_over_many_lines_becomes_one() {
        for (record, line) in [
            (&b"{\"id\":\"\\n\"}"[..], &b"{\"id\":\"\\n\"}"[..]),
            (b"{\r\n  \"id\":\"a\"\n}", b"{    \"id\":\"a\" }"),
        ] {
            let mut record = record.to_vec();
            join_lines(&mut record);
            assert_eq!(record, line);
        }
    }
}
