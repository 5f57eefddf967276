//! A file of dead letters as a source: the records in it, once more.

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, future, stream};
use license_stream::frame::{Block, FrameExt, FramerOptions, Shape, put_prefixed};
use license_stream::sink::reject::ReadLetter;
use license_stream::{Error, ErrorKind, Result};
use memchr::memchr;

use crate::input::Body;
use crate::report::say;

/// As much as is looked at to tell a letter: what stands before a record's bytes is shorter, unless its
/// account is named at great length.
const HEAD: usize = 4096;

/// The start of a body's first line.
#[derive(Debug, Default)]
struct Head {
    bytes: Vec<u8>,
    is_whole: bool,
}

impl Head {
    /// Takes what of `chunk` may belong to it.
    fn push(&mut self, chunk: &[u8]) {
        if self.is_whole {
            return;
        }
        let chunk = &chunk[..chunk.len().min(HEAD - self.bytes.len())];
        let end = memchr(b'\n', chunk);
        self.bytes.extend_from_slice(&chunk[..end.unwrap_or(chunk.len())]);
        let may_be_letter = self.bytes.iter().zip(START).all(|(byte, start)| byte == start);
        self.is_whole = end.is_some() || self.bytes.len() == HEAD || !may_be_letter;
    }

    /// Whether a letter begins so: with the members that one has, in the order in which they are written.
    fn is_of_letter(&self) -> bool {
        let Some(rest) = self.bytes.strip_prefix(START) else { return false };
        let mut account = serde_json::Deserializer::from_slice(rest).into_iter::<Option<String>>();
        let Some(Ok(_)) = account.next() else { return false };
        let mut rest = &rest[account.byte_offset()..];
        for name in [&br#","byte":"#[..], br#","line":"#, br#","record":"#] {
            let Some(number) = rest.strip_prefix(name) else { return false };
            let digits = number.iter().take_while(|byte| byte.is_ascii_digit()).count();
            rest = &number[digits..];
        }
        rest.starts_with(br#","length":"#) || rest.starts_with(br#","reason":"#)
    }
}

/// How every letter begins that this command writes.
const START: &[u8] = br#"{"account":"#;

/// Whether `body` begins with a dead letter, and the whole body again. Not more of it is read, and
/// held, than the chunks that the head of a letter takes.
pub(crate) async fn tell(mut body: Body) -> Result<(bool, Body)> {
    let mut head = Head::default();
    let mut read = Vec::new();
    while !head.is_whole
        && let Some(chunk) = body.try_next().await?
    {
        head.push(&chunk);
        read.push(Ok(chunk));
    }
    Ok((head.is_of_letter(), Box::pin(stream::iter(read).chain(body))))
}

/// The records of the letters in `body`, of [`Shape::Prefixed`]: each letter is one record, whatever
/// bytes it holds. The letters must be of `account`, which is a part of what becomes of a record.
pub(crate) fn records(body: Body, account: Option<String>, max_record_bytes: usize) -> Body {
    let options = FramerOptions {
        max_record_bytes: longest_letter(max_record_bytes),
        shape: Shape::Lines,
        ..FramerOptions::default()
    };
    let mut without_bytes = WithoutBytes(0);
    let records = body.frames_with(options).map(move |block| match block {
        Ok(block) => prefixed(&block, account.as_deref(), &mut without_bytes),
        Err(error) if error.is_record() => {
            let mut record = Vec::new();
            without_bytes.0 += 1;
            put_prefixed(&mut record, None);
            Ok(record.into())
        }
        Err(error) => Err(error),
    });
    Box::pin(records.scan(false, |failed, item| {
        // Nothing follows an error.
        let item = (!*failed).then_some(item);
        *failed = matches!(item, Some(Err(_)));
        future::ready(item)
    }))
}

/// The longest line that a record's letter takes: an escape makes six bytes of one. A record of a longer
/// one is itself too long.
fn longest_letter(max_record_bytes: usize) -> usize {
    max_record_bytes.saturating_mul(6).saturating_add(2 * HEAD).min(FramerOptions::MAX)
}

/// How many letters have no bytes; told once all were read.
struct WithoutBytes(u64);

impl Drop for WithoutBytes {
    fn drop(&mut self) {
        let what = match self.0 {
            0 => return,
            1 => "1 dead letter has no bytes, since its record was".to_owned(),
            count => format!("{count} dead letters have no bytes, since their records were"),
        };
        say!(
            "warning: {what} too long to keep: read the source once more, with a larger \
             --max-record-bytes"
        );
    }
}

fn prefixed(
    block: &Block,
    account: Option<&str>,
    without_bytes: &mut WithoutBytes,
) -> Result<Bytes> {
    let mut records = Vec::with_capacity(block.bytes().len());
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
        without_bytes.0 += u64::from(letter.bytes.is_none());
        put_prefixed(&mut records, letter.bytes.as_deref());
    }
    Ok(records.into())
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    use futures_util::FutureExt;
    use license_stream::decode::{Fault, Limits, identify};
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    const MAX: usize = 64;

    fn letter(bytes: Option<&[u8]>) -> Vec<u8> {
        let text = bytes.map(std::str::from_utf8);
        let mut letter = json!({
            "account": null, "byte": 7, "line": 1, "record": 0, "reason": "syntax", "message": "x",
        });
        match (text, bytes) {
            (Some(Ok(text)), _) => letter["text"] = json!(text),
            (_, Some(bytes)) => letter["base64"] = json!(STANDARD.encode(bytes)),
            _ => {}
        }
        let mut line = serde_json::to_vec(&letter).unwrap();
        line.push(b'\n');
        line
    }

    fn body(bytes: &[u8], chunk: usize) -> Body {
        let chunks: Vec<_> =
            bytes.chunks(chunk).map(|chunk| Ok(Bytes::copy_from_slice(chunk))).collect();
        Box::pin(stream::iter(chunks))
    }

    /// Each letter's record as the pipeline gets it: its bytes, or the place of one that has none.
    fn replayed(letters: &[u8], chunk: usize) -> Vec<std::result::Result<Bytes, u64>> {
        let options = FramerOptions {
            max_record_bytes: MAX,
            shape: Shape::Prefixed,
            ..FramerOptions::default()
        };
        let blocks = records(body(letters, chunk), None, MAX).frames_with(options);
        let blocks: Vec<_> = blocks.collect().now_or_never().expect("nothing waits");
        let mut found = Vec::new();
        for block in blocks {
            match block {
                Ok(block) => {
                    found.extend((0..block.len()).map(|at| Ok(block.record_bytes(at).unwrap())));
                }
                Err(error) => {
                    assert!(error.is_record(), "{error}");
                    found.push(Err(error.position().unwrap().record));
                }
            }
        }
        found
    }

    fn fault(record: &[u8]) -> Option<Fault> {
        identify(record, &Limits::default()).err()
    }

    proptest! {
        #[test]
        fn a_letter_is_one_record_whatever_bytes_it_holds(
            bytes in prop_oneof![
                prop::collection::vec(any::<u8>(), 0..=MAX),
                prop::collection::vec(prop::sample::select(b"{}\"id:a\x1e\n\r\0\xff ".to_vec()), 0..=MAX),
            ],
            chunk in 1..200_usize,
        ) {
            let good = br#"{"id":"a"}"#;
            let letters = [letter(Some(good)), letter(Some(&bytes)), letter(Some(good))].concat();
            let found = replayed(&letters, chunk);
            let [Ok(first), Ok(record), Ok(last)] = &found[..] else { panic!("{found:?}") };
            prop_assert_eq!((&first[..], &last[..]), (&good[..], &good[..]));
            prop_assert_eq!(&record[..], &bytes[..]);
            prop_assert_eq!(fault(record), fault(&bytes));
        }
    }

    #[test]
    fn a_letter_without_bytes_keeps_its_place() {
        let endless = letter(Some(&vec![b'x'; 10 * HEAD]));
        let letters = [letter(Some(b"1")), letter(None), endless, letter(Some(b"2"))].concat();
        let found = replayed(&letters, 1000);
        assert_eq!(found, [Ok(Bytes::from("1")), Err(1), Err(2), Ok(Bytes::from("2"))]);
    }

    #[test]
    fn letters_are_told_by_their_head() {
        let start = r#"{"account":"an \"account\"","byte":7,"line":1,"record":0,"#;
        for (text, is_letter) in [
            (format!(r#"{start}"length":2,"reason":"syntax","text":"{}"#, "x".repeat(HEAD)), true),
            (format!(r#"{start}"reason":"too_long","message":""}}"#), true),
            (format!(r#"{start}"id":"a"}}"#), false),
            (r#"{"account":null,"result":[{"id":"a"}]}"#.to_owned(), false),
            (r#"{"account":"#.to_owned(), false),
            (r#"{"id":"a"}"#.to_owned(), false),
            (String::new(), false),
        ] {
            for chunk in [1, 7, 1 << 20] {
                let (told, again) = tell(body(text.as_bytes(), chunk))
                    .now_or_never()
                    .expect("nothing waits")
                    .unwrap();
                assert_eq!(told, is_letter, "{text}");
                let again: Vec<_> = again.try_collect().now_or_never().unwrap().unwrap();
                assert_eq!(again.concat(), text.as_bytes());
            }
        }
    }

    #[test]
    fn no_more_is_held_than_the_head_of_a_letter() {
        for (start, held) in [(r#"{"account":""#, HEAD), (r#"{"accounts":"#, 10)] {
            let mut read = 0;
            let mut head = Head::default();
            for byte in start.bytes().chain(std::iter::repeat_n(b'x', 10 * HEAD)) {
                if head.is_whole {
                    break;
                }
                head.push(&[byte]);
                read += 1;
            }
            assert_eq!((read, head.bytes.len()), (held, held));
            head.push(&[b'x'; HEAD]);
            assert_eq!(head.bytes.len(), held);
        }
    }
}
