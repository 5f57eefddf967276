//! Exit codes.

use std::process::ExitCode;

use license_stream::pipeline::{Outcome, Summary};
use license_stream::{Error, ErrorKind};

use crate::signal::Signal;

/// How the command ended, for scripts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Everything was delivered.
    Done,
    /// It failed while running.
    Failed,
    /// The command line or the configuration is wrong.
    Usage,
    /// A server is unreachable, or refused a credential.
    Environment,
    /// Everything was delivered but records that are no licenses.
    Rejected,
    /// Stopped by a signal: what was read is delivered, as far as `--grace` let it.
    Stopped(Signal),
}

impl Exit {
    /// The code that the process ends with.
    pub(crate) fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::Environment => 3,
            Self::Rejected => 4,
            Self::Stopped(signal) => signal.exit_code(),
        }
    }

    /// The exit after one pipeline.
    pub(crate) fn after<R>(summary: &Summary<R>, signal: Option<Signal>) -> Self {
        match (summary.outcome, &summary.error) {
            (Outcome::Done, _) => Self::Done,
            (Outcome::Rejected, _) => Self::Rejected,
            (Outcome::Interrupted, _) => signal.map_or(Self::Failed, Self::Stopped),
            (_, Some(error)) => Self::of_kind(error.kind()),
            (_, None) => Self::Failed,
        }
    }

    /// Of two, the one that tells more of what is to be done. First what a further run alone will not mend:
    /// a wrong configuration, then a credential or a server; then a failure, then a signal, then rejects.
    pub(crate) fn worse(self, other: Self) -> Self {
        if other.badness() > self.badness() { other } else { self }
    }

    fn badness(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Rejected => 1,
            Self::Stopped(_) => 2,
            Self::Failed => 3,
            Self::Environment => 4,
            Self::Usage => 5,
        }
    }

    /// The exit after an error that kept the run from beginning.
    pub(crate) fn of(error: &anyhow::Error) -> Self {
        match error.downcast_ref::<Error>() {
            Some(error) => Self::of_kind(error.kind()),
            None => Self::Failed,
        }
    }

    /// The exit after a failure of that kind.
    pub(crate) fn of_kind(kind: ErrorKind) -> Self {
        match kind {
            ErrorKind::Configuration => Self::Usage,
            ErrorKind::Unreachable
            | ErrorKind::Unauthorized
            | ErrorKind::AccountUnauthorized
            | ErrorKind::Forbidden => Self::Environment,
            _ => Self::Failed,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_those_the_help_promises() {
        let codes = [
            (Exit::Done, 0),
            (Exit::Failed, 1),
            (Exit::Usage, 2),
            (Exit::Environment, 3),
            (Exit::Rejected, 4),
            (Exit::Stopped(Signal::Interrupt), 130),
            (Exit::Stopped(Signal::Terminate), 143),
        ];
        for (exit, code) in codes {
            assert_eq!(exit.code(), code);
        }
        assert_eq!(Exit::of_kind(ErrorKind::Configuration), Exit::Usage);
        assert_eq!(Exit::of_kind(ErrorKind::Unauthorized), Exit::Environment);
        assert_eq!(Exit::of_kind(ErrorKind::Truncated), Exit::Failed);
    }

    #[test]
    fn the_worst_of_many_is_what_the_help_promises() {
        let order = [
            Exit::Done,
            Exit::Rejected,
            Exit::Stopped(Signal::Terminate),
            Exit::Failed,
            Exit::Environment,
            Exit::Usage,
        ];
        for (place, better) in order.into_iter().enumerate() {
            for worse in order.into_iter().skip(place) {
                assert_eq!((better.worse(worse), worse.worse(better)), (worse, worse));
            }
        }
    }
}
