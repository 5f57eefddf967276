//! Each fault as a client meets it.

use std::time::{Duration, Instant};

use async_compression::tokio::write::{
    BrotliDecoder, DeflateDecoder, GzipDecoder, ZlibDecoder, ZstdDecoder,
};
use serde_json::{Value, json};

use super::*;
use crate::simulate::{
    AccountGroup, BreakRecords, Breakage, Fault, FaultKind, Refuse, RefuseForm, Scenario,
    SimulatedEncoding, SimulatedFraming, Stall,
};

/// What came back on a connection that was closed then.
#[derive(Debug)]
struct Response {
    head: String,
    /// The body without chunk framing.
    body: Vec<u8>,
    /// Whether the framing says that all of it came.
    whole: bool,
}

impl Response {
    fn status(&self) -> u16 {
        self.head[9..12].parse().unwrap()
    }

    fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines();
        lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }

    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

/// Asks for the first account's stream.
async fn ask(running: &RunningSimulator) -> Response {
    ask_for(running, "", "").await
}

async fn ask_for(running: &RunningSimulator, query: &str, headers: &str) -> Response {
    let mut stream = send(running, query, headers).await;
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).await.unwrap();
    let end = bytes.windows(4).position(|end| end == b"\r\n\r\n").unwrap();
    let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
    let mut response = Response { head, body: bytes[end + 4..].to_vec(), whole: true };
    if response.header("Transfer-Encoding") == Some("chunked") {
        (response.body, response.whole) = dechunk(&response.body);
    } else if let Some(length) = response.header("Content-Length") {
        response.whole = response.body.len() == length.parse::<usize>().unwrap();
    }
    response
}

async fn send(running: &RunningSimulator, query: &str, headers: &str) -> TcpStream {
    let mut stream = TcpStream::connect(running.addr()).await.unwrap();
    let head = format!(
        "GET /unified/user-directory/licenses?integrated_account_id={}\
         &truto_response_format=stream{query} HTTP/1.1\r\nConnection: close\r\n\
         Authorization: Bearer simulator-token\r\n{headers}\r\n",
        running.accounts()[0]
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream
}

/// The bytes in the chunks, and whether the last chunk came.
fn dechunk(mut rest: &[u8]) -> (Vec<u8>, bool) {
    let mut body = Vec::new();
    while let Some(at) = rest.windows(2).position(|end| end == b"\r\n") {
        let length = usize::from_str_radix(str::from_utf8(&rest[..at]).unwrap(), 16).unwrap();
        let data = &rest[at + 2..];
        if length == 0 {
            return (body, data == b"\r\n");
        }
        body.extend_from_slice(&data[..length.min(data.len())]);
        rest = data.get(length + 2..).unwrap_or_default();
    }
    (body, false)
}

fn simulator() -> Simulator {
    Simulator::new().with_records(20)
}

async fn decode(encoding: &str, body: &[u8]) -> io::Result<Vec<u8>> {
    macro_rules! decode {
        ($decoder:ident) => {{
            let mut decoder = $decoder::new(Vec::new());
            decoder.write_all(body).await?;
            decoder.shutdown().await?;
            decoder.into_inner()
        }};
    }
    Ok(match encoding {
        "gzip" => decode!(GzipDecoder),
        "br" => decode!(BrotliDecoder),
        "zstd" => decode!(ZstdDecoder),
        "deflate" => decode!(ZlibDecoder),
        _ => decode!(DeflateDecoder),
    })
}

#[tokio::test]
async fn every_status_of_the_table_comes_as_often_as_it_should() {
    for status in [400, 401, 403, 404, 405, 408, 409, 422, 425, 429, 500, 502, 503, 504] {
        let running = simulator().with_fault(Fault::status(status).times(2)).start().unwrap();
        for _ in 0..2 {
            let response = ask(&running).await;
            assert_eq!((response.status(), response.whole), (status, true));
            assert!(response.header("x-simulated").is_some());
            let body = response.json();
            assert_eq!(body["statusCode"], status);
            assert_eq!(body["error"], response.head.lines().next().unwrap()[13..]);
            assert_eq!(body.get("truto_is_remote_error"), None);
        }
        let response = ask(&running).await;
        assert_eq!((response.status(), response.body), (200, body(running.simulator())));
    }
}

#[tokio::test]
async fn a_refusal_says_what_it_is_told_to() {
    let refuse: Refuse = serde_json::from_value(json!({
        "status": 429, "message": "", "remote": true, "retry_after": 7,
        "raw_response": {"a": 1}, "failures": ["x"], "insight": {"rate_limit_error": {"value": 1}},
        "headers": {"ratelimit-limit": "110;w=10", "ratelimit-remaining": "0", "ratelimit-reset": "3"}
    }))
    .unwrap();
    let response = ask(&simulator().with_fault(refuse).start().unwrap()).await;
    assert_eq!(response.header("Retry-After"), Some("7"));
    assert_eq!(response.header("ratelimit-limit"), Some("110;w=10"));
    assert_eq!(response.header("ratelimit-remaining"), Some("0"));
    assert_eq!(response.header("ratelimit-reset"), Some("3"));
    let want = json!({
        "statusCode": 429, "error": "Too Many Requests", "message": "",
        "truto_is_remote_error": true, "raw_response": {"a": 1}, "details": {"failures": ["x"]},
        "truto_error_insight": {"rate_limit_error": {"value": 1}}
    });
    assert_eq!(response.json(), want);
}

#[tokio::test]
async fn a_refusal_can_be_a_page_of_html_or_nothing_and_bear_a_date() {
    let html = Refuse::new(502).with_form(RefuseForm::Html).with_retry_after_date(60);
    let response = ask(&simulator().with_fault(html).start().unwrap()).await;
    assert!(response.header("Content-Type").unwrap().starts_with("text/html"));
    assert!(response.body.starts_with(b"<!doctype html>"));
    let date = httpdate::parse_http_date(response.header("Retry-After").unwrap()).unwrap();
    let wait = date.duration_since(std::time::SystemTime::now()).unwrap();
    assert!((50..=60).contains(&wait.as_secs()), "{wait:?}");

    let empty = Refuse::new(503).with_form(RefuseForm::Empty);
    let response = ask(&simulator().with_fault(empty).start().unwrap()).await;
    assert_eq!((response.status(), &*response.body), (503, &b""[..]));
}

#[tokio::test]
async fn a_redirect_leads_to_another_origin() {
    for (target, want) in [
        ("http://127.0.0.1:9", "http://127.0.0.1:9/unified/user-directory/licenses?integrated_acc"),
        ("http://127.0.0.1:9/x", "http://127.0.0.1:9/x"),
    ] {
        let fault = FaultKind::Redirect(target.to_owned());
        let response = ask(&simulator().with_fault(fault).start().unwrap()).await;
        assert_eq!(response.status(), 307);
        let location = response.header("Location").unwrap();
        assert!(location.starts_with(want), "{location}");
        assert!(location.len() == target.len() || !target.ends_with('x'));
    }
}

#[tokio::test]
async fn stalls_last_as_long_as_they_are_told_and_the_body_is_whole() {
    let time = Stall::For(Duration::from_millis(50));
    for fault in [FaultKind::StallHead(time), FaultKind::Stall { at: 1000, stall: time }] {
        for framing in [SimulatedFraming::Chunked, SimulatedFraming::Length] {
            let simulator = simulator().with_fault(fault.clone()).with_framing(framing);
            let running = simulator.start().unwrap();
            let start = Instant::now();
            let response = ask(&running).await;
            assert!(start.elapsed() >= Duration::from_millis(50));
            assert_eq!(response.body, body(running.simulator()));
            assert!(response.whole);
        }
    }
}

#[tokio::test]
async fn a_stall_without_end_keeps_what_follows_back() {
    let fault = FaultKind::Stall { at: 100, stall: Stall::Forever };
    let running = simulator().with_framing(SimulatedFraming::Length).with_fault(fault).start();
    let running = running.unwrap();
    let mut client = Client(send(&running, "", "").await);
    client.read_head().await;
    assert_eq!(client.read_exact(100).await, body(running.simulator())[..100]);
    let more = tokio::time::timeout(Duration::from_millis(50), client.0.read_u8()).await;
    assert!(more.is_err(), "{more:?}");
    assert_eq!(running.body_bytes(), 100);

    let running = simulator().with_fault(FaultKind::StallHead(Stall::Forever)).start().unwrap();
    let mut client = Client(send(&running, "", "").await);
    let more = tokio::time::timeout(Duration::from_millis(50), client.0.read_u8()).await;
    assert!(more.is_err(), "{more:?}");
}

#[tokio::test]
async fn the_end_of_a_body_is_told_by_each_framing_and_a_cut_is_a_part() {
    for framing in [SimulatedFraming::Chunked, SimulatedFraming::Length, SimulatedFraming::Close] {
        let simulator = simulator().with_framing(framing).with_chunk_bytes(700);
        let want = body(&simulator);
        let running = simulator.with_fault(Fault::new(FaultKind::CutAt(1500)).times(1)).start();
        let running = running.unwrap();
        let cut = ask(&running).await;
        assert_eq!(cut.body, &want[..1500], "{framing:?}");
        // Who reads to the end of the connection cannot know.
        assert_eq!(cut.whole, framing == SimulatedFraming::Close);
        let whole = ask(&running).await;
        assert!(whole.whole && whole.body == want, "{framing:?}");
        let has_length = whole.header("Content-Length").is_some();
        assert_eq!(has_length, framing == SimulatedFraming::Length);
    }
}

#[tokio::test]
async fn a_connection_can_be_closed_without_an_answer_and_reset_within_one() {
    let running = simulator().with_fault(Fault::new(FaultKind::HangUp).times(1)).start().unwrap();
    let mut bytes = Vec::new();
    send(&running, "", "").await.read_to_end(&mut bytes).await.unwrap();
    assert_eq!(bytes, b"");
    assert_eq!(ask(&running).await.body, body(running.simulator()));

    let running = simulator().with_fault(FaultKind::ResetAt(1500)).start().unwrap();
    let mut stream = send(&running, "", "").await;
    let error = stream.read_to_end(&mut bytes).await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
    assert_eq!(running.body_bytes(), 1500);
}

#[tokio::test]
async fn a_length_can_be_off() {
    let want = body(&simulator());
    for off in [-300, 300] {
        let running = simulator().with_fault(FaultKind::LengthOff(off)).start().unwrap();
        let response = ask(&running).await;
        let announced: i64 = response.header("Content-Length").unwrap().parse().unwrap();
        assert_eq!(announced, want.len() as i64 + off);
        assert_eq!(response.body, want);
    }
}

#[tokio::test]
async fn bodies_are_compressed_as_the_request_accepts_or_as_they_are_told() {
    let identity = body(&simulator());
    for (setting, accept, encoding) in [
        (SimulatedEncoding::Accepted, "gzip", Some("gzip")),
        (SimulatedEncoding::Accepted, "gzip, br;q=0.5, zstd;q=0", Some("br")),
        (SimulatedEncoding::Accepted, "zstd, gzip", Some("zstd")),
        (SimulatedEncoding::Accepted, "Deflate", Some("deflate")),
        (SimulatedEncoding::Accepted, "x-gzip", None),
        (SimulatedEncoding::Identity, "gzip", None),
        (SimulatedEncoding::Gzip, "identity", Some("gzip")),
        (SimulatedEncoding::Brotli, "identity", Some("br")),
        (SimulatedEncoding::Zstd, "identity", Some("zstd")),
        (SimulatedEncoding::Deflate, "identity", Some("deflate")),
        (SimulatedEncoding::RawDeflate, "identity", Some("deflate")),
    ] {
        for framing in [SimulatedFraming::Chunked, SimulatedFraming::Length] {
            let simulator = simulator().with_encoding(setting).with_framing(framing);
            let running = simulator.with_chunk_bytes(100).start().unwrap();
            let header = format!("Accept-Encoding: {accept}\r\n");
            let response = ask_for(&running, "", &header).await;
            assert!(response.whole);
            assert_eq!(response.header("Content-Encoding"), encoding, "{setting:?} {accept}");
            let raw = setting == SimulatedEncoding::RawDeflate;
            let decoded = match encoding {
                None => response.body,
                Some(_) if raw => decode("raw", &response.body).await.unwrap(),
                Some(encoding) => decode(encoding, &response.body).await.unwrap(),
            };
            assert_eq!(decoded, identity, "{setting:?} {accept}");
        }
    }
}

#[tokio::test]
async fn a_compressed_body_can_lack_its_end_while_its_framing_is_whole() {
    let fault = FaultKind::CutEncoding(4.try_into().unwrap());
    for encoding in [
        SimulatedEncoding::Gzip,
        SimulatedEncoding::Brotli,
        SimulatedEncoding::Zstd,
        SimulatedEncoding::Deflate,
    ] {
        for framing in [SimulatedFraming::Chunked, SimulatedFraming::Length] {
            let simulator = simulator().with_framing(framing).with_encoding(encoding);
            let running = simulator.with_fault(Fault::new(fault.clone()).times(1)).start().unwrap();
            let cut = ask(&running).await;
            let whole = ask(&running).await;
            assert!(cut.whole && whole.whole);
            assert_eq!(cut.body, whole.body[..whole.body.len() - 4]);
            let name = whole.header("Content-Encoding").unwrap();
            assert_eq!(decode(name, &whole.body).await.unwrap(), body(running.simulator()));
            assert!(decode(name, &cut.body).await.is_err(), "{encoding:?}");
        }
    }
}

#[tokio::test]
async fn a_bomb_is_small_on_the_wire_and_white_space_when_it_is_decoded() {
    let simulator = simulator().with_encoding(SimulatedEncoding::Brotli);
    let running = simulator.with_fault(FaultKind::Bomb(10_000_000)).start().unwrap();
    let response = ask(&running).await;
    assert!(response.body.len() < 20_000, "{}", response.body.len());
    let decoded = decode("br", &response.body).await.unwrap();
    let (bomb, licenses) = decoded.split_at(10_000_000);
    assert!(bomb.iter().all(|byte| *byte == b' '));
    assert_eq!(licenses, body(running.simulator()));
}

#[tokio::test]
async fn a_page_that_is_asked_for_again_can_have_changed_from_a_record_on() {
    let fault = Fault::new(FaultKind::ChangeFromRecord(12)).times(1);
    let running = simulator().with_fault(fault).start().unwrap();
    let first = ask(&running).await.body;
    assert_eq!(first, body(running.simulator()));
    let second = ask(&running).await.body;
    let split = |body: &[u8]| -> Vec<Vec<u8>> {
        body.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect()
    };
    let (before, after) = (split(&first), split(&second));
    assert_eq!((after.len(), &before[..12]), (20, &after[..12]));
    for (before, after) in before[12..].iter().zip(&after[12..]) {
        assert_ne!(before, after);
        let id = |license: &[u8]| serde_json::from_slice::<Value>(license).unwrap()["id"].clone();
        assert_eq!(id(before), id(after));
    }
    // It has changed once, and what the simulator holds has changed with it.
    assert_eq!(ask(&running).await.body, second);
    let mut held = Vec::new();
    let licenses = running.licenses(&running.accounts()[0]).unwrap();
    licenses.write_ndjson(0..20, &mut held).unwrap();
    assert_eq!(held, second);
}

#[tokio::test]
async fn a_page_that_is_asked_for_again_can_be_shorter_or_longer() {
    for count in [0, 5, 30] {
        let simulator = simulator().with_page_records(8);
        let running = simulator.with_fault(FaultKind::ChangeCount(count)).start().unwrap();
        let account = &running.accounts()[0];
        let lines = |response: &Response| {
            response.body.split(|b| *b == b'\n').filter(|line| line.starts_with(b"{\"id\"")).count()
        };
        assert_eq!((lines(&ask(&running).await), running.records(account)), (8, Some(20)));
        let again = ask(&running).await;
        assert_eq!(lines(&again), count.min(8) as usize);
        assert_eq!(running.records(account), Some(count));
    }
}

#[tokio::test]
async fn a_page_that_is_asked_for_again_can_have_changed_from_a_byte_on() {
    for encoding in [SimulatedEncoding::Identity, SimulatedEncoding::Gzip] {
        for at in [0, 5000, 5001, 5002] {
            let simulator = simulator().with_encoding(encoding);
            let want = body(&simulator);
            let running = simulator.with_fault(FaultKind::ChangeFromByte(at)).start().unwrap();
            let (first, second) = (ask(&running).await.body, ask(&running).await.body);
            let (first, second) = match encoding {
                SimulatedEncoding::Identity => (first, second),
                _ => {
                    (decode("gzip", &first).await.unwrap(), decode("gzip", &second).await.unwrap())
                }
            };
            assert_eq!(first, want);
            let differ: Vec<_> = (0..want.len()).filter(|at| first[*at] != second[*at]).collect();
            assert_eq!((differ.len(), first.len()), (1, second.len()));
            assert!((at as usize..at as usize + 700).contains(&differ[0]), "{differ:?}");
            for line in second.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
                serde_json::from_slice::<Value>(line).unwrap();
            }
        }
    }
}

#[tokio::test]
async fn a_cursor_can_be_good_once() {
    let simulator = simulator().with_page_records(8).with_fault(FaultKind::RefuseCursor);
    let running = simulator.start().unwrap();
    let cursor = |response: &Response| {
        let last = response.body.trim_ascii_end().rsplit(|byte| *byte == b'\n').next().unwrap();
        let last: Value = serde_json::from_slice(last).unwrap();
        let cursor = last["next_cursor"].as_str().unwrap().replace('+', "%2B");
        format!("&next_cursor={cursor}")
    };
    let second = cursor(&ask(&running).await);
    assert_eq!(ask(&running).await.status(), 200, "the first page has none");
    let third = cursor(&ask_for(&running, &second, "").await);
    assert_eq!(ask_for(&running, &second, "").await.status(), 400);
    assert_eq!(ask_for(&running, &third, "").await.status(), 200);
    assert_eq!(ask_for(&running, &second, "").await.status(), 400);
}

#[tokio::test]
async fn records_are_broken_where_they_are_told_to_be() {
    for breakage in [Breakage::Value, Breakage::NoId, Breakage::Utf8, Breakage::Half] {
        let broken = BreakRecords::new([0, 7], breakage);
        let running = simulator().with_fault(FaultKind::BreakRecords(broken)).start().unwrap();
        let (want, body) = (body(running.simulator()), ask(&running).await.body);
        let lines = |body: &[u8]| -> Vec<Vec<u8>> {
            body.split(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect()
        };
        for (index, (want, line)) in lines(&want).iter().zip(lines(&body)).enumerate() {
            if [0, 7].contains(&index) {
                match serde_json::from_slice::<Value>(&line) {
                    Ok(license) => {
                        assert!(breakage == Breakage::NoId && license.get("id").is_none());
                    }
                    Err(error) => assert_ne!(breakage, Breakage::NoId, "{error}"),
                }
            } else {
                assert_eq!(*want, line);
            }
        }
    }
}

#[tokio::test]
async fn unknown_fields_come_behind_the_known_ones() {
    let running = simulator().with_unknown_fields().start().unwrap();
    let body = ask(&running).await.body;
    let plain = body_of_plain();
    for (line, plain) in body.split(|b| *b == b'\n').zip(plain.split(|b| *b == b'\n')).take(20) {
        let mut license: serde_json::Map<String, Value> = serde_json::from_slice(line).unwrap();
        assert_eq!(license.remove("x_tier").unwrap()["code"][0], 7);
        assert_eq!(license.remove("x_beta"), Some(true.into()));
        let plain: Value = serde_json::from_slice(plain).unwrap();
        assert_eq!(Value::Object(license), plain);
    }
}

fn body_of_plain() -> Vec<u8> {
    body(&simulator())
}

#[tokio::test]
async fn what_was_asked_is_kept_without_the_token_and_no_more_than_the_limit() {
    let simulator = simulator().with_fault(Fault::status(500).times(1)).with_log(2);
    let running = simulator.start().unwrap();
    for number in 0..3 {
        ask_for(&running, &format!("&remote_query%5Ba%5D={number}"), "X-Y: z\r\n").await;
    }
    let log = running.log();
    assert_eq!(log.len(), 2);
    assert_eq!((log[0].status, log[1].status), (200, 200));
    assert!(log[0].at <= log[1].at);
    assert_eq!(log[1].path, "/unified/user-directory/licenses");
    assert_eq!(log[1].parameter("remote_query[a]"), Some("2"));
    assert_eq!((log[1].header("x-y"), log[1].header("Authorization")), (Some("z"), Some("Bearer")));
    assert!(!format!("{log:?}").contains("simulator-token"));
    assert!(simulator_without_log().await.is_empty());
}

async fn simulator_without_log() -> Vec<LoggedRequest> {
    let running = simulator().start().unwrap();
    ask(&running).await;
    running.log()
}

#[tokio::test]
async fn accounts_of_a_scenario_behave_each_in_its_own_way() {
    let scenario: Scenario = r#"{"accounts": [
        {"records": 3, "faults": [{"refuse": 503, "times": 1}]},
        {"ids": ["named"], "records": 5, "integration": "Zoom", "encoding": "gzip"}
    ]}"#
    .parse()
    .unwrap();
    let running = Simulator::from(scenario).start().unwrap();
    assert_eq!(running.accounts()[1], "named");
    let mut want = Vec::new();
    let zoom = LicenseGenerator::new(0, "named").of_integration("Zoom").unwrap();
    zoom.write_ndjson(0..5, &mut want).unwrap();
    for (number, account, status) in [(0, 0, 503), (1, 1, 200), (2, 0, 200)] {
        let account = running.accounts()[account].clone();
        let query = format!("&integrated_account_id={account}");
        let mut stream = TcpStream::connect(running.addr()).await.unwrap();
        let head = format!(
            "GET /unified/user-directory/licenses?truto_response_format=stream{query} HTTP/1.1\r\n\
             Connection: close\r\nAuthorization: Bearer simulator-token\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).await.unwrap();
        assert!(bytes.starts_with(format!("HTTP/1.1 {status}").as_bytes()), "{number}");
        if account == "named" {
            let at = bytes.windows(4).position(|end| end == b"\r\n\r\n").unwrap();
            let (body, _) = dechunk(&bytes[at + 4..]);
            assert_eq!(decode("gzip", &body).await.unwrap(), want);
        }
    }
}

#[tokio::test]
async fn a_million_accounts_are_no_burden() {
    let group = AccountGroup { count: 1_000_000, ..AccountGroup::default() };
    let running = Simulator::new().with_groups([group]).start().unwrap();
    let last = running.simulator().scenario().account_at(999_999).unwrap().id;
    let found = running.licenses(&last);
    assert!(found.is_some() && running.licenses("x").is_none());
}
