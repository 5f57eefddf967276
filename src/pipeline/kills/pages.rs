//! What is read: an API of a few pages, in whatever shape and chunks.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::stream;

use crate::error::Result;
use crate::frame::{FramerOptions, Page};
use crate::pipeline::{OnReject, Options, RejectPolicy, Source};

/// An API whose pages come in chunks of one size.
pub(crate) struct Pages {
    pub(crate) pages: Bodies,
    pub(crate) chunk: usize,
}

impl Source for Pages {
    type Body = stream::Iter<std::vec::IntoIter<Result<Bytes>>>;

    async fn next_body(&mut self, before: Option<Page>) -> Result<Option<Self::Body>> {
        let cursor = match before {
            None => None,
            Some(Page { next_cursor: None, .. }) => return Ok(None),
            Some(page) => page.next_cursor,
        };
        let (_, bytes) = self.pages.iter().find(|(of, _)| *of == cursor).expect("a known cursor");
        let chunks: Vec<_> = bytes.chunks(self.chunk).map(Bytes::copy_from_slice).map(Ok).collect();
        Ok(Some(stream::iter(chunks)))
    }
}

/// Pages by their cursors.
pub(crate) type Bodies = Arc<[(Option<String>, Bytes)]>;

/// Options by which there are many batches, and a record that is too long.
pub(crate) fn options(on_reject: OnReject) -> Options {
    Options {
        framer: FramerOptions { block_bytes: 40, max_record_bytes: 90, ..FramerOptions::default() },
        rejects: RejectPolicy { on_reject, ..RejectPolicy::default() },
        ..Options::default()
    }
}

/// Each way that the records may come.
pub(crate) fn shapes() -> [Bodies; 3] {
    [lines(), envelopes(false), envelopes(true)]
}

fn record(number: usize) -> String {
    match number % 5 {
        1 => format!("{{\"name\":{number}}}"), // no license: a reject
        3 => format!("{{\"id\":\"{number}\",\"description\":\"{}\"}}", "x".repeat(80)), // too long
        _ => format!("{{\"id\":\"{number}\",\n\"name\":\"é\"}}").replace('\n', " "),
    }
}

fn lines() -> Bodies {
    let body: String = (0..17).map(|number| record(number) + "\r\n\n").collect();
    [(None, Bytes::from(body))].into()
}

fn envelopes(cursor_first: bool) -> Bodies {
    let page = |from: usize, to: usize, cursor: &str| {
        let records: Vec<_> = (from..to).map(record).collect();
        let (cursor, result) = (
            format!("\"next_cursor\":{cursor}"),
            format!("\"result\":[\n{}\n]", records.join(" ,\n")),
        );
        if cursor_first {
            format!("{{{cursor},{result}}}\n")
        } else {
            format!("{{{result},{cursor}}}")
        }
    };
    [
        (None, page(0, 7, "\"b\"").into()),
        (Some("b".to_owned()), page(7, 7, "\"c\"").into()),
        (Some("c".to_owned()), page(7, 17, "null").into()),
    ]
    .into()
}

/// All ids, in order.
pub(crate) fn ids() -> Vec<String> {
    (0..17).filter(|number| !matches!(number % 5, 1 | 3)).map(|number| number.to_string()).collect()
}

/// Those of the records before the `record`-th.
pub(crate) fn ids_before(record: u64) -> Vec<String> {
    ids().into_iter().filter(|id| id.parse::<u64>().unwrap() < record).collect()
}
