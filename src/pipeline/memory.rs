//! Whatever a body is, little of it is held: the memory of its chunks is counted while it goes by.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use futures_util::stream;

use super::{OnReject, Options, RejectPolicy, run};
use crate::decode::Limits;
use crate::error::Result;
use crate::frame::FramerOptions;
use crate::sink::ndjson::NdjsonSink;

const CHUNK: usize = 64 << 10;
const BODY: usize = 24 << 20;

/// A chunk that says when it is let go.
struct Counted {
    bytes: Vec<u8>,
    held: Arc<AtomicUsize>,
}

impl AsRef<[u8]> for Counted {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.held.fetch_sub(self.bytes.len(), Ordering::Relaxed);
    }
}

/// The most of `start`, and then `filling` again and again, that was held at once.
async fn most_held(start: &str, filling: &str) -> usize {
    let (held, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let chunks = (0..BODY / CHUNK).map({
        let (start, filling) = (start.to_owned(), filling.to_owned());
        let most = Arc::clone(&most);
        move |index| {
            let mut bytes = if index == 0 { start.clone().into_bytes() } else { Vec::new() };
            while bytes.len() < CHUNK {
                bytes.extend_from_slice(filling.as_bytes());
            }
            let now = held.fetch_add(bytes.len(), Ordering::Relaxed) + bytes.len();
            most.fetch_max(now, Ordering::Relaxed);
            Ok::<_, crate::Error>(Bytes::from_owner(Counted { bytes, held: Arc::clone(&held) }))
        }
    });
    let options = Options {
        framer: FramerOptions { max_record_bytes: 1 << 20, ..FramerOptions::default() },
        rejects: RejectPolicy { on_reject: OnReject::Skip, ..RejectPolicy::default() },
        ..Options::default()
    };
    let sink = NdjsonSink::new(tokio::io::sink(), Limits::default());
    let _: Result<_> = run(stream::iter(chunks), sink, options).await.into_result();
    most.load(Ordering::Relaxed)
}

#[tokio::test]
async fn what_belongs_to_no_job_is_not_held() {
    for (start, filling) in [
        (r#"{"id":"a","name":""#, "x"),
        ("{\"id\":\"a\"}\n", "\n \n"),
        ("{\"id\":\"a\"}\n{\"id\":\"b", "[{"),
        (r#"{"result":[{"id":"a"}, "#, "    "),
        (r#"{"result":[{"id":"a"},["#, "[],"),
        (r#"{"result":[]}"#, "{\"result\":[]}\n"),
        ("{\"id\":\"a\"}\n", "{\"result_count\":0}\n"),
    ] {
        let most = most_held(start, filling).await;
        assert!(most < BODY / 3, "{start}{filling}…: {} KiB were held", most >> 10);
    }
}
