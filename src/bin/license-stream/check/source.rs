//! Where the licenses would come from: the input, or the token, the accounts, and what these can give.

use std::cell::{Cell, RefCell};

use futures_util::StreamExt;
use license_stream::truto::{AccountFilter, LicenseSupport, TrutoClient};
use license_stream::{Error, ErrorKind, Integration, Result, masked, printable};

use super::Findings;
use crate::args::{ReportArgs, SourceArgs};
use crate::waits::Waits;
use crate::wanted::{Selection, Wanted};

/// How often a request that failed is made again at most, whatever a run may do: somebody waits.
const MOST_RETRIES: u32 = 2;

/// Accounts that are asked about where many are named.
const MOST_ACCOUNTS: usize = 20;

/// The accounts that a run would read, as far as they are known.
#[derive(Debug, Default)]
pub(super) struct Asked {
    pub(super) accounts: Vec<Wanted>,
    /// Whether there may be others.
    pub(super) are_some: bool,
}

pub(super) async fn probe(args: &SourceArgs, findings: &mut Findings) -> Asked {
    if let Err(error) = args.check() {
        findings.failed("source", &error);
        return Asked::default();
    }
    if let Some(path) = &args.input {
        let shown = path.display();
        match std::fs::metadata(path).and_then(|_| std::fs::File::open(path)) {
            _ if args.is_read_once() => findings.good("source", "standard input"),
            Ok(_) => findings.good("source", &format!("{shown} can be read")),
            Err(error) => {
                let message = format!("{shown} cannot be read");
                let error = Error::new(ErrorKind::Configuration, message).caused_by(error);
                findings.failed("source", &error);
            }
        }
        let account = args.accounts.only().map(Into::into);
        return Asked { accounts: vec![Wanted { account, ..Wanted::default() }], are_some: false };
    }
    let (url, token) = (&args.api.base_url, &args.api.token_file);
    let client = match args.api.connection.client_that_tries(MOST_RETRIES, url, token.as_deref()) {
        Ok(client) => client,
        Err(error) => {
            findings.failed("token", &error);
            return Asked::default();
        }
    };
    let api = (url.clone(), token.clone());
    if let Some(error) = findings.known(&api) {
        findings.failed("token", &error);
        return Asked::default();
    }
    findings.look(&format!("token, accounts and licenses, by {}", masked(url)));
    let ReportArgs { quiet, verbose, .. } = findings.report();
    let client = if quiet { client } else { Waits::tell(client, verbose > 0) };
    let (is_told, asked) = (Cell::new(false), RefCell::default());
    let probe = Probe { args, client: &client, is_told, asked };
    if args.accounts.all_accounts {
        probe.listing(findings).await;
    } else if args.accounts.token_account {
        probe.own(findings).await;
    } else {
        probe.named(findings).await;
    }
    probe.asked.into_inner()
}

struct Probe<'a> {
    args: &'a SourceArgs,
    client: &'a TrutoClient,
    /// Whether it was told that the token is taken.
    is_told: Cell<bool>,
    asked: RefCell<Asked>,
}

impl Probe<'_> {
    /// Takes note of an account that is read, or may be.
    fn asks(&self, wanted: Wanted) {
        self.asked.borrow_mut().accounts.push(wanted);
    }

    fn good_token(&self, findings: &Findings) {
        if !self.is_told.replace(true) {
            findings.good("token", &format!("{} takes it", masked(&self.args.api.base_url)));
        }
    }

    /// Tells of what went wrong as of the token, or of the account that it was asked for.
    fn failed(&self, error: &Error, findings: &mut Findings) {
        if matches!(error.kind(), ErrorKind::Unauthorized | ErrorKind::Unreachable) {
            let api = &self.args.api;
            findings.note((api.base_url.clone(), api.token_file.clone()), error);
        }
        let is_of_all = matches!(
            error.kind(),
            ErrorKind::Unauthorized | ErrorKind::Unreachable | ErrorKind::Configuration
        );
        if !is_of_all {
            self.good_token(findings);
        }
        findings.failed(if is_of_all { "token" } else { "accounts" }, error);
    }

    /// All accounts that fit: that there are some, and whether the first has licenses.
    async fn listing(&self, findings: &mut Findings) {
        let filter = self.args.accounts.filter.filter();
        let is_filtered = filter != AccountFilter::default();
        let mut accounts = std::pin::pin!(self.client.accounts(filter));
        match accounts.next().await.transpose() {
            Err(error) => self.failed(&error, findings),
            Ok(None) => {
                self.good_token(findings);
                let which = if is_filtered { "none that fits the filters" } else { "none" };
                findings
                    .warning("accounts", &format!("the API lists {which}: nothing would be read"));
            }
            Ok(Some(account)) => {
                self.good_token(findings);
                findings.good("accounts", "the API lists them");
                let id = printable(&account.id, 100);
                match self.client.supports_licenses(&account.id).await {
                    Err(error) => findings.failed("licenses", &error),
                    Ok(LicenseSupport::Yes) => {
                        findings.good("licenses", &format!("the first account, {id}, has them"));
                    }
                    Ok(LicenseSupport::No) => {
                        let message =
                            format!("the first account, {id}, has none: the run skips such");
                        findings.good("licenses", &message);
                    }
                    Ok(LicenseSupport::Unknown) => unknown(&id, findings),
                }
                self.asks(Wanted::listed(&account, false));
                self.asked.borrow_mut().are_some = true;
            }
        }
    }

    /// The account that the token is scoped to. Such a token may do nothing else but ask for licenses.
    async fn own(&self, findings: &mut Findings) {
        match self.client.account("me").await {
            Err(error) => self.failed(&error, findings),
            Ok(_) => {
                self.good_token(findings);
                findings.good("accounts", "the token's own is known");
                self.asks(Wanted::default());
            }
        }
    }

    /// Each account that was named, up to a number.
    async fn named(&self, findings: &mut Findings) {
        let selection = match Selection::named(&self.args.accounts) {
            Ok(selection) => selection,
            Err(error) => return findings.failed("accounts", &error),
        };
        let is_one = !self.args.accounts.are_many();
        let count = selection.count.unwrap_or_default();
        let mut accounts = selection.accounts.take(MOST_ACCOUNTS);
        while let Some(wanted) = accounts.next().await {
            let wanted = match wanted {
                Ok(wanted) => wanted,
                Err(error) => return findings.failed("accounts", &error),
            };
            if !self.one(wanted, is_one, findings).await {
                self.asked.borrow_mut().are_some = !is_one;
                return;
            }
        }
        let more = count.saturating_sub(MOST_ACCOUNTS as u64);
        if more > 0 {
            self.asked.borrow_mut().are_some = true;
            findings.warning("accounts", &format!("{more} more are named, and were not looked at"));
        }
    }

    /// Whether the account is there, is asked as its integration wants, and has licenses. Whether it makes sense to
    /// look at others is the answer.
    async fn one(&self, mut wanted: Wanted, is_one: bool, findings: &mut Findings) -> bool {
        let id = &*wanted.id().unwrap_or_default().to_owned();
        let found = match self.client.account(id).await {
            Ok(found) => found,
            Err(error) if error.kind() == ErrorKind::Forbidden => {
                self.good_token(findings);
                findings
                    .warning("accounts", "the token may not look at accounts: the run will tell");
                self.asks(wanted);
                return false;
            }
            Err(error) => {
                self.failed(&error, findings);
                return !matches!(error.kind(), ErrorKind::Unauthorized | ErrorKind::Unreachable);
            }
        };
        self.good_token(findings);
        let name = found.integration_name().map(|name| format!(", {}", printable(name, 60)));
        let known = format!("{id} is known{}", name.unwrap_or_default());
        let status = found.status.as_deref().map(|status| printable(status, 60));
        let integration = found.integration_name().and_then(Integration::by_name);
        // As the run would find it.
        if self.args.request.integration.is_none() && !self.args.request.no_lookup {
            wanted.integration_name = found.integration_name().map(Into::into);
        }
        if let Err(error) = self.check_request(id, integration.filter(|_| is_one)) {
            findings.failed("accounts", &error);
        } else if let Some(status) = status.filter(|status| status != "active") {
            findings.warning("accounts", &format!("{known}, and its status is {status}"));
        } else {
            findings.good("accounts", &known);
        }
        match self.client.supports_licenses(id).await {
            Err(error) => findings.failed("licenses", &error),
            Ok(LicenseSupport::Yes) => findings.good("licenses", &format!("{id} has them")),
            Ok(LicenseSupport::No) if is_one => {
                let message = "its integration has no licenses";
                findings
                    .failed("licenses", &Error::new(ErrorKind::Refused, message).of_account(id));
            }
            Ok(LicenseSupport::No) => {
                findings.warning("licenses", &format!("{id} has none, and is skipped"));
                return true;
            }
            Ok(LicenseSupport::Unknown) => unknown(id, findings),
        }
        self.asks(wanted);
        true
    }

    fn check_request(&self, id: &str, integration: Option<&'static Integration>) -> Result<()> {
        let request = &self.args.request;
        match integration.filter(|_| !request.no_lookup) {
            Some(integration) => {
                let request = request.request(Some(id))?;
                request.check_for(integration).map_err(|error| error.of_account(id))
            }
            None => Ok(()),
        }
    }
}

fn unknown(id: &str, findings: &Findings) {
    findings.warning("licenses", &format!("whether {id} has them is not told: the run will tell"));
}
