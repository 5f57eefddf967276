//! What is asked for, and whether the simulator has it.

use super::answer::Refusal;
use super::body::Body;
use super::page::Pager;
use super::request::Request;
use super::{SimulatedShape, Simulator};

/// The endpoint that is played.
const LICENSES: &str = "/unified/user-directory/licenses";

/// Finds the body that answers a request.
pub(super) fn answer(request: &Request, simulator: &Simulator) -> Result<Body, Refusal> {
    if request.bearer.as_deref() != Some(simulator.token.as_str()) {
        return Err(Refusal::new(401, "the bearer token is missing or not that of this simulator"));
    }
    if request.path != LICENSES {
        return Err(Refusal::new(404, format!("no such path: {}", request.path)));
    }
    if request.method != "GET" {
        return Err(Refusal::new(405, format!("{LICENSES} takes GET only")));
    }
    licenses(request, simulator)
}

fn licenses(request: &Request, simulator: &Simulator) -> Result<Body, Refusal> {
    let account = request.parameter("integrated_account_id").filter(|account| !account.is_empty());
    let account = account.ok_or_else(|| Refusal::new(400, "integrated_account_id is required"))?;
    if !simulator.accounts.iter().any(|known| known == account) {
        return Err(Refusal::new(404, format!("no integrated account has the id {account}")));
    }
    match request.parameter("truto_response_format").unwrap_or("unified") {
        "stream" => {}
        format @ ("unified" | "normalized" | "raw") => {
            return Err(Refusal::new(
                400,
                format!(
                    "the simulator does not play truto_response_format={format} yet: ask for `stream`"
                ),
            ));
        }
        format => {
            return Err(Refusal::new(
                400,
                format!(
                    "truto_response_format is unified, raw, normalized or stream, not {format}"
                ),
            ));
        }
    }
    let mut licenses = simulator.licenses(account);
    match request.parameter("truto_ignore_remote_data") {
        None | Some("" | "false") => {}
        Some("true") => licenses = licenses.without_field("remote_data"),
        Some(_) => {
            return Err(Refusal::new(400, "truto_ignore_remote_data is true or false"));
        }
    }
    for field in request.array("truto_exclude_fields") {
        licenses = licenses.without_field(field);
    }
    let keyed = is_keyed(request, simulator)?;
    let pager = Pager::new(simulator, account, limit(request)?);
    let page = match request.parameter("next_cursor") {
        None | Some("") => pager.first_page(),
        Some(cursor) => {
            let unknown =
                || Refusal::new(400, "next_cursor is none that this account's pages bear");
            pager.page(cursor).ok_or_else(unknown)?
        }
    };
    Ok(Body::new(licenses, pager, page, &simulator.wire, keyed))
}

/// Whether envelopes are to hold their licenses by id.
fn is_keyed(request: &Request, simulator: &Simulator) -> Result<bool, Refusal> {
    let shape = simulator.wire.shape;
    let keyed = match request.parameter("truto_key_by").unwrap_or_default() {
        "" => shape == SimulatedShape::KeyedEnvelope,
        "id" if shape.has_envelope() => true,
        "id" => {
            let message = format!("the simulator does not play truto_key_by in the shape {shape}");
            return Err(Refusal::new(400, message));
        }
        _ => return Err(Refusal::new(400, "the simulator plays truto_key_by=id only")),
    };
    if keyed && request.array("truto_exclude_fields").any(|field| field == "id") {
        return Err(Refusal::new(400, "licenses cannot be keyed by the id that is left out"));
    }
    Ok(keyed)
}

/// The most licenses that a page may have.
fn limit(request: &Request) -> Result<Option<u64>, Refusal> {
    let ignored = request.parameter("truto_ignore_limit") == Some("true");
    match request.parameter("limit") {
        None | Some("") => Ok(None),
        Some(_) if ignored => Ok(None),
        Some(limit) => match limit.parse() {
            Ok(limit @ 1..) => Ok(Some(limit)),
            _ => Err(Refusal::new(400, "limit is a number from 1 on")),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::super::LicenseGenerator;
    use super::*;

    fn ask(simulator: &Simulator, head: &str) -> Result<Vec<u8>, (u16, String)> {
        let head = format!("{head} HTTP/1.1\r\nauthorization: Bearer simulator-token\r\n\r\n");
        let (request, _) = Request::parse(head.as_bytes()).unwrap().unwrap();
        let mut body = answer(&request, simulator)
            .map_err(|refusal| (refusal.status(), refusal.message().to_owned()))?;
        let mut out = Vec::new();
        while body.append_next(&mut out) {}
        Ok(out)
    }

    #[test]
    fn each_account_has_its_licenses() {
        let simulator = Simulator::new().with_seed(3).with_accounts(2).with_records(5);
        for account in simulator.accounts() {
            let head = format!(
                "GET {LICENSES}?integrated_account_id={account}&truto_response_format=stream"
            );
            let mut want = Vec::new();
            LicenseGenerator::new(3, account).write_ndjson(0..5, &mut want).unwrap();
            assert_eq!(ask(&simulator, &head), Ok(want));

            let without = "&truto_ignore_remote_data=true&truto_exclude_fields%5B%5D=name";
            let mut want = Vec::new();
            let licenses = LicenseGenerator::new(3, account);
            let licenses = licenses.without_field("remote_data").without_field("name");
            licenses.write_ndjson(0..5, &mut want).unwrap();
            assert_eq!(ask(&simulator, &format!("{head}{without}")), Ok(want));
        }
    }

    #[test]
    fn what_cannot_be_answered_is_refused() {
        let simulator = Simulator::new();
        let account = format!("{LICENSES}?integrated_account_id={}", simulator.accounts()[0]);
        let stream = format!("{account}&truto_response_format=stream");
        for (head, status, message) in [
            ("GET /unified/user-directory/users".to_owned(), 404, "no such path: /unified/us"),
            (format!("POST {LICENSES}"), 405, "/unified/user-directory/licenses takes GET only"),
            (format!("GET {LICENSES}"), 400, "integrated_account_id is required"),
            (format!("GET {LICENSES}?integrated_account_id="), 400, "integrated_account_id is"),
            (format!("GET {LICENSES}?integrated_account_id=x"), 404, "no integrated account"),
            (format!("GET {account}"), 400, "the simulator does not play truto_response_format=un"),
            (format!("GET {account}&truto_response_format=x"), 400, "truto_response_format is"),
            (format!("GET {stream}&truto_key_by=id"), 400, "the simulator does not play truto_ke"),
            (format!("GET {stream}&truto_key_by=name"), 400, "the simulator plays truto_key_by=id"),
            (format!("GET {stream}&next_cursor=x"), 400, "next_cursor is none that this account's"),
            (format!("GET {stream}&limit=0"), 400, "limit is a number"),
            (format!("GET {stream}&limit=many"), 400, "limit is a number"),
            (format!("GET {stream}&truto_ignore_remote_data=1"), 400, "truto_ignore_remote_data "),
        ] {
            let (got, text) = ask(&simulator, &head).unwrap_err();
            assert!(got == status && text.starts_with(message), "{head}: {got} {text}");
        }
    }

    #[test]
    fn pages_are_as_long_as_the_limit_says_and_lead_to_the_next() {
        let simulator = Simulator::new().with_records(5).with_page_records(3);
        let account = &simulator.accounts()[0];
        let head =
            format!("GET {LICENSES}?integrated_account_id={account}&truto_response_format=stream");
        let mut received = Vec::new();
        let mut cursor = String::new();
        let mut lengths = Vec::new();
        loop {
            let head = format!("{head}&limit=2&next_cursor={}", cursor.replace('+', "%2B"));
            let body = String::from_utf8(ask(&simulator, &head).unwrap()).unwrap();
            let (licenses, last) = body.trim_end().rsplit_once('\n').unwrap();
            lengths.push(licenses.lines().count());
            received.extend(licenses.lines().map(str::to_owned));
            let last: serde_json::Value = serde_json::from_str(last).unwrap();
            match last["next_cursor"].as_str() {
                Some(next) => cursor = next.to_owned(),
                None => break,
            }
        }
        assert_eq!(lengths, [2, 2, 1]);
        let mut want = Vec::new();
        simulator.licenses(account).write_ndjson(0..5, &mut want).unwrap();
        assert_eq!(received.join("\n") + "\n", String::from_utf8(want).unwrap());
        let ignored = format!("{head}&limit=2&truto_ignore_limit=true");
        let lines = ask(&simulator, &ignored).unwrap().iter().filter(|b| **b == b'\n').count();
        assert_eq!(lines, 4);
    }

    #[test]
    fn envelopes_are_keyed_where_that_is_asked_for() {
        let simulator = Simulator::new().with_records(2).with_shape(SimulatedShape::Envelope);
        let account = &simulator.accounts()[0];
        let head = format!(
            "GET {LICENSES}?integrated_account_id={account}&truto_response_format=stream\
             &truto_key_by=id"
        );
        let body: serde_json::Value =
            serde_json::from_slice(&ask(&simulator, &head).unwrap()).unwrap();
        let result = body["result"].as_object().unwrap();
        assert_eq!(result.len(), 2);
        assert!(result.iter().all(|(key, license)| license["id"] == **key));
        let (status, _) =
            ask(&simulator, &format!("{head}&truto_exclude_fields[]=id")).unwrap_err();
        assert_eq!(status, 400);
    }

    #[test]
    fn a_wrong_token_is_refused_first() {
        for header in
            ["", "authorization: Bearer x\r\n", "authorization: Basic simulator-token\r\n"]
        {
            let head = format!("GET / HTTP/1.1\r\n{header}\r\n");
            let (request, _) = Request::parse(head.as_bytes()).unwrap().unwrap();
            assert_eq!(answer(&request, &Simulator::new()).unwrap_err().status(), 401);
        }
    }
}
