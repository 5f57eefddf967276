//! The parts of an address such as `s3://bucket/prefix`.

use object_store::path::Path;

use crate::error::{Error, ErrorKind, Result};
use crate::masked;

/// What an address names, as it was typed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Address<'a> {
    url: &'a str,
    pub(super) scheme: &'a str,
    /// What stands before the first slash: a bucket, or a container.
    pub(super) bucket: &'a str,
    prefix: &'a str,
}

impl<'a> Address<'a> {
    /// Of what is no address, too: it has no scheme then.
    pub(super) fn of(url: &'a str) -> Self {
        let (scheme, place) = url.split_once("://").unwrap_or(("", url));
        let (bucket, prefix) = place.split_once('/').unwrap_or((place, ""));
        Self { url, scheme, bucket, prefix }
    }

    pub(super) fn url(&self) -> &'a str {
        self.url
    }

    /// What the names of all objects there begin with.
    pub(super) fn prefix(&self) -> Result<Path> {
        // It would be a part of every name, and what signs for a container often stands there.
        if self.prefix.contains('?') {
            let message = "an address of an object store has no `?`: credentials are in variables of the environment";
            return Err(self.wrong(message));
        }
        Path::parse(self.prefix.trim_end_matches('/'))
            .map_err(|error| self.wrong("this cannot be a prefix").caused_by(error))
    }

    /// That `what` is wrong with it, or with what is around it.
    pub(super) fn wrong(&self, what: &str) -> Error {
        Error::new(ErrorKind::Configuration, format!("{}: {what}", masked(self.url)))
    }
}

/// Whether it is not empty, and has but letters, digits and `others` in it: what else a store may allow in a name
/// cannot be part of an address.
pub(super) fn is_name(text: &str, others: &str) -> bool {
    let is_usual =
        |character: char| character.is_ascii_alphanumeric() || others.contains(character);
    !text.is_empty() && text.chars().all(is_usual)
}
