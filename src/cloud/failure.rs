//! What a store's errors mean here.

use std::error::Error as StdError;
use std::fmt;

use object_store::Error as StoreError;
use object_store::client::HttpError;

use crate::error::{Error, ErrorKind};
use crate::printable;

/// By which S3 says that credentials are none, or not enough.
const REFUSALS: [&str; 6] = [
    "AccessDenied",
    "AllAccessDisabled",
    "ExpiredToken",
    "InvalidAccessKeyId",
    "InvalidToken",
    "SignatureDoesNotMatch",
];

/// What helps where a store gave no answer, however often it was asked.
const UNREACHABLE: &str =
    "look at the network and at AWS_ENDPOINT_URL, and run again: what is on record is gone on with";

/// Longest that is repeated of what a store says.
const MOST: usize = 300;

/// An error about `what`, with what the store said as its source.
#[expect(clippy::needless_pass_by_value, reason = "it is the end of what the store said")]
pub(super) fn failed(what: String, error: StoreError) -> Error {
    if let Some(too_long) = causes(&error).find_map(<dyn StdError>::downcast_ref::<TooLong>) {
        let said = Said(too_long.to_string());
        return Error::new(ErrorKind::Destination, what).caused_by(said);
    }
    let kind = match &error {
        StoreError::PermissionDenied { .. } | StoreError::Unauthenticated { .. } => {
            ErrorKind::Forbidden
        }
        // Where it was to list something, the status is lost.
        error if code(error).is_some_and(|code| REFUSALS.contains(&&*code)) => ErrorKind::Forbidden,
        StoreError::NotImplemented { .. } | StoreError::NotSupported { .. } => {
            ErrorKind::Configuration
        }
        error if is_of_the_network(error) => ErrorKind::Unreachable,
        _ => ErrorKind::Destination,
    };
    let failed = Error::new(kind, what).caused_by(Said(said(&error)));
    if kind == ErrorKind::Unreachable { failed.advising(UNREACHABLE) } else { failed }
}

/// Whether it was an object store that `error` comes from.
pub fn is_of_a_store(error: &Error) -> bool {
    error.source().is_some_and(<dyn StdError>::is::<Said>)
}

/// Whether it says that an object is not there, and not that the bucket is not.
pub(super) fn is_missing_object(error: &StoreError) -> bool {
    matches!(error, StoreError::NotFound { .. })
        && code(error).is_none_or(|is| is != "NoSuchBucket")
}

/// Whether it says that there is no such upload: it was completed, or given up.
pub(super) fn is_missing_upload(error: &StoreError) -> bool {
    // A store in memory has no error of its own for that.
    is_missing_object(error) || error.to_string().contains("MultipartUpload not found")
}

fn is_of_the_network(error: &StoreError) -> bool {
    causes(error).any(<dyn StdError>::is::<HttpError>)
}

fn causes(error: &StoreError) -> impl Iterator<Item = &(dyn StdError + 'static)> {
    let first: &(dyn StdError + 'static) = error;
    std::iter::successors(Some(first), |error| (*error).source())
}

/// The code by which S3 names an error.
fn code(error: &StoreError) -> Option<String> {
    between(&error.to_string(), "<Code>", "</Code>")
}

/// What the store said, fit to be shown. Of an answer only its code and message: the rest of it can
/// repeat the request, a session's token included.
fn said(error: &StoreError) -> String {
    let text = error.to_string();
    if let Some(last) = causes(error).last().filter(|_| is_of_the_network(error)) {
        return printable(&format!("the store gave no answer: {last}"), MOST);
    }
    if let Some(code) = code(error) {
        let message = between(&text, "<Message>", "</Message>").unwrap_or_default();
        return printable(&format!("the store answered {code}: {message}"), MOST);
    }
    let text = text.split('<').next().unwrap_or_default();
    match causes(error).last().map(ToString::to_string) {
        Some(last) if !last.contains('<') && !text.contains(&last) => {
            both_ends(&format!("{text}: {last}"))
        }
        _ => both_ends(text),
    }
}

/// What is shown of a long text: it begins with what was asked, and ends with why that failed.
fn both_ends(text: &str) -> String {
    let characters = text.chars().count();
    if characters <= MOST {
        return printable(text, MOST);
    }
    let end: String = text.chars().skip(characters - MOST / 2).collect();
    format!("{} … {}", printable(text, MOST / 2), printable(&end, MOST / 2))
}

fn between(text: &str, before: &str, after: &str) -> Option<String> {
    let (_, rest) = text.split_once(before)?;
    rest.split_once(after).map(|(found, _)| found.to_owned())
}

/// An answer that has more than so many bytes, of which no more are read.
#[derive(Debug)]
pub(super) struct TooLong(pub(super) usize);

impl fmt::Display for TooLong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the store answered with more than {} bytes, the most that is read of one answer: no run writes \
             as much there, so look at what has, and whether AWS_ENDPOINT_URL is an object store",
            self.0
        )
    }
}

impl StdError for TooLong {}

/// What a store said.
#[derive(Debug)]
struct Said(String);

impl fmt::Display for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl StdError for Said {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_an_answer_only_code_and_message_are_repeated() {
        let body = "status: 403: <?xml version=\"1.0\"?><Error><Code>SignatureDoesNotMatch</Code>\
            <Message>It does\nnot match</Message><CanonicalRequest>x-amz-security-token:s3cret\
            </CanonicalRequest></Error>";
        let error = StoreError::PermissionDenied { path: "a".to_owned(), source: body.into() };
        let error = failed("a could not be written".to_owned(), error);
        assert_eq!(error.kind(), ErrorKind::Forbidden);
        let said = error.source().unwrap().to_string();
        assert_eq!(said, "the store answered SignatureDoesNotMatch: It does not match");
        assert!(!format!("{error:?}").contains("s3cret"));
        let unknown = StoreError::Generic { store: "S3", source: "502: <html>s3cret".into() };
        let said = failed(String::new(), unknown).source().unwrap().to_string();
        assert_eq!(said, "Generic S3 error: 502:");
    }

    #[test]
    fn of_a_long_text_the_end_is_shown_too() {
        let source = format!("PUT {} after 8 retries: NoSuchUpload", "x".repeat(500)).into();
        let said = said(&StoreError::Generic { store: "S3", source });
        assert!(said.starts_with("Generic S3 error: PUT x") && said.ends_with(": NoSuchUpload"));
        assert!(said.chars().count() <= MOST + 3, "{said}");
    }

    #[test]
    fn a_missing_bucket_is_not_a_missing_object() {
        let missing = |code: &str| StoreError::NotFound {
            path: "a".to_owned(),
            source: format!("404: <Error><Code>{code}</Code></Error>").into(),
        };
        assert!(is_missing_object(&missing("NoSuchKey")));
        assert!(!is_missing_object(&missing("NoSuchBucket")));
        let error = failed(String::new(), missing("NoSuchBucket"));
        assert_eq!(error.kind(), ErrorKind::Destination);
    }
}
