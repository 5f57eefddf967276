//! Pages without licenses: not the end, as long as there is one.

use bytes::Bytes;
use futures_util::stream;

use super::reader::MAX_EMPTY_PAGES;
use super::{Options, Outcome, Source};
use crate::decode::Limits;
use crate::error::{ErrorKind, Result};
use crate::frame::Page;
use crate::sink::ndjson::NdjsonSink;

/// So many pages without a record, then a last one with a license.
struct Pages {
    empty: u32,
    is_of_lines: bool,
    page: u32,
}

impl Source for Pages {
    type Body = stream::Iter<std::array::IntoIter<Result<Bytes>, 1>>;

    async fn next_body(&mut self, before: Option<Page>) -> Result<Option<Self::Body>> {
        if before.is_some_and(|page| page.next_cursor.is_none()) {
            return Ok(None);
        }
        self.page += 1;
        let cursor = self.page;
        let body = match (self.page > self.empty, self.is_of_lines) {
            (true, _) => r#"{"id":"a"}"#.to_owned(),
            (false, true) => format!(r#"{{"next_cursor":"{cursor}"}}"#),
            (false, false) => format!(r#"{{"result":[],"next_cursor":"{cursor}"}}"#),
        };
        Ok(Some(stream::iter([Ok(body.into())])))
    }
}

#[tokio::test]
async fn pages_without_licenses_are_not_the_end_and_have_one() {
    for is_of_lines in [false, true] {
        let run = async |empty| {
            let sink = NdjsonSink::new(tokio::io::sink(), Limits::default());
            let pages = Pages { empty, is_of_lines, page: 0 };
            super::run_source(pages, sink, Options::default()).await
        };
        let summary = run(MAX_EMPTY_PAGES - 1).await;
        assert_eq!(
            (summary.outcome, summary.counts.records),
            (Outcome::Done, 1),
            "{:?}",
            summary.error
        );
        let summary = run(MAX_EMPTY_PAGES).await;
        let error = summary.error.expect("it has no end");
        assert_eq!(error.kind(), ErrorKind::Upstream);
        assert!(error.to_string().contains("10000 pages in a row"), "{error}");
    }
}
