//! How the key of a record is made.

use std::str::FromStr;

use super::template::{Known, Template};
use crate::error::{Error, ErrorKind, Result};

/// How the key of a record is made. Records of one key share a partition, and there keep their order; of a
/// compacted topic the last of each key stays.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Key {
    /// `{integrated_account_id}:{id}`, or `{id}` where the account is not known. Of what is any JSON and no
    /// license it is the account, or none where that is not known.
    #[default]
    Default,
    /// None: records are spread over the partitions.
    None,
    /// By a template.
    Template(Template),
}

impl FromStr for Key {
    type Err = Error;

    /// `none`, or a [`Template`].
    fn from_str(text: &str) -> Result<Self> {
        match text {
            "none" => Ok(Self::None),
            // As of a variable that is not set: all records would have the same key.
            "" => {
                let message =
                    "a key is not empty: leave --key away for that of account and id, or give none";
                Err(Error::new(ErrorKind::Configuration, message))
            }
            text => text.parse().map(Self::Template),
        }
    }
}

impl Key {
    pub(super) fn check(&self, known: Known<'_>) -> Result<()> {
        match self {
            Self::Template(template) => template.check(known),
            Self::Default | Self::None => Ok(()),
        }
    }
}
