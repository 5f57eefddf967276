//! All pages of a listing, one after the other.

use std::sync::Arc;

use super::cursors::Cursors;
use super::retry::Counters;
use super::{LicenseBody, LicenseRequest, ResponseFormat, TrutoClient, failure};
use crate::error::{Error, ErrorKind, Result};
use crate::frame::{Page, Shape};
use crate::pipeline::{Requests, Source};

/// The bodies of one account: the first, and every further one that a cursor leads to.
///
/// A page without records that bears a cursor is not the end. A cursor that was there before is an
/// error: following it would never end. In the [raw](ResponseFormat::Raw) format there is one body:
/// what it says of further pages, if anything, is in no known form.
///
/// A page that is cut goes on where it was: see [`LicenseBody`]. Where it cannot, because the API
/// answers differently now ([`ErrorKind::Changed`]), or refuses a cursor that it gave, what was delivered cannot be completed: begin the
/// snapshot anew, with another id and with pages made anew of the same request.
#[derive(Debug)]
pub struct LicensePages {
    client: TrutoClient,
    request: LicenseRequest,
    cursors: Cursors,
    shape: Shape,
    sent: Arc<Counters>,
    /// Pages that were asked for, from where it began.
    page: u64,
}

impl LicensePages {
    /// The pages of `request`, from its own cursor on if it has one.
    pub fn new(client: TrutoClient, request: LicenseRequest) -> Self {
        let mut cursors = Cursors::default();
        if let Some(cursor) = &request.next_cursor {
            cursors.add(cursor);
        }
        Self { client, request, cursors, shape: Shape::Auto, sent: Arc::default(), page: 0 }
    }

    /// What `error` means where the API had given the cursor itself. How long one lives is not known: it may
    /// have been kept for longer, from an earlier run.
    fn of_cursor(&self, error: Error) -> Error {
        if error.kind() != ErrorKind::Refused {
            return error;
        }
        let message = "the cursor of the next page, which the API gave, is refused: it may have expired, so \
            that the listing cannot be gone on with";
        self.request.named(Error::new(ErrorKind::Changed, message).caused_by(error))
    }
}

impl Source for LicensePages {
    type Body = LicenseBody;

    async fn next_body(&mut self, before: Option<Page>) -> Result<Option<LicenseBody>> {
        let follows = before.is_some();
        if let Some(page) = before {
            let Some(cursor) = page.next_cursor else { return Ok(None) };
            if !self.cursors.add(&cursor) {
                let message = "a cursor came a second time: the API's pages lead in a circle";
                return Err(self.request.named(Error::new(ErrorKind::Upstream, message)));
            }
            self.request.next_cursor = Some(cursor);
        }
        self.page += 1;
        tracing::debug!(page = self.page, "page asked for");
        let retries = self.client.retries(&self.sent);
        let body = self.client.licenses_with(&self.request, retries).await;
        let body = body.map_err(|error| if follows { self.of_cursor(error) } else { error })?;
        self.shape = match self.request.format {
            ResponseFormat::Raw => Shape::Document,
            // Whatever its type says: there is none for newline-delimited JSON, and it comes with others'.
            _ => Shape::Auto,
        };
        Ok(Some(body))
    }

    fn shape(&self) -> Shape {
        self.shape
    }

    /// Without the token, and for whoever must act.
    fn wording(&self) -> Box<dyn FnOnce(Error) -> Error + Send> {
        let (token, account) = (self.client.token.clone(), self.request.account.clone());
        Box::new(move |error| failure::of_body(token.strip_error(error), account.as_deref()))
    }

    fn requests(&self) -> Requests {
        self.sent.requests()
    }
}
