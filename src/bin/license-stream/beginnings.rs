//! How an account is begun, wherever its licenses go.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use license_stream::accounts::{Begun, Snapshot};
use license_stream::checkpoint::{Beginning, Checkpoint, Identity};
use license_stream::truto::{LicensePages, LicenseRequest, LicenseSupport, TrutoClient};
use license_stream::{Error, ErrorKind, Integration, Result, printable};

use crate::again::SkipNewer;
use crate::args::OnError;
use crate::export::Export;
use crate::input::{self, Input};
use crate::remarks;
use crate::report::counted;
use crate::screen::say;
use crate::sinks::{Last, Opened, Sinks};
use crate::wanted::Wanted;
use crate::{checkpoints, log, lookup};

/// What the beginning of each account needs.
pub(crate) struct Beginnings<D> {
    pub(crate) export: Export,
    pub(crate) sinks: D,
    pub(crate) client: Option<TrutoClient>,
    /// Integrations whose empty columns were told.
    told: Mutex<HashSet<&'static str>>,
}

impl<D> Beginnings<D> {
    pub(crate) fn new(export: Export, sinks: D, client: Option<TrutoClient>) -> Self {
        Self { export, sinks, client, told: Mutex::default() }
    }
}

impl<D: Sinks> Beginnings<D> {
    /// Begins an account; `attempt` counts how often it was begun anew.
    pub(crate) async fn begin(
        &self,
        wanted: &Wanted,
        attempt: u32,
    ) -> Result<Begun<Input, D::Sink>> {
        if attempt > 0 && self.export.report.is_verbose() && !log::has_info() {
            let account = wanted.id().map(|id| format!("account {id}: ")).unwrap_or_default();
            say!("{account}to be begun anew, because the API answered differently than before");
        }
        let source = &self.export.source;
        let (source, identity) = match &self.client {
            None => {
                let max_record_bytes = self.export.rejects.max_record_bytes.0 as usize;
                (Input::file(source, max_record_bytes), self.identity(None))
            }
            Some(client) => {
                self.check_id(wanted)?;
                if let Some(reason) = self.reason_to_skip(client, wanted, attempt).await? {
                    return Ok(Begun::Skip(reason));
                }
                let request = self.request(client, wanted).await;
                let request = request.map_err(|error| match wanted.id() {
                    // What was typed was right: this is learnt of one account among others.
                    Some(account) if self.export.source.accounts.are_many() => {
                        Error::new(ErrorKind::Refused, error.message().to_owned())
                            .of_account(account)
                    }
                    _ => error,
                })?;
                let identity = self.identity(Some(&request));
                (Input::Api(Box::new(LicensePages::new(client.clone(), request))), identity)
            }
        };
        let key = identity.key().to_owned();
        let as_typed = |error| checkpoints::as_typed(error, &key, &self.sinks.checkpoints());
        let opened = self.sinks.sink(wanted, identity, attempt).await.map_err(as_typed)?;
        let Opened { sink, beginning, journal } = opened;
        if let Beginning::Resumed(checkpoint) = &beginning {
            self.check_rejected(checkpoint).map_err(as_typed)?;
        }
        let mut snapshot = Snapshot::new(beginning.snapshot_id(), source, sink);
        snapshot.account = wanted.account.clone();
        snapshot.resume = beginning.reached();
        snapshot.journal = journal;
        let letters = self.export.letters.as_ref();
        let letters = letters.map(|letters| letters.of_account(wanted.id().map(str::to_owned)));
        snapshot.rejects = input::reject_policy(&self.export.rejects, letters);
        Ok(Begun::Snapshot(Box::new(snapshot)))
    }

    /// What the checkpoint of an account is of, as far as it does not depend on the sinks.
    fn identity(&self, request: Option<&LicenseRequest>) -> Identity {
        let Export { source, rejects, .. } = &self.export;
        checkpoints::identity(source, request)
            .with("max_record_bytes", rejects.max_record_bytes.0)
            .with("max_depth", rejects.max_depth)
    }

    /// Refuses to complete what leaves out records already, where none may be left out.
    fn check_rejected(&self, checkpoint: &Checkpoint) -> Result<()> {
        let Checkpoint { key, snapshot_id, rejected, .. } = checkpoint;
        if *rejected == 0 || self.export.rejects.on_error != OnError::Fail {
            return Ok(());
        }
        let (count, records) = counted(*rejected, "record", "records");
        let message = format!(
            "snapshot {snapshot_id} is unfinished, and {count} {records} that an earlier run rejected are left out \
             of it, which --on-error fail does not allow: finish it with --on-error skip, or begin a new one after \
             `license-stream checkpoint reset --account {key}`"
        );
        Err(Error::new(ErrorKind::Configuration, message).of_account(key.as_str()))
    }

    /// Refuses an account that is listed under what is no id: it is to be part of names of files. What was
    /// typed has been looked at.
    fn check_id(&self, wanted: &Wanted) -> Result<()> {
        let is_plain = |id: &str| {
            let is_part = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
            (1..=100).contains(&id.len()) && id.bytes().all(is_part)
        };
        match wanted.id() {
            Some(id) if self.export.source.accounts.all_accounts && !is_plain(id) => {
                let message =
                    "the API lists an account under this id, which is no UUID: it is not asked for";
                Err(Error::new(ErrorKind::Upstream, message).of_account(printable(id, 100)))
            }
            _ => Ok(()),
        }
    }

    /// Why an account is not read, if it is not. One that is the only one named is not asked about: what
    /// becomes of its request tells as much.
    async fn reason_to_skip(
        &self,
        client: &TrutoClient,
        wanted: &Wanted,
        attempt: u32,
    ) -> Result<Option<String>> {
        if let Some(status) = wanted.listed.and_then(|listed| listed.unfit) {
            return Ok(Some(format!("its status is {status}")));
        }
        // One that this run has begun is not complete.
        if let (Some(skip_newer), 0) = (&self.export.skip_newer, attempt)
            && let Some(reason) = self.reason_not_again(client, wanted, skip_newer).await?
        {
            return Ok(Some(reason));
        }
        let Some(account) = wanted.id().filter(|_| self.export.source.accounts.are_many()) else {
            return Ok(None);
        };
        let support = client.supports_licenses(account).await?;
        Ok((support == LicenseSupport::No).then(|| "it has no licenses".to_owned()))
    }

    /// Why an account is not read again, if it need not be.
    async fn reason_not_again(
        &self,
        client: &TrutoClient,
        wanted: &Wanted,
        skip_newer: &SkipNewer,
    ) -> Result<Option<String>> {
        // What is wrong with it is told where it is asked for, should the account have licenses at all.
        let Ok(request) = self.request(client, wanted).await else { return Ok(None) };
        let identity = self.identity(Some(&request));
        let key = identity.key().to_owned();
        let as_typed = |error| checkpoints::as_typed(error, &key, &self.sinks.checkpoints());
        let last = self.sinks.last(identity).await.map_err(as_typed)?;
        let Some((last, reason)) = last.and_then(|last| {
            let reason = skip_newer.reason(&last)?;
            Some((last, reason))
        }) else {
            return Ok(None);
        };
        Ok(match self.sinks.standing(wanted, &last).await? {
            Last::Complete => Some(reason),
            Last::Unfinished => None,
            Last::Damaged(why) => {
                if !self.export.report.quiet {
                    let newer = skip_newer.text();
                    say!(
                        "warning: account {key} is read again, though its last snapshot {} is newer than {newer}: \
                         it is damaged: {why}",
                        last.snapshot_id
                    );
                }
                None
            }
        })
    }

    /// The request for an account: what is known of it wins over what was typed for all.
    async fn request(&self, client: &TrutoClient, wanted: &Wanted) -> Result<LicenseRequest> {
        let args = &self.export.source.request;
        let integration = match wanted.listed {
            Some(listed) => listed.integration,
            None if args.integration.is_some() || args.no_lookup => None,
            None => {
                let look_up = || lookup::integration_name(client, wanted.id());
                let name = wanted.looked_up.get_or_init(look_up).await;
                name.as_deref().and_then(Integration::by_name)
            }
        };
        // Where there are many, what was typed is for those that take it.
        let listed = integration.filter(|_| self.export.source.accounts.are_many());
        let organization_id = wanted.organization_id.clone();
        let request = args.request_for(wanted.id(), organization_id, wanted.product, listed)?;
        if let Some(integration) = integration {
            request.check_for(integration).map_err(|error| match wanted.id() {
                // Its integration was not typed.
                Some(account) => error.of_account(account),
                None => error,
            })?;
            self.tell_of_columns(integration);
        }
        Ok(request)
    }

    /// Tells which columns stay empty, once for each integration.
    fn tell_of_columns(&self, integration: &'static Integration) {
        let is_told = self.export.report.quiet || self.export.source.request.integration.is_some();
        if is_told {
            return;
        }
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if told.insert(integration.name()) {
            let excluded = &self.export.source.request.excluded_fields;
            let is_wanted = |field: &str| {
                self.sinks.has_column(field) && !excluded.iter().any(|name| name == field)
            };
            remarks::tell_of_null_columns(integration, is_wanted);
            remarks::tell_of_uses(integration, self.sinks.uses());
        }
    }
}
