//! Whether a checkpoint is of the same job, and what a run does with it.

use std::collections::BTreeMap;

use uuid::Uuid;

use super::Checkpoint;
use crate::error::{Error, ErrorKind, Result};
use crate::pipeline::{Counts, Place, Reached};
use crate::sink::DurablePiece;

/// What a checkpoint is of: the account, and the options that what is delivered depends on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    key: String,
    options: BTreeMap<String, String>,
}

/// With what the name of an option begins whose value is a digest.
const DIGESTED: &str = "remote_query";

impl Identity {
    /// That of an account without any option; of a recorded body, whatever names it.
    pub fn new(account: impl Into<String>) -> Self {
        Self { key: account.into(), options: BTreeMap::new() }
    }

    /// With an option. Everything belongs here that changes which records come, in which order, or
    /// where pieces end; no secret does: of a value that may be one, a digest, under a name that begins with
    /// `remote_query`. Such a value is not shown.
    #[must_use]
    pub fn with(mut self, name: impl Into<String>, value: impl std::fmt::Display) -> Self {
        self.options.insert(name.into(), value.to_string());
        self
    }

    /// What its checkpoint is found by.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// The options.
    pub fn options(&self) -> &BTreeMap<String, String> {
        &self.options
    }

    /// Whether `checkpoint` is of the same: the account, and each option.
    pub fn is_of(&self, checkpoint: &Checkpoint) -> bool {
        self.key == checkpoint.key && self.options == checkpoint.options
    }

    /// The options that differ from those of `checkpoint`: name, value there, value here.
    fn differences(&self, checkpoint: &Checkpoint) -> Vec<String> {
        let names = self.options.keys().chain(checkpoint.options.keys());
        let names: std::collections::BTreeSet<_> = names.collect();
        let no_limit = u64::MAX.to_string();
        let value = |options: &BTreeMap<String, String>, name: &String| match options.get(name) {
            None => "not set".to_owned(),
            Some(value) if *value == no_limit => "without a limit".to_owned(),
            Some(value) => value.clone(),
        };
        names
            .into_iter()
            .filter(|name| self.options.get(*name) != checkpoint.options.get(*name))
            .map(|name| {
                if name.starts_with(DIGESTED) {
                    let how = match (checkpoint.options.get(name), self.options.get(name)) {
                        (None, _) => "was not set, and is now",
                        (_, None) => "was set, and is not now",
                        _ => {
                            "had another value, which is kept as a digest only, as it may be secret"
                        }
                    };
                    return format!("{name} {how}");
                }
                let (then, now) = (value(&checkpoint.options, name), value(&self.options, name));
                format!("{name} was {then} and is {now}")
            })
            .collect()
    }
}

/// What a run begins with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Beginning {
    /// A snapshot of its own, from the first record on.
    New {
        /// Its id, a UUIDv7 of now.
        snapshot_id: String,
    },
    /// A snapshot that an earlier run left unfinished.
    Resumed(Box<Checkpoint>),
}

impl Beginning {
    /// A new snapshot.
    pub fn new() -> Self {
        Self::New { snapshot_id: Uuid::now_v7().to_string() }
    }

    /// What a run of `identity` begins with that finds `checkpoint`.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`] if the snapshot is unfinished and was begun with other options: its
    /// parts would not fit together; or if it is the checkpoint of another account.
    pub fn of(checkpoint: Option<Checkpoint>, identity: &Identity) -> Result<Self> {
        if let Some(checkpoint) = checkpoint.as_ref().filter(|found| found.key != identity.key) {
            let message = format!(
                "the checkpoint that is found as its own is that of {}: put each where it belongs, or forget \
                 this one by `license-stream checkpoint reset`",
                checkpoint.key
            );
            return Err(Error::new(ErrorKind::Configuration, message).of_account(&*identity.key));
        }
        let Some(checkpoint) = checkpoint.filter(|checkpoint| !checkpoint.is_complete) else {
            return Ok(Self::new());
        };
        let differences = identity.differences(&checkpoint);
        if differences.is_empty() {
            return Ok(Self::Resumed(Box::new(checkpoint)));
        }
        let message = format!(
            "snapshot {} is unfinished and was begun with other options ({}): finish it with those, or begin a new \
             one after `license-stream checkpoint reset --account {}`",
            checkpoint.snapshot_id,
            differences.join("; "),
            identity.key
        );
        Err(Error::new(ErrorKind::Configuration, message).of_account(&*identity.key))
    }

    /// The snapshot's id.
    pub fn snapshot_id(&self) -> &str {
        match self {
            Self::New { snapshot_id } => snapshot_id,
            Self::Resumed(checkpoint) => &checkpoint.snapshot_id,
        }
    }

    /// Where to go on, if it is not at the first record.
    pub fn place(&self) -> Option<&Place> {
        match self {
            Self::New { .. } => None,
            Self::Resumed(checkpoint) => Some(&checkpoint.place),
        }
    }

    /// Where to go on, and what of the snapshot lies before, if it is not at the first record.
    pub fn reached(&self) -> Option<Reached> {
        let place = self.place()?.clone();
        let (records, rejected) = self.counts();
        Some(Reached { place, counts: Counts { records, rejected, ..Counts::default() } })
    }

    /// The pieces that there are already.
    pub fn pieces(&self) -> &[DurablePiece] {
        match self {
            Self::New { .. } => &[],
            Self::Resumed(checkpoint) => &checkpoint.pieces,
        }
    }

    /// Licenses and rejects before the place.
    pub(super) fn counts(&self) -> (u64, u64) {
        match self {
            Self::New { .. } => (0, 0),
            Self::Resumed(checkpoint) => (checkpoint.records, checkpoint.rejected),
        }
    }
}

impl Default for Beginning {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checkpoint::FORMAT;
    use crate::digest::Digest;
    use crate::pipeline::PageStart;
    use crate::position::Position;

    fn checkpoint(is_complete: bool) -> Checkpoint {
        let identity = Identity::new("a").with("limit", 100).with("shape", "auto");
        Checkpoint {
            format: FORMAT,
            key: identity.key,
            options: identity.options,
            snapshot_id: "s".to_owned(),
            is_complete,
            records: 3,
            rejected: 1,
            pieces: Vec::new(),
            place: Place {
                position: Position { byte: 9, line: 1, record: 4 },
                page: PageStart::default(),
                digest: Digest::of_nothing(),
                record_end: 9,
            },
        }
    }

    #[test]
    fn an_unfinished_snapshot_is_gone_on_with_and_after_a_complete_one_a_new_one_begins() {
        let identity = Identity::new("a").with("limit", 100).with("shape", "auto");
        let resumed = Beginning::of(Some(checkpoint(false)), &identity).unwrap();
        assert_eq!((resumed.snapshot_id(), resumed.counts()), ("s", (3, 1)));
        assert_eq!(resumed.place().unwrap().position.byte, 9);
        for found in [None, Some(checkpoint(true))] {
            let new = Beginning::of(found, &identity).unwrap();
            assert!(new.place().is_none() && new.snapshot_id() != "s");
        }
    }

    #[test]
    fn other_options_are_named() {
        let identity = Identity::new("a").with("limit", 50).with("product", "onedrive");
        let error = Beginning::of(Some(checkpoint(false)), &identity).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Configuration);
        let named = "(limit was 100 and is 50; product was not set and is onedrive; shape was auto and is not set)";
        assert!(error.message().contains(named), "{error}");
        let advice = "`license-stream checkpoint reset --account a`";
        assert!(error.message().ends_with(advice), "{error}");
        assert!(Beginning::of(Some(checkpoint(true)), &identity).is_ok());
    }

    #[test]
    fn of_values_that_may_be_secret_nothing_is_shown() {
        let of = |digest: Option<&str>| {
            let identity = Identity::new("a").with("limit", 100).with("shape", "auto");
            match digest {
                Some(digest) => identity.with("remote_query[q]", digest),
                None => identity,
            }
        };
        for (then, now, told) in [
            (None, Some("d1"), "(remote_query[q] was not set, and is now)"),
            (Some("d1"), None, "(remote_query[q] was set, and is not now)"),
            (
                Some("d1"),
                Some("d2"),
                "(remote_query[q] had another value, which is kept as a digest only",
            ),
        ] {
            let found = Checkpoint { options: of(then).options, ..checkpoint(false) };
            let error = Beginning::of(Some(found), &of(now)).unwrap_err();
            assert!(error.message().contains(told), "{error}");
            assert!(!error.message().contains("d1") && !error.message().contains("d2"), "{error}");
        }
    }

    #[test]
    fn a_checkpoint_is_of_the_same_account_and_options_and_says_when_its_snapshot_began() {
        let identity = Identity::new("a").with("limit", 100).with("shape", "auto");
        for is_complete in [false, true] {
            assert!(identity.is_of(&checkpoint(is_complete)));
        }
        assert!(!identity.clone().with("limit", 50).is_of(&checkpoint(true)));
        assert!(!identity.with("product", "onedrive").is_of(&checkpoint(true)));
        assert!(
            !Identity::new("b").with("limit", 100).with("shape", "auto").is_of(&checkpoint(true))
        );
        let begun_at = |id: &str| {
            let begun = Checkpoint { snapshot_id: id.to_owned(), ..checkpoint(true) }.begun_at();
            begun.map(|at| at.as_micros() / 1_000)
        };
        assert_eq!(begun_at("01a20c7e-5167-7459-84d1-21cf616966d5"), Some(0x01a2_0c7e_5167));
        assert_eq!(begun_at("ffffffff-ffff-7459-84d1-21cf616966d5"), Some(0xffff_ffff_ffff));
        // Of another version, and none.
        for id in ["01a20c7e-5167-4459-84d1-21cf616966d5", "s", ""] {
            assert_eq!(begun_at(id), None, "{id}");
        }
    }

    #[test]
    fn a_checkpoint_of_another_account_is_refused() {
        let identity = Identity::new("b").with("limit", 100).with("shape", "auto");
        for is_complete in [false, true] {
            let error = Beginning::of(Some(checkpoint(is_complete)), &identity).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Configuration);
            let wanted = "account b: the checkpoint that is found as its own is that of a:";
            assert!(error.to_string().starts_with(wanted), "{error}");
        }
    }

    #[test]
    fn a_checkpoint_is_read_as_it_was_written_and_nothing_else_is() {
        let written = checkpoint(false).to_json();
        assert_eq!(Checkpoint::from_json(&written).unwrap(), checkpoint(false));
        for length in 0..written.len() - 1 {
            assert!(Checkpoint::from_json(&written[..length]).is_err());
        }
        let newer = String::from_utf8(written).unwrap().replace("\"format\":1", "\"format\":2");
        let error = Checkpoint::from_json(newer.as_bytes()).unwrap_err();
        assert!(error.message().starts_with("checkpoint has form 2"), "{error}");
    }
}
