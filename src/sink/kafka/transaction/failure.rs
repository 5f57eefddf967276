//! Why no transaction can be committed any more, in librdkafka's own classes.

use std::time::Duration;

use rdkafka::error::{KafkaError, RDKafkaErrorCode};

use crate::error::{Error, ErrorKind};

/// What can be done about an error, as librdkafka says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    /// The same call may succeed.
    Retriable,
    /// The transaction must be aborted.
    Abortable,
    /// The producer is of no use any more.
    Fatal,
}

impl Class {
    pub(super) fn of(error: &KafkaError) -> Self {
        match error {
            KafkaError::Transaction(error) if error.is_fatal() => Self::Fatal,
            KafkaError::Transaction(error) if error.txn_requires_abort() => Self::Abortable,
            KafkaError::Transaction(error) if error.is_retriable() => Self::Retriable,
            // Not all reports came in time.
            KafkaError::Flush(_) => Self::Retriable,
            _ => Self::Fatal,
        }
    }
}

/// The end of a producer's transactions. All sinks of the producer are told the same.
#[derive(Clone, Debug)]
pub(in crate::sink::kafka) struct Failure {
    message: String,
    cause: Option<KafkaError>,
    end: End,
}

/// What has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// The open transaction.
    GivenUp,
    /// The producer.
    Fatal,
    /// The time for an answer.
    Unanswered,
}

impl Failure {
    /// The open transaction of the producer `id` will not be committed, for `cause` where there is one
    /// beside a batch that was not whole.
    pub(super) fn given_up(id: &str, cause: Option<KafkaError>) -> Self {
        let message = format!(
            "the open transaction of {id} was given up: what was committed before it is durable, and the \
             next run goes on from there"
        );
        Self { message, cause, end: End::GivenUp }
    }

    pub(super) fn fatal(id: &str, cause: KafkaError) -> Self {
        let message = if is_fenced(&cause) {
            format!(
                "this run was fenced: another one with the transactional.id {id} has taken its place, or a \
                 transaction was open for longer than transaction.timeout.ms; runs of other accounts at the \
                 same time need an id each, and those of one account must not run at the same time"
            )
        } else if is_forbidden(&cause) {
            format!(
                "the transactional.id {id} may not be used: its ACLs lack Write, and perhaps Describe, for this user"
            )
        } else {
            format!("the transactions of {id} cannot go on")
        };
        Self { message, cause: Some(cause), end: End::Fatal }
    }

    /// Nobody knows whether the transaction was committed. That is no matter: its checkpoint was, or was
    /// not, with it.
    pub(super) fn unanswered(id: &str, patience: Duration, cause: KafkaError) -> Self {
        let message = format!(
            "the brokers did not say within {} s what became of a transaction of {id}: the next run \
             will find out",
            patience.as_secs()
        );
        Self { message, cause: Some(cause), end: End::Unanswered }
    }

    /// The same of an answer that was waited for longer, by several producers.
    pub(in crate::sink::kafka) fn after(self, id: &str, patience: Duration) -> Self {
        match self.cause {
            Some(cause) => Self::unanswered(id, patience, cause),
            None => self,
        }
    }

    pub(super) fn of_committer() -> Self {
        let message = "the task that commits transactions has ended".to_owned();
        Self { message, cause: None, end: End::Fatal }
    }

    /// Whether it says more than what a sink knows of its own records.
    pub(in crate::sink::kafka) fn is_fatal(&self) -> bool {
        self.end != End::GivenUp
    }

    /// Whether another producer may still do what this one did not.
    pub(in crate::sink::kafka) fn is_unanswered(&self) -> bool {
        self.end == End::Unanswered
    }

    pub(in crate::sink::kafka) fn error(&self) -> Error {
        let kind = match &self.cause {
            Some(cause) if is_forbidden(cause) || is_of_topic(cause) => ErrorKind::Forbidden,
            _ => ErrorKind::Destination,
        };
        let error = Error::new(kind, self.message.clone());
        match &self.cause {
            // The code says all of it; "Global error" is a name of librdkafka's for where it was met.
            Some(KafkaError::Global(code)) => error.caused_by(*code),
            Some(cause) => error.caused_by(cause.clone()),
            None => error,
        }
    }
}

fn is_forbidden(error: &KafkaError) -> bool {
    error.rdkafka_error_code() == Some(RDKafkaErrorCode::TransactionalIdAuthorizationFailed)
}

/// Whether a right on a topic is missing, as a record of it would say too, if its report is seen first.
fn is_of_topic(error: &KafkaError) -> bool {
    error.rdkafka_error_code() == Some(RDKafkaErrorCode::TopicAuthorizationFailed)
}

pub(super) fn is_fenced(error: &KafkaError) -> bool {
    matches!(
        error.rdkafka_error_code(),
        Some(
            RDKafkaErrorCode::Fenced
                | RDKafkaErrorCode::ProducerFenced
                | RDKafkaErrorCode::InvalidProducerEpoch
        )
    )
}
