//! Records that are passed on as they came, once they are known to be licenses, or at least JSON.

use std::borrow::Cow;
use std::ops::ControlFlow;

use super::{Fault, Limits, block_text, check, identify, identify_in};
use crate::frame::{Block, RawRecord};
use crate::reject::{Reject, RejectReason};

/// A block with the licenses in it and their `id`s.
#[derive(Clone, Debug)]
pub struct CheckedBlock {
    block: Block,
    taken: Taken,
}

/// Which records of a block are taken.
#[derive(Clone, Debug)]
pub(crate) struct Taken {
    /// Indices of the licenses among the block's records.
    accepted: Vec<u32>,
    ids: String,
    /// Where in `ids` the id of each license ends.
    id_ends: Vec<u32>,
}

/// Reads the records of a block one by one.
pub(crate) trait Read<'a> {
    /// Whether `record` is good; `known` is the text from its first byte on, where that is known to be
    /// UTF-8.
    fn read(&mut self, record: &'a [u8], known: Option<&'a str>) -> Result<Good<'a>, Fault>;

    /// The record that was read last is taken.
    fn take(&mut self);
}

/// What is known of a record that is good.
#[derive(Clone, Debug)]
pub(crate) struct Good<'a> {
    pub(crate) id: Cow<'a, str>,
    /// How many bytes it is passed on as.
    pub(crate) value_len: usize,
}

/// Looks for no more than there must be.
struct Identify<'l> {
    limits: &'l Limits,
    any_json: bool,
}

impl<'a> Read<'a> for Identify<'_> {
    #[inline]
    fn read(&mut self, record: &'a [u8], known: Option<&'a str>) -> Result<Good<'a>, Fault> {
        let id = match known {
            _ if self.any_json => check(record, self.limits).map(|()| Cow::Borrowed("")),
            Some(text) => identify_in(text, record.len(), self.limits),
            None => identify(record, self.limits),
        }?;
        Ok(Good { id, value_len: record.len() })
    }

    fn take(&mut self) {}
}

/// A record that was found to be a license, before it is taken.
#[cfg_attr(not(feature = "kafka"), allow(dead_code, reason = "other sinks take all licenses"))]
#[derive(Clone, Copy, Debug)]
pub(crate) struct Candidate<'a> {
    /// Its `id`, as [`CheckedRecord::id`].
    pub(crate) id: &'a str,
    /// The record and, where all of the block is text, what follows it.
    pub(crate) text: &'a str,
    /// How many bytes of `text` are the record.
    pub(crate) len: usize,
    /// How many bytes it is passed on as.
    pub(crate) value_len: usize,
}

/// Why a license is not taken all the same.
#[cfg_attr(not(feature = "kafka"), allow(dead_code, reason = "other sinks take all licenses"))]
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Unfit {
    pub(crate) reason: RejectReason,
    /// What is wrong; never the record's content.
    pub(crate) message: String,
}

/// A license as it came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CheckedRecord<'a> {
    /// Its `id`, escapes undone; empty after [`CheckedBlock::check_json`], and never otherwise.
    pub id: &'a str,
    /// The bytes and where they stood.
    pub raw: RawRecord<'a>,
}

impl CheckedBlock {
    /// Checks every record of `block`; what is no license goes to `on_reject`, which may end the
    /// reading there.
    pub fn check(
        block: Block,
        limits: &Limits,
        on_reject: impl FnMut(Reject) -> ControlFlow<()>,
    ) -> Self {
        Self::check_by(block, limits, false, |_| Ok(()), on_reject)
    }

    /// Checks that every record of `block` is JSON, whatever it says: no `id` is looked for.
    pub fn check_json(
        block: Block,
        limits: &Limits,
        on_reject: impl FnMut(Reject) -> ControlFlow<()>,
    ) -> Self {
        Self::check_by(block, limits, true, |_| Ok(()), on_reject)
    }

    /// The same with a say in what is taken: `admit` is asked of each record that is found to be good, in
    /// the order of the body.
    pub(crate) fn check_by(
        block: Block,
        limits: &Limits,
        any_json: bool,
        admit: impl FnMut(Candidate<'_>) -> Result<(), Unfit>,
        on_reject: impl FnMut(Reject) -> ControlFlow<()>,
    ) -> Self {
        let taken = Taken::of(&block, &mut Identify { limits, any_json }, admit, on_reject);
        Self { block, taken }
    }

    /// `block` with those of its records that are taken.
    pub(crate) fn of(block: Block, taken: Taken) -> Self {
        Self { block, taken }
    }

    /// How many licenses it holds.
    pub fn len(&self) -> usize {
        self.taken.accepted.len()
    }

    /// Whether it holds no license.
    pub fn is_empty(&self) -> bool {
        self.taken.accepted.is_empty()
    }

    /// The licenses in the order of the body.
    pub fn records(&self) -> impl Iterator<Item = CheckedRecord<'_>> {
        let Taken { accepted, ids, id_ends } = &self.taken;
        let mut id_start = 0;
        accepted.iter().zip(id_ends).map(move |(index, id_end)| {
            let id = &ids[id_start..*id_end as usize];
            id_start = *id_end as usize;
            CheckedRecord { id, raw: self.block.raw(*index as usize) }
        })
    }
}

impl Taken {
    /// Reads the records of `block`; of those that are good, `admit` says which are taken.
    pub(crate) fn of<'a>(
        block: &'a Block,
        reader: &mut impl Read<'a>,
        mut admit: impl FnMut(Candidate<'_>) -> Result<(), Unfit>,
        mut on_reject: impl FnMut(Reject) -> ControlFlow<()>,
    ) -> Self {
        let mut accepted = Vec::with_capacity(block.len());
        let mut id_ends = Vec::with_capacity(block.len());
        let mut ids = String::with_capacity(block.len() * 40);
        let text = block_text(block.bytes());
        for index in 0..block.len() {
            let range = block.range(index);
            let record = &block.bytes()[range.clone()];
            let known = text.map(|text| &text[range.start..]);
            let position = block.position(index);
            let bytes = || block.record_bytes(index).unwrap_or_default();
            let taken = match reader.read(record, known) {
                Err(fault) => Err(fault.into_reject(position, bytes())),
                Ok(Good { id, value_len }) => {
                    // What was found to be good is text.
                    let text = known.or_else(|| std::str::from_utf8(record).ok());
                    let text = text.unwrap_or_default();
                    match admit(Candidate { id: &id, text, len: range.len(), value_len }) {
                        Ok(()) => Ok(id),
                        Err(Unfit { reason, message }) => {
                            Err(Reject { position, reason, message, bytes: Some(bytes()) })
                        }
                    }
                }
            };
            match taken {
                Ok(id) => {
                    reader.take();
                    accepted.push(index as u32);
                    ids.push_str(&id);
                    id_ends.push(ids.len() as u32);
                }
                Err(reject) => {
                    if on_reject(reject).is_break() {
                        break;
                    }
                }
            }
        }
        Self { accepted, ids, id_ends }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::{Framer, FramerOptions, Shape};
    use crate::reject::RejectReason;

    #[test]
    fn any_json_is_taken_where_no_license_is_asked_for() {
        let shape = Shape::Lines;
        let mut framer = Framer::new(FramerOptions { shape, ..FramerOptions::default() });
        let body = &b"{\"id\":\"a\"}\n[1]\nnull\n{]\n{\"id\":7}\n[[[1]]]\n\"\xff\"\n"[..];
        framer.push(body.into());
        let block = framer.next_block().unwrap().unwrap();
        let mut reasons = Vec::new();
        let on_reject = |reject: Reject| {
            reasons.push((reject.position.record, reject.reason));
            ControlFlow::Continue(())
        };
        let checked = CheckedBlock::check_json(block, &Limits { max_depth: 2 }, on_reject);
        let found: Vec<_> = checked.records().map(|it| (it.id, it.raw.bytes)).collect();
        let taken = [&b"{\"id\":\"a\"}"[..], b"[1]", b"null", b"{\"id\":7}"];
        assert_eq!(found, taken.map(|bytes| ("", bytes)));
        use RejectReason::{Syntax, TooDeep, Utf8};
        assert_eq!(reasons, [(3, Syntax), (5, TooDeep), (6, Utf8)]);
    }
}
