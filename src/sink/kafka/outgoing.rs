//! A record on its way to librdkafka.

use std::ffi::{CString, c_void};
use std::ptr::{self, NonNull};
use std::sync::Arc;

use rdkafka::bindings as native;
use rdkafka::bindings::rd_kafka_vtype_t as argument;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{BorrowedHeaders, OwnedHeaders};
use rdkafka::producer::Producer;
use rdkafka::util::IntoOpaque;

use super::ledger::Entry;
use super::producer::Link;

/// The partition of records that a partitioner assigns.
const UNASSIGNED: i32 = -1;

/// A topic of a producer's, which librdkafka need not look up for every record.
pub(super) struct TopicHandle {
    topic: NonNull<native::rd_kafka_topic_t>,
    /// Outlives the handle, as librdkafka asks for.
    link: Arc<Link>,
}

#[expect(unsafe_code, reason = "librdkafka's topics are pointers")]
// SAFETY: librdkafka's functions on topics may be called from any thread.
unsafe impl Send for TopicHandle {}
#[expect(unsafe_code, reason = "librdkafka's topics are pointers")]
// SAFETY: as above.
unsafe impl Sync for TopicHandle {}

impl std::fmt::Debug for TopicHandle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TopicHandle").finish_non_exhaustive()
    }
}

impl TopicHandle {
    /// # Errors
    /// If there can be no topic of that name.
    pub(super) fn new(link: &Arc<Link>, name: &str) -> Result<Self, KafkaError> {
        let no_topic = || KafkaError::MessageProduction(RDKafkaErrorCode::InvalidTopic);
        let name = CString::new(name).map_err(|_| no_topic())?;
        #[expect(unsafe_code, reason = "rdkafka has no safe function for it")]
        // SAFETY: the client is alive, the name ends in a zero, and no configuration means the client's.
        let topic = unsafe {
            native::rd_kafka_topic_new(link.client().native_ptr(), name.as_ptr(), ptr::null_mut())
        };
        let topic = NonNull::new(topic).ok_or_else(no_topic)?;
        Ok(Self { topic, link: Arc::clone(link) })
    }
}

impl Drop for TopicHandle {
    fn drop(&mut self) {
        #[expect(unsafe_code, reason = "to give back to librdkafka what is its own")]
        // SAFETY: it is ours, its client is alive, and records under way have references of their own.
        unsafe {
            native::rd_kafka_topic_destroy(self.topic.as_ptr());
        }
    }
}

/// What librdkafka is handed of a record.
#[derive(Debug)]
pub(super) struct Outgoing<'a> {
    topic: &'a TopicHandle,
    /// Whose report it is.
    entry: &'a Arc<Entry>,
    /// `None` leaves it to the key.
    pub(super) partition: Option<i32>,
    pub(super) key: Option<&'a [u8]>,
    pub(super) headers: Option<OwnedHeaders>,
    value: Option<&'a [u8]>,
    /// Whether librdkafka makes a copy of the value.
    copies: bool,
}

impl<'a> Outgoing<'a> {
    /// A record whose value librdkafka copies; `None` is a tombstone.
    pub(super) fn copied(
        topic: &'a TopicHandle,
        entry: &'a Arc<Entry>,
        value: Option<&'a [u8]>,
    ) -> Self {
        Self { topic, entry, partition: None, key: None, headers: None, value, copies: true }
    }

    /// A record whose value librdkafka reads where it is, until the record is reported.
    ///
    /// # Safety
    /// The value must be kept by `entry`, of which the record has a reference until then.
    #[expect(unsafe_code, reason = "nobody but the caller knows where the value is kept")]
    pub(super) unsafe fn kept(
        topic: &'a TopicHandle,
        entry: &'a Arc<Entry>,
        value: Option<&'a [u8]>,
    ) -> Self {
        Self { copies: false, ..Self::copied(topic, entry, value) }
    }

    /// Puts it into librdkafka's queue.
    ///
    /// # Errors
    /// If librdkafka did not take it; the record is then as it was.
    pub(super) fn enqueue(&mut self) -> Result<(), KafkaError> {
        let pointer = |bytes: Option<&[u8]>| {
            bytes.map_or((ptr::null(), 0), |bytes| (bytes.as_ptr().cast::<c_void>(), bytes.len()))
        };
        let (value, value_len) = pointer(self.value);
        let (key, key_len) = pointer(self.key);
        let flags = if self.copies { native::RD_KAFKA_MSG_F_COPY } else { 0 };
        let headers = self
            .headers
            .as_ref()
            .map_or(ptr::null(), |headers| ptr::from_ref::<BorrowedHeaders>(headers.as_borrowed()));
        let opaque = Arc::clone(self.entry).into_ptr();
        #[expect(
            unsafe_code,
            reason = "rdkafka's function copies the value and looks up the topic"
        )]
        // SAFETY: client and topic are alive by the handle. Each argument has the type that librdkafka reads
        // for its kind. Keys are copied. Values are copied, or are kept by the entry, of which `opaque` is a
        // reference that comes back with the report, after which librdkafka does not look at them again.
        // The headers are librdkafka's own, and are its to free once it took them.
        let code = unsafe {
            native::rd_kafka_producev(
                self.topic.link.client().native_ptr(),
                argument::RD_KAFKA_VTYPE_RKT,
                self.topic.topic.as_ptr(),
                argument::RD_KAFKA_VTYPE_PARTITION,
                self.partition.unwrap_or(UNASSIGNED),
                argument::RD_KAFKA_VTYPE_MSGFLAGS,
                flags,
                argument::RD_KAFKA_VTYPE_VALUE,
                value,
                value_len,
                argument::RD_KAFKA_VTYPE_KEY,
                key,
                key_len,
                argument::RD_KAFKA_VTYPE_OPAQUE,
                opaque,
                argument::RD_KAFKA_VTYPE_HEADERS,
                headers,
                argument::RD_KAFKA_VTYPE_END,
            )
        };
        if code == native::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR {
            std::mem::forget(self.headers.take());
            return Ok(());
        }
        #[expect(unsafe_code, reason = "to have back what librdkafka did not take")]
        // SAFETY: it is the pointer that was made of the reference above.
        drop(unsafe { <Arc<Entry> as IntoOpaque>::from_ptr(opaque) });
        Err(KafkaError::MessageProduction(code.into()))
    }
}
