//! The bodies of responses, made while they are sent.

mod envelope;
mod pretty;
#[cfg(test)]
mod tests;

use std::io::{self, Write};

use super::SimulatedShape;
use super::answer::Refusal;
use super::fault::BreakRecords;
use super::generator::LicenseGenerator;
use super::page::{Page, Pager};
use super::wire::Wire;
use envelope::Envelope;
use pretty::Pretty;

/// How much [`Body::write`] hands over at once.
const WRITE_BYTES: usize = 256 * 1024;

const RECORD_SEPARATOR: u8 = 0x1e;

/// A body that has been written up to some piece: a record, or what stands before or behind records.
#[derive(Clone, Debug)]
pub(super) struct Body {
    licenses: LicenseGenerator,
    broken: Vec<BreakRecords>,
    pager: Pager,
    shape: SimulatedShape,
    nest: Nest,
    envelope: Envelope,
    /// Where the body's pieces pass through, if it is over many lines.
    pretty: Option<Pretty>,
    step: Step,
    /// How many records have been appended.
    appended: u64,
    next: u64,
    /// The end of the list in hand: of the body, or of a line that is a page.
    list_end: u64,
    end: u64,
    next_cursor: Option<String>,
    /// Before which record an error comes, if one does.
    error_at: Option<u64>,
    scratch: Vec<u8>,
}

/// What the records are in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Nest {
    Lines,
    Array,
    List,
    Keyed,
    Sequence,
    /// A provider's own list, of what it says of each license.
    Raw,
}

/// The piece that is next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// What stands before a list.
    Open,
    /// A record, or else what stands behind the list.
    Record {
        first: bool,
    },
    /// What stands behind the list.
    Close,
    /// An error on a line of its own.
    ErrorLine,
    End,
}

impl Body {
    /// The body of `page`.
    pub(super) fn new(licenses: LicenseGenerator, pager: Pager, page: Page, wire: &Wire) -> Self {
        let shape = wire.shape;
        let nest = match shape {
            _ if wire.is_raw => Nest::Raw,
            SimulatedShape::Lines => Nest::Lines,
            SimulatedShape::Array => Nest::Array,
            SimulatedShape::Sequence => Nest::Sequence,
            SimulatedShape::KeyedEnvelope => Nest::Keyed,
            _ if wire.keyed => Nest::Keyed,
            _ => Nest::List,
        };
        let (start, end) = (page.records.start, page.records.end);
        let is_here = |at: &u64| *at >= start && (*at < end || (*at == end && page.is_last));
        let licenses = if wire.is_raw { licenses.only_field("remote_data") } else { licenses };
        Body {
            licenses,
            broken: wire.broken.clone(),
            pager,
            shape,
            nest,
            envelope: Envelope::new(wire),
            pretty: (shape == SimulatedShape::PrettyEnvelope).then(Pretty::default),
            step: Step::Open,
            appended: 0,
            next: start,
            list_end: start,
            end,
            next_cursor: page.next_cursor,
            error_at: wire.error_after.filter(is_here),
            scratch: Vec::new(),
        }
    }

    pub(super) fn shape(&self) -> SimulatedShape {
        match self.shape {
            SimulatedShape::Envelope if self.nest == Nest::Keyed => SimulatedShape::KeyedEnvelope,
            shape => shape,
        }
    }

    /// How many records have been appended.
    pub(super) fn records(&self) -> u64 {
        self.appended
    }

    /// Appends the next piece, which may be empty; `false` if there is none.
    pub(super) fn append_next(&mut self, out: &mut Vec<u8>) -> bool {
        if self.step == Step::End {
            return false;
        }
        match self.pretty.take() {
            None => self.append(out),
            Some(mut pretty) => {
                let mut piece = Vec::new();
                self.append(&mut piece);
                pretty.append(&piece, out);
                self.pretty = Some(pretty);
            }
        }
        true
    }

    fn append(&mut self, out: &mut Vec<u8>) {
        self.step = match self.step {
            Step::Record { first } if self.next < self.list_end => {
                self.append_record(first, out);
                Step::Record { first: false }
            }
            Step::Open => {
                self.list_end = self.next_list_end();
                self.open(out);
                Step::Record { first: true }
            }
            Step::Record { first } => {
                if self.is_error_next() && !self.is_on_lines() {
                    self.append_error(first, out);
                    Step::Close
                } else {
                    self.close_list(out)
                }
            }
            Step::Close => self.close_list(out),
            Step::ErrorLine => {
                self.append_error(true, out);
                Step::End
            }
            Step::End => Step::End,
        };
    }

    /// Writes all of it, in bounded memory; answers the number of bytes.
    pub(super) fn write(mut self, to: &mut impl Write) -> io::Result<u64> {
        let mut buffer = Vec::with_capacity(WRITE_BYTES + 4096);
        let mut bytes = 0;
        while self.append_next(&mut buffer) {
            if buffer.len() >= WRITE_BYTES {
                to.write_all(&buffer)?;
                bytes += buffer.len() as u64;
                buffer.clear();
            }
        }
        to.write_all(&buffer)?;
        Ok(bytes + buffer.len() as u64)
    }

    #[inline]
    fn append_record(&mut self, first: bool, out: &mut Vec<u8>) {
        match self.nest {
            Nest::Lines => {
                self.append_license(out);
                out.push(b'\n');
            }
            Nest::Sequence => {
                out.push(RECORD_SEPARATOR);
                self.append_license(out);
                out.push(b'\n');
            }
            Nest::Array | Nest::List => {
                separate(first, out);
                self.append_license(out);
            }
            Nest::Keyed => {
                separate(first, out);
                let mut scratch = std::mem::take(&mut self.scratch);
                scratch.clear();
                self.licenses.append(self.next, &mut scratch);
                out.extend_from_slice(id(&scratch));
                if !self.broken.is_empty() {
                    scratch.clear();
                    self.append_license(&mut scratch);
                }
                out.push(b':');
                out.extend_from_slice(&scratch);
                self.scratch = scratch;
            }
            Nest::Raw => {
                separate(first, out);
                self.scratch.clear();
                self.licenses.append(self.next, &mut self.scratch);
                out.extend_from_slice(remote_data(&self.scratch));
            }
        }
        self.next += 1;
        self.appended += 1;
    }

    #[inline]
    fn append_license(&self, out: &mut Vec<u8>) {
        match self.broken.iter().find(|broken| broken.is_at(self.next)) {
            Some(broken) => {
                broken.append(&self.licenses, self.next, out);
            }
            _ => self.licenses.append(self.next, out),
        }
    }

    fn append_error(&self, first: bool, out: &mut Vec<u8>) {
        let error = Refusal::new(502, "the simulated provider failed").body();
        let on_line = self.is_on_lines();
        match self.nest {
            Nest::Sequence => out.push(RECORD_SEPARATOR),
            Nest::Array | Nest::List | Nest::Raw if !on_line => separate(first, out),
            Nest::Keyed if !on_line => {
                separate(first, out);
                out.extend_from_slice(b"\"error\":");
            }
            _ => {}
        }
        out.extend_from_slice(&error);
        if on_line || self.nest == Nest::Sequence {
            out.push(b'\n');
        }
    }

    fn open(&self, out: &mut Vec<u8>) {
        let cursor = self.list_cursor();
        match self.nest {
            Nest::Lines if self.says_page() => self.envelope.first_line(cursor.as_deref(), out),
            Nest::Lines | Nest::Sequence => {}
            Nest::Array => out.push(b'['),
            Nest::Raw => out.extend_from_slice(b"{\"object\":\"list\",\"data\":["),
            Nest::List => self.envelope.open(cursor.as_deref(), b'[', out),
            Nest::Keyed => self.envelope.open(cursor.as_deref(), b'{', out),
        }
    }

    /// Ends the list; answers what comes then.
    fn close_list(&mut self, out: &mut Vec<u8>) -> Step {
        let cursor = self.list_cursor();
        let is_error_next = self.is_error_next();
        match self.nest {
            Nest::Lines if self.says_page() && !is_error_next => {
                self.envelope.last_line(cursor.as_deref(), out);
            }
            Nest::Lines | Nest::Sequence => {}
            Nest::Array => out.push(b']'),
            Nest::Raw => {
                // No character of a cursor needs an escape.
                let next = cursor.map_or("null".to_owned(), |cursor| format!("\"{cursor}\""));
                out.extend_from_slice(format!("],\"paging\":{{\"next\":{next}}}}}").as_bytes());
            }
            Nest::List => self.envelope.close(cursor.as_deref(), b']', out),
            Nest::Keyed => self.envelope.close(cursor.as_deref(), b'}', out),
        }
        let is_pages = matches!(self.shape, SimulatedShape::Pages { .. });
        if is_pages {
            out.push(b'\n');
        }
        match self.step {
            Step::Record { .. } if is_error_next => Step::ErrorLine,
            Step::Record { .. } if is_pages && self.next < self.end => Step::Open,
            _ => Step::End,
        }
    }

    /// The cursor that the list in hand bears.
    fn list_cursor(&self) -> Option<String> {
        match self.shape {
            SimulatedShape::Pages { .. } if self.list_end < self.end => {
                self.pager.cursor_after(self.list_end)
            }
            _ => self.next_cursor.clone(),
        }
    }

    fn next_list_end(&self) -> u64 {
        let end = match self.shape {
            SimulatedShape::Pages { records } => {
                self.next.saturating_add(records.max(1)).min(self.end)
            }
            _ => self.end,
        };
        self.error_at.map_or(end, |at| end.min(at))
    }

    fn is_error_next(&self) -> bool {
        self.error_at == Some(self.next)
    }

    fn is_on_lines(&self) -> bool {
        matches!(self.shape, SimulatedShape::Lines | SimulatedShape::Pages { .. })
    }

    /// Whether lines of licenses have one that is about the page.
    fn says_page(&self) -> bool {
        self.pager.is_paged() || self.envelope.is_partial()
    }
}

/// Appends what stands between a record and the one before.
fn separate(first: bool, out: &mut Vec<u8>) {
    if !first {
        out.push(b',');
    }
}

/// What the only field of a license says.
fn remote_data(license: &[u8]) -> &[u8] {
    let value = license.strip_prefix(b"{\"remote_data\":").unwrap_or_default();
    value.strip_suffix(b"}").unwrap_or(b"{}")
}

/// The id of a license as it is spelled in it, quotes included.
fn id(license: &[u8]) -> &[u8] {
    let id = license.strip_prefix(b"{\"id\":").unwrap_or_default();
    let end = id.iter().skip(1).position(|byte| *byte == b'"').map_or(0, |at| at + 2);
    &id[..end]
}
