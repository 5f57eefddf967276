//! Schemas in a registry that speaks the API of Confluent's: Confluent's own, Apicurio's, Karapace,
//! Redpanda's.
//!
//! A consumer finds the schema of a value by the id in the value's
//! [header](crate::encode::EncodeOptions::schema_id). Before anything is written, [`SchemaRegistry::id`]
//! asks for that id: it registers the schema that this crate writes by, or takes the latest one of the
//! subject after it has found that records can be written by it.
//!
//! ```no_run
//! # async fn example() -> license_stream::Result<()> {
//! use license_stream::encode::{EncodeOptions, Format};
//! use license_stream::registry::{Credentials, Register, SchemaRegistry, SubjectStrategy};
//! use license_stream::truto::http_client;
//!
//! let url = "https://registry.test:8081";
//! let http = http_client(url).build().expect("a client");
//! let registry = SchemaRegistry::new(http, url, Some(Credentials::basic("user:password")?))?;
//! let subject = SubjectStrategy::Topic.subject("saas.licenses", Format::Avro);
//! let mut options = EncodeOptions::new(Format::Avro);
//! options.schema_id = Some(registry.id(&subject, Format::Avro, Register::Auto).await?);
//! # Ok(())
//! # }
//! ```

mod credentials;
mod fits;
mod reply;
mod schema;
mod subject;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use reqwest::{Client, Method, Url};
use serde::Deserialize;
use serde_json::json;

use crate::encode::Format;
use crate::error::{Error, ErrorKind, Result};
use crate::truto::{Counters, Failure, Retries, RetryPolicy, SystemClock, Wait, WaitReason, Watch};
use crate::truto::{host, is_loopback, unreachable};
pub use credentials::Credentials;
use reply::Reply;
pub use subject::SubjectStrategy;

/// What requests and answers are.
const MEDIA_TYPE: &str = "application/vnd.schemaregistry.v1+json";

/// How long an answer may take unless it is set otherwise.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Where the id of a schema comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Register {
    /// The schema that this crate writes by is registered, unless it is already: what serializers of the
    /// Kafka world call `auto.register.schemas`.
    Auto,
    /// The subject's latest schema is taken as it is, and nothing is registered: `use.latest.version`.
    Latest,
}

/// Asks one schema registry. Clones share what was answered.
#[derive(Clone, Debug)]
pub struct SchemaRegistry {
    http: Client,
    url: Url,
    credentials: Option<Credentials>,
    timeout: Duration,
    retry: RetryPolicy,
    sent: Arc<Counters>,
    watch: Watch,
    ids: Arc<Mutex<Ids>>,
}

/// The ids that were answered.
type Ids = HashMap<(Box<str>, Format, Register), u32>;

/// A schema as it is registered.
#[derive(Debug, Deserialize)]
struct Registered {
    id: u32,
    version: u32,
    schema: String,
    /// Avro where it is missing.
    #[serde(rename = "schemaType", default = "schema::avro")]
    kind: String,
}

impl Registered {
    fn does_not_fit(&self, subject: &str, why: &str) -> Error {
        let version = self.version;
        let message = format!(
            "licenses cannot be written by the latest schema of subject {subject}, version {version}: {why} \
             (`license-stream schema` prints the one that they can be written by)"
        );
        Error::new(ErrorKind::Configuration, message)
    }
}

impl SchemaRegistry {
    /// A client for the registry at `url`; for Apicurio's, that ends in `/apis/ccompat/v7`. Certificates
    /// and proxies are settings of `http`, which [`http_client`](crate::truto::http_client) begins.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`] if `url` is no address, holds a password, or is plain HTTP to another
    /// host although there are credentials: they would travel in the clear.
    pub fn new(http: Client, url: &str, credentials: Option<Credentials>) -> Result<Self> {
        let refused = |message| Error::new(ErrorKind::Configuration, message);
        let url = Url::parse(url).map_err(|error| {
            let message = "address of the schema registry is no URL: it begins with http:// or https:// (--schema-registry)";
            refused(message).caused_by(error)
        })?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(refused(
                "address of the schema registry must hold no user and no password: name a file with \
                 --registry-user-file, or set SCHEMA_REGISTRY_BASIC_AUTH_USER_INFO",
            ));
        }
        match url.scheme() {
            "https" => {}
            "http" if credentials.is_none() || is_loopback(&url) => {}
            "http" => {
                return Err(refused(
                    "address of the schema registry must be https where there are credentials: over \
                     plain http they could be read on the way",
                ));
            }
            _ => {
                return Err(refused(
                    "address of the schema registry must begin with http:// or https:// (--schema-registry)",
                ));
            }
        }
        Ok(Self {
            http,
            url,
            credentials,
            timeout: TIMEOUT,
            retry: RetryPolicy::default(),
            sent: Arc::default(),
            watch: Watch::default(),
            ids: Arc::default(),
        })
    }

    /// The same client that gives an answer so much time, 30 s without it.
    #[must_use]
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// The same client that makes failed requests again by `policy`.
    #[must_use]
    pub fn with_retry(mut self, policy: RetryPolicy) -> Self {
        self.retry = policy;
        self
    }

    /// The same client that tells `watch` of each wait before a request is made again, before it begins. It must not
    /// block.
    #[must_use]
    pub fn with_watch(mut self, watch: impl Fn(&Wait<'_>) + Send + Sync + 'static) -> Self {
        self.watch = Watch::by(watch);
        self
    }

    /// The id for values of `format` under `subject`; asked for once.
    ///
    /// # Errors
    /// [`Unreachable`](ErrorKind::Unreachable) without an answer,
    /// [`Unauthorized`](ErrorKind::Unauthorized) and [`Forbidden`](ErrorKind::Forbidden) where the
    /// credentials do not do, [`Configuration`](ErrorKind::Configuration) where the schema does not go with
    /// what the registry has, [`Upstream`](ErrorKind::Upstream) where the registry fails.
    pub async fn id(&self, subject: &str, format: Format, register: Register) -> Result<u32> {
        let key = (Box::from(subject), format, register);
        let known = self.ids.lock().unwrap_or_else(PoisonError::into_inner).get(&key).copied();
        if let Some(id) = known {
            return Ok(id);
        }
        let id = match register {
            Register::Auto => self.register(subject, format).await?,
            Register::Latest => self.latest(subject, format).await?,
        };
        self.ids.lock().unwrap_or_else(PoisonError::into_inner).insert(key, id);
        Ok(id)
    }

    /// Whether [`id`](Self::id) would do, without registering anything: the id, or `None` where the schema
    /// would be registered now.
    ///
    /// # Errors
    /// Those of [`id`](Self::id).
    pub async fn look(
        &self,
        subject: &str,
        format: Format,
        register: Register,
    ) -> Result<Option<u32>> {
        match register {
            Register::Latest => self.id(subject, format, register).await.map(Some),
            Register::Auto => match self.compatibility(subject, format).await? {
                Compatibility { is_compatible: true, .. } => Ok(None),
                Compatibility { why, .. } => {
                    let latest = self.latest_version(subject, format).await?;
                    let why = why.as_deref().unwrap_or("the registry does not say why");
                    Err(incompatible(subject, why, takes_licenses(latest.as_ref(), format)))
                }
            },
        }
    }

    async fn register(&self, subject: &str, format: Format) -> Result<u32> {
        #[derive(Deserialize)]
        struct Answer {
            id: u32,
        }
        // Where there is a schema of another kind, some registries fail, and do not say why.
        let latest = self.latest_version(subject, format).await?;
        let reply = self
            .ask(Method::POST, &["subjects", subject, "versions"], Some(&request(format)))
            .await?;
        match reply.status {
            200..=299 => reply.read::<Answer>().map(|answer| answer.id),
            409 => {
                // Some registries say why only when they are asked.
                let found = self.compatibility(subject, format).await;
                let why = found.ok().and_then(|found| found.why).unwrap_or_else(|| reply.words());
                Err(incompatible(subject, &why, takes_licenses(latest.as_ref(), format)))
            }
            422 => {
                let message = format!(
                    "schema registry takes our {} schema for an invalid one ({})",
                    schema::kind(format),
                    reply.words()
                );
                Err(Error::new(ErrorKind::Configuration, message))
            }
            _ => Err(reply.unexpected()),
        }
    }

    async fn latest(&self, subject: &str, format: Format) -> Result<u32> {
        let Some(latest) = self.latest_version(subject, format).await? else {
            let message = format!(
                "schema registry has no subject {subject}: register a schema, or let it be done with \
                 --register auto"
            );
            return Err(Error::new(ErrorKind::Configuration, message));
        };
        fits::check(format, &latest.schema).map_err(|why| latest.does_not_fit(subject, &why))?;
        Ok(latest.id)
    }

    /// The latest version of `subject`, which is of the kind of `format`; `None` if there is none.
    async fn latest_version(&self, subject: &str, format: Format) -> Result<Option<Registered>> {
        let path = ["subjects", subject, "versions", "latest"];
        let reply = self.ask(Method::GET, &path, None).await?;
        let latest: Registered = match reply.status {
            200..=299 => reply.read()?,
            404 if reply.is_missing() => return Ok(None),
            _ => return Err(reply.unexpected()),
        };
        if latest.kind != schema::kind(format) {
            let kind = crate::printable(&latest.kind, 100);
            let why = format!("it is {kind}, not {}", schema::kind(format));
            return Err(latest.does_not_fit(subject, &why));
        }
        Ok(Some(latest))
    }

    /// Whether the schema of `format` could be registered after the latest one of `subject`, by the
    /// subject's compatibility level. So it could where there is none yet.
    ///
    /// # Errors
    /// Those of [`id`](Self::id).
    pub async fn compatibility(&self, subject: &str, format: Format) -> Result<Compatibility> {
        if self.latest_version(subject, format).await?.is_none() {
            return Ok(Compatibility { is_compatible: true, why: None });
        }
        let path = ["compatibility", "subjects", subject, "versions", "latest"];
        let reply = self.ask(Method::POST, &path, Some(&request(format))).await?;
        match reply.status {
            200..=299 => reply.read::<reply::Compatibility>().map(Compatibility::from),
            404 if reply.is_missing() => Ok(Compatibility { is_compatible: true, why: None }),
            _ => Err(reply.unexpected()),
        }
    }

    /// Makes a request, again where that may help.
    async fn ask(
        &self,
        method: Method,
        path: &[&str],
        body: Option<&serde_json::Value>,
    ) -> Result<Reply> {
        let mut retries =
            Retries::new(self.retry, Arc::new(SystemClock), Arc::clone(&self.sent), Arc::default())
                .watched_by(self.waits());
        let mut url = self.url.clone();
        url.path_segments_mut()
            .map_err(|()| Error::new(ErrorKind::Configuration, "schema registry has no paths"))?
            .pop_if_empty()
            .extend(path);
        if path[0] == "compatibility" {
            url.set_query(Some("verbose=true"));
        }
        loop {
            let asked = self.attempt(method.clone(), url.clone(), body);
            let failure = match tokio::time::timeout(self.timeout, asked).await {
                Ok(Ok(reply)) => return Ok(reply),
                Ok(Err(failure)) => failure,
                Err(elapsed) => {
                    let seconds = self.timeout.as_secs_f64();
                    let message = format!("no answer from {} in {seconds} s", host(&self.url));
                    Error::new(ErrorKind::Unreachable, message).caused_by(elapsed).into()
                }
            };
            retries.after(failure.saying_first("schema registry")).await?;
        }
    }

    /// What waits are told to: the log, with whom they are for, and whoever watches.
    fn waits(&self) -> Watch {
        let (watch, registry) = (self.watch.clone(), host(&self.url));
        Watch::by(move |wait| {
            if let WaitReason::Retry { number, of, error } = wait.reason {
                tracing::warn!(
                    registry,
                    number,
                    of,
                    wait_seconds = wait.time.as_secs_f64(),
                    error = error.message(),
                    "the schema registry is asked again"
                );
            }
            watch.tell(wait.account, wait.time, wait.reason);
        })
    }

    /// Makes it once.
    async fn attempt(
        &self,
        method: Method,
        url: Url,
        body: Option<&serde_json::Value>,
    ) -> Result<Reply, Failure> {
        let mut request = self.http.request(method, url).header(ACCEPT, MEDIA_TYPE);
        if let Some(credentials) = &self.credentials {
            request = request.header(AUTHORIZATION, credentials.header());
        }
        if let Some(body) = body {
            request = request.header(CONTENT_TYPE, MEDIA_TYPE).body(body.to_string());
        }
        let unreachable = |error| {
            unreachable(&self.url, error, "--registry-ca-cert, --registry-client-cert").advising(
                "look at --schema-registry: its host, its port, and whether http or https is spoken there",
            )
        };
        let response = request.send().await.map_err(unreachable)?;
        let reply = Reply::of(response).await.map_err(unreachable)?;
        reply.checked(self.credentials.as_ref()).map_err(Failure::from)
    }
}

/// Whether licenses can be written by the latest schema, as it is.
fn takes_licenses(latest: Option<&Registered>, format: Format) -> bool {
    latest.is_some_and(|latest| fits::check(format, &latest.schema).is_ok())
}

fn incompatible(subject: &str, why: &str, latest_will_do: bool) -> Error {
    let cure = match latest_will_do {
        true => {
            "write to another subject, change the subject's compatibility level, or use the schema that is there with \
             --register latest"
        }
        false => {
            "licenses cannot be written by that one either, so write to another subject (--subject-strategy, or another \
             --topic), or change the subject's compatibility level"
        }
    };
    let message = format!(
        "schema is not compatible with the latest one of subject {subject} ({why}): {cure}"
    );
    Error::new(ErrorKind::Configuration, message)
}

/// The body of a request about the schema of `format`.
fn request(format: Format) -> serde_json::Value {
    json!({"schema": schema::text(format), "schemaType": schema::kind(format)})
}

/// What a registry says of a schema.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Compatibility {
    /// Whether the schema may follow the one that is there.
    pub is_compatible: bool,
    /// In the registry's words, why not.
    pub why: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_go_to_this_host_or_over_tls() {
        let registry = |url: &str, credentials: Option<&str>| {
            let credentials = credentials.map(|it| Credentials::basic(it).unwrap());
            SchemaRegistry::new(Client::new(), url, credentials).map_err(|error| error.kind())
        };
        for url in ["https://registry.test", "http://127.0.0.1:8081/apis/ccompat/v7"] {
            assert!(registry(url, Some("u:p")).is_ok(), "{url}");
        }
        assert!(registry("http://registry.test", None).is_ok());
        for (url, credentials) in [
            ("http://registry.test", Some("u:p")),
            ("https://u:p@registry.test", None),
            ("ftp://registry.test", None),
            ("registry.test", None),
        ] {
            let refused = registry(url, credentials).unwrap_err();
            assert_eq!(refused, ErrorKind::Configuration, "{url}");
        }
    }
}
