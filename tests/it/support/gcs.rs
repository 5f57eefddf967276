//! A server of the XML protocol of Google Cloud Storage, by our own reading of its documentation: there is none to be
//! had that keeps its conditions. Objects have generations, puts may have one as their condition, uploads in parts can
//! be listed and given up, and requests are those of one service account. Pages of lists, versions, and whatever else
//! is not used here, it does not have.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use openssl::hash::MessageDigest;
use openssl::pkey::{PKey, Private};
use openssl::rsa::Rsa;
use openssl::sign::Verifier;
use reqwest::Url;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::scripted::head;

/// The only bucket.
pub(crate) const BUCKET: &str = "lakes";

const EMAIL: &str = "writer@project.example";

/// A server, and the service account that may use it.
#[derive(Debug)]
pub(crate) struct Gcs {
    port: u16,
    served: Arc<Served>,
    directory: TempDir,
}

#[derive(Debug)]
struct Served {
    store: Mutex<Store>,
    key: PKey<Private>,
    is_over: AtomicBool,
    /// Of the requests that write, the answer to each so manieth is lost; to none if it is 0.
    loses: AtomicU64,
}

#[derive(Debug, Default)]
struct Store {
    objects: BTreeMap<String, (u64, Vec<u8>)>,
    uploads: BTreeMap<String, Upload>,
    /// The last generation, or upload.
    last: u64,
    writes: u64,
}

#[derive(Debug)]
struct Upload {
    key: String,
    parts: BTreeMap<usize, Vec<u8>>,
}

/// A request as it came.
struct Request {
    method: String,
    url: Url,
    head: String,
    body: Vec<u8>,
}

struct Answer(u16, String, Vec<u8>);

impl Gcs {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let served = Arc::new(Served {
            store: Mutex::default(),
            key: PKey::from_rsa(Rsa::generate(2048).unwrap()).unwrap(),
            is_over: AtomicBool::default(),
            loses: AtomicU64::default(),
        });
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("account.json"), account(&served.key)).unwrap();
        let serving = Arc::clone(&served);
        std::thread::spawn(move || {
            while let Ok((stream, _)) = listener.accept() {
                if serving.is_over.load(Ordering::SeqCst) {
                    return;
                }
                let serving = Arc::clone(&serving);
                std::thread::spawn(move || serving.answer(stream));
            }
        });
        Self { port, served, directory }
    }

    /// The same, which loses the answer to each `every`-th request that writes.
    pub(crate) fn losing(self, every: u64) -> Self {
        self.served.loses.store(every, Ordering::SeqCst);
        self
    }

    /// The settings by which `command` finds it.
    pub(crate) fn settings<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        command
            .env("GOOGLE_BASE_URL", format!("http://127.0.0.1:{}", self.port))
            .env("GOOGLE_APPLICATION_CREDENTIALS", self.directory.path().join("account.json"))
            .env("HOME", self.directory.path())
    }

    /// Where the command writes to.
    pub(crate) fn url(&self) -> String {
        format!("gs://{BUCKET}/lake/licenses")
    }

    /// Copies what is there into `directory`: as the command would have left it in one.
    pub(crate) fn get(&self, directory: &Path) {
        for (key, (_, bytes)) in &self.served.store.lock().unwrap().objects {
            let file = directory.join(key.strip_prefix("lake/licenses/").unwrap());
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(file, bytes).unwrap();
        }
    }

    /// The names of uploads that have neither been completed nor given up.
    pub(crate) fn uploads(&self) -> Vec<String> {
        let uploads = &self.served.store.lock().unwrap().uploads;
        uploads.values().map(|upload| upload.key.clone()).collect()
    }

    /// The names of what is there.
    pub(crate) fn keys(&self) -> Vec<String> {
        self.served.store.lock().unwrap().objects.keys().cloned().collect()
    }
}

impl Drop for Gcs {
    fn drop(&mut self) {
        self.served.is_over.store(true, Ordering::SeqCst);
        // It waits for a connection.
        let _ = TcpStream::connect(("127.0.0.1", self.port));
    }
}

/// The file of a service account.
pub(crate) fn account(key: &PKey<Private>) -> String {
    let pem = String::from_utf8(key.private_key_to_pem_pkcs8().unwrap()).unwrap();
    let account = json!({
        "type": "service_account", "private_key": pem, "private_key_id": "1", "client_email": EMAIL,
    });
    account.to_string()
}

impl Served {
    fn answer(&self, mut stream: TcpStream) {
        let Some(request) = Request::read(&mut stream) else { return };
        let answer = if self.allows(&request) {
            self.store.lock().unwrap().answer(&request)
        } else {
            error(401, "AuthenticationRequired")
        };
        let loses = self.loses.load(Ordering::SeqCst);
        if loses > 0 && !matches!(&*request.method, "GET" | "HEAD") {
            let mut store = self.store.lock().unwrap();
            store.writes += 1;
            if store.writes.is_multiple_of(loses) {
                return;
            }
        }
        let Answer(status, headers, body) = answer;
        let length = body.len();
        let head = format!(
            "HTTP/1.1 {status} -\r\nConnection: close\r\n{headers}Content-Length: {length}\r\n\r\n"
        );
        let body = if request.method == "HEAD" { &[][..] } else { &body };
        // The client may have gone away.
        let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body));
    }

    /// Whether the token is one that the service account has signed.
    fn allows(&self, request: &Request) -> bool {
        let signed = || {
            let token = request.header("authorization")?.strip_prefix("Bearer ")?;
            let (message, signature) = token.rsplit_once('.')?;
            let claims = BASE64_URL_SAFE_NO_PAD.decode(message.split_once('.')?.1).ok()?;
            let claims: Value = serde_json::from_slice(&claims).ok()?;
            let signature = BASE64_URL_SAFE_NO_PAD.decode(signature).ok()?;
            let mut verifier = Verifier::new(MessageDigest::sha256(), &self.key).ok()?;
            let is_signed = verifier.verify_oneshot(&signature, message.as_bytes()).ok()?;
            Some(is_signed && claims["iss"] == EMAIL)
        };
        signed().unwrap_or(false)
    }
}

impl Request {
    fn read(stream: &mut TcpStream) -> Option<Self> {
        let head = head(stream)?;
        let (method, rest) = head.split_once(' ')?;
        let url = Url::parse(&format!("http://server{}", rest.split_once(' ')?.0)).ok()?;
        let mut request = Self { method: method.to_owned(), url, head, body: Vec::new() };
        let length = request.header("content-length").map_or(0, |length| length.parse().unwrap());
        stream.take(length).read_to_end(&mut request.body).ok()?;
        Some(request)
    }

    fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.head.lines().filter_map(|line| line.split_once(": "));
        headers.find(|(header, _)| header.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    fn query(&self, name: &str) -> Option<String> {
        let mut pairs = self.url.query_pairs();
        pairs.find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
    }
}

impl Store {
    fn answer(&mut self, request: &Request) -> Answer {
        let path = percent_decoded(request.url.path());
        let (bucket, key) = path[1..].split_once('/').unwrap_or((&path[1..], ""));
        if bucket != BUCKET {
            return error(404, "NoSuchBucket");
        }
        let upload = request.query("uploadId");
        match (&*request.method, upload) {
            ("GET", _) if key.is_empty() && request.query("uploads").is_some() => {
                self.list_uploads(&request.query("prefix").unwrap_or_default())
            }
            ("GET", _) if key.is_empty() => self.list(request),
            ("GET" | "HEAD", _) => self.get(key, request.header("range")),
            ("POST", None) => {
                self.last += 1;
                let upload = Upload { key: key.to_owned(), parts: BTreeMap::new() };
                self.uploads.insert(self.last.to_string(), upload);
                let id = format!("<UploadId>{}</UploadId>", self.last);
                xml("InitiateMultipartUploadResult", &id)
            }
            ("PUT", Some(id)) => {
                let Some(upload) = self.uploads.get_mut(&id) else {
                    return error(404, "NoSuchUpload");
                };
                let number = request.query("partNumber").unwrap().parse().unwrap();
                upload.parts.insert(number, request.body.clone());
                Answer(200, format!("ETag: \"{number}\"\r\n"), Vec::new())
            }
            ("POST", Some(id)) => {
                let Some(upload) = self.uploads.remove(&id) else {
                    return error(404, "NoSuchUpload");
                };
                let text = String::from_utf8_lossy(&request.body);
                assert_eq!(text.matches("<PartNumber>").count(), upload.parts.len());
                let bytes = upload.parts.into_values().flatten().collect();
                let generation = self.put(key, bytes);
                let mut done =
                    xml("CompleteMultipartUploadResult", &format!("<ETag>\"{generation}\"</ETag>"));
                done.1 = headers(generation);
                done
            }
            ("PUT", None) => {
                let generation = self.objects.get(key).map_or(0, |(generation, _)| *generation);
                let wanted = request.header("x-goog-if-generation-match");
                if wanted.is_some_and(|wanted| wanted != generation.to_string()) {
                    return error(412, "PreconditionFailed");
                }
                let generation = self.put(key, request.body.clone());
                Answer(200, headers(generation), Vec::new())
            }
            ("DELETE", Some(id)) => match self.uploads.remove(&id) {
                Some(_) => Answer(204, String::new(), Vec::new()),
                None => error(404, "NoSuchUpload"),
            },
            ("DELETE", None) => match self.objects.remove(key) {
                Some(_) => Answer(204, String::new(), Vec::new()),
                None => error(404, "NoSuchKey"),
            },
            _ => error(405, "MethodNotAllowed"),
        }
    }

    fn put(&mut self, key: &str, bytes: Vec<u8>) -> u64 {
        self.last += 1;
        self.objects.insert(key.to_owned(), (self.last, bytes));
        self.last
    }

    fn get(&self, key: &str, range: Option<&str>) -> Answer {
        let Some((generation, bytes)) = self.objects.get(key) else {
            return error(404, "NoSuchKey");
        };
        let headers = headers(*generation);
        let Some((start, end)) = range.and_then(|it| it.strip_prefix("bytes=")?.split_once('-'))
        else {
            return Answer(200, headers, bytes.clone());
        };
        let (last, length) = (bytes.len() - 1, bytes.len());
        let (start, end) = match start {
            "" => (length.saturating_sub(end.parse().unwrap()), last),
            start => (start.parse().unwrap(), end.parse().map_or(last, |end: usize| end.min(last))),
        };
        let part = format!("{headers}Content-Range: bytes {start}-{end}/{length}\r\n");
        Answer(206, part, bytes[start..=end].to_vec())
    }

    fn list(&self, request: &Request) -> Answer {
        let prefix = request.query("prefix").unwrap_or_default();
        let (mut listed, mut folders) = (String::new(), Vec::new());
        for (key, (generation, bytes)) in &self.objects {
            let Some(below) = key.strip_prefix(&prefix) else { continue };
            match below.split_once('/').filter(|_| request.query("delimiter").is_some()) {
                Some((folder, _)) => folders.push(format!("{prefix}{folder}/")),
                None => listed.push_str(&format!(
                    "<Contents><Key>{}</Key><Size>{}</Size><ETag>\"{generation}\"</ETag>\
                     <LastModified>2026-11-27T00:00:00Z</LastModified></Contents>",
                    escaped(key),
                    bytes.len()
                )),
            }
        }
        folders.dedup();
        for folder in folders {
            let folder = escaped(&folder);
            listed.push_str(&format!("<CommonPrefixes><Prefix>{folder}</Prefix></CommonPrefixes>"));
        }
        xml("ListBucketResult", &listed)
    }

    fn list_uploads(&self, prefix: &str) -> Answer {
        let uploads = self.uploads.iter().filter(|(_, upload)| upload.key.starts_with(prefix));
        let upload = |(id, upload): (&String, &Upload)| {
            let key = escaped(&upload.key);
            format!("<Upload><Key>{key}</Key><UploadId>{id}</UploadId></Upload>")
        };
        xml("ListMultipartUploadsResult", &uploads.map(upload).collect::<String>())
    }
}

fn headers(generation: u64) -> String {
    format!(
        "ETag: \"{generation}\"\r\nx-goog-generation: {generation}\r\n\
         Last-Modified: Fri, 27 Nov 2026 00:00:00 GMT\r\n"
    )
}

fn xml(name: &str, content: &str) -> Answer {
    let text = format!("<?xml version=\"1.0\"?><{name}>{content}</{name}>");
    Answer(200, "Content-Type: application/xml\r\n".to_owned(), text.into_bytes())
}

fn error(status: u16, code: &str) -> Answer {
    let Answer(_, headers, body) =
        xml("Error", &format!("<Code>{code}</Code><Message>no</Message>"));
    Answer(status, headers, body)
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}

fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let [first, others @ ..] = rest {
        rest = others;
        if let (b'%', [high, low, others @ ..]) = (first, others) {
            let digits = [*high, *low];
            bytes.push(u8::from_str_radix(std::str::from_utf8(&digits).unwrap(), 16).unwrap());
            rest = others;
        } else {
            bytes.push(*first);
        }
    }
    String::from_utf8(bytes).unwrap()
}
