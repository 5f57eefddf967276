//! Which uploads in parts have not ended: `object_store` has no call for it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use object_store::Error as StoreError;
use object_store::aws::AmazonS3;
use object_store::gcp::GcpCredentialProvider;
use object_store::path::Path;
use object_store::signer::{SignedUrlOptions, Signer};
use reqwest::{Client, Method, StatusCode, Url};

use super::client::{CONNECT_TIMEOUT, RETRIES, RETRY, TIMEOUT};
use super::failure::failed;
use crate::error::{Error, ErrorKind, Result};

/// A way to find the uploads that have not ended.
#[async_trait::async_trait]
pub(super) trait Uploads: Send + Sync {
    /// Those of objects below `prefix`, as name and id.
    async fn uploads(&self, prefix: &Path) -> Result<Vec<(String, String)>>;
}

/// For how long the request is good.
const VALIDITY: Duration = Duration::from_secs(300);

/// How long to wait before the request is made again; twice as long each time.
const WAIT: Duration = Duration::from_millis(100);

/// More uploads than this are not listed at once; those that are left are found by the next run.
const MOST: &str = "1000";

/// Longest answer that is read: 1000 entries are shorter by far.
const MOST_BYTES: usize = 8 << 20;

/// ListMultipartUploads, of S3 and of GCS's XML API.
#[derive(Clone)]
pub(super) struct Listing {
    asked: Asked,
    http: Client,
}

/// Who is asked, and by which right.
#[derive(Clone)]
pub(super) enum Asked {
    /// By an address that is signed.
    Signed(Arc<AmazonS3>),
    /// By a token, at the address of a bucket.
    Bearer(GcpCredentialProvider, Url),
}

impl Listing {
    /// `None` if there is no HTTP.
    pub(super) fn of(asked: Asked) -> Option<Arc<dyn Uploads>> {
        let http =
            Client::builder().connect_timeout(CONNECT_TIMEOUT).timeout(TIMEOUT).build().ok()?;
        Some(Arc::new(Self { asked, http }))
    }

    /// The request for the uploads whose names begin with `below`.
    async fn request(&self, below: &str) -> Result<(Url, Option<String>), StoreError> {
        let query = [("uploads", ""), ("prefix", below), ("max-uploads", MOST)];
        match &self.asked {
            Asked::Signed(s3) => {
                let options = SignedUrlOptions::default().with_query(query);
                let root = Path::default();
                let url = s3.signed_url_opts(Method::GET, &root, VALIDITY, &options).await?;
                Ok((url, None))
            }
            Asked::Bearer(credentials, bucket) => {
                let mut url = bucket.clone();
                url.query_pairs_mut().extend_pairs(query);
                let bearer = credentials.get_credential().await?.bearer.clone();
                Ok((url, Some(bearer)))
            }
        }
    }

    /// What the store answers; nothing where it does not list uploads.
    async fn ask(&self, url: Url, bearer: Option<&String>) -> reqwest::Result<String> {
        let mut request = self.http.get(url);
        if let Some(bearer) = bearer {
            request = request.bearer_auth(bearer);
        }
        let mut answer = request.send().await?;
        let status = answer.status();
        if status.is_server_error() && status != StatusCode::NOT_IMPLEMENTED {
            answer.error_for_status_ref()?;
        }
        if status != StatusCode::OK {
            // Nothing depends on it: what the runs have on record of their uploads is given up in any
            // case. Not every store has this call, nor every role the permission.
            return Ok(String::new());
        }
        let mut xml = Vec::new();
        while let Some(chunk) = answer.chunk().await? {
            if xml.len() + chunk.len() > MOST_BYTES {
                return Ok(String::new());
            }
            xml.extend_from_slice(&chunk);
        }
        Ok(String::from_utf8_lossy(&xml).into_owned())
    }
}

#[async_trait::async_trait]
impl Uploads for Listing {
    /// None where the store does not list any.
    async fn uploads(&self, prefix: &Path) -> Result<Vec<(String, String)>> {
        let below = if prefix.as_ref().is_empty() { String::new() } else { format!("{prefix}/") };
        let what = || format!("the uploads below {prefix} could not be listed");
        let (url, bearer) = self.request(&below).await.map_err(|error| failed(what(), error))?;
        let (begun, mut retries, mut wait) = (Instant::now(), 0, WAIT);
        loop {
            match self.ask(url.clone(), bearer.as_ref()).await {
                Ok(xml) => return Ok(parse(&xml, &below)),
                Err(_) if retries < RETRIES && begun.elapsed() < RETRY => {
                    tokio::time::sleep(wait).await;
                    (retries, wait) = (retries + 1, wait * 2);
                }
                Err(error) => {
                    let cause = error.without_url();
                    return Err(Error::new(ErrorKind::Unreachable, what()).caused_by(cause));
                }
            }
        }
    }
}

/// The keys, without what they have in common, and the ids of all `<Upload>` elements.
fn parse(xml: &str, below: &str) -> Vec<(String, String)> {
    let element = |text: &str, name: &str| {
        let (_, rest) = text.split_once(&format!("<{name}>"))?;
        rest.split_once(&format!("</{name}>")).map(|(value, _)| unescaped(value.trim()))
    };
    let upload = |text: &str| {
        let key = element(text, "Key")?;
        Some((key.strip_prefix(below)?.to_owned(), element(text, "UploadId")?))
    };
    xml.split("<Upload>").skip(1).filter_map(upload).collect()
}

/// The characters that XML writes otherwise, as they are. Control characters are in no name.
fn unescaped(text: &str) -> String {
    let entities = [
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&quot;", "\""),
        ("&#34;", "\""),
        ("&apos;", "'"),
        ("&#39;", "'"),
    ];
    let text = entities.iter().fold(text.to_owned(), |text, (from, to)| text.replace(from, to));
    text.replace("&amp;", "&")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uploads_are_found_in_an_answer() {
        let xml = "<ListMultipartUploadsResult><Bucket>b</Bucket><Prefix>a/</Prefix>\
            <Upload>\n <Key>a/one.parquet</Key><UploadId>1</UploadId><Owner><ID>x</ID></Owner></Upload>\
            <Upload><UploadId>2</UploadId><Key>a/b/two</Key></Upload>\
            <Upload><Key>other</Key><UploadId>3</UploadId></Upload></ListMultipartUploadsResult>";
        let found = |key: &str, id: &str| (key.to_owned(), id.to_owned());
        assert_eq!(parse(xml, "a/"), [found("one.parquet", "1"), found("b/two", "2")]);
        assert_eq!(parse("", "a/"), []);
    }

    #[test]
    fn what_xml_writes_otherwise_is_read_as_it_is() {
        let xml = "<Upload><Key>a/x=&lt;&amp;amp;&gt;%2F&quot;&#39;é</Key><UploadId>1</UploadId></Upload>";
        assert_eq!(parse(xml, "a/"), [("x=<&amp;>%2F\"'é".to_owned(), "1".to_owned())]);
    }
}
