//! Accounts that behave alike.

use std::num::NonZeroU64;

use serde::{Deserialize, Deserializer, de};

use super::delivery::SimulatedFraming;
use super::encoding::SimulatedEncoding;
use super::{Fault, MAX_CHUNK_BYTES, SimulatedShape};
use crate::Integration;

/// Some accounts, what they hold, how it is sent, and what goes wrong.
///
/// ```
/// use license_stream::simulate::{AccountGroup, Fault, Simulator};
///
/// let simulator = Simulator::new().with_groups([
///     AccountGroup { count: 100, ..AccountGroup::default() },
///     AccountGroup {
///         integration: Some("GitHub".to_owned()),
///         faults: vec![Fault::status(503).times(1)],
///         ..AccountGroup::default()
///     },
/// ]);
/// assert_eq!(simulator.account_ids().count(), 101);
/// ```
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AccountGroup {
    /// How many there are, with ids that follow from the seed.
    pub count: u64,
    /// The ids of the accounts, in place of `count`.
    pub ids: Vec<String>,
    /// The integration that they belong to, by its name in `schemas/integrations.json`, of which letters
    /// and digits are compared: it decides which
    /// fields the licenses have and which parameters are required. A mixture of all, which requires
    /// none, if it is not given.
    #[serde(deserialize_with = "integration")]
    pub integration: Option<String>,
    /// Their `tenant_id`; one for each account if it is not given.
    pub tenant: Option<String>,
    /// Their `environment_id`.
    pub environment: String,
    /// Their status: `active` unless another is given. The licenses of accounts that are `needs_reauth`
    /// are refused with 401, as the provider's error.
    pub status: String,
    /// Whether they are sandboxes.
    pub sandbox: bool,
    /// Whether their capabilities name licenses; if not, requests for these are refused with 405.
    pub licenses: bool,
    /// How many licenses each has.
    pub records: u64,
    /// How licenses stand in the body of a stream.
    pub shape: SimulatedShape,
    /// Most licenses that one request is answered with.
    pub page_records: Option<NonZeroU64>,
    /// The cursor stands before the licenses, not behind them.
    pub cursor_first: bool,
    /// The `result` of envelopes is called `results`.
    pub results: bool,
    /// Envelopes have members that no reader knows.
    pub unknown_members: bool,
    /// Licenses have fields that no schema knows.
    pub unknown_fields: bool,
    /// The size of chunks, from 1 byte to 16 MiB.
    pub chunk_bytes: usize,
    /// How fast bodies are sent; as fast as they are read if it is not given.
    pub bytes_per_second: Option<NonZeroU64>,
    /// How the end of a stream's body is told.
    pub framing: SimulatedFraming,
    /// What bodies of licenses are compressed with.
    pub encoding: SimulatedEncoding,
    /// What goes wrong.
    pub faults: Vec<Fault>,
}

/// The name of one that there is, as the documentation spells it.
fn integration<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let Some(name) = Option::<String>::deserialize(deserializer)? else { return Ok(None) };
    match Integration::by_name(&name) {
        Some(integration) => Ok(Some(integration.name().to_owned())),
        None => Err(de::Error::custom(format_args!(
            "no integration is called `{}`: see `license-stream integrations`",
            name.escape_debug()
        ))),
    }
}

impl Default for AccountGroup {
    fn default() -> Self {
        AccountGroup {
            count: 1,
            ids: Vec::new(),
            integration: None,
            tenant: None,
            environment: "00000000-0000-4000-8000-000000000001".to_owned(),
            status: "active".to_owned(),
            sandbox: false,
            licenses: true,
            records: 1000,
            shape: SimulatedShape::default(),
            page_records: None,
            cursor_first: false,
            results: false,
            unknown_members: false,
            unknown_fields: false,
            chunk_bytes: 64 * 1024,
            bytes_per_second: None,
            framing: SimulatedFraming::default(),
            encoding: SimulatedEncoding::default(),
            faults: Vec::new(),
        }
    }
}

impl AccountGroup {
    /// How many accounts it has.
    pub fn accounts(&self) -> u64 {
        if self.ids.is_empty() { self.count } else { self.ids.len() as u64 }
    }

    /// The size of chunks, within what is allowed.
    pub(super) fn chunk_bytes(&self) -> usize {
        self.chunk_bytes.clamp(1, MAX_CHUNK_BYTES)
    }
}
