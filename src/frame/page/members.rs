//! What the names in an object say of what it is: a license, an envelope, a line about the page.

use memchr::memmem;

use crate::license::License;

/// What the members of an object say of what it is, as far as they were read.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::frame) struct Members {
    /// An `id` that makes a license of it; of several the last one counts.
    pub(in crate::frame) has_id: bool,
    /// An `id` that is neither that nor null, or one that a later one took back.
    pub(in crate::frame) has_other_id: bool,
    /// A field of a license beside the `id`.
    pub(in crate::frame) has_field: bool,
    /// A member that is about the page.
    pub(in crate::frame) is_of_page: bool,
    /// One of these that says where pages lie, or whether they are whole: not a count alone.
    pub(in crate::frame) is_of_cursor: bool,
    /// A result that is a list or an object, with or without records.
    pub(in crate::frame) has_list: bool,
    /// A result that is null.
    pub(in crate::frame) has_null_result: bool,
    /// A result that is not empty.
    pub(in crate::frame) has_records: bool,
    /// A result that is a text, a number or a boolean.
    has_other_result: bool,
    /// A list or an object in which there are objects with an `id`, but no result.
    pub(super) has_others: bool,
    is_of_error: bool,
    /// The members of a dead letter, one bit each.
    letter: u8,
}

impl Members {
    /// Takes a member with its value as JSON text.
    pub(in crate::frame) fn see(&mut self, name: &str, value: &str) {
        let (is_null, is_text) = (value == "null", value.starts_with('"'));
        let is_nest = value.starts_with(['[', '{']);
        match name {
            "id" => {
                let was_id = std::mem::replace(&mut self.has_id, is_text && is_id(value));
                self.has_other_id |= !self.has_id && (was_id || !is_null);
            }
            "result" | "results" => {
                self.has_list |= is_nest;
                self.has_null_result |= is_null;
                self.has_records |= is_nest && !is_empty(value.as_bytes());
                self.has_other_result |= !is_nest && !is_null;
                return;
            }
            "statusCode" | "error" | "truto_is_remote_error" | "message" => self.is_of_error = true,
            // A number is the status of an answer, and of no license.
            "status" => {
                self.has_field |= is_text;
                self.is_of_error |= value.starts_with(|first: char| first.is_ascii_digit());
            }
            name if is_of_page(name) => {
                self.is_of_page = true;
                self.is_of_cursor |= name != "result_count";
            }
            name => self.has_field |= License::FIELDS.contains(&name),
        }
        if let Some(bit) = LETTER.iter().position(|member| *member == name) {
            self.letter |= 1 << bit;
        }
        let inner = if is_nest { value[1..].split_once('{') } else { None };
        self.has_others |= inner.is_some_and(|(_, inner)| mentions_id(inner.as_bytes()));
    }

    /// Whether it may be a license, if a broken one.
    pub(in crate::frame) fn may_be_license(self) -> bool {
        self.has_id || self.has_other_id || self.has_field
    }

    pub(in crate::frame) fn has_result(self) -> bool {
        self.has_list || self.has_null_result
    }

    /// Whether its result is one in which there are no records that could be read. With fields of a license and
    /// nothing of the page it is one, if a broken one.
    #[cfg(feature = "stream")]
    pub(super) fn has_unreadable_result(self) -> bool {
        self.has_other_result && (self.is_of_page || !self.may_be_license())
    }

    /// Whether it says something of the page and has licenses elsewhere than in a result.
    pub(in crate::frame) fn is_unknown_envelope(self) -> bool {
        self.is_of_page && !self.has_result() && self.has_others
    }

    #[cfg(feature = "stream")]
    pub(super) fn is_letter(self) -> bool {
        self.letter == (1 << LETTER.len()) - 1
    }

    /// Whether an answer with a message and no status is an error by that alone: it has nothing else, or
    /// null where records would be.
    #[cfg(feature = "stream")]
    pub(super) fn is_error_with_message(self) -> bool {
        let says_nothing = !self.may_be_license() && !self.is_of_page && !self.has_list;
        says_nothing || (self.has_null_result && !self.has_list)
    }

    /// Whether it has a member that no license has.
    #[cfg(feature = "stream")]
    pub(super) fn is_more_than_record(self) -> bool {
        self.is_of_page || self.is_of_error || self.has_result() || self.has_other_result
    }
}

/// The name `id` as JSON may spell it.
const ID: [&str; 4] = [r#""id""#, r#""\u0069d""#, r#""i\u0064""#, r#""\u0069\u0064""#];

/// Whether the name `id` stands in `text`.
pub(in crate::frame) fn mentions_id(text: &[u8]) -> bool {
    ID.iter().any(|id| memmem::find(text, id.as_bytes()).is_some())
}

/// Whether a text that was checked makes an `id`, as decoding has it: it is not empty, and of characters.
fn is_id(text: &str) -> bool {
    text != "\"\"" && (!text.contains('\\') || serde_json::from_str::<String>(text).is_ok())
}

/// Members that a [`Reject`](crate::reject::Reject) has where it is kept.
const LETTER: [&str; 5] = ["account", "byte", "line", "record", "reason"];

/// Whether `name` is a member that is about a page.
pub(in crate::frame) fn is_of_page(name: &str) -> bool {
    matches!(name, "next_cursor" | "prev_cursor" | "result_count" | "is_partial_response")
}

/// Whether nothing but white space stands between two brackets.
pub(super) fn is_empty(nest: &[u8]) -> bool {
    nest[1..nest.len() - 1].iter().all(u8::is_ascii_whitespace)
}
