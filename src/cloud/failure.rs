//! What a store's errors mean here.

use std::error::Error as StdError;
use std::fmt;

use object_store::Error as StoreError;
use object_store::client::HttpError;

use super::address::Address;
use super::credentials::NoCredentials;
use crate::error::{Error, ErrorKind};
use crate::printable;

/// By which S3, GCS and Azure say that credentials are none, or not enough.
const REFUSALS: [&str; 17] = [
    "AccessDenied",
    "AccountIsDisabled",
    "AllAccessDisabled",
    "AuthenticationFailed",
    "AuthenticationRequired",
    "AuthorizationFailure",
    "AuthorizationPermissionMismatch",
    "AuthorizationProtocolMismatch",
    "AuthorizationResourceTypeMismatch",
    "AuthorizationServiceMismatch",
    "ExpiredToken",
    "InsufficientAccountPermissions",
    "InvalidAccessKeyId",
    "InvalidAuthenticationInfo",
    "InvalidToken",
    "NoAuthenticationInformation",
    "SignatureDoesNotMatch",
];

/// The variables that say where a store is, by the names that `object_store` has for them.
const ADDRESSES: [(&str, &str); 3] = [
    ("S3", "AWS_ENDPOINT_URL"),
    ("MicrosoftAzure", "AZURE_STORAGE_ACCOUNT_NAME and AZURE_STORAGE_ENDPOINT"),
    ("GCS", "GOOGLE_BASE_URL"),
];

/// What helps where a store gave no answer, however often it was asked.
fn unreachable(variable: &str) -> String {
    format!(
        "look at the network and at {variable}, and run again: what is on record is gone on with"
    )
}

/// What helps where it answered each time that it cannot.
fn failed_each_time(variable: &str) -> String {
    format!(
        "it was asked again and again: look at the store and at {variable}, and run again once it answers: what is \
         on record is gone on with"
    )
}

/// The codes of a bucket that is not there, and what helps.
const NO_BUCKETS: [(&str, &str); 2] = [
    ("NoSuchBucket", "make the bucket, or name another"),
    ("ContainerNotFound", "make the container, or name another"),
];

/// Of rights that are missing, by the keys or tokens of each store.
const RIGHTS: &str =
    "the credentials lack a right on it: docs/data.md lists those that a run needs";

/// What helps with codes that say of what was signed that it is wrong, of rights, and of an address that is another's.
const ADVICE: [(&str, &str); 13] = [
    (
        "SignatureDoesNotMatch",
        "look at AWS_SECRET_ACCESS_KEY, or at the secret of the profile: it is not that of the id of the key",
    ),
    (
        "InvalidAccessKeyId",
        "look at AWS_ACCESS_KEY_ID, or at the keys of the profile, which the store does not know, and at AWS_SESSION_TOKEN, which goes with keys of a role",
    ),
    ("ExpiredToken", "the credentials have ended: get new ones"),
    ("AccessDenied", RIGHTS),
    (
        "AuthenticationFailed",
        "look at AZURE_STORAGE_ACCOUNT_KEY, which may not be this account's, or at AZURE_STORAGE_SAS_TOKEN, which may have \
         ended or lack a part",
    ),
    (
        "AuthorizationFailure",
        "the credentials lack a right on it, or the account lets this network in no more: docs/data.md lists the rights that a run needs",
    ),
    ("AuthorizationPermissionMismatch", RIGHTS),
    ("AuthorizationServiceMismatch", RIGHTS),
    ("AuthorizationResourceTypeMismatch", RIGHTS),
    ("InsufficientAccountPermissions", RIGHTS),
    ("PermanentRedirect", REGION),
    ("AuthorizationHeaderMalformed", REGION),
    ("IllegalLocationConstraintException", REGION),
];

const REGION: &str = "set AWS_REGION to the region of the bucket";

/// What helps against what the store said, where something is known to.
fn advice(error: &StoreError) -> Option<&'static str> {
    let code = code(error);
    let known = ADVICE.iter().find(|(known, _)| code.as_deref() == Some(known));
    let is_moved = || is_elsewhere(&error.to_string()).then_some(REGION);
    // Of what was only asked about, there is no more than the status.
    let has_no_right = || (code.is_none() && is_refused(error)).then_some(RIGHTS);
    known.map(|(_, advice)| *advice).or_else(is_moved).or_else(has_no_right)
}

/// Whether a store says by its status that credentials are none, or not enough.
fn is_refused(error: &StoreError) -> bool {
    let is_by_kind =
        matches!(error, StoreError::PermissionDenied { .. } | StoreError::Unauthenticated { .. });
    is_by_kind
        || status(&error.to_string())
            .is_some_and(|status| ["401", "403"].iter().any(|refusal| status.starts_with(refusal)))
}

/// Whether a store sent the request elsewhere, without a place that could be followed.
fn is_elsewhere(text: &str) -> bool {
    status(text).is_some_and(|status| status.starts_with("301"))
        || text.contains("Received redirect without LOCATION")
}

/// The code of an upload that is not there.
const NO_UPLOAD: &str = "NoSuchUpload";

/// As `object_store` writes a status, and what failed though its status says that it did not.
const STATUS: &str = "non-2xx status code: ";
const IN_A_BODY: &str = "Server returned error response: ";

/// Statuses that are of the store, and not of what was asked.
const FAILING: [&str; 6] = ["408", "429", "500", "502", "503", "504"];

/// Longest that is repeated of what a store says.
const MOST: usize = 300;

/// An error about `what`, with what the store said as its source.
#[expect(clippy::needless_pass_by_value, reason = "it is the end of what the store said")]
pub(super) fn failed(what: String, error: StoreError) -> Error {
    if let Some(too_long) = causes(&error).find_map(<dyn StdError>::downcast_ref::<TooLong>) {
        let said = Said::of(too_long.to_string());
        return Error::new(ErrorKind::Destination, what).caused_by(said);
    }
    if let Some(page) = causes(&error).find_map(<dyn StdError>::downcast_ref::<NoStore>) {
        let failed = Error::new(ErrorKind::Configuration, what);
        let failed = failed.caused_by(Said::of(page.to_string()));
        return failed.advising(format!("look at {}", address_variable(&error)));
    }
    if let Some(none) = causes(&error).find_map(<dyn StdError>::downcast_ref::<NoCredentials>) {
        return Error::new(ErrorKind::Forbidden, what).caused_by(Said::of(none.to_string()));
    }
    let kind = match &error {
        error if is_refused(error) => ErrorKind::Forbidden,
        // Where it was to list something, the status is lost.
        error if code(error).is_some_and(|code| REFUSALS.contains(&&*code)) => ErrorKind::Forbidden,
        StoreError::NotImplemented { .. } | StoreError::NotSupported { .. } => {
            ErrorKind::Configuration
        }
        error if advice(error) == Some(REGION) => ErrorKind::Configuration,
        error if is_of_the_network(error) || is_failing(error) => ErrorKind::Unreachable,
        _ => ErrorKind::Destination,
    };
    let is_failing = is_failing(&error);
    let no_bucket = no_bucket(&error);
    let said = Said { text: said(&error), is_failing, has_no_bucket: no_bucket.is_some() };
    let failed = Error::new(kind, what).caused_by(said);
    if let Some(make_it) = no_bucket.or_else(|| advice(&error)) {
        return failed.advising(make_it);
    }
    match (kind, address_variable(&error)) {
        (ErrorKind::Unreachable, variable) if is_failing => {
            failed.advising(failed_each_time(variable))
        }
        (ErrorKind::Unreachable, variable) => failed.advising(unreachable(variable)),
        _ => failed,
    }
}

/// That the environment, of which the variables are `named`, does not fit what `address` names.
pub(super) fn unfit(address: &Address, named: &str, error: StoreError) -> Error {
    let failed = failed(String::new(), error);
    let cause = failed.source().map(ToString::to_string).unwrap_or_default();
    address.wrong(&format!("the environment ({named}) does not fit: {cause}"))
}

/// Which variable says where the store is that this is of.
fn address_variable(error: &StoreError) -> &'static str {
    let named = match error {
        StoreError::Generic { store, .. } => ADDRESSES.iter().find(|(name, _)| name == store),
        _ => None,
    };
    named.map_or("its address", |(_, variable)| variable)
}

/// Whether it is an object store's that does not answer, refuses, or has no such bucket, and so would do the same with
/// whatever else is asked of it.
pub fn is_away(error: &Error) -> bool {
    let said = error.source().and_then(<dyn StdError>::downcast_ref::<Said>);
    let is_of_the_store = matches!(error.kind(), ErrorKind::Unreachable | ErrorKind::Forbidden);
    said.is_some_and(|said| is_of_the_store || said.has_no_bucket)
}

/// Whether a store answered each time that it could do nothing, as some also do where an upload is gone.
pub(crate) fn is_of_a_failing_store(error: &Error) -> bool {
    let said = error.source().and_then(<dyn StdError>::downcast_ref::<Said>);
    said.is_some_and(|said| said.is_failing)
}

/// Whether it says that an object is not there, and not that the bucket is not.
pub(super) fn is_missing_object(error: &StoreError) -> bool {
    matches!(error, StoreError::NotFound { .. }) && no_bucket(error).is_none()
}

/// What helps, if it says that there is no such bucket.
fn no_bucket(error: &StoreError) -> Option<&'static str> {
    let code = code(error)?;
    NO_BUCKETS.iter().find(|(none, _)| *none == code).map(|(_, make_it)| *make_it)
}

/// Whether it says that there is no such upload: it was completed, or given up.
pub(super) fn is_missing_upload(error: &StoreError) -> bool {
    // A store in memory has no error of its own for that.
    is_missing_object(error)
        || code(error).is_some_and(|code| code == NO_UPLOAD)
        || error.to_string().contains("MultipartUpload not found")
}

fn is_of_the_network(error: &StoreError) -> bool {
    causes(error).any(<dyn StdError>::is::<HttpError>)
}

/// Whether the store failed by itself each time that it was asked: it is there, and cannot do anything now.
fn is_failing(error: &StoreError) -> bool {
    let text = error.to_string();
    match status(&text) {
        Some(status) => FAILING.iter().any(|failing| status.starts_with(failing)),
        None => text.contains(IN_A_BODY),
    }
}

/// The status that a store answered with, and its name.
fn status(text: &str) -> Option<&str> {
    let (_, behind) = text.split_once(STATUS)?;
    let end = behind.find([':', '<']).unwrap_or(behind.len());
    Some(behind[..end].trim())
}

fn causes(error: &StoreError) -> impl Iterator<Item = &(dyn StdError + 'static)> {
    let first: &(dyn StdError + 'static) = error;
    std::iter::successors(Some(first), |error| (*error).source())
}

/// The code by which a store names an error.
fn code(error: &StoreError) -> Option<String> {
    between(&error.to_string(), "<Code>", "</Code>")
}

/// What the store said, fit to be shown. Of an answer only its code and message: the rest of it can
/// repeat the request, a session's token included.
pub(super) fn said(error: &StoreError) -> String {
    let text = error.to_string();
    if let Some(last) = causes(error).last().filter(|_| is_of_the_network(error)) {
        return printable(&format!("the store gave no answer: {last}"), MOST);
    }
    if let Some(code) = code(error) {
        let message = between(&text, "<Message>", "</Message>").unwrap_or_default();
        // Azure has its own number of the request in it, and the time.
        let message = message.split("RequestId:").next().unwrap_or_default().trim_end();
        return printable(&format!("the store answered {code}: {message}"), MOST);
    }
    if is_elsewhere(&text) {
        return "the store answered that the bucket is in another region".to_owned();
    }
    if let Some(status) = status(&text) {
        return printable(&format!("the store answered with status {status}"), MOST);
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
             as much there, so look at what has, and whether an object store answers at the address that is set",
            self.0
        )
    }
}

impl StdError for TooLong {}

/// An answer for people, such as no store gives.
#[derive(Debug)]
pub(super) struct NoStore;

impl fmt::Display for NoStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("what answers at the address that is set sent a web page (text/html), and is no object store")
    }
}

impl StdError for NoStore {}

/// What a store said.
#[derive(Debug)]
struct Said {
    text: String,
    is_failing: bool,
    has_no_bucket: bool,
}

impl Said {
    fn of(text: String) -> Self {
        Self { text, is_failing: false, has_no_bucket: false }
    }
}

impl fmt::Display for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
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
    fn a_store_that_fails_each_time_is_away_and_what_is_told_of_it_is_its_status() {
        let failed = |source: &str| {
            let error = StoreError::Generic { store: "S3", source: source.into() };
            failed(String::new(), error)
        };
        let said = |error: &Error| error.source().unwrap().to_string();
        let tried = "Error performing PUT http://a/b in 14.9s, after 10 retries, max_retries: 10, \
            retry_timeout: 60s  - Server returned ";
        let plain =
            failed(&format!("{tried}non-2xx status code: 500 Internal Server Error: s3cret"));
        assert_eq!(said(&plain), "the store answered with status 500 Internal Server Error");
        let code = "<Error><Code>SlowDown</Code><Message>Reduce it</Message></Error>";
        let slow = failed(&format!("{tried}error response: {code}"));
        assert_eq!(said(&slow), "the store answered SlowDown: Reduce it");
        for error in [plain, slow] {
            assert_eq!(error.kind(), ErrorKind::Unreachable);
            assert!(is_of_a_failing_store(&error) && is_away(&error));
        }
        for other in ["501 Not Implemented", "400 Bad Request: 500"] {
            let error = failed(&format!("{tried}non-2xx status code: {other}: "));
            assert_eq!(error.kind(), ErrorKind::Destination, "{other}");
            assert!(!is_of_a_failing_store(&error), "{other}");
        }
    }

    #[test]
    fn what_is_signed_wrong_or_sent_elsewhere_has_its_advice() {
        for (source, variable) in [
            ("403: <Error><Code>SignatureDoesNotMatch</Code></Error>", "AWS_SECRET_ACCESS_KEY"),
            ("403: <Error><Code>AuthenticationFailed</Code></Error>", "AZURE_STORAGE_ACCOUNT_KEY"),
            ("403: <Error><Code>AccessDenied</Code></Error>", "lists those that a run needs"),
            ("403: <Error><Code>InvalidAccessKeyId</Code></Error>", "AWS_ACCESS_KEY_ID"),
            ("301: <Error><Code>PermanentRedirect</Code></Error>", "AWS_REGION"),
            (
                "x: Received redirect without LOCATION, this normally indicates an incorrectly configured region",
                "AWS_REGION",
            ),
            ("x: Server returned non-2xx status code: 301 Moved Permanently: ", "AWS_REGION"),
        ] {
            let error = StoreError::Generic { store: "S3", source: source.into() };
            let error = failed("it".to_owned(), error);
            assert!(error.to_string().contains(variable), "{error}");
        }
    }

    #[test]
    fn of_a_long_text_the_end_is_shown_too() {
        let source = format!("PUT {} after 8 retries: NoSuchUpload", "x".repeat(500)).into();
        let said = said(&StoreError::Generic { store: "S3", source });
        assert!(said.starts_with("Generic S3 error: PUT x") && said.ends_with(": NoSuchUpload"));
        assert!(said.chars().count() <= MOST + 3, "{said}");
    }

    #[test]
    fn an_upload_is_missing_by_its_code_where_the_status_is_lost() {
        let of = |code: &str| StoreError::Generic {
            store: "GCS",
            source: format!("404: <Error><Code>{code}</Code></Error>").into(),
        };
        assert!(is_missing_upload(&of("NoSuchUpload")) && !is_missing_object(&of("NoSuchUpload")));
        assert!(!is_missing_upload(&of("InvalidPart")));
    }

    #[test]
    fn what_helps_names_the_variable_of_the_store() {
        for (store, variable) in ADDRESSES {
            let source = "x: Server returned non-2xx status code: 503 Busy: ".into();
            let error = failed("it".to_owned(), StoreError::Generic { store, source });
            assert!(error.to_string().contains(variable), "{error}");
        }
    }

    #[test]
    fn a_missing_bucket_is_not_a_missing_object() {
        let missing = |code: &str| StoreError::NotFound {
            path: "a".to_owned(),
            source: format!("404: <Error><Code>{code}</Code></Error>").into(),
        };
        assert!(is_missing_object(&missing("NoSuchKey")));
        assert!(!is_missing_object(&missing("NoSuchBucket")));
        for code in ["NoSuchBucket", "ContainerNotFound"] {
            assert!(!is_missing_object(&missing(code)) && !is_missing_upload(&missing(code)));
            let error = failed(String::new(), missing(code));
            assert_eq!(error.kind(), ErrorKind::Destination);
            assert!(is_away(&error));
        }
        let error = failed(String::new(), missing("NoSuchBucket"));
        assert!(is_away(&error) && !is_away(&failed(String::new(), missing("NoSuchUpload"))));
    }
}
