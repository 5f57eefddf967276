//! What librdkafka's admin is asked that rdkafka does not ask, and the answer.

use std::ptr::NonNull;
use std::time::{Duration, Instant};

use rdkafka::ClientContext;
use rdkafka::bindings as sys;
use rdkafka::client::Client;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};

/// How long to wait before looking whether it is of any use to wait.
const LOOK_AFTER: Duration = Duration::from_millis(50);

/// Something of librdkafka's that is destroyed with this.
pub(super) struct Owned<T> {
    pointer: NonNull<T>,
    destroy: unsafe extern "C" fn(*mut T),
}

impl<T> Owned<T> {
    pub(super) fn new(
        pointer: *mut T,
        destroy: unsafe extern "C" fn(*mut T),
    ) -> Result<Self, KafkaError> {
        let pointer = NonNull::new(pointer);
        let pointer = pointer.ok_or(KafkaError::AdminOpCreation("out of memory".to_owned()))?;
        Ok(Self { pointer, destroy })
    }

    pub(super) fn get(&self) -> *mut T {
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

/// A question, of which the answer comes into a queue of its own.
pub(super) struct Question {
    queue: Owned<sys::rd_kafka_queue_t>,
    options: Owned<sys::rd_kafka_AdminOptions_t>,
    deadline: Instant,
}

impl Question {
    /// One of that kind, which may take `timeout`.
    #[expect(unsafe_code, reason = "rdkafka has no safe function for it")]
    pub(super) fn new<C: ClientContext>(
        client: &Client<C>,
        kind: sys::rd_kafka_admin_op_t,
        timeout: Duration,
    ) -> Result<Self, KafkaError> {
        let rk = client.native_ptr();
        let milliseconds = i32::try_from(timeout.as_millis()).unwrap_or(i32::MAX);
        // SAFETY: `rk` lives as long as `client`, and may be used from any thread. Each `Owned` is created by the function
        // that belongs to its destructor.
        let (queue, options) = unsafe {
            let queue = Owned::new(sys::rd_kafka_queue_new(rk), sys::rd_kafka_queue_destroy)?;
            let options = Owned::new(
                sys::rd_kafka_AdminOptions_new(rk, kind),
                sys::rd_kafka_AdminOptions_destroy,
            )?;
            // It cannot fail with this value; without it the answer would only come later.
            let mut no_words = [0; 1];
            let words = no_words.as_mut_ptr();
            sys::rd_kafka_AdminOptions_set_request_timeout(options.get(), milliseconds, words, 0);
            (queue, options)
        };
        Ok(Self { queue, options, deadline: Instant::now() + timeout })
    }

    pub(super) fn options(&self) -> *mut sys::rd_kafka_AdminOptions_t {
        self.options.get()
    }

    /// Where the answer is to come to.
    pub(super) fn queue(&self) -> *mut sys::rd_kafka_queue_t {
        self.queue.get()
    }

    /// The answer, unless waiting for it `is_vain`.
    #[expect(unsafe_code, reason = "rdkafka has no safe function for it")]
    pub(super) fn answer(
        &self,
        is_vain: impl Fn() -> bool,
    ) -> Result<Owned<sys::rd_kafka_event_t>, KafkaError> {
        loop {
            let milliseconds = LOOK_AFTER.as_millis() as i32;
            // SAFETY: the queue is alive, and polled by nobody else. An event is ours to destroy.
            let event = unsafe { sys::rd_kafka_queue_poll(self.queue(), milliseconds) };
            if let Ok(event) = Owned::new(event, sys::rd_kafka_event_destroy) {
                // SAFETY: the event is alive.
                let code = unsafe { sys::rd_kafka_event_error(event.get()) };
                return match code {
                    sys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR => Ok(event),
                    code => Err(KafkaError::AdminOp(code.into())),
                };
            }
            if is_vain() || Instant::now() > self.deadline {
                return Err(KafkaError::AdminOp(RDKafkaErrorCode::OperationTimedOut));
            }
        }
    }
}

/// # Safety
/// `pointer` is NULL, or points to `count` elements that live for `'a`.
#[expect(unsafe_code, reason = "librdkafka's lists are pointers and counts")]
pub(super) unsafe fn slice<'a, T>(pointer: *const T, count: usize) -> &'a [T] {
    match pointer.is_null() {
        true => &[],
        // SAFETY: as the caller promises.
        false => unsafe { std::slice::from_raw_parts(pointer, count) },
    }
}
