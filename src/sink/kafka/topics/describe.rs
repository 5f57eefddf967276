//! librdkafka's DescribeTopics, which rdkafka does not have: unlike a question for metadata it tells what
//! we may do with a topic, and never makes one.

use std::ffi::{CStr, CString};
use std::ptr::NonNull;
use std::time::{Duration, Instant};

use rdkafka::ClientContext;
use rdkafka::bindings as sys;
use rdkafka::client::Client;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::metadata::MetadataBroker;

/// How long to wait before looking whether it is of any use to wait.
const LOOK_AFTER: Duration = Duration::from_millis(50);

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

/// Something of librdkafka's that is destroyed with this.
struct Owned<T> {
    pointer: NonNull<T>,
    destroy: unsafe extern "C" fn(*mut T),
}

impl<T> Owned<T> {
    fn new(pointer: *mut T, destroy: unsafe extern "C" fn(*mut T)) -> Result<Self, KafkaError> {
        let pointer = NonNull::new(pointer);
        let pointer = pointer.ok_or(KafkaError::AdminOpCreation("out of memory".to_owned()))?;
        Ok(Self { pointer, destroy })
    }

    fn get(&self) -> *mut T {
        self.pointer.as_ptr()
    }
}

impl<T> Drop for Owned<T> {
    fn drop(&mut self) {
        #[expect(unsafe_code, reason = "to give back to librdkafka what is its own")]
        // SAFETY: `destroy` is librdkafka's own for what `pointer` is, and nobody else calls it.
        unsafe {
            (self.destroy)(self.pointer.as_ptr());
        }
    }
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
    let rk = client.native_ptr();
    let milliseconds = i32::try_from(timeout.as_millis()).unwrap_or(i32::MAX);
    // SAFETY: `rk` lives as long as `client`, which outlives this call, and may be used from any thread.
    // Each `Owned` is created by the function that belongs to its destructor. librdkafka copies the name
    // and the options before DescribeTopics returns. `error` is NULL, or is ours to destroy.
    let (queue, _options) = unsafe {
        let queue = Owned::new(sys::rd_kafka_queue_new(rk), sys::rd_kafka_queue_destroy)?;
        let api = sys::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_DESCRIBETOPICS;
        let options = Owned::new(
            sys::rd_kafka_AdminOptions_new(rk, api),
            sys::rd_kafka_AdminOptions_destroy,
        )?;
        // Neither can fail with these values; without them the answer would only say less, or come later.
        let mut no_words = [0; 1];
        sys::rd_kafka_AdminOptions_set_request_timeout(
            options.get(),
            milliseconds,
            no_words.as_mut_ptr(),
            0,
        );
        let error = sys::rd_kafka_AdminOptions_set_include_authorized_operations(options.get(), 1);
        if !error.is_null() {
            sys::rd_kafka_error_destroy(error);
        }
        let mut names = [name.as_ptr()];
        let topics = Owned::new(
            sys::rd_kafka_TopicCollection_of_topic_names(names.as_mut_ptr(), names.len()),
            sys::rd_kafka_TopicCollection_destroy,
        )?;
        sys::rd_kafka_DescribeTopics(rk, topics.get(), options.get(), queue.get());
        (queue, options)
    };
    let deadline = Instant::now() + timeout;
    loop {
        let milliseconds = LOOK_AFTER.as_millis() as i32;
        // SAFETY: the queue is alive, and polled by nobody else. An event is ours to destroy.
        let event = unsafe { sys::rd_kafka_queue_poll(queue.get(), milliseconds) };
        if let Ok(event) = Owned::new(event, sys::rd_kafka_event_destroy) {
            return read(&event);
        }
        if is_vain() || Instant::now() > deadline {
            return Err(KafkaError::AdminOp(RDKafkaErrorCode::OperationTimedOut));
        }
    }
}

#[expect(unsafe_code, reason = "rdkafka has no safe function for it")]
fn read(
    event: &Owned<sys::rd_kafka_event_t>,
) -> Result<Result<Described, RDKafkaErrorCode>, KafkaError> {
    let failed = |code: sys::rd_kafka_resp_err_t| RDKafkaErrorCode::from(code);
    // SAFETY: all that is read here belongs to the event, which outlives it; lists have as many elements as
    // librdkafka says. An event of another kind has no result, which is NULL.
    unsafe {
        let code = sys::rd_kafka_event_error(event.get());
        if code != sys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR {
            return Err(KafkaError::AdminOp(failed(code)));
        }
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
            return Ok(Err(failed(sys::rd_kafka_error_code(error))));
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

/// # Safety
/// `pointer` is NULL, or points to `count` elements that live for `'a`.
#[expect(unsafe_code, reason = "librdkafka's lists are pointers and counts")]
unsafe fn slice<'a, T>(pointer: *const T, count: usize) -> &'a [T] {
    match pointer.is_null() {
        true => &[],
        // SAFETY: as the caller promises.
        false => unsafe { std::slice::from_raw_parts(pointer, count) },
    }
}

/// The id of a broker, whichever.
pub(super) fn any_broker<C: ClientContext>(client: &Client<C>, timeout: Duration) -> Option<i32> {
    // A topic that nobody has: to ask for all of them would be a long answer.
    let metadata = client.fetch_metadata(Some("license-stream.no-such-topic"), timeout).ok()?;
    metadata.brokers().first().map(MetadataBroker::id)
}
