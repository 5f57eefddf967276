//! A file of dead letters as a source: the records in it, once more.

use bytes::{BufMut, Bytes, BytesMut};
use futures_util::{StreamExt, TryStreamExt, future};
use license_stream::frame::{Block, FrameExt, FramerOptions, Shape};
use license_stream::sink::reject::ReadLetter;
use license_stream::{Error, ErrorKind, Result};

use crate::input::Body;
use crate::report::say;

/// What stands before a record of a JSON text sequence. Unlike a line, such a record may hold line
/// feeds, as one from an envelope can.
const RECORD_SEPARATOR: u8 = 0x1e;

/// How every letter begins that this command writes.
const START: &[u8] = br#"{"account":"#;

/// Whether `start`, the start of a body, begins with a line that is a dead letter; `None` as long as
/// more of it is needed to tell.
pub(crate) fn begins_with_letter(start: &[u8]) -> Option<bool> {
    let compared = start.len().min(START.len());
    if start[..compared] != START[..compared] {
        return Some(false);
    }
    let end = start.iter().position(|byte| *byte == b'\n')?;
    Some(ReadLetter::parse(&start[..end]).is_some())
}

/// The records of the letters in `body`, as a JSON text sequence. The letters must be of `account`,
/// which is a part of what becomes of a record.
pub(crate) fn records(body: Body, account: Option<String>) -> Body {
    let options = FramerOptions {
        // A letter is longer than its record: every byte of that may be escaped.
        max_record_bytes: FramerOptions::MAX,
        shape: Shape::Lines,
        ..FramerOptions::default()
    };
    let records =
        body.frames_with(options).map_ok(move |block| sequence(&block, account.as_deref()));
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

fn sequence(block: &Block, account: Option<&str>) -> Result<Bytes> {
    let mut without_bytes = 0;
    let mut records = BytesMut::with_capacity(block.bytes().len());
    for line in block.records() {
        let letter = ReadLetter::parse(line.bytes).ok_or_else(|| {
            Error::new(ErrorKind::Input, "line is no dead letter").at(line.position)
        })?;
        if letter.account.is_some() && letter.account.as_deref() != account {
            let message = "dead letter is of another account than --account says";
            let account = letter.account.unwrap_or_default();
            return Err(Error::new(ErrorKind::Configuration, message)
                .at(line.position)
                .of_account(account));
        }
        let Some(bytes) = letter.bytes else {
            without_bytes += 1;
            continue;
        };
        records.put_u8(RECORD_SEPARATOR);
        records.put(bytes);
        records.put_u8(b'\n');
        // A record that is not closed came so: the file was not cut within it.
        records.put_u8(RECORD_SEPARATOR);
    }
    if without_bytes > 0 {
        say!("{without_bytes} dead letters were passed over: too long to keep, they have no bytes");
    }
    Ok(records.freeze())
}
