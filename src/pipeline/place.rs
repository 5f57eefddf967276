//! A place in a snapshot that reading can go on from.

use serde::{Deserialize, Serialize};

use super::Counts;
use crate::digest::Digest;
use crate::position::Position;

/// A place in a snapshot, what is needed to find it again, and what proves that it was found.
///
/// The API documents no way to ask for a part of a page. So the page that the place lies in is asked
/// for once more, from its cursor; its bytes up to the place are read, and passed over only if they
/// have the same digest as those that were delivered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Place {
    /// How far the snapshot was read: every record before belongs to what was done.
    pub position: Position,
    /// The page that `position` lies in.
    pub page: PageStart,
    /// The digest of the page's decoded bytes before `position`.
    pub digest: Digest,
    /// The byte behind the last record before `position`: what is between the two is no record. Where
    /// batches end follows from it.
    pub record_end: u64,
}

/// How far a snapshot is, or a run of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reached {
    /// Where reading can go on from.
    pub place: Place,
    /// What lies before that place: of a run's [batch](crate::sink::Batch::reached), from where the run began;
    /// of a snapshot that is [gone on with](super::Options::resume), from the snapshot's first record.
    pub counts: Counts,
}

/// Where a page begins.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PageStart {
    /// Its first byte, counted over all pages of the snapshot.
    pub position: Position,
    /// The cursor that it is asked for with; `None` for the first.
    pub cursor: Option<String>,
    /// Whether a page before it said that it is a part.
    pub is_partial: bool,
}
