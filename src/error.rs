//! One error type, with kinds named for what the caller can do about them.

use std::borrow::Cow;
use std::error::Error as StdError;
use std::fmt;

use crate::position::Position;
use crate::reject::RejectReason;

/// `Result` with this crate's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong, where, and what caused it.
///
/// `Display` prints this level only; [`source`](StdError::source) has the cause. No message holds a
/// secret or the content of a record.
///
/// ```
/// use license_stream::{Error, ErrorKind, Position};
///
/// let cause = std::io::Error::other("connection reset");
/// let error = Error::new(ErrorKind::Truncated, "body was cut before its end")
///     .at(Position { byte: 99920, line: 167, record: 166 })
///     .caused_by(cause);
///
/// assert_eq!(error.to_string(), "body was cut before its end at byte 99920, line 167, record 166");
/// assert!(error.is_retryable() && !error.is_record());
/// let chain = std::iter::successors(std::error::Error::source(&error), |error| error.source());
/// assert_eq!(chain.map(ToString::to_string).collect::<Vec<_>>(), ["connection reset"]);
///
/// let error = Error::new(ErrorKind::Forbidden, "a scope is missing").of_account("62f4");
/// assert_eq!(error.to_string(), "account 62f4: a scope is missing");
/// ```
pub struct Error(Box<Inner>);

struct Inner {
    kind: ErrorKind,
    message: Cow<'static, str>,
    advice: Option<Cow<'static, str>>,
    position: Option<Position>,
    account: Option<Box<str>>,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

/// What the caller can do about an [`Error`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// An option is wrong or two contradict each other: nothing was sent or written.
    Configuration,
    /// A server could not be reached, or said nothing in time: look at network and address.
    Unreachable,
    /// A credential was refused, the API token or that for the brokers: nothing can be done until it is renewed.
    Unauthorized,
    /// The provider refused the account's credentials: it must be connected anew in Truto. Other
    /// accounts are not touched by that.
    AccountUnauthorized,
    /// The token, the account at its provider, or the user at the brokers lacks a permission: widen its scopes.
    Forbidden,
    /// The API refused the request itself; asking again will not help.
    Refused,
    /// The API failed on its side: asking again later may help.
    Upstream,
    /// The body ended, or stalled, before it was complete, or was damaged on its way: what came so far is
    /// a part.
    Truncated,
    /// The API answered the same request differently than before, so that what was delivered cannot be
    /// completed: the snapshot must be begun anew.
    Changed,
    /// The structure around the records is broken, so that what follows cannot be told apart: records
    /// before it stay.
    Malformed,
    /// One record is broken; the records around it are not.
    Record(RejectReason),
    /// More records were rejected than the policy allows.
    TooManyRejects,
    /// Reading local input failed.
    Input,
    /// The destination did not take what was written to it.
    Destination,
    /// A defect in this crate, such as a panic in a task.
    Internal,
}

impl ErrorKind {
    /// The kind of an error of the API with `status`, in an answer of its own or in the middle of a body.
    /// `is_remote` where it was the account's provider that said so.
    pub(crate) fn of_status(status: u16, is_remote: bool) -> Self {
        match status {
            401 if is_remote => Self::AccountUnauthorized,
            401 => Self::Unauthorized,
            403 => Self::Forbidden,
            408 | 425 | 429 => Self::Upstream,
            400..=499 => Self::Refused,
            _ => Self::Upstream,
        }
    }

    /// The name that summaries use.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Configuration => "configuration",
            Self::Unreachable => "unreachable",
            Self::Unauthorized => "unauthorized",
            Self::AccountUnauthorized => "account_unauthorized",
            Self::Forbidden => "forbidden",
            Self::Refused => "refused",
            Self::Upstream => "upstream",
            Self::Truncated => "truncated",
            Self::Changed => "changed",
            Self::Malformed => "malformed",
            Self::Record(_) => "record",
            Self::TooManyRejects => "too_many_rejects",
            Self::Input => "input",
            Self::Destination => "destination",
            Self::Internal => "internal",
        }
    }
}

impl Error {
    /// An error of `kind` that says `message`: lower case, no full stop, no content of a record.
    pub fn new(kind: ErrorKind, message: impl Into<Cow<'static, str>>) -> Self {
        Self(Box::new(Inner {
            kind,
            message: message.into(),
            advice: None,
            position: None,
            account: None,
            source: None,
        }))
    }

    /// The same error with what to do about it, which is told behind the place.
    ///
    /// ```
    /// use license_stream::{Error, ErrorKind, Position};
    ///
    /// let error = Error::new(ErrorKind::Malformed, "the body is HTML")
    ///     .advising("the base URL may be wrong")
    ///     .at(Position { byte: 9, line: 2, record: 0 });
    /// let told = "the body is HTML at byte 9, line 2, record 0: the base URL may be wrong";
    /// assert_eq!(error.to_string(), told);
    /// ```
    #[must_use]
    pub fn advising(mut self, advice: impl Into<Cow<'static, str>>) -> Self {
        self.0.advice = Some(advice.into());
        self
    }

    /// The same without what might help: of a cause, where something else helps against its effect.
    #[cfg(feature = "cloud")]
    pub(crate) fn without_advice(mut self) -> Self {
        self.0.advice = None;
        self
    }

    /// The same error, at `position`.
    #[must_use]
    pub fn at(mut self, position: Position) -> Self {
        self.0.position = Some(position);
        self
    }

    /// The same error, met while reading `account`.
    #[must_use]
    pub fn of_account(mut self, account: impl Into<Box<str>>) -> Self {
        self.0.account = Some(account.into());
        self
    }

    /// The same error, caused by `source`.
    #[must_use]
    pub fn caused_by(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// The same error, whose message begins with `words`.
    #[cfg(any(feature = "http", feature = "parquet"))]
    pub(crate) fn saying_first(self, words: &str) -> Self {
        self.map_message(|message| format!("{words}: {message}"))
    }

    /// The same error with another message, made of its own.
    #[must_use]
    pub fn map_message(mut self, map: impl FnOnce(String) -> String) -> Self {
        self.0.message = map(self.0.message.into_owned()).into();
        self
    }

    /// The error of a body that ended in `error`: this crate's own as it is, any other as the cause of
    /// a body that was cut.
    #[cfg(feature = "stream")]
    pub(crate) fn of_body(error: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        match error.into().downcast::<Self>() {
            Ok(error) => *error,
            Err(error) => Self::new(ErrorKind::Truncated, "body ended before it was complete")
                .caused_by(error),
        }
    }

    /// The same error, at `position` if it has no place yet.
    #[cfg(feature = "stream")]
    pub(crate) fn or_at(self, position: Position) -> Self {
        if self.0.position.is_some() { self } else { self.at(position) }
    }

    /// It and its causes on one line, for a log: what a cause repeats is told once.
    #[cfg(feature = "pipeline")]
    pub(crate) fn with_causes(&self) -> String {
        let mut told = self.to_string();
        let mut cause = StdError::source(self);
        while let Some(error) = cause {
            let text = error.to_string();
            if !told.contains(&text) {
                told = format!("{told}: {text}");
            }
            cause = error.source();
        }
        told
    }

    /// What the caller can do about it.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// What went wrong, without place, account and advice.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// What to do about it, where that is not part of the message.
    pub fn advice(&self) -> Option<&str> {
        self.0.advice.as_deref()
    }

    /// Whether its place tells anything: that nothing came, or that the first request failed, is no matter
    /// of a place.
    fn has_place(&self) -> bool {
        let is_of_bytes =
            matches!(self.0.kind, ErrorKind::Record(_) | ErrorKind::Malformed | ErrorKind::Input);
        self.0.position.is_some_and(|position| position.byte > 0 || is_of_bytes)
    }

    /// Where in the body, if it was there.
    pub fn position(&self) -> Option<Position> {
        self.0.position
    }

    /// The integrated account that was being read, if it is known.
    pub fn account(&self) -> Option<&str> {
        self.0.account.as_deref()
    }

    /// Whether only one record is lost, and reading can go on with the next.
    pub fn is_record(&self) -> bool {
        matches!(self.0.kind, ErrorKind::Record(_))
    }

    /// Whether the same request may succeed if it is made again later.
    pub fn is_retryable(&self) -> bool {
        matches!(self.0.kind, ErrorKind::Unreachable | ErrorKind::Upstream | ErrorKind::Truncated)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(account) = &self.0.account {
            write!(f, "account {account}: ")?;
        }
        f.write_str(&self.0.message)?;
        if let (Some(position), true) = (self.0.position, self.has_place()) {
            write!(f, " at {position}")?;
        }
        match &self.0.advice {
            Some(advice) => write!(f, ": {advice}"),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Error")
            .field("kind", &self.0.kind)
            .field("message", &self.0.message)
            .field("advice", &self.0.advice)
            .field("position", &self.0.position)
            .field("account", &self.0.account)
            .field("source", &self.0.source)
            .finish()
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source.as_deref().map(|source| source as &(dyn StdError + 'static))
    }
}
