//! The headers of a record.

use std::sync::Arc;

use rdkafka::message::{Header, OwnedHeaders};

use super::encoding::{Encoding, media_type};
use super::{POSITION_HEADER, decimal};
use crate::error::{Error, ErrorKind, Result};

/// What CloudEvents calls what a record tells.
const EVENT_TYPE: &str = "one.truto.user-directory.license";

/// Headers that are ours, by the beginning of their names.
const OURS: [&str; 3] = ["truto-", "ce_", "content-type"];

/// Which headers a record has.
///
/// Each costs bytes in the topic and processor time here, in the broker and in every consumer, which is
/// why not all of them are on by default.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeaderOptions {
    /// `truto-account`: the integrated account, if it is known. Off by default: the default key has it.
    pub account: bool,
    /// `truto-snapshot`: the id of the snapshot, if there is one.
    pub snapshot: bool,
    /// `truto-position`: the byte of the body at which the record begins.
    pub position: bool,
    /// `content-type`: that of the value, such as `application/json`. Off by default: it is the same for all.
    pub content_type: bool,
    /// `truto-schema-id`: the schema's id in the registry, if there is one. Off by default: the value begins
    /// with it.
    pub schema_id: bool,
    /// The attributes of CloudEvents 1.0, in the binary mode of its Kafka binding: `ce_id`, which is the
    /// snapshot and the position, `ce_source`, `ce_type`, `ce_specversion`, `ce_time`, which is when the
    /// snapshot began, and `content-type`. Off by default.
    pub cloud_events: bool,
    /// Further ones, the same for all records.
    pub further: Vec<(String, String)>,
}

impl Default for HeaderOptions {
    fn default() -> Self {
        Self { snapshot: true, position: true, ..Self::none() }
    }
}

impl HeaderOptions {
    /// No header.
    pub fn none() -> Self {
        Self {
            account: false,
            snapshot: false,
            position: false,
            content_type: false,
            schema_id: false,
            cloud_events: false,
            further: Vec::new(),
        }
    }

    /// All of our own.
    pub fn all() -> Self {
        Self { account: true, content_type: true, schema_id: true, ..Self::default() }
    }

    /// Adds a header that is the same for all records.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`] if the name is empty or is one of ours.
    pub fn with(mut self, name: impl Into<String>, value: impl Into<String>) -> Result<Self> {
        let name = name.into();
        let message = if name.is_empty() {
            "a header has a name".to_owned()
        } else if let Some(ours) =
            OURS.iter().find(|ours| name.to_ascii_lowercase().starts_with(**ours))
        {
            format!(
                "header `{}`: names that begin with `{ours}` are ours",
                crate::printable(&name, 60)
            )
        } else {
            self.further.push((name, value.into()));
            return Ok(self);
        };
        Err(Error::new(ErrorKind::Configuration, message))
    }
}

/// The headers of one sink's records, as far as they are the same for all.
#[derive(Clone, Debug)]
pub(super) struct HeaderPlan {
    constant: Vec<(String, String)>,
    has_position: bool,
    /// What `ce_id` begins with.
    event_id: Option<String>,
}

impl HeaderPlan {
    pub(super) fn new(
        options: &HeaderOptions,
        encoding: Option<Encoding>,
        account: Option<&Arc<str>>,
        snapshot: Option<&Arc<str>>,
    ) -> Self {
        let mut constant = Vec::new();
        let mut add = |name: &str, value: &str| constant.push((name.to_owned(), value.to_owned()));
        if let (true, Some(account)) = (options.account, account) {
            add("truto-account", account);
        }
        if let (true, Some(snapshot)) = (options.snapshot, snapshot) {
            add("truto-snapshot", snapshot);
        }
        if options.content_type || options.cloud_events {
            add("content-type", media_type(encoding));
        }
        let schema_id = encoding.and_then(|encoding| encoding.schema_id);
        if let (true, Some(id)) = (options.schema_id, schema_id) {
            add("truto-schema-id", &id.to_string());
        }
        if options.cloud_events {
            add("ce_specversion", "1.0");
            add("ce_type", EVENT_TYPE);
            add("ce_source", &source(account.map(|account| &**account)));
            if let Some(time) = snapshot.and_then(|snapshot| begun_at(snapshot)) {
                add("ce_time", &time);
            }
        }
        for (name, value) in &options.further {
            add(name, value);
        }
        let event_id = snapshot.map_or_else(String::new, |snapshot| format!("{snapshot}/"));
        let event_id = options.cloud_events.then_some(event_id);
        Self { constant, has_position: options.position, event_id }
    }

    /// The headers of a record that begins at `byte`; `None` if it has none.
    pub(super) fn of(&self, byte: u64) -> Option<OwnedHeaders> {
        let count = self.constant.len()
            + usize::from(self.has_position)
            + usize::from(self.event_id.is_some());
        if count == 0 {
            return None;
        }
        let mut headers = OwnedHeaders::new_with_capacity(count);
        for (name, value) in &self.constant {
            headers = headers.insert(Header { key: name, value: Some(value.as_str()) });
        }
        let mut digits = [0; 20];
        let position = decimal(byte, &mut digits);
        if let Some(begin) = &self.event_id {
            let id = format!("{begin}{position}");
            headers = headers.insert(Header { key: "ce_id", value: Some(&id) });
        }
        if self.has_position {
            headers = headers.insert(Header { key: POSITION_HEADER, value: Some(position) });
        }
        Some(headers)
    }

    /// How many bytes the headers of any record take on the wire at most.
    pub(super) fn most_bytes(&self) -> usize {
        /// Digits of the longest position.
        const POSITION: usize = 20;
        let constant = self.constant.iter().map(|(name, value)| size(name.len(), value.len()));
        let event_id = self.event_id.iter().map(|begin| size(5, begin.len() + POSITION));
        let position = self.has_position.then_some(size(POSITION_HEADER.len(), POSITION));
        constant.chain(event_id).chain(position).sum()
    }
}

/// Bytes that a header takes: name, value, and their lengths.
pub(super) fn size(name: usize, value: usize) -> usize {
    const LENGTHS: usize = 10;
    name + value + LENGTHS
}

/// The URI reference of what was asked for.
fn source(account: Option<&str>) -> String {
    match account {
        None => "/unified/user-directory/licenses".to_owned(),
        Some(account) => {
            let mut source = "/unified/user-directory/licenses?integrated_account_id=".to_owned();
            for byte in account.bytes() {
                if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
                    source.push(char::from(byte));
                } else {
                    source.push_str(&format!("%{byte:02X}"));
                }
            }
            source
        }
    }
}

/// When a snapshot began: its id is a UUID that says so.
fn begun_at(snapshot: &str) -> Option<String> {
    let (seconds, nanos) = uuid::Uuid::parse_str(snapshot).ok()?.get_timestamp()?.to_unix();
    let micros = i64::try_from(seconds).ok()?.checked_mul(1_000_000)? + i64::from(nanos / 1_000);
    Some(crate::timestamp::Timestamp::from_micros(micros).to_string())
}
