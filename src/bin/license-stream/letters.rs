//! A file of dead letters as a source: the records in it, once more.

use bytes::{BufMut, Bytes, BytesMut};
use futures_util::{StreamExt, TryStreamExt, future};
use license_stream::frame::{Block, FrameExt, FramerOptions, Shape};
use license_stream::sink::reject::ReadLetter;
use license_stream::{Error, ErrorKind, Result};

use crate::input::Body;

/// What stands before a record of a JSON text sequence. Unlike a line, such a record may hold line
/// feeds, as one from an envelope can.
const RECORD_SEPARATOR: u8 = 0x1e;

/// Whether `chunk`, the first of a body, begins with a whole line that is a dead letter.
pub(crate) fn begins_with_letter(chunk: &[u8]) -> bool {
    let line = chunk.split(|byte| *byte == b'\n').next().unwrap_or_default();
    line.len() < chunk.len() && ReadLetter::parse(line).is_some()
}

/// The records of the letters in `body`, as a JSON text sequence.
pub(crate) fn records(body: Body) -> Body {
    let options = FramerOptions {
        // A letter is longer than its record: every byte of that may be escaped.
        max_record_bytes: FramerOptions::MAX,
        shape: Shape::Lines,
        ..FramerOptions::default()
    };
    let records = body.frames_with(options).map_ok(|block| sequence(&block));
    Box::pin(records.map(|records| records.and_then(|records| records)).scan(
        false,
        |failed, item| {
            // Nothing follows an error.
            let item = (!*failed).then_some(item);
            *failed = matches!(item, Some(Err(_)));
            future::ready(item)
        },
    ))
}

fn sequence(block: &Block) -> Result<Bytes> {
    let mut records = BytesMut::with_capacity(block.bytes().len());
    for line in block.records() {
        let letter = ReadLetter::parse(line.bytes).ok_or_else(|| {
            Error::new(ErrorKind::Input, "line is no dead letter").at(line.position)
        })?;
        // One without bytes was too long to keep: there is nothing to replay.
        if let Some(bytes) = letter.bytes {
            records.put_u8(RECORD_SEPARATOR);
            records.put(bytes);
            records.put_u8(b'\n');
        }
    }
    Ok(records.freeze())
}
