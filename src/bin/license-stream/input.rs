//! The source: the API, a file, or standard input.

use std::path::{Path, PathBuf};
use std::pin::Pin;

use bytes::{Bytes, BytesMut};
use futures_util::{Stream, StreamExt, TryStreamExt, future, stream};
use license_stream::frame::{Page, Shape};
use license_stream::pipeline::{OnReject, RejectPolicy, Requests, Source};
use license_stream::sink::reject::DeadLetters;
use license_stream::truto::LicensePages;
use license_stream::{Error, ErrorKind, Result};
use tokio::io::AsyncRead;
use tokio_util::io::ReaderStream;

use crate::args::{OnError, RejectArgs, ShapeArg, SourceArgs};
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
    pub(crate) fn new(args: &SourceArgs) -> anyhow::Result<Self> {
        match &args.input {
            Some(path) => {
                let is_letters = args.shape == ShapeArg::DeadLetters;
                let account = args.account.clone();
                Ok(Self::File(FileInput { path: Some(path.clone()), is_letters, account }))
            }
            None => Ok(Self::Api(Box::new(pages(args)?))),
        }
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
            Self::File(file) if file.is_letters => Shape::Sequence,
            Self::File(_) => Shape::Auto,
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
    /// Whether it holds dead letters: said by `--shape`, or told from its first line.
    is_letters: bool,
    account: Option<String>,
}

impl FileInput {
    async fn open(&mut self) -> Result<Option<Body>> {
        let Some(path) = self.path.take() else { return Ok(None) };
        let mut body = open(&path).await?;
        if !self.is_letters {
            let mut start = BytesMut::new();
            self.is_letters = loop {
                if let Some(is_letters) = letters::begins_with_letter(&start) {
                    break is_letters;
                }
                match body.try_next().await? {
                    Some(chunk) => start.extend_from_slice(&chunk),
                    None => break false,
                }
            };
            body = Box::pin(stream::once(future::ready(Ok(start.freeze()))).chain(body));
        }
        let account = self.account.take();
        Ok(Some(if self.is_letters { letters::records(body, account) } else { body }))
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
    Ok(chunks(file, path.display().to_string()))
}

fn chunks(reader: impl AsyncRead + Send + 'static, name: impl Into<String>) -> Body {
    let name = name.into();
    let chunks = ReaderStream::with_capacity(reader, FILE_CHUNK).map(move |chunk| {
        chunk.map_err(|error| {
            Error::new(ErrorKind::Input, format!("{name} cannot be read")).caused_by(error)
        })
    });
    Box::pin(chunks)
}

fn pages(args: &SourceArgs) -> anyhow::Result<LicensePages> {
    let request = args.request.request(args.account.as_deref())?;
    let client = args.connection.client(&args.base_url, args.token_file.as_deref())?;
    Ok(LicensePages::new(client, request))
}

/// The policy that the flags ask for.
pub(crate) fn reject_policy(args: &RejectArgs, account: Option<&str>) -> Result<RejectPolicy> {
    let on_reject = match (args.on_error, &args.dead_letter) {
        (OnError::Fail, _) => OnReject::Fail,
        (OnError::Skip, _) => OnReject::Skip,
        (OnError::DeadLetter, Some(path)) => {
            OnReject::DeadLetter(DeadLetters::open(path, account.map(str::to_owned))?)
        }
        (OnError::DeadLetter, None) => {
            let message = "--on-error dead-letter needs --dead-letter FILE";
            return Err(Error::new(ErrorKind::Configuration, message));
        }
    };
    if args.dead_letter.is_some() && args.on_error != OnError::DeadLetter {
        let message = "--dead-letter goes with --on-error dead-letter";
        return Err(Error::new(ErrorKind::Configuration, message));
    }
    if args.max_rejects.is_some() && args.on_error == OnError::Fail {
        let message = "--max-rejects goes with --on-error skip or dead-letter";
        return Err(Error::new(ErrorKind::Configuration, message));
    }
    Ok(RejectPolicy { on_reject, max_rejects: args.max_rejects.map(|limit| limit.0) })
}
