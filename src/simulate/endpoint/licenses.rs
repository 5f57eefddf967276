//! `GET /unified/user-directory/licenses`

use super::requirements;
use crate::simulate::accounts::Account;
use crate::simulate::answer::{Answer, Refusal};
use crate::simulate::body::Body;
use crate::simulate::content::Content;
use crate::simulate::delivery::{Delivery, SimulatedFraming};
use crate::simulate::fault::{Fault, FaultEndpoint, Refuse, Strikes, Struck, Visit};
use crate::simulate::page::Pager;
use crate::simulate::request::Request;
use crate::simulate::wire::Wire;
use crate::simulate::world::{World, changed, count};
use crate::simulate::{SimulatedShape, Simulator};

/// Licenses of a page that is no stream, if the account has no page size of its own. Truto's own is not
/// published.
const PAGE_RECORDS: u64 = 1000;

/// `truto_response_format`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    Stream,
    /// `unified`, and `normalized`, whose difference is not published: it is played the same.
    Unified,
    Raw,
}

impl Format {
    fn of(request: &Request) -> Result<Self, Refusal> {
        match request.given("truto_response_format").unwrap_or("unified") {
            "stream" => Ok(Self::Stream),
            "unified" | "normalized" => Ok(Self::Unified),
            "raw" => Ok(Self::Raw),
            format => Err(Refusal::new(
                400,
                format!(
                    "truto_response_format is unified, raw, normalized or stream, not {format}"
                ),
            )),
        }
    }
}

pub(super) fn answer(
    request: &Request,
    account: &Account<'_>,
    world: &World,
) -> Result<Answer, Refusal> {
    let group = account.group;
    let format = Format::of(request)?;
    if group.status == "needs_reauth" {
        let refuse = Refuse::new(401).remote();
        return Ok(refuse.with_message("the account has to be connected again").answer());
    }
    if !group.licenses {
        return Err(Refusal::new(405, "the account's integration has no licenses"));
    }
    requirements::check(request, account)?;
    let excluded = excluded(request)?;
    let wire = form(request, format, Wire::of(group))?;
    let limit = limit(request)?;
    let cursor = request.given("next_cursor");
    let seed = world.simulator.scenario.seed;
    let pager = |records, wire: &Wire| Pager::new(seed, &account.id, records, wire, limit);
    // Before the faults, so that they count no request that is a mistake anyway.
    let unknown = || Refusal::new(400, "next_cursor is none that this account's pages bear");
    if let Some(cursor) = cursor {
        // However many licenses there are by now.
        pager(u64::MAX, &wire).page(cursor).ok_or_else(unknown)?;
    }

    let page = Some(cursor.unwrap_or_default());
    let number = Some(account.number);
    let fate = world.strike(&group.faults, FaultEndpoint::Licenses, number, page, request);
    if let Some(instead) = fate.instead {
        return Ok(instead);
    }
    let wire = wire.with_faults(&fate.struck);
    let pager = pager(count(group.records, &fate.struck), &wire);
    let page = match cursor {
        None => pager.first_page(),
        Some(cursor) => pager.page(cursor).ok_or_else(unknown)?,
    };
    let licenses = changed(account.licenses(seed), &fate.struck);
    let licenses = excluded.iter().fold(licenses, |licenses, field| licenses.without_field(field));
    let body = Body::new(licenses, pager, page, &wire);
    let shape = body.shape();
    let delivery = Delivery {
        framing: if format == Format::Stream { group.framing } else { SimulatedFraming::Length },
        encoding: group.encoding.choose(request.header("accept-encoding")),
        chunk_bytes: group.chunk_bytes(),
        bytes_per_second: group.bytes_per_second,
        hold: world.simulator.hold,
        ..Delivery::whole()
    };
    let content = Content::Licenses(Box::new(body));
    let answer = Answer::stream(shape, content, delivery.with_faults(&fate.struck));
    Ok(match format {
        Format::Stream => answer,
        Format::Unified => answer.with_content_type("application/json; charset=utf-8"),
        Format::Raw => answer.with_content_type("application/json").without_shape(),
    })
}

/// The body that answers the first request for an account's licenses, as a stream.
pub(in crate::simulate) fn first_body(simulator: &Simulator, account: &Account<'_>) -> Body {
    let seed = simulator.scenario.seed;
    let visit =
        Visit { seed, account: account.number, endpoint: FaultEndpoint::Licenses, page: Some("") };
    let strikes = Strikes::default();
    let faults: &[Fault] = &account.group.faults;
    let struck: Vec<Struck<'_>> = strikes.strike(faults, visit);
    let wire = Wire::of(account.group).with_faults(&struck);
    let pager = Pager::new(seed, &account.id, account.group.records, &wire, None);
    let page = pager.first_page();
    Body::new(account.licenses(seed), pager, page, &wire)
}

/// The fields that are left out.
fn excluded(request: &Request) -> Result<Vec<&str>, Refusal> {
    let mut excluded: Vec<&str> = request.array("truto_exclude_fields").collect();
    match request.parameter("truto_ignore_remote_data") {
        None | Some("" | "false") => {}
        Some("true") => excluded.push("remote_data"),
        Some(_) => return Err(Refusal::new(400, "truto_ignore_remote_data is true or false")),
    }
    Ok(excluded)
}

/// The form of the body that is asked for.
fn form(request: &Request, format: Format, mut wire: Wire) -> Result<Wire, Refusal> {
    if format != Format::Stream {
        wire.shape = SimulatedShape::Envelope;
        wire.is_raw = format == Format::Raw;
        wire.page_records = wire.page_records.or(Some(PAGE_RECORDS));
    }
    let shape = wire.shape;
    wire.keyed = match request.parameter("truto_key_by").unwrap_or_default() {
        "" => shape == SimulatedShape::KeyedEnvelope,
        // A provider's own body has no keys of Truto's.
        _ if wire.is_raw => false,
        "id" if shape.has_envelope() => true,
        "id" => {
            let message = format!("the simulator does not play truto_key_by in the shape {shape}");
            return Err(Refusal::new(400, message));
        }
        _ => return Err(Refusal::new(400, "the simulator plays truto_key_by=id only")),
    };
    if wire.keyed && request.array("truto_exclude_fields").any(|field| field == "id") {
        return Err(Refusal::new(400, "licenses cannot be keyed by the id that is left out"));
    }
    Ok(wire)
}

/// The most licenses that a page may have.
fn limit(request: &Request) -> Result<Option<u64>, Refusal> {
    let ignored = request.parameter("truto_ignore_limit") == Some("true");
    match request.given("limit") {
        None => Ok(None),
        Some(_) if ignored => Ok(None),
        Some(limit) => match limit.parse() {
            Ok(limit @ 1..) => Ok(Some(limit)),
            _ => Err(Refusal::new(400, "limit is a number from 1 on")),
        },
    }
}
