//! What happens to records that are no licenses.

use crate::error::{Error, ErrorKind, Result};
use crate::reject::Reject;
use crate::sink::reject::DeadLetters;

/// What to do with rejects, and how many of a snapshot are too many, those of earlier runs included.
#[derive(Debug, Default)]
pub struct RejectPolicy {
    /// Where they go.
    pub on_reject: OnReject,
    /// How many are too many; no limit by default.
    pub max_rejects: Option<MaxRejects>,
}

/// Where rejects go.
#[derive(Debug, Default)]
#[non_exhaustive]
pub enum OnReject {
    /// The first reject ends the run; the sink gets the licenses before it.
    #[default]
    Fail,
    /// They are counted, and otherwise dropped.
    Skip,
    /// They are counted, and kept with their bytes.
    DeadLetter(DeadLetters),
}

/// How many rejects are too many.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum MaxRejects {
    /// More than this many.
    Count(u64),
    /// More than this share of all records, from 0 to 1. It is looked at when the body has ended, and
    /// so does not end a run early.
    Share(f64),
}

impl RejectPolicy {
    /// Whether nothing behind the first reject is wanted.
    pub(super) fn fails_fast(&self) -> bool {
        matches!(self.on_reject, OnReject::Fail)
    }

    /// Takes the rejects of one batch; `total` counts them and all before in the snapshot.
    pub(super) async fn take(&mut self, rejects: Vec<Reject>, total: u64) -> Result<()> {
        match &mut self.on_reject {
            OnReject::Fail => rejects.into_iter().next().map_or(Ok(()), |first| Err(first.into())),
            OnReject::Skip => self.check_count(total),
            OnReject::DeadLetter(letters) => {
                letters.write(rejects).await?;
                self.check_count(total)
            }
        }
    }

    /// Refuses to go on behind rejects that would have ended the run.
    pub(super) fn check_before(&self, rejected: u64) -> Result<()> {
        if !self.fails_fast() || rejected == 0 {
            return Ok(());
        }
        let message = format!(
            "{rejected} records that are no licenses were left out of the snapshot by earlier runs: it cannot be \
             completed by one that ends at the first"
        );
        Err(Error::new(ErrorKind::Configuration, message))
    }

    fn check_count(&self, rejected: u64) -> Result<()> {
        match self.max_rejects {
            Some(MaxRejects::Count(max)) if rejected > max => Err(Error::new(
                ErrorKind::TooManyRejects,
                format!("more than {max} records were rejected"),
            )),
            _ => Ok(()),
        }
    }

    /// Looks at all of a snapshot once it is known.
    pub(super) fn check_at_end(&self, records: u64, rejected: u64) -> Result<()> {
        self.check_before(rejected)?;
        self.check_count(rejected)?;
        match self.max_rejects {
            Some(MaxRejects::Share(max)) if rejected as f64 > max * (records + rejected) as f64 => {
                Err(Error::new(
                    ErrorKind::TooManyRejects,
                    format!(
                        "{rejected} of {} records were rejected, more than {} %",
                        records + rejected,
                        max * 100.0
                    ),
                ))
            }
            _ => Ok(()),
        }
    }

    /// Makes durable what was kept.
    pub(super) async fn flush(&mut self) -> Result<()> {
        match &mut self.on_reject {
            OnReject::DeadLetter(letters) => letters.flush().await,
            OnReject::Fail | OnReject::Skip => Ok(()),
        }
    }
}
