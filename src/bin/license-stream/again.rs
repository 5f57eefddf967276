//! What a run that is begun again passes over: accounts that the one before has completed.

use std::str::FromStr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use license_stream::Timestamp;
use license_stream::checkpoint::Checkpoint;

use crate::run::schedule::duration;

/// The flag by which it is typed.
const FLAG: &str = "(--skip-newer-than)";

/// `--skip-newer-than`.
#[derive(Clone, Debug)]
pub(crate) struct SkipNewer {
    /// As it was typed.
    text: String,
    time: Duration,
}

impl FromStr for SkipNewer {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self { text: text.to_owned(), time: duration(text)? })
    }
}

impl SkipNewer {
    /// When the oldest snapshot began that is newer than that.
    pub(crate) fn since(&self) -> SystemTime {
        SystemTime::now().checked_sub(self.time).unwrap_or(UNIX_EPOCH)
    }

    /// As it was typed.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// Why an account is passed over whose `last` snapshot is complete, if it is newer than that.
    pub(crate) fn reason(&self, last: &Checkpoint) -> Option<String> {
        self.reason_at(last, SystemTime::now())
    }

    fn reason_at(&self, last: &Checkpoint, now: SystemTime) -> Option<String> {
        let begun = last.begun_at()?;
        let now = now.duration_since(UNIX_EPOCH).ok()?.as_micros() as i64;
        // One of the future began before the clock was put back. Where that was by more than the time that was
        // typed, nobody knows when it began: reading too much does no harm, and reading nothing for years does.
        let is_newer = u128::from(now.abs_diff(begun.as_micros())) < self.time.as_micros();
        let seconds = Timestamp::from_micros(begun.as_micros().div_euclid(1_000_000) * 1_000_000);
        let (text, id) = (&self.text, &last.snapshot_id);
        is_newer.then(|| {
            format!("its last snapshot is complete and newer than {text} {FLAG}: {id} of {seconds}")
        })
    }
}

/// What of a reason to skip an account is the same for others: each has a snapshot of its own.
pub(crate) fn common(reason: &str) -> &str {
    reason.find(FLAG).map_or(reason, |flag| &reason[..flag + FLAG.len()])
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use license_stream::Position;
    use license_stream::checkpoint::FORMAT;
    use license_stream::digest::Digest;
    use license_stream::pipeline::{PageStart, Place};

    use super::*;

    const ID: &str = "01a21756-7759-7459-84d1-21cf616966d5";

    fn last(snapshot_id: &str) -> Checkpoint {
        Checkpoint {
            format: FORMAT,
            key: "a".to_owned(),
            options: BTreeMap::new(),
            snapshot_id: snapshot_id.to_owned(),
            is_complete: true,
            records: 0,
            rejected: 0,
            pieces: Vec::new(),
            place: Place {
                position: Position::default(),
                page: PageStart::default(),
                digest: Digest::of_nothing(),
                record_end: 0,
            },
        }
    }

    #[test]
    fn what_began_within_the_time_is_passed_over_whichever_way_the_clock_went() {
        let begun = Duration::from_millis(0x01a2_1756_7759);
        let newer: SkipNewer = "1h30m".parse().unwrap();
        let (hour, within) = (Duration::from_secs(3600), Duration::from_millis(5_399_999));
        for now in [begun, begun + hour, begun + within, begun - hour, begun - within] {
            let reason = newer.reason_at(&last(ID), UNIX_EPOCH + now).expect("it is newer");
            let told = "its last snapshot is complete and newer than 1h30m (--skip-newer-than): ";
            assert_eq!(reason, format!("{told}{ID} of 2026-11-26T10:11:12Z"));
            assert_eq!(common(&reason), told.trim_end_matches(": "));
        }
        for now in [begun + hour + hour, begun - hour - hour, Duration::ZERO] {
            assert_eq!(newer.reason_at(&last(ID), UNIX_EPOCH + now), None);
        }
        let at = UNIX_EPOCH + begun;
        assert_eq!(newer.reason_at(&last("b3f1e1a0-4c59-4459-84d1-21cf616966d5"), at), None);
        assert_eq!(newer.reason_at(&last("no id"), at), None);
        assert_eq!(newer.reason_at(&last(ID), UNIX_EPOCH - hour), None);
    }

    #[test]
    fn a_time_is_typed_and_other_reasons_are_common_as_they_are() {
        for text in ["", "6", "0s", "-1h", "6 h", "366d"] {
            assert!(text.parse::<SkipNewer>().is_err(), "{text}");
        }
        assert_eq!(common("it has no licenses"), "it has no licenses");
    }
}
