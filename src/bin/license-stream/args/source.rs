//! Where licenses come from, as it is typed.

use std::path::PathBuf;

use clap::{Args as ClapArgs, ValueEnum};
use license_stream::frame::Shape;
use license_stream::truto::LicenseRequest;
use license_stream::{Error, ErrorKind};

use super::{AccountArgs, FormatArg, RequestArgs};
use crate::connection::ConnectionArgs;

/// Where the licenses come from.
#[derive(Debug, ClapArgs)]
#[command(next_help_heading = "Source")]
pub(crate) struct SourceArgs {
    /// Read a recorded body, or dead letters, instead of asking the API; `-` is standard input. What is
    /// compressed by gzip, zstd or zlib is told by its first bytes and unpacked
    #[arg(long, value_name = "FILE", conflicts_with_all = ["token_file", "RequestArgs",
        "FilterArgs", "ConnectionArgs"])]
    pub(crate) input: Option<PathBuf>,
    /// How records stand in the body; told from its first bytes if it is not given
    #[arg(long, value_enum, default_value_t = ShapeArg::Auto)]
    pub(crate) shape: ShapeArg,
    #[command(flatten)]
    pub(crate) accounts: AccountArgs,
    #[command(flatten)]
    pub(crate) request: RequestArgs,
    #[command(flatten)]
    pub(crate) api: ApiArgs,
}

/// Where the API is, and how it is reached.
#[derive(Debug, ClapArgs)]
#[command(next_help_heading = "API")]
pub(crate) struct ApiArgs {
    /// Address of the API; plain http only to this machine, unless --allow-http says otherwise
    #[arg(
        long,
        value_name = "URL",
        env = "TRUTO_BASE_URL",
        default_value = license_stream::truto::DEFAULT_BASE_URL
    )]
    pub(crate) base_url: String,
    /// File that holds the API token; otherwise it is read from TRUTO_API_TOKEN
    #[arg(long, value_name = "FILE")]
    pub(crate) token_file: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) connection: ConnectionArgs,
}

impl SourceArgs {
    /// Whether records need not be licenses.
    pub(crate) fn is_any_json(&self) -> bool {
        self.request.format == FormatArg::Raw || self.shape == ShapeArg::Document
    }

    /// Whether it cannot be read a second time: standard input is gone then.
    pub(crate) fn is_read_once(&self) -> bool {
        self.input.as_deref() == Some(std::path::Path::new("-"))
    }

    /// Whether all pages are read, so that a snapshot can be complete.
    pub(crate) fn is_from_the_first_page(&self) -> bool {
        self.request.cursor.as_deref().unwrap_or_default().is_empty()
    }

    /// Refuses what fits no columns.
    pub(crate) fn check_columns(&self) -> license_stream::Result<()> {
        if self.shape == ShapeArg::Document {
            let message = "--shape document is of no known form and fits no columns: write it with \
                `ndjson` or `kafka`";
            return Err(Error::new(ErrorKind::Configuration, message));
        }
        self.typed_request()?.check_columns()
    }

    /// The request that is to be made of the first account, if any; refuses what contradicts itself,
    /// before anything is sent or written.
    pub(crate) fn check(&self) -> license_stream::Result<Option<LicenseRequest>> {
        self.accounts.check(self.input.is_some())?;
        if self.accounts.all_accounts && self.request.integration.is_some() {
            let message = "--integration says of one account what it is, and filters nothing: \
                with --all-accounts goes --integration-name";
            return Err(Error::new(ErrorKind::Configuration, message));
        }
        if self.accounts.are_many() && self.request.integration.is_some() {
            let message = "--integration says of one account what it is: of several, it is looked up, or stands \
                in --accounts-file, as `license-stream accounts --json` prints it";
            return Err(Error::new(ErrorKind::Configuration, message));
        }
        if self.accounts.are_many() && !self.is_from_the_first_page() {
            let message = "--cursor leads to a page of one account: name it alone with --account";
            return Err(Error::new(ErrorKind::Configuration, message));
        }
        if self.input.is_some() {
            return Ok(None);
        }
        let message = match self.shape {
            ShapeArg::DeadLetters => "--shape dead-letters goes with --input FILE",
            ShapeArg::Document if self.request.format != FormatArg::Raw => {
                "--shape document goes with --format raw, or with --input FILE"
            }
            _ => return self.typed_request().map(Some),
        };
        Err(Error::new(ErrorKind::Configuration, message))
    }

    /// The request as it was typed, before anything is known of an account.
    fn typed_request(&self) -> license_stream::Result<LicenseRequest> {
        // What each of several takes depends on its integration, where anything will tell that.
        let are_told_apart = self.accounts.are_described() || !self.request.no_lookup;
        match self.accounts.are_many() && are_told_apart {
            true => self.request.request_of_several(),
            false => self.request.request(self.accounts.only()),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ShapeArg {
    /// Told from the first bytes
    Auto,
    /// One license a line
    Lines,
    /// `{"result":[…]}`, keyed or not, one or several; or a bare array
    Envelope,
    /// A JSON text sequence (RFC 7464)
    Sequence,
    /// The whole body is one record, of any form; what --format raw is read as. Not for `parquet`
    Document,
    /// With --input: the records of a file of dead letters, once more
    DeadLetters,
}

impl From<ShapeArg> for Shape {
    fn from(shape: ShapeArg) -> Self {
        match shape {
            // How the records of dead letters come, the source says.
            ShapeArg::Auto | ShapeArg::DeadLetters => Self::Auto,
            ShapeArg::Lines => Self::Lines,
            ShapeArg::Envelope => Self::Envelope,
            ShapeArg::Sequence => Self::Sequence,
            ShapeArg::Document => Self::Document,
        }
    }
}
