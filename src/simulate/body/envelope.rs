//! What stands around the licenses of a page.

use std::io::Write;

use super::Wire;

/// Members that no reader knows, and in which one could take brackets or records for its own.
const UNKNOWN_BEFORE: &str =
    r#""object":"list]}","took":-1.25e-3,"query":{"result":[{"id":"no license"}],"\"":"{\\"},"#;
const UNKNOWN_BEHIND: &str = r#","warnings":[[],{},"],"],"deprecated":null,"live":true,"prev_cursor":null,"request":"5Ä\u00c4""#;

/// The members of an envelope, but its records.
#[derive(Clone, Debug)]
pub(super) struct Envelope {
    name: &'static str,
    cursor_first: bool,
    partial: bool,
    unknown_members: bool,
}

impl Envelope {
    pub(super) fn new(wire: &Wire) -> Self {
        Envelope {
            name: if wire.results { "results" } else { "result" },
            cursor_first: wire.cursor_first,
            partial: wire.partial,
            unknown_members: wire.unknown_members,
        }
    }

    pub(super) fn is_partial(&self) -> bool {
        self.partial
    }

    /// Appends what stands before the records, their opening bracket included.
    pub(super) fn open(&self, cursor: Option<&str>, bracket: u8, out: &mut Vec<u8>) {
        out.push(b'{');
        if self.unknown_members {
            out.extend_from_slice(UNKNOWN_BEFORE.as_bytes());
        }
        if self.cursor_first {
            self.members(cursor, out);
            out.push(b',');
        }
        out.extend_from_slice(format!("\"{}\":", self.name).as_bytes());
        out.push(bracket);
    }

    /// Appends what stands behind the records, their closing bracket included.
    pub(super) fn close(&self, cursor: Option<&str>, bracket: u8, out: &mut Vec<u8>) {
        out.push(bracket);
        if !self.cursor_first {
            out.push(b',');
            self.members(cursor, out);
        }
        if self.unknown_members {
            out.extend_from_slice(UNKNOWN_BEHIND.as_bytes());
        }
        out.push(b'}');
    }

    /// Appends the line about the page, if it stands before the licenses.
    pub(super) fn first_line(&self, cursor: Option<&str>, out: &mut Vec<u8>) {
        if self.cursor_first {
            self.line(cursor, out);
        }
    }

    /// Appends the line about the page, if it stands behind the licenses.
    pub(super) fn last_line(&self, cursor: Option<&str>, out: &mut Vec<u8>) {
        if !self.cursor_first {
            self.line(cursor, out);
        }
    }

    fn line(&self, cursor: Option<&str>, out: &mut Vec<u8>) {
        out.push(b'{');
        self.members(cursor, out);
        out.extend_from_slice(b"}\n");
    }

    fn members(&self, cursor: Option<&str>, out: &mut Vec<u8>) {
        out.extend_from_slice(b"\"next_cursor\":");
        match cursor {
            // No character of a cursor needs an escape.
            Some(cursor) => write!(out, "\"{cursor}\"").expect("a Vec takes all bytes"),
            None => out.extend_from_slice(b"null"),
        }
        if self.partial {
            out.extend_from_slice(b",\"is_partial_response\":true");
        }
    }
}
