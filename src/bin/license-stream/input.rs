//! The source: the API, a file, or standard input.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::pin::Pin;

use bytes::Bytes;
use futures_util::stream::try_unfold;
use futures_util::{Stream, TryStreamExt};
use license_stream::frame::{Page, Shape};
use license_stream::pipeline::{OnReject, RejectPolicy, Requests, Source};
use license_stream::sink::reject::DeadLetters;
use license_stream::truto::{LicensePages, TrutoClient, unpacked};
use license_stream::{Error, ErrorKind, Result};
use tokio::io::AsyncRead;
use tokio_util::io::ReaderStream;

use crate::args::{ApiArgs, DeadLetterArg, OnError, RejectArgs, ShapeArg, SourceArgs};
use crate::distinct::STDIN;
use crate::letters;

/// A body, whatever it comes from.
pub(crate) type Body = Pin<Box<dyn Stream<Item = Result<Bytes>> + Send>>;

const FILE_CHUNK: usize = 1 << 20;

/// The source that the flags name.
#[derive(Debug)]
pub(crate) enum Input {
    /// A recorded body, or dead letters.
    File(FileInput),
    /// The API.
    Api(Box<LicensePages>),
}

impl Input {
    /// The body that was recorded.
    pub(crate) fn file(args: &SourceArgs, max_record_bytes: usize) -> Self {
        Self::File(FileInput {
            path: args.input.clone(),
            shape: args.shape,
            account: args.accounts.only().map(str::to_owned),
            max_record_bytes,
        })
    }
}

impl Source for Input {
    type Body = Body;

    async fn next_body(&mut self, before: Option<Page>) -> Result<Option<Body>> {
        match self {
            Self::Api(pages) => {
                Ok(pages.next_body(before).await?.map(|body| Box::pin(body) as Body))
            }
            Self::File(file) => file.open().await,
        }
    }

    fn shape(&self) -> Shape {
        match self {
            Self::Api(pages) => pages.shape(),
            Self::File(file) => match file.shape {
                ShapeArg::DeadLetters => Shape::Prefixed,
                shape => shape.into(),
            },
        }
    }

    fn wording(&self) -> Box<dyn FnOnce(Error) -> Error + Send> {
        match self {
            Self::Api(pages) => pages.wording(),
            Self::File(_) => Box::new(|error| error),
        }
    }

    fn requests(&self) -> Requests {
        match self {
            Self::Api(pages) => pages.requests(),
            Self::File(_) => Requests::default(),
        }
    }
}

/// A file that is read once; `-` is standard input.
#[derive(Debug)]
pub(crate) struct FileInput {
    path: Option<PathBuf>,
    /// Where it is to be told from the start of the file, and that is of a dead letter, `DeadLetters` from
    /// then on.
    shape: ShapeArg,
    account: Option<String>,
    max_record_bytes: usize,
}

impl FileInput {
    async fn open(&mut self) -> Result<Option<Body>> {
        let Some(path) = self.path.take() else { return Ok(None) };
        let mut body: Body = Box::pin(unpacked(open(&path).await?));
        if self.shape == ShapeArg::Auto {
            let (is_letters, whole) = letters::tell(body).await?;
            body = whole;
            if is_letters {
                self.shape = ShapeArg::DeadLetters;
            }
        }
        let account = self.account.take();
        Ok(Some(match self.shape {
            ShapeArg::DeadLetters => letters::records(body, account, self.max_record_bytes),
            _ => body,
        }))
    }
}

async fn open(path: &Path) -> Result<Body> {
    if path.as_os_str() == "-" {
        return Ok(chunks(tokio::io::stdin(), "standard input"));
    }
    let file = tokio::fs::File::open(path).await.map_err(|error| {
        let message = format!("{} cannot be read", path.display());
        Error::new(ErrorKind::Configuration, message).caused_by(error)
    })?;
    let name = path.display().to_string();
    // What may stand still, as a named pipe does, is passed on as it comes.
    let is_file = file.metadata().await.is_ok_and(|it| it.is_file());
    Ok(if is_file { named(blocks(file.into_std().await), name) } else { chunks(file, name) })
}

/// Whole chunks of a file, each read to where it stays: a file of tokio's would copy it.
fn blocks(file: File) -> impl Stream<Item = io::Result<Bytes>> {
    try_unfold(file, |mut file| async {
        let block = tokio::task::spawn_blocking(move || {
            let mut block = Vec::with_capacity(FILE_CHUNK);
            let length = file.by_ref().take(FILE_CHUNK as u64).read_to_end(&mut block)?;
            Ok((length > 0).then(|| (Bytes::from(block), file)))
        });
        block.await?
    })
}

fn chunks(reader: impl AsyncRead + Send + 'static, name: impl Into<String>) -> Body {
    named(ReaderStream::with_capacity(reader, FILE_CHUNK), name.into())
}

/// A body whose errors say what could not be read.
fn named(chunks: impl Stream<Item = io::Result<Bytes>> + Send + 'static, name: String) -> Body {
    Box::pin(chunks.map_err(move |error| {
        Error::new(ErrorKind::Input, format!("{name} cannot be read")).caused_by(error)
    }))
}

/// The client that the flags ask for.
pub(crate) fn client(args: &ApiArgs) -> anyhow::Result<TrutoClient> {
    Ok(args.connection.client(&args.base_url, args.token_file.as_deref())?)
}

/// The file that is read, if one is, with its flag.
pub(crate) fn input_file(args: &SourceArgs) -> Option<(&'static str, &Path)> {
    let path = args.input.as_deref()?;
    Some(("--input", if path.as_os_str() == "-" { Path::new(STDIN) } else { path }))
}

/// The file that dead letters go to, if they do, with its flag.
pub(crate) fn letters_file(args: &RejectArgs) -> Option<(&'static str, &Path)> {
    match args.dead_letter.as_ref()? {
        DeadLetterArg::File(path) => Some(("--dead-letter", path)),
        DeadLetterArg::Topic(_) => None,
    }
}

/// Refuses what contradicts itself.
pub(crate) fn check_rejects(args: &RejectArgs) -> Result<()> {
    let is_letter = args.on_error == OnError::DeadLetter;
    let message = if is_letter && args.dead_letter.is_none() {
        "--on-error dead-letter needs --dead-letter FILE"
    } else if !is_letter && args.dead_letter.is_some() {
        "--dead-letter goes with --on-error dead-letter"
    } else if args.max_rejects.is_some() && args.on_error == OnError::Fail {
        "--max-rejects goes with --on-error skip or dead-letter"
    } else {
        return Ok(());
    };
    Err(Error::new(ErrorKind::Configuration, message))
}

/// The policy that the flags ask for, with the letters that they do.
pub(crate) fn reject_policy(args: &RejectArgs, letters: Option<DeadLetters>) -> RejectPolicy {
    let on_reject = match (args.on_error, letters) {
        (OnError::DeadLetter, Some(letters)) => OnReject::DeadLetter(letters),
        (OnError::Skip, _) => OnReject::Skip,
        _ => OnReject::Fail,
    };
    RejectPolicy { on_reject, max_rejects: args.max_rejects.map(|limit| limit.0) }
}
