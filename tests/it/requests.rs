//! What is asked of the API, in which format, and what is not asked at all.

mod formats;
mod lookup;
mod raw;
mod refusals;
mod remarks;
mod wire;

use std::process::Command;

use crate::support::scripted::response;
use crate::support::series::Series;
use crate::support::truto::api_command;

const ACCOUNT: &str = "62f44730-dd91-461e-bd6a-aedd9e0ad79d";

/// A success with `body`, as JSON, on a connection that then closes.
fn json(body: &str) -> String {
    response("200 OK", "Content-Type: application/json\r\nConnection: close\r\n", body)
}

/// `license-stream VERB` for the account, at a server that sends `bodies`.
fn asking(verb: &str, bodies: &[&str]) -> (Series, Command) {
    let api = Series::answer(bodies.iter().map(|body| json(body)).collect());
    let command = api_command(verb, &api.url(), ACCOUNT);
    (api, command)
}

/// The query of each request, without what is the same in all.
fn queries(api: Series) -> Vec<String> {
    let start = format!(
        "GET /unified/user-directory/licenses?integrated_account_id={ACCOUNT}&truto_response_format="
    );
    let query = |head: String| {
        let line = head.lines().next().unwrap().to_owned();
        let query = line.strip_prefix(&start).unwrap_or_else(|| panic!("{line}"));
        query.strip_suffix(" HTTP/1.1").unwrap().to_owned()
    };
    api.requests().into_iter().map(query).collect()
}
