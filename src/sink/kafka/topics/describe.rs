//! librdkafka's DescribeTopics, which rdkafka does not have: unlike a question for metadata it tells what
//! we may do with a topic, and never makes one.

use std::ffi::{CStr, CString};
use std::time::Duration;

use rdkafka::ClientContext;
use rdkafka::bindings as sys;
use rdkafka::client::Client;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::metadata::MetadataBroker;

use super::question::{Owned, Question, slice};

/// A topic as brokers describe it.
#[derive(Clone, Debug)]
pub(super) struct Described {
    /// `None` where brokers give topics none.
    pub(super) id: Option<String>,
    pub(super) partitions: usize,
    pub(super) without_leader: usize,
    pub(super) replicas: usize,
    /// `None` where brokers do not say.
    pub(super) may_write: Option<bool>,
}

/// Asks for `topic`, and gives up once `is_vain`. The outer error is that no broker answered, the inner one
/// the answer.
#[expect(unsafe_code, reason = "rdkafka has no safe function for it")]
pub(super) fn describe<C: ClientContext>(
    client: &Client<C>,
    topic: &str,
    timeout: Duration,
    is_vain: impl Fn() -> bool,
) -> Result<Result<Described, RDKafkaErrorCode>, KafkaError> {
    let name = CString::new(topic).map_err(KafkaError::Nul)?;
    let question =
        Question::new(client, sys::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_DESCRIBETOPICS, timeout)?;
    // SAFETY: all pointers are alive here, and librdkafka copies what it is given before DescribeTopics returns. `error`
    // is NULL, or is ours to destroy.
    unsafe {
        // It cannot fail with this value; without it the answer would only say less.
        let options = question.options();
        let error = sys::rd_kafka_AdminOptions_set_include_authorized_operations(options, 1);
        if !error.is_null() {
            sys::rd_kafka_error_destroy(error);
        }
        let mut names = [name.as_ptr()];
        let topics = Owned::new(
            sys::rd_kafka_TopicCollection_of_topic_names(names.as_mut_ptr(), names.len()),
            sys::rd_kafka_TopicCollection_destroy,
        )?;
        sys::rd_kafka_DescribeTopics(client.native_ptr(), topics.get(), options, question.queue());
    }
    read(&question.answer(is_vain)?)
}

#[expect(unsafe_code, reason = "rdkafka has no safe function for it")]
fn read(
    event: &Owned<sys::rd_kafka_event_t>,
) -> Result<Result<Described, RDKafkaErrorCode>, KafkaError> {
    // SAFETY: all that is read here belongs to the event, which outlives it; lists have as many elements as
    // librdkafka says. An event of another kind has no result, which is NULL.
    unsafe {
        let result = sys::rd_kafka_event_DescribeTopics_result(event.get());
        let mut count = 0;
        let topics = match result.is_null() {
            true => std::ptr::null_mut(),
            false => sys::rd_kafka_DescribeTopics_result_topics(result, &mut count),
        };
        let Some(topic) = slice(topics.cast_const(), count).first().copied() else {
            return Err(KafkaError::AdminOp(RDKafkaErrorCode::BadMessage));
        };
        let error = sys::rd_kafka_TopicDescription_error(topic);
        if !error.is_null() {
            return Ok(Err(sys::rd_kafka_error_code(error).into()));
        }
        let mut count = 0;
        let partitions = sys::rd_kafka_TopicDescription_partitions(topic, &mut count);
        let partitions = slice(partitions.cast_const(), count);
        let leader = |partition| sys::rd_kafka_TopicPartitionInfo_leader(partition);
        let mut replicas = 0;
        if let Some(first) = partitions.first() {
            sys::rd_kafka_TopicPartitionInfo_replicas(*first, &mut replicas);
        }
        let mut count = 0;
        let operations = sys::rd_kafka_TopicDescription_authorized_operations(topic, &mut count);
        let operations = slice(operations, count);
        let write = sys::rd_kafka_AclOperation_t::RD_KAFKA_ACL_OPERATION_WRITE;
        Ok(Ok(Described {
            id: id(sys::rd_kafka_TopicDescription_topic_id(topic)),
            partitions: partitions.len(),
            without_leader: partitions.iter().filter(|it| leader(**it).is_null()).count(),
            replicas,
            may_write: (!operations.is_empty()).then(|| operations.contains(&write)),
        }))
    }
}

/// The text of an id, if it is one.
///
/// # Safety
/// `uuid` is NULL, or librdkafka's.
#[expect(unsafe_code, reason = "rdkafka has no safe function for it")]
unsafe fn id(uuid: *const sys::rd_kafka_Uuid_t) -> Option<String> {
    /// That of no topic.
    const ZERO: &str = "AAAAAAAAAAAAAAAAAAAAAA";
    if uuid.is_null() {
        return None;
    }
    // SAFETY: the text is the id's own, ends with a zero, and is copied here.
    let text = unsafe {
        let text = sys::rd_kafka_Uuid_base64str(uuid);
        if text.is_null() { None } else { CStr::from_ptr(text).to_str().ok().map(str::to_owned) }
    };
    text.filter(|text| text != ZERO)
}

/// The id of a broker, whichever.
pub(super) fn any_broker<C: ClientContext>(client: &Client<C>, timeout: Duration) -> Option<i32> {
    // A topic that nobody has: to ask for all of them would be a long answer.
    let metadata = client.fetch_metadata(Some("license-stream.no-such-topic"), timeout).ok()?;
    metadata.brokers().first().map(MetadataBroker::id)
}
