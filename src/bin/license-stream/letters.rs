//! A file of dead letters as a source: the records in it, once more.

use std::collections::BTreeSet;

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use license_stream::frame::{FrameExt, FramerOptions, RawRecord, Shape, put_prefixed};
use license_stream::sink::reject::ReadLetter;
use license_stream::{Error, ErrorKind, Position, Result, printable};
use memchr::memchr;
use serde::de::IgnoredAny;

use crate::input::Body;
use crate::report::counted;
use crate::screen::say;

/// As much as is looked at to tell a letter: what stands before a record's bytes is shorter, unless its
/// account is named at great length.
const HEAD: usize = 4096;

/// What helps where a line is JSON and none.
const LETTER: &str = "one has `byte`, `message`, a known `reason`, and `text` or `base64` or neither \
                      (schemas/reject.schema.json): put the line right, or take it out";

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
        let head = without_blanks(&self.bytes);
        let may_be_letter =
            BOM.starts_with(&head) || head.iter().zip(START).all(|(byte, start)| byte == start);
        self.is_whole = end.is_some() || self.bytes.len() == HEAD || !may_be_letter;
    }

    /// Whether a letter begins so: with the members that one has, in the order in which they are written.
    fn is_of_letter(&self) -> bool {
        let head = without_blanks(&self.bytes);
        let Some(rest) = head.strip_prefix(START) else { return false };
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

/// JSON text without a byte order mark, and without white space between its tokens: some programs write
/// letters anew with it.
fn without_blanks(text: &[u8]) -> Vec<u8> {
    let (mut in_string, mut is_escaped) = (false, false);
    let text = text.iter().copied().filter(|byte| {
        in_string ^= *byte == b'"' && !is_escaped;
        is_escaped = *byte == b'\\' && !is_escaped;
        in_string || !byte.is_ascii_whitespace()
    });
    let text: Vec<_> = text.collect();
    text.strip_prefix(BOM).map(<[u8]>::to_vec).unwrap_or(text)
}

const BOM: &[u8] = b"\xef\xbb\xbf";

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
/// bytes it holds, and stands where its letter does. Of letters of accounts, only those of `account` are
/// read: the account is a part of what becomes of a record.
pub(crate) fn records(body: Body, account: Option<String>, max_record_bytes: usize) -> Body {
    let options = FramerOptions {
        max_record_bytes: longest_letter(max_record_bytes),
        shape: Shape::Lines,
        ..FramerOptions::default()
    };
    // A kill may have left the last letter without its end: it is a line all the same.
    let end = stream::iter([Ok(Bytes::from_static(b"\n"))]);
    let blocks = body.chain(end).frames_with(options);
    let start = (Some(blocks), Replay::of(account));
    let pieces = stream::unfold(start, |(blocks, mut replay)| async move {
        let mut blocks = blocks?;
        let read = match blocks.next().await {
            Some(Ok(block)) => block.records().try_for_each(|line| replay.take(line)),
            Some(Err(error)) if error.is_record() => {
                replay.put(error.position().unwrap_or_default(), None);
                Ok(())
            }
            Some(Err(error)) => Err(error),
            None => {
                let end: Vec<_> = replay.end().err().map(Err).into_iter().collect();
                return Some((stream::iter(end), (None, replay)));
            }
        };
        // Nothing follows an error.
        let blocks = read.is_ok().then_some(blocks);
        let mut pieces: Vec<_> = replay.body.take().into_iter().map(Ok).collect();
        pieces.extend(read.err().map(Err));
        Some((stream::iter(pieces), (blocks, replay)))
    });
    Box::pin(pieces.flatten())
}

/// The longest line that a record's letter takes: an escape makes six bytes of one. A record of a longer
/// one is itself too long.
fn longest_letter(max_record_bytes: usize) -> usize {
    max_record_bytes.saturating_mul(6).saturating_add(2 * HEAD).min(FramerOptions::MAX)
}

/// Letters on their way to be records again.
#[derive(Debug)]
struct Replay {
    account: Option<String>,
    body: Placed,
    /// How many letters were taken, and how many of these have no bytes.
    taken: u64,
    without_bytes: u64,
    /// Letters of other accounts, and the first of those accounts.
    passed_over: u64,
    others: BTreeSet<String>,
}

/// Accounts that people are told the names of.
const ACCOUNTS: usize = 10;

impl Replay {
    fn of(account: Option<String>) -> Self {
        Self {
            account,
            body: Placed::default(),
            taken: 0,
            without_bytes: 0,
            passed_over: 0,
            others: BTreeSet::new(),
        }
    }

    fn take(&mut self, line: RawRecord<'_>) -> Result<()> {
        let letter = match ReadLetter::parse(line.bytes) {
            Some(letter) => letter,
            None if serde_json::from_slice::<IgnoredAny>(line.bytes).is_ok() => {
                let error = Error::new(ErrorKind::Input, "line is no dead letter");
                return Err(error.advising(LETTER).at(line.position));
            }
            // What a kill left of one: it is no JSON, and so a reject once more.
            None => {
                let bytes = Bytes::copy_from_slice(line.bytes);
                ReadLetter { account: None, bytes: Some(bytes) }
            }
        };
        match letter.account {
            Some(account) if Some(&account) != self.account.as_ref() => {
                self.passed_over += 1;
                if self.others.len() < ACCOUNTS {
                    self.others.insert(account);
                }
            }
            // Where it is known that accounts must be named, the others are only looked for.
            _ if self.account.is_none() && self.passed_over > 0 => {}
            _ => self.put(line.position, letter.bytes.as_deref()),
        }
        Ok(())
    }

    fn put(&mut self, at: Position, record: Option<&[u8]>) {
        self.taken += 1;
        self.without_bytes += u64::from(record.is_none());
        self.body.put(at, record);
    }

    /// What is to be told once all letters were read.
    fn end(&self) -> Result<()> {
        let others: Vec<_> = self.others.iter().map(|account| printable(account, HEAD)).collect();
        let more = if others.len() == ACCOUNTS { ", …" } else { "" };
        let others = format!("{}{more}", others.join(", "));
        let wrong = |message| Err(Error::new(ErrorKind::Configuration, message));
        match &self.account {
            None if self.passed_over > 0 => wrong(format!(
                "there are dead letters of accounts: say whose are to be read (--account, one of {others})"
            )),
            Some(account) if self.passed_over > 0 && self.taken == 0 => wrong(format!(
                "no dead letter is of account {account}: they are of others (--account, one of {others})"
            )),
            _ => {
                self.warn();
                Ok(())
            }
        }
    }

    fn warn(&self) {
        if self.passed_over > 0 {
            let (count, noun) = counted(self.passed_over, "dead letter", "dead letters");
            say!("passed over: {count} {noun} of other accounts than --account names");
        }
        let what = match self.without_bytes {
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

/// A body of records behind their lengths, each with its length where its letter is in the file: white
/// space stands for the rest of the letters, and for what lies between.
#[derive(Debug, Default)]
struct Placed {
    pieces: Vec<Bytes>,
    last: Vec<u8>,
    /// How long it is, and line feeds in it.
    bytes: u64,
    lines: u64,
}

/// White space, in pieces that need no memory of their own.
static SPACES: [u8; 64 << 10] = [b' '; 64 << 10];
static LINE_FEEDS: [u8; 64 << 10] = [b'\n'; 64 << 10];

impl Placed {
    fn put(&mut self, at: Position, record: Option<&[u8]>) {
        let lines = (at.line - 1).saturating_sub(self.lines);
        // Behind a line that was no letter there may be no room: it is longer by its length.
        let spaces = at.byte.saturating_sub(self.bytes + lines);
        self.fill(&SPACES, spaces);
        self.fill(&LINE_FEEDS, lines);
        let before = self.last.len();
        put_prefixed(&mut self.last, record);
        self.bytes += (self.last.len() - before) as u64;
        self.lines += lines + 1;
    }

    fn fill(&mut self, with: &'static [u8], mut count: u64) {
        self.bytes += count;
        while count > 0 {
            let len = count.min(with.len() as u64) as usize;
            if len < with.len() {
                self.last.extend_from_slice(&with[..len]);
            } else {
                self.pieces.push(std::mem::take(&mut self.last).into());
                self.pieces.push(Bytes::from_static(with));
            }
            count -= len as u64;
        }
    }

    /// What was put so far.
    fn take(&mut self) -> Vec<Bytes> {
        self.pieces.push(std::mem::take(&mut self.last).into());
        std::mem::take(&mut self.pieces)
    }
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
            ("\u{feff}{\"account\": null, \"byte\": 7, \"line\" : 1, \"record\": 0, \"reason\": \"".to_owned(), true),
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
