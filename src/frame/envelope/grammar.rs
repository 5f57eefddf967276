//! The outer structure, byte by byte: what may come next, and where it leads.

/// What may come next, white space aside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// A value at the top, or the end of the body.
    Top,
    /// The name of a member of an envelope; or its end, where it is the first.
    Name {
        first: bool,
    },
    Colon,
    Value,
    AfterValue,
    /// The name of a record in an object of records; or its end, where it is the first.
    Key {
        first: bool,
    },
    KeyColon,
    /// A record; or the end of the list, where it is the first.
    Record {
        nest: Nest,
        first: bool,
    },
    AfterRecord {
        nest: Nest,
    },
}

/// What the records are in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Nest {
    /// An array at the top.
    Array,
    /// A list in an envelope.
    List,
    /// An object in an envelope.
    Keyed,
}

/// What a byte means in a state.
pub(super) enum Step {
    /// It is taken, and leads to another state.
    To(State),
    /// It begins what an envelope has its records in.
    Result(State),
    /// It ends an envelope.
    EndEnvelope,
    /// It begins a token.
    Token(Role),
    /// It cannot stand there.
    Lost(&'static str),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Name,
    Value,
    Key,
    Record(Nest),
}

const NO_RECORDS: &str = "the result is neither a list nor an object of records";

pub(super) const NO_MEMBER_END: &str = "`,` or `}` was expected behind a member";

impl State {
    /// What `byte` means here. In an envelope, `name` is that of the member whose value is next; in an object of records,
    /// the key of the next is one that an error of the API has, if it `is_error_key`.
    pub(super) fn step(self, byte: u8, name: &str, is_error_key: bool) -> Step {
        use State::{AfterRecord, AfterValue, Colon, Key, KeyColon, Name, Record, Top, Value};

        let is_result = || matches!(name, "result" | "results");
        match (self, byte) {
            (Top, b'{') => Step::To(Name { first: true }),
            (Top, b'[') => Step::To(Record { nest: Nest::Array, first: true }),
            (Top, _) => Step::Lost("an envelope or a list of records was expected"),
            (Name { .. }, b'"') => Step::Token(Role::Name),
            (Key { .. }, b'"') => Step::Token(Role::Key),
            (Name { first: true } | AfterValue, b'}') => Step::EndEnvelope,
            (Key { first: true } | AfterRecord { nest: Nest::Keyed }, b'}') => Step::To(AfterValue),
            (Name { .. } | Key { .. }, _) => Step::Lost("a member name in quotes was expected"),
            (Colon, b':') => Step::To(Value),
            (KeyColon, b':') => Step::To(Record { nest: Nest::Keyed, first: false }),
            (Colon | KeyColon, _) => Step::Lost("`:` was expected"),
            (Value, b'[') if is_result() => Step::Result(Record { nest: Nest::List, first: true }),
            (Value, b'{') if is_result() => Step::Result(Key { first: true }),
            (Value, byte) if is_result() && byte != b'n' => Step::Lost(NO_RECORDS),
            (Value, b']') | (Value | Record { .. }, b',' | b'}' | b':') => {
                Step::Lost("a value was expected")
            }
            (Value, _) => Step::Token(Role::Value),
            (AfterValue, b',') => Step::To(Name { first: false }),
            (AfterValue, _) => Step::Lost(NO_MEMBER_END),
            (Record { first: true, nest } | AfterRecord { nest }, b']') if nest != Nest::Keyed => {
                Step::To(if nest == Nest::Array { Top } else { AfterValue })
            }
            (Record { .. }, b']') => Step::Lost("a record was expected"),
            (Record { nest: Nest::Keyed, .. }, byte) if byte != b'{' => {
                Step::Lost(if is_error_key {
                    "the result is an error of the API and no records"
                } else {
                    NO_RECORDS
                })
            }
            (Record { nest, .. }, _) => Step::Token(Role::Record(nest)),
            (AfterRecord { nest: Nest::Keyed }, b',') => Step::To(Key { first: false }),
            (AfterRecord { nest }, b',') => Step::To(Record { nest, first: false }),
            (AfterRecord { .. }, _) => {
                Step::Lost("`,` or the end of the records was expected behind a record")
            }
        }
    }
}
