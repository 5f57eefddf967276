//! What is asked for, and whether the simulator has it.

use super::Simulator;
use super::answer::Refusal;
use super::body::Body;
use super::request::Request;

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
    for parameter in ["truto_key_by", "next_cursor"] {
        if request.parameter(parameter).is_some_and(|value| !value.is_empty()) {
            let message = format!("the simulator does not play {parameter} in streams yet");
            return Err(Refusal::new(400, message));
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
    Ok(Body::new(licenses, simulator.records))
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
            (format!("GET {stream}&truto_ignore_remote_data=1"), 400, "truto_ignore_remote_data "),
        ] {
            let (got, text) = ask(&simulator, &head).unwrap_err();
            assert!(got == status && text.starts_with(message), "{head}: {got} {text}");
        }
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
