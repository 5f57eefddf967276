//! Rejects kept for later: dead letters.

use std::borrow::Cow;
use std::fs::{File, OpenOptions};
use std::io::{BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;

#[cfg(feature = "kafka")]
use super::kafka::TopicLetters;
use crate::error::{Error, ErrorKind, Result};
use crate::reject::{Reject, RejectReason};

/// Where dead letters go: a file with one JSON object a line, by `schemas/reject.schema.json`, to which
/// new letters are appended; or [a topic](Self::to_topic).
#[derive(Debug)]
pub struct DeadLetters {
    account: Option<String>,
    place: Place,
}

#[derive(Debug)]
enum Place {
    File {
        path: PathBuf,
        file: Shared,
    },
    #[cfg(feature = "kafka")]
    Topic(TopicLetters),
}

/// The file, for whoever's turn it is; `None` only while a write is under way.
type Shared = Arc<Mutex<Option<Letters>>>;

#[derive(Debug)]
struct Letters {
    file: BufWriter<File>,
    /// Whether all that was written is on disk.
    is_synced: bool,
}

/// One line of the file.
#[derive(Debug, Serialize)]
struct DeadLetter<'a> {
    account: Option<&'a str>,
    byte: u64,
    line: u64,
    record: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    length: Option<usize>,
    reason: &'static str,
    message: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    base64: Option<String>,
}

impl DeadLetters {
    /// Opens or creates the file at `path`, for the rejects of `account`.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`] if the file cannot be written.
    pub fn open(path: impl Into<PathBuf>, account: Option<String>) -> Result<Self> {
        let path = path.into();
        let file = open_for_lines(&path).map_err(|error| {
            let message = format!("dead letters cannot be written to {}", path.display());
            Error::new(ErrorKind::Configuration, message).caused_by(error)
        })?;
        let letters = Letters { file: BufWriter::new(file), is_synced: true };
        let place = Place::File { path, file: Arc::new(Mutex::new(Some(letters))) };
        Ok(Self { account, place })
    }

    /// Those that go to `topic` as messages of their own: the value is the record as it came, the key the
    /// account, and headers say why it was rejected and where it stood. `config` is that of a
    /// [`KafkaProducer`](super::kafka::KafkaProducer); they are delivered at least once, by a producer of
    /// their own. `max_bytes` is what the topic takes of a record, if that is known: of a larger one the
    /// value is null, and a header has its length.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`] if librdkafka refuses a setting.
    #[cfg(feature = "kafka")]
    pub fn to_topic(
        config: &rdkafka::ClientConfig,
        topic: &str,
        max_bytes: Option<usize>,
        account: Option<String>,
    ) -> Result<Self> {
        Ok(Self { account, place: Place::Topic(TopicLetters::new(config, topic, max_bytes)?) })
    }

    /// The same place for the rejects of another account, which are written in turn with these.
    #[must_use]
    pub fn of_account(&self, account: Option<String>) -> Self {
        let place = match &self.place {
            Place::File { path, file } => {
                Place::File { path: path.clone(), file: Arc::clone(file) }
            }
            #[cfg(feature = "kafka")]
            Place::Topic(letters) => Place::Topic(letters.another()),
        };
        Self { account, place }
    }

    pub(crate) async fn write(&mut self, rejects: Vec<Reject>) -> Result<()> {
        if rejects.is_empty() {
            return Ok(());
        }
        let (path, file) = match &self.place {
            Place::File { path, file } => (path, file),
            #[cfg(feature = "kafka")]
            Place::Topic(letters) => {
                return letters.write(self.account.as_deref(), &rejects).await;
            }
        };
        let account = self.account.clone();
        with_file(path, file, move |Letters { file, is_synced }| {
            *is_synced = false;
            for reject in &rejects {
                serde_json::to_writer(&mut *file, &DeadLetter::new(reject, account.as_deref()))?;
                file.write_all(b"\n")?;
            }
            file.flush()
        })
        .await
    }

    pub(crate) async fn flush(&mut self) -> Result<()> {
        match &self.place {
            Place::File { path, file } => {
                // Whatever is durable waits for it, and mostly there is no reject among that.
                if file.lock().await.as_ref().is_some_and(|letters| letters.is_synced) {
                    return Ok(());
                }
                let sync = |letters: &mut Letters| {
                    letters.file.flush()?;
                    letters.file.get_ref().sync_data()?;
                    letters.is_synced = true;
                    Ok(())
                };
                with_file(path, file, sync).await
            }
            #[cfg(feature = "kafka")]
            Place::Topic(letters) => letters.flush().await,
        }
    }
}

async fn with_file(
    path: &Path,
    file: &Shared,
    work: impl FnOnce(&mut Letters) -> std::io::Result<()> + Send + 'static,
) -> Result<()> {
    let failed = |error: std::io::Error| {
        let message = format!("dead letters could not be written to {}", path.display());
        Error::new(ErrorKind::Destination, message).caused_by(error)
    };
    let mut place = file.lock().await;
    let Some(mut file) = place.take() else {
        return Err(failed(std::io::Error::other("an earlier write did not end")));
    };
    let worked = tokio::task::spawn_blocking(move || {
        let result = work(&mut file);
        (file, result)
    });
    let (file, result) = worked.await.map_err(|error| failed(error.into()))?;
    *place = Some(file);
    result.map_err(failed)
}

/// Opens a file to append lines to. One that ends inside a line, as after a kill, gets its line feed:
/// what is written next would else be glued to it.
fn open_for_lines(path: &Path) -> std::io::Result<File> {
    let mut file = OpenOptions::new().create(true).read(true).append(true).open(path)?;
    if file.metadata()?.len() > 0 {
        let mut last = [0];
        file.seek(SeekFrom::End(-1))?;
        file.read_exact(&mut last)?;
        if last != *b"\n" {
            file.write_all(b"\n")?;
        }
    }
    Ok(file)
}

/// What can be read again of a line that [`DeadLetters`] wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadLetter {
    /// The integrated account it is from, if it was known.
    pub account: Option<String>,
    /// The record as it came; `None` where it was too long to keep.
    pub bytes: Option<Bytes>,
}

impl ReadLetter {
    /// Reads a line; `None` if it is no dead letter.
    pub fn parse(line: &[u8]) -> Option<Self> {
        #[derive(Deserialize)]
        struct Line<'a> {
            account: Option<String>,
            reason: Cow<'a, str>,
            #[serde(rename = "byte")]
            _byte: u64,
            #[serde(rename = "message")]
            _message: IgnoredAny,
            #[serde(borrow)]
            text: Option<Cow<'a, str>>,
            base64: Option<String>,
        }

        let line: Line<'_> = serde_json::from_slice(line).ok()?;
        RejectReason::ALL.into_iter().find(|reason| reason.as_str() == line.reason)?;
        let bytes = match (line.text, line.base64) {
            (Some(text), None) => Some(Bytes::from(text.into_owned())),
            (None, Some(base64)) => Some(STANDARD.decode(base64).ok()?.into()),
            (None, None) => None,
            (Some(_), Some(_)) => return None,
        };
        Some(Self { account: line.account, bytes })
    }
}

impl<'a> DeadLetter<'a> {
    fn new(reject: &'a Reject, account: Option<&'a str>) -> Self {
        let bytes = reject.bytes.as_deref();
        let text = bytes.and_then(|bytes| std::str::from_utf8(bytes).ok());
        Self {
            account,
            byte: reject.position.byte,
            line: reject.position.line,
            record: reject.position.record,
            length: bytes.map(<[u8]>::len),
            reason: reject.reason.as_str(),
            message: &reject.message,
            text,
            base64: bytes.filter(|_| text.is_none()).map(|bytes| STANDARD.encode(bytes)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::position::Position;

    #[test]
    fn a_torn_line_is_ended_before_the_next() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("letters");
        for (before, after) in [("", ""), ("a\n", "a\n"), ("a\nto", "a\nto\n")] {
            std::fs::write(&path, before).unwrap();
            DeadLetters::open(&path, None).unwrap();
            assert_eq!(std::fs::read_to_string(&path).unwrap(), after);
        }
    }

    #[test]
    fn a_letter_is_read_back_as_it_was_written() {
        for bytes in
            [Some(&b"{\"id\":"[..]), Some(b"\xff\"\n\x1e"), Some("é\u{0}".as_bytes()), None]
        {
            let reject = Reject {
                position: Position { byte: 1, line: 2, record: 3 },
                reason: RejectReason::Syntax,
                message: "broken".to_owned(),
                bytes: bytes.map(Bytes::from_static),
            };
            let line = serde_json::to_vec(&DeadLetter::new(&reject, Some("a"))).unwrap();
            let read = ReadLetter { account: Some("a".to_owned()), bytes: reject.bytes };
            assert_eq!(ReadLetter::parse(&line), Some(read));
        }
        for line in [&br#"{"id":"a"}"#[..], br#"{"reason":"x","byte":1,"message":""}"#, b"", b"{"] {
            assert_eq!(ReadLetter::parse(line), None);
        }
    }
}
