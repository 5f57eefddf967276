//! Which accounts are read, from what was typed: flags, a file, or the API's own list.

use std::collections::{BTreeSet, HashMap};
use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::Path;
use std::sync::Arc;

use clap::ValueEnum;
use futures_util::stream::BoxStream;
use futures_util::{StreamExt, TryStreamExt, stream};
use license_stream::integration::Integration;
use license_stream::truto::{AccountStatus, IntegratedAccount, Product, TrutoClient};
use license_stream::{Error, ErrorKind, Result};
use serde_json::Value;
use tokio::sync::{OnceCell, mpsc};
use tracing::Instrument;

use crate::args::{AccountArgs, ProductArg, account, is_uuid, typed_name};
use crate::screen::say;

/// Accounts that are listed ahead of what is read: a cursor that is used long after it was given may
/// have ended.
const LISTED_AHEAD: usize = 10_000;

/// Longest line of a file of accounts, in bytes.
const MAX_LINE: u64 = 64 << 10;

/// An account that is wanted, and what is known of it.
#[derive(Debug, Default)]
pub(crate) struct Wanted {
    /// Its id; `None` where none was typed.
    pub(crate) account: Option<Arc<str>>,
    /// For this account in place of what was typed for all.
    pub(crate) organization_id: Option<String>,
    pub(crate) product: Option<Product>,
    /// What it is connected to, by the name that the API's list has for it.
    pub(crate) integration_name: Option<Arc<str>>,
    /// What else the API's list says, if it is from there, or from a file that was made of it.
    pub(crate) listed: Option<Listed>,
    /// What a look-up of its integration found, once one was made: its name.
    pub(crate) looked_up: OnceCell<Option<Arc<str>>>,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Listed {
    pub(crate) integration: Option<&'static Integration>,
    /// A status in which licenses cannot be asked for, unless accounts of it were.
    pub(crate) unfit: Option<AccountStatus>,
}

/// The accounts, and how many there are where that is known before they are listed.
pub(crate) struct Selection {
    pub(crate) accounts: BoxStream<'static, Result<Wanted>>,
    pub(crate) count: Option<u64>,
}

impl Selection {
    /// Those that were named, each once. Whoever writes to a pipe may take their time, and is waited for with the
    /// first account.
    pub(crate) fn named(args: &AccountArgs) -> Result<Self> {
        let (typed, file) = (args.accounts.clone(), args.accounts_file.clone());
        if file.as_deref().is_some_and(may_wait) {
            let read = tokio::task::spawn_blocking(move || gather(&typed, file.as_deref()));
            let accounts = async move {
                let accounts = read.await.map_err(|error| {
                    let message = "reading the accounts did not end";
                    Error::new(ErrorKind::Internal, message).caused_by(error)
                })??;
                Ok::<_, Error>(stream::iter(accounts.into_iter().map(Ok)))
            };
            return Ok(Self {
                accounts: stream::once(accounts).try_flatten().boxed(),
                count: None,
            });
        }
        let mut accounts = gather(&typed, file.as_deref())?;
        if accounts.is_empty() && !args.are_many() {
            // The token's own, or that of the input.
            accounts.push(Wanted::default());
        }
        let count = Some(accounts.len() as u64);
        Ok(Self { accounts: stream::iter(accounts.into_iter().map(Ok)).boxed(), count })
    }

    /// Those that the API lists and the filters take.
    pub(crate) fn listed(args: &AccountArgs, client: &TrutoClient) -> Self {
        let listing = client.accounts(args.filter.filter());
        let any_status = !args.filter.statuses.is_empty();
        let (sender, receiver) = mpsc::channel(LISTED_AHEAD);
        let list = async move {
            let mut listing = std::pin::pin!(listing);
            while let Some(account) = listing.next().await {
                let wanted = account.map(|account| Wanted::listed(&account, any_status));
                if sender.send(wanted).await.is_err() {
                    return;
                }
            }
        };
        tokio::spawn(list.in_current_span());
        let accounts = stream::unfold(receiver, |mut receiver| async {
            receiver.recv().await.map(|wanted| (wanted, receiver))
        });
        Self { accounts: accounts.boxed(), count: None }
    }
}

impl Wanted {
    pub(crate) fn listed(listed: &IntegratedAccount, any_status: bool) -> Self {
        let status = listed.status.as_deref().and_then(|status| status.parse().ok());
        let unfit = status.filter(|status| !any_status && *status != AccountStatus::Active);
        let integration = listed.integration_name().and_then(Integration::by_name);
        let Ok(id) = account(&listed.id);
        Self {
            account: Some(id.into()),
            integration_name: listed.integration_name().map(Arc::from),
            listed: Some(Listed { integration, unfit }),
            ..Self::default()
        }
    }

    /// Whether the same is asked for.
    fn is_asked_as(&self, other: &Self) -> bool {
        (&self.organization_id, self.product) == (&other.organization_id, other.product)
    }

    /// The name of its integration, as the API has it, if that is known by now.
    pub(crate) fn known_name(&self) -> Option<Arc<str>> {
        self.integration_name.clone().or_else(|| self.looked_up.get()?.clone())
    }

    /// The same, or else as it was `typed`.
    pub(crate) fn name_or(&self, typed: Option<&'static Integration>) -> Option<Arc<str>> {
        self.known_name().or_else(|| typed.map(typed_name))
    }

    /// The account's id for names and messages.
    pub(crate) fn id(&self) -> Option<&str> {
        self.account.as_deref()
    }
}

/// A line of a file of accounts. What else `license-stream accounts --json` prints is passed over: an account
/// whose status was known then may have another one by now.
#[derive(Default)]
struct Line {
    id: String,
    organization_id: Option<String>,
    product: Option<String>,
    /// Any value, as in the list.
    integration: Value,
}

impl Line {
    fn of_json(line: &str) -> Result<Self, String> {
        let value: Value = serde_json::from_str(line).map_err(|error| {
            format!("this begins as JSON and is none, at column {}", error.column())
        })?;
        let text = |name: &str| match &value[name] {
            Value::Null => Ok(None),
            Value::String(text) => Ok(Some(text.clone())),
            _ => Err(format!("`{name}` is a text")),
        };
        let id = match (text("id")?, text("account")?) {
            (Some(_), Some(_)) => {
                return Err("an account is named by `id` or by `account`".to_owned());
            }
            (id, account) => id.or(account).ok_or("a JSON object has the account as its `id`")?,
        };
        let (organization_id, product) = (text("organization_id")?, text("product")?);
        if organization_id.as_deref().is_some_and(|text| text.trim().is_empty()) {
            return Err("the `organization_id` is empty: set it or leave it out".to_owned());
        }
        if organization_id.is_some() && product.is_some() {
            let what =
                "no integration takes both an `organization_id` and a `product`: leave one out";
            return Err(what.to_owned());
        }
        Ok(Self { id, organization_id, product, integration: value["integration"].clone() })
    }
}

/// Whether a file of accounts may be read to its end later than now.
fn may_wait(path: &Path) -> bool {
    path.as_os_str() == "-" || path.metadata().is_ok_and(|file| !file.is_file())
}

fn gather(typed: &[String], file: Option<&Path>) -> Result<Vec<Wanted>> {
    let mut accounts = Vec::new();
    for account in typed {
        accounts.push(Wanted { account: Some(account.as_str().into()), ..Wanted::default() });
    }
    if let Some(path) = file {
        read(path, &mut accounts)?;
    }
    each_once(accounts)
}

fn read(path: &Path, accounts: &mut Vec<Wanted>) -> Result<()> {
    let unreadable = |error: io::Error| {
        let message = format!("--accounts-file {} cannot be read", path.display());
        Error::new(ErrorKind::Configuration, message).caused_by(error)
    };
    let mut reader: Box<dyn BufRead> = if path.as_os_str() == "-" {
        Box::new(io::stdin().lock())
    } else {
        Box::new(BufReader::new(File::open(path).map_err(unreadable)?))
    };
    for number in 1_u64.. {
        let mut line = String::new();
        let length =
            io::Read::take(&mut reader, MAX_LINE).read_line(&mut line).map_err(unreadable)?;
        if length == 0 {
            break;
        }
        let wrong = |what: &str| {
            let message = format!("--accounts-file {}, line {number}: {what}", path.display());
            Error::new(ErrorKind::Configuration, message)
        };
        if length as u64 == MAX_LINE {
            return Err(wrong("line is longer than 64 KiB"));
        }
        // Some editors begin a file with a byte order mark.
        match line.trim_start_matches('\u{feff}').trim() {
            "" => {}
            line if line.starts_with('#') => {}
            line => accounts.push(parse(line).map_err(|what| wrong(&what))?),
        }
    }
    Ok(())
}

/// The names of the integrations in a file of accounts, by the accounts' ids in lower case, as far as it says them.
pub(crate) fn integration_names(path: &Path) -> Result<HashMap<String, String>> {
    let mut accounts = Vec::new();
    read(path, &mut accounts)?;
    let named = accounts.iter().filter_map(|account| {
        Some((account.id()?.to_ascii_lowercase(), account.integration_name.as_deref()?.to_owned()))
    });
    Ok(named.collect())
}

fn parse(line: &str) -> Result<Wanted, String> {
    let line = match line.starts_with('{') {
        true => Line::of_json(line)?,
        false => Line { id: line.to_owned(), ..Line::default() },
    };
    if !is_uuid(&line.id) {
        return Err("an account is a UUID in five groups".to_owned());
    }
    let product = line.product.map(|product| {
        ProductArg::from_str(&product, false)
            .map(Product::from)
            .map_err(|_| "`product` is azure_active_directory or onedrive".to_owned())
    });
    let Ok(id) = account(&line.id);
    let integration_name = line.integration["name"].as_str();
    let integration = integration_name.and_then(Integration::by_name);
    Ok(Wanted {
        account: Some(id.into()),
        organization_id: line.organization_id,
        product: product.transpose()?,
        listed: integration.map(|it| Listed { integration: Some(it), unfit: None }),
        looked_up: OnceCell::new(),
        integration_name: integration_name.map(Arc::from),
    })
}

/// Drops those that were named before, and says which.
fn each_once(accounts: Vec<Wanted>) -> Result<Vec<Wanted>> {
    let mut seen: HashMap<Option<String>, usize> = HashMap::new();
    let mut once: Vec<Wanted> = Vec::with_capacity(accounts.len());
    let mut doubles = BTreeSet::new();
    for account in accounts {
        let name = account.id().map(str::to_owned);
        match seen.get(&name) {
            None => {
                seen.insert(name, once.len());
                once.push(account);
            }
            Some(first) if once[*first].is_asked_as(&account) => {
                doubles.extend(name);
            }
            Some(_) => {
                let message = "an account is named twice, with another organization_id or product: \
                    read it in two runs";
                let id = account.id().unwrap_or_default();
                return Err(Error::new(ErrorKind::Configuration, message).of_account(id));
            }
        }
    }
    let more = match doubles.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!(", and {more} more"),
    };
    let named: Vec<_> = doubles.iter().take(NAMED).map(String::as_str).collect();
    match named.as_slice() {
        [] => {}
        [account] => say!("account {account} is named more than once: it is read once"),
        named => {
            say!(
                "accounts are named more than once, and read once each: {}{more}",
                named.join(", ")
            );
        }
    }
    Ok(once)
}

/// Accounts that are named more than once and that people are told the ids of.
const NAMED: usize = 10;

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "62f44730-dd91-461e-bd6a-aedd9e0ad79d";

    #[test]
    fn a_line_is_an_id_or_an_object_that_has_one() {
        let read = |line: &str| parse(line).map(|wanted| (wanted.organization_id, wanted.product));
        let object = |rest: &str| format!("{{\"id\":\"{ID}\"{rest}}}");
        assert_eq!(parse(ID).unwrap().id(), Some(ID));
        assert_eq!(read(ID), Ok((None, None)));
        let listed = object(r#","status":"active","is_sandbox":false,"integration":{"name":"x"}"#);
        assert_eq!(read(&listed), Ok((None, None)));
        let organization = object(r#","organization_id":"o""#);
        assert_eq!(read(&organization), Ok((Some("o".to_owned()), None)));
        let product = format!(r#"{{"account":"{ID}","product":"onedrive"}}"#);
        assert_eq!(read(&product), Ok((None, Some(Product::OneDrive))));
        let integration = |line: &str| {
            parse(line).unwrap().listed.and_then(|listed| listed.integration).map(Integration::name)
        };
        assert_eq!(integration(&object(r#","integration":{"name":"github"}"#)), Some("GitHub"));
        assert_eq!((integration(&listed), integration(ID)), (None, None));
        let simple = ID.replace('-', "");
        for wrong in ["a", "{}", r#"{"id":"a"}"#, &simple, &object(r#","product":"word""#)] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn each_mistake_of_a_line_is_told_as_what_it_is() {
        let object = |rest: &str| format!("{{\"id\":\"{ID}\"{rest}}}");
        for (line, what) in [
            ("{\"id\": }".to_owned(), "this begins as JSON and is none, at column 8"),
            ("{\"status\":\"active\"}".to_owned(), "a JSON object has the account as its `id`"),
            ("{\"id\":7}".to_owned(), "`id` is a text"),
            (object(r#","organization_id":7"#), "`organization_id` is a text"),
            (
                object(r#","organization_id":" ""#),
                "the `organization_id` is empty: set it or leave it out",
            ),
            (
                object(r#","organization_id":"o","product":"onedrive""#),
                "no integration takes both an `organization_id` and a `product`: leave one out",
            ),
            (object(r#","product":"word""#), "`product` is azure_active_directory or onedrive"),
            (object(r#","account":"b""#), "an account is named by `id` or by `account`"),
        ] {
            assert_eq!(parse(&line).unwrap_err(), what, "{line}");
        }
    }

    #[test]
    fn an_account_is_read_once() {
        let wanted = |id: &str, organization: Option<&str>| Wanted {
            account: Some(id.into()),
            organization_id: organization.map(str::to_owned),
            ..Wanted::default()
        };
        let named = ["a", "b", "a"].map(|id| wanted(id, None));
        let once = each_once(named.into());
        let ids: Vec<_> = once.unwrap().iter().map(|it| it.id().unwrap().to_owned()).collect();
        assert_eq!(ids, ["a", "b"]);
        let error = each_once(vec![wanted("a", None), wanted("a", Some("o"))]).unwrap_err();
        assert_eq!(error.account(), Some("a"));
    }

    #[test]
    fn an_account_has_one_name_in_whatever_case_it_is_typed() {
        let capitals = ID.to_ascii_uppercase();
        assert_ne!(capitals, ID);
        assert_eq!(account(&capitals), Ok(ID.to_owned()));
        for line in [capitals.clone(), format!("{{\"id\":\"{capitals}\"}}")] {
            assert_eq!(parse(&line).unwrap().id(), Some(ID), "{line}");
        }
        let listed = serde_json::from_str(&format!("{{\"id\":\"{capitals}\"}}")).unwrap();
        assert_eq!(Wanted::listed(&listed, false).id(), Some(ID));
        // Of an input it may be any name.
        assert_eq!(account("Name"), Ok("Name".to_owned()));
    }
}
