//! Which accounts.

use std::path::PathBuf;

use clap::Args as ClapArgs;
use license_stream::accounts::DEFAULT_CONCURRENCY;
use license_stream::truto::{AccountFilter, AccountStatus};
use license_stream::{Error, ErrorKind, Result};

/// Which accounts are read, and how many at once.
#[derive(Debug, ClapArgs)]
#[command(next_help_heading = "Accounts")]
pub(crate) struct AccountArgs {
    /// Integrated account whose licenses are wanted, a UUID; may be repeated. With --input, the one they
    /// are from
    #[arg(long = "account", value_name = "UUID", value_parser = account)]
    pub(crate) accounts: Vec<String>,
    /// Read the one account that the API token is scoped to, without naming it
    #[arg(long, conflicts_with_all = ["accounts", "accounts_file", "all_accounts", "input"])]
    pub(crate) token_account: bool,
    /// Read the accounts that are named in a file, or on standard input for `-`: a UUID a line, or a
    /// line as `license-stream accounts --json` prints it, to which organization_id and product may be
    /// added. Lines that begin with # say nothing. Those that have no licenses are skipped
    #[arg(long, value_name = "FILE", conflicts_with_all = ["all_accounts", "input"])]
    pub(crate) accounts_file: Option<PathBuf>,
    /// Read all accounts that the token can see, that fit the filters, and that have licenses. Without
    /// --status, those that are known not to be active are skipped, and named in the summary
    #[arg(long, conflicts_with_all = ["accounts", "input"])]
    pub(crate) all_accounts: bool,
    #[command(flatten)]
    pub(crate) filter: FilterArgs,
    /// Accounts that are read at once at most. Memory is shared among them; into Parquet there are no
    /// more than --row-group-bytes has shares of 2 MiB, or 8
    #[arg(long, value_name = "N", default_value_t = DEFAULT_CONCURRENCY as u64,
        value_parser = clap::value_parser!(u64).range(1..=256))]
    pub(crate) concurrency: u64,
    /// End the run with the first account that fails; otherwise only a token that is refused does
    #[arg(long)]
    pub(crate) fail_fast: bool,
}

impl AccountArgs {
    /// The account, where it is the only one that was typed.
    pub(crate) fn only(&self) -> Option<&str> {
        match self.accounts.as_slice() {
            [account] if self.accounts_file.is_none() => Some(account),
            _ => None,
        }
    }

    /// Whether the summary is one of many accounts, be they none or one in the end.
    pub(crate) fn are_many(&self) -> bool {
        self.accounts.len() > 1 || self.accounts_file.is_some() || self.all_accounts
    }

    /// Whether something is known of accounts before they are asked for: they are listed, or a file may say it.
    pub(crate) fn are_described(&self) -> bool {
        self.all_accounts || self.accounts_file.is_some()
    }

    /// How many accounts are read at once.
    pub(crate) fn at_once(&self) -> u64 {
        if !self.are_many() {
            1
        } else if self.accounts_file.is_none() && !self.all_accounts {
            self.concurrency.min(self.accounts.len() as u64)
        } else {
            self.concurrency
        }
    }

    /// Refuses what contradicts itself.
    pub(crate) fn check(&self, has_input: bool) -> Result<()> {
        let is_one = has_input || self.token_account;
        let message = if !is_one && !self.are_many() && self.accounts.is_empty() {
            "no account: name one with --account UUID, or several by repeating it; a file of them with \
             --accounts-file FILE; take all of them with --all-accounts, or the one that the token is \
             scoped to with --token-account. A recorded body is read with --input FILE"
        } else if has_input && self.accounts.len() > 1 {
            "--input is from one account: name no more than one --account"
        } else if !self.all_accounts && self.filter.filter() != AccountFilter::default() {
            "--tenant, --status, --integration-name, --sandbox and --environment go with \
             --all-accounts"
        } else if !has_input && self.accounts.iter().any(|account| !is_uuid(account)) {
            "--account: an account is a UUID in five groups, as `license-stream accounts` lists them"
        } else {
            return Ok(());
        };
        Err(Error::new(ErrorKind::Configuration, message))
    }
}

/// An account by its one name: the case of its letters makes no other UUID, but another key, file and checkpoint.
pub(crate) fn account(text: &str) -> Result<String, std::convert::Infallible> {
    Ok(if is_uuid(text) { text.to_ascii_lowercase() } else { text.to_owned() })
}

/// Whether the API can know an account by this name: UUIDs have other spellings too.
pub(crate) fn is_uuid(account: &str) -> bool {
    const HYPHENATED: usize = 36;
    account.len() == HYPHENATED && uuid::Uuid::parse_str(account).is_ok()
}

/// Which of the accounts that are listed.
#[derive(Debug, ClapArgs)]
#[command(next_help_heading = "Filters")]
pub(crate) struct FilterArgs {
    /// Only accounts of this tenant, as their tenant_id says; may be repeated
    #[arg(long = "tenant", value_name = "ID", value_parser = listable)]
    tenants: Vec<String>,
    /// Only accounts of this status: active, connecting, post_install_error, validation_error or
    /// needs_reauth; may be repeated
    #[arg(long = "status", value_name = "STATUS")]
    pub(crate) statuses: Vec<AccountStatus>,
    /// Only accounts of this integration, by its name, such as github, as `license-stream accounts` shows
    /// it; may be repeated
    #[arg(long = "integration-name", value_name = "NAME", value_parser = listable)]
    integrations: Vec<String>,
    /// Only sandbox accounts
    #[arg(long, conflicts_with = "no_sandbox")]
    sandbox: bool,
    /// No sandbox accounts
    #[arg(long)]
    no_sandbox: bool,
    /// Only accounts of this environment, as their environment_id says; may be repeated
    #[arg(long = "environment", value_name = "ID", value_parser = listable)]
    environments: Vec<String>,
}

impl FilterArgs {
    pub(crate) fn filter(&self) -> AccountFilter {
        let mut filter = AccountFilter::default();
        filter.tenants.clone_from(&self.tenants);
        filter.statuses.clone_from(&self.statuses);
        filter.integrations.clone_from(&self.integrations);
        filter.sandbox = (self.sandbox || self.no_sandbox).then_some(self.sandbox);
        filter.environments.clone_from(&self.environments);
        filter
    }
}

/// A value that can stand in a list of the API's, which knows no way to write a comma in one.
fn listable(value: &str) -> Result<String, &'static str> {
    match value {
        "" => Err("an empty value would be no filter"),
        value if value.contains(',') => {
            Err("several values are given by repeating the flag, not by commas")
        }
        value => Ok(value.to_owned()),
    }
}

const ACCOUNTS_EXAMPLES: &str = "\
Examples:
  license-stream accounts --status needs_reauth
  license-stream accounts --integration-name github --json >accounts.ndjson
  license-stream parquet --accounts-file accounts.ndjson --out lake/licenses

The table shortens long values; --json has all of them, one account a line. The settings that an
account has in Truto (its context) are never read.";

/// `license-stream accounts`
#[derive(Debug, ClapArgs)]
#[command(after_help = ACCOUNTS_EXAMPLES)]
pub(crate) struct AccountsArgs {
    /// Print each account as a JSON object, one a line
    #[arg(long)]
    pub(crate) json: bool,
    /// Say nothing but errors
    #[arg(long, short)]
    pub(crate) quiet: bool,
    /// Say all that is waited for, and what is asked for again; otherwise waits of a second or more
    #[arg(long, short, conflicts_with = "quiet", overrides_with = "verbose")]
    pub(crate) verbose: bool,
    #[command(flatten)]
    pub(crate) filter: FilterArgs,
    #[command(flatten)]
    pub(crate) api: super::ApiArgs,
}
