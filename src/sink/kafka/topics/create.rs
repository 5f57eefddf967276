//! librdkafka's CreateTopics: of what rdkafka makes of its answer, the brokers' own words are missing.

use std::ffi::{CStr, CString};
use std::fmt;
use std::time::Duration;

use rdkafka::ClientContext;
use rdkafka::bindings as sys;
use rdkafka::client::Client;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};

use super::TopicCreation;
use super::question::{Owned, Question, slice};

/// The longest reason that is shown, in characters.
const MOST: usize = 400;

/// Why brokers do not make a topic.
#[derive(Debug)]
pub(in crate::sink::kafka) struct Refusal {
    pub(in crate::sink::kafka) code: RDKafkaErrorCode,
    /// What they say beside it, if they say anything.
    reason: Option<String>,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.reason {
            Some(reason) => write!(f, "{reason} ({:?})", self.code),
            None => KafkaError::AdminOp(self.code).fmt(f),
        }
    }
}

impl std::error::Error for Refusal {}

/// Makes `topic` as `creation` says, or if it `is_trial` only says whether that could be done. What is left out is as
/// brokers have it by default. The outer error is that no broker answered, the inner one the answer.
#[expect(unsafe_code, reason = "rdkafka has no safe function for it")]
pub(in crate::sink::kafka) fn create<C: ClientContext>(
    client: &Client<C>,
    topic: &str,
    creation: &TopicCreation,
    timeout: Duration,
    is_trial: bool,
) -> Result<Result<(), Refusal>, KafkaError> {
    let text = |text: &str| CString::new(text).map_err(KafkaError::Nul);
    let name = text(topic)?;
    let settings = creation.config.iter().map(|(name, value)| Ok((text(name)?, text(value)?)));
    let settings = settings.collect::<Result<Vec<_>, KafkaError>>()?;
    let question =
        Question::new(client, sys::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_CREATETOPICS, timeout)?;
    let milliseconds = i32::try_from(timeout.as_millis()).unwrap_or(i32::MAX);
    let mut no_words = [0; 1];
    let words = no_words.as_mut_ptr();
    // SAFETY: all pointers are alive here, and librdkafka copies what it is given before CreateTopics returns.
    unsafe {
        // Neither can fail with these values.
        let options = question.options();
        sys::rd_kafka_AdminOptions_set_operation_timeout(options, milliseconds, words, 0);
        sys::rd_kafka_AdminOptions_set_validate_only(options, i32::from(is_trial), words, 0);
        let partitions = creation.partitions.unwrap_or(-1);
        let replication = creation.replication.unwrap_or(-1);
        let new = sys::rd_kafka_NewTopic_new(name.as_ptr(), partitions, replication, words, 0);
        if new.is_null() {
            return Ok(Err(Refusal { code: RDKafkaErrorCode::InvalidArgument, reason: None }));
        }
        let new = Owned::new(new, sys::rd_kafka_NewTopic_destroy)?;
        for (name, value) in &settings {
            sys::rd_kafka_NewTopic_set_config(new.get(), name.as_ptr(), value.as_ptr());
        }
        let rk = client.native_ptr();
        sys::rd_kafka_CreateTopics(rk, &mut new.get(), 1, options, question.queue());
    }
    read(&question.answer(|| false)?)
}

#[expect(unsafe_code, reason = "rdkafka has no safe function for it")]
fn read(event: &Owned<sys::rd_kafka_event_t>) -> Result<Result<(), Refusal>, KafkaError> {
    // SAFETY: all that is read here belongs to the event, which outlives it; lists have as many elements as
    // librdkafka says. An event of another kind has no result, which is NULL. A text ends with a zero, and is copied.
    unsafe {
        let result = sys::rd_kafka_event_CreateTopics_result(event.get());
        let mut count = 0;
        let topics = match result.is_null() {
            true => std::ptr::null_mut(),
            false => sys::rd_kafka_CreateTopics_result_topics(result, &mut count),
        };
        let Some(topic) = slice(topics.cast_const(), count).first().copied() else {
            return Err(KafkaError::AdminOp(RDKafkaErrorCode::BadMessage));
        };
        let code = sys::rd_kafka_topic_result_error(topic);
        if code == sys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR {
            return Ok(Ok(()));
        }
        let reason = sys::rd_kafka_topic_result_error_string(topic);
        let reason = (!reason.is_null())
            .then(|| crate::printable(&CStr::from_ptr(reason).to_string_lossy(), MOST));
        Ok(Err(Refusal { code: code.into(), reason }))
    }
}
