//! Where the licenses would come from: the input, or the token and the account.

use futures_util::StreamExt;
use license_stream::truto::{AccountFilter, LicenseSupport, TrutoClient};
use license_stream::{Error, ErrorKind, Integration, Result};

use super::Findings;
use crate::args::SourceArgs;

pub(super) async fn probe(args: &SourceArgs, findings: &mut Findings) {
    if let Err(error) = args.check() {
        return findings.failed("source", &error);
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
        return;
    }
    let client =
        match args.api.connection.client(&args.api.base_url, args.api.token_file.as_deref()) {
            Ok(client) => client,
            Err(error) => return findings.failed("source", &error),
        };
    match ask(args, &client).await {
        Ok(message) => findings.good("source", &message),
        Err(error) => findings.failed("source", &error),
    }
}

/// Of the account, where there is one, and of the listing otherwise.
async fn ask(args: &SourceArgs, client: &TrutoClient) -> Result<String> {
    let base_url = &args.api.base_url;
    if let Some(account) = args.accounts.only() {
        return ask_of(args, client, account).await;
    }
    if args.accounts.token_account {
        // Such a token may do nothing else but ask for licenses.
        client.account("me").await?;
        return Ok(format!("{base_url} takes the token, and knows its account"));
    }
    let filter = match args.accounts.all_accounts {
        true => args.accounts.filter.filter(),
        false => AccountFilter::default(),
    };
    let mut accounts = std::pin::pin!(client.accounts(filter));
    match accounts.next().await.transpose()? {
        Some(_) => Ok(format!("{base_url} takes the token, and lists accounts")),
        None => Ok(format!("{base_url} takes the token, and lists no account")),
    }
}

/// Whether the account is there, has licenses, and is asked for them as its integration wants.
async fn ask_of(args: &SourceArgs, client: &TrutoClient, account: &str) -> Result<String> {
    let base_url = &args.api.base_url;
    let found = match client.account(account).await {
        Ok(found) => found,
        Err(error) if error.kind() == ErrorKind::Forbidden => {
            return Ok(format!("{base_url} takes the token, which may not look at accounts"));
        }
        Err(error) => return Err(error),
    };
    let integration = found.integration_name().and_then(Integration::by_name);
    if let (Some(integration), false) = (integration, args.request.no_lookup) {
        let request = args.request.request(Some(account))?;
        request.check_for(integration).map_err(|error| error.of_account(account))?;
    }
    match client.supports_licenses(account).await? {
        LicenseSupport::No => {
            let message = "its integration has no licenses";
            Err(Error::new(ErrorKind::Refused, message).of_account(account))
        }
        _ => Ok(format!("{base_url} takes the token, and knows account {account}")),
    }
}
