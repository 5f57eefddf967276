use serde_json::Value;

use super::*;
use crate::simulate::{
    AccountGroup, Fault, FaultKind, LicenseGenerator, Listing, PLANTED_SECRET, RateLimits,
    RateTier, SimulatedShape, Simulator,
};

/// What a request is answered with, by a simulator of its own.
fn ask(simulator: &Simulator, head: &str) -> Result<Vec<u8>, (u16, String)> {
    ask_world(&World::new(simulator.clone()), head, "simulator-token").map_err(|(status, body)| {
        let body: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(body["statusCode"], status);
        (status, body["message"].as_str().unwrap().to_owned())
    })
}

/// What a request is answered with; a body of another status than 200 is an error.
fn ask_world(world: &World, head: &str, token: &str) -> Result<Vec<u8>, (u16, Vec<u8>)> {
    let mut answer = answer(&request(head, token), world);
    let mut out = Vec::new();
    while answer.content.append_next(&mut out) {}
    if answer.status == 200 { Ok(out) } else { Err((answer.status, out)) }
}

fn request(head: &str, token: &str) -> Request {
    let head = format!("{head} HTTP/1.1\r\nauthorization: Bearer {token}\r\n\r\n");
    Request::parse(head.as_bytes()).unwrap().unwrap().0
}

fn json(simulator: &Simulator, head: &str) -> Value {
    serde_json::from_slice(&ask(simulator, head).unwrap()).unwrap()
}

#[test]
fn each_account_has_its_licenses() {
    let simulator = Simulator::new().with_seed(3).with_accounts(2).with_records(5);
    for account in simulator.accounts() {
        let head =
            format!("GET {LICENSES}?integrated_account_id={account}&truto_response_format=stream");
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
    let body: serde_json::Value = serde_json::from_slice(&ask(&simulator, &head).unwrap()).unwrap();
    let result = body["result"].as_object().unwrap();
    assert_eq!(result.len(), 2);
    assert!(result.iter().all(|(key, license)| license["id"] == **key));
    let (status, _) = ask(&simulator, &format!("{head}&truto_exclude_fields[]=id")).unwrap_err();
    assert_eq!(status, 400);
}

#[test]
fn a_wrong_token_is_refused_first() {
    for header in [
        "",
        "authorization: Bearer x\r\n",
        "authorization: Basic simulator-token\r\n",
        "authorization: Bearer simulator-token.x\r\n",
    ] {
        let head = format!("GET / HTTP/1.1\r\n{header}\r\n");
        let (request, _) = Request::parse(head.as_bytes()).unwrap().unwrap();
        assert_eq!(answer(&request, &World::new(Simulator::new())).status, 401);
    }
}

#[test]
fn formats_that_are_no_stream_are_pages_in_one_envelope() {
    for format in ["unified", "normalized"] {
        let simulator = Simulator::new().with_records(1500).with_shape(SimulatedShape::Lines);
        let head = format!(
            "GET {LICENSES}?integrated_account_id={}&truto_response_format={format}",
            simulator.accounts()[0]
        );
        let page = json(&simulator, &head);
        assert_eq!(page["result"].as_array().unwrap().len(), 1000);
        let cursor = page["next_cursor"].as_str().unwrap().replace('+', "%2B");
        let page = json(&simulator, &format!("{head}&next_cursor={cursor}"));
        assert_eq!(page["result"].as_array().unwrap().len(), 500);
        assert!(page["next_cursor"].is_null());
        let page = json(&simulator, &format!("{head}&limit=2&truto_key_by=id"));
        assert_eq!(page["result"].as_object().unwrap().len(), 2);
    }
}

#[test]
fn raw_is_what_the_provider_says_in_a_shape_of_its_own() {
    let simulator = Simulator::new().with_records(3).with_unknown_fields();
    let account = &simulator.accounts()[0];
    let head = format!("GET {LICENSES}?integrated_account_id={account}&truto_response_format=raw");
    let page = json(&simulator, &format!("{head}&limit=2"));
    let data = page["data"].as_array().unwrap();
    let mut license = Vec::new();
    simulator.licenses(account).append(1, &mut license);
    let license: Value = serde_json::from_slice(&license).unwrap();
    assert_eq!((data.len(), &data[1]), (2, &license["remote_data"]));
    let cursor = page["paging"]["next"].as_str().unwrap().replace('+', "%2B");
    let last = json(&simulator, &format!("{head}&limit=2&next_cursor={cursor}"));
    assert!(last["data"].as_array().unwrap().len() == 1 && last["paging"]["next"].is_null());
}

/// Groups of every kind, 1,000 accounts and some.
fn customers() -> Simulator {
    let group = |count, integration: &str| AccountGroup {
        count,
        integration: Some(integration.to_owned()),
        ..AccountGroup::default()
    };
    Simulator::new().with_groups([
        AccountGroup { count: 1000, tenant: Some("acme".to_owned()), ..AccountGroup::default() },
        group(2, "GitHub"),
        AccountGroup { status: "needs_reauth".to_owned(), ..group(1, "Microsoft 365") },
        AccountGroup { sandbox: true, environment: "e2".to_owned(), ..group(2, "Zoom") },
        AccountGroup { licenses: false, ..group(1, "Zoom") },
    ])
}

/// The accounts of all pages, and how many pages there were.
fn list(simulator: &Simulator, query: &str) -> (Vec<Value>, usize) {
    let (mut all, mut pages, mut cursor) = (Vec::new(), 0, String::new());
    loop {
        let page = json(simulator, &format!("GET {ACCOUNTS}?{query}&next_cursor={cursor}"));
        all.extend(page["result"].as_array().unwrap().iter().cloned());
        pages += 1;
        match page["next_cursor"].as_str() {
            Some(next) => cursor = next.replace('+', "%2B"),
            None => return (all, pages),
        }
    }
}

#[test]
fn accounts_are_listed_page_by_page() {
    let simulator = customers();
    let (all, pages) = list(&simulator, "");
    assert_eq!(pages, 11);
    let ids: Vec<_> = all.iter().map(|account| account["id"].as_str().unwrap()).collect();
    assert_eq!(ids, simulator.accounts());
    assert!(all.iter().all(|account| account["context"]["api_key"] == PLANTED_SECRET));
    assert_eq!(list(&simulator, "limit=500").1, 11, "no more than a page holds");
    assert_eq!(list(&simulator, "limit=50").1, 21);
    let results = simulator.with_listing(Listing { results: true, ..Listing::default() });
    assert!(json(&results, &format!("GET {ACCOUNTS}"))["results"].is_array());
}

#[test]
fn the_listing_has_faults_of_its_own() {
    let listing = |fault: Fault| {
        let faults = vec![fault];
        World::new(customers().with_listing(Listing {
            page_records: 600,
            faults,
            ..Listing::default()
        }))
    };
    let pages = walk(&listing(FaultKind::EmptyPages.into()), 10);
    assert_eq!(pages, (1006, 4), "each page comes behind an empty one");
    let (_, pages) = walk(&listing(FaultKind::RepeatCursor.into()), 10);
    assert_eq!(pages, 10, "there is no end");
    assert_eq!(walk(&listing(FaultKind::RefuseCursor.into()), 10), (1006, 2));
    let world = listing(Fault::status(503).times(1));
    let head = format!("GET {ACCOUNTS}");
    assert_eq!(ask_world(&world, &head, "simulator-token").unwrap_err().0, 503);
    assert_eq!(walk(&world, 10), (1006, 2));
}

/// How many accounts the first `most` pages have, and how many pages there were.
fn walk(world: &World, most: usize) -> (usize, usize) {
    let (mut accounts, mut pages, mut cursor) = (0, 0, String::new());
    loop {
        let head = format!("GET {ACCOUNTS}?next_cursor={cursor}");
        let body = ask_world(world, &head, "simulator-token").unwrap();
        let page: Value = serde_json::from_slice(&body).unwrap();
        accounts += page["result"].as_array().unwrap().len();
        pages += 1;
        match page["next_cursor"].as_str() {
            Some(next) if pages < most => cursor = next.replace('+', "%2B"),
            _ => return (accounts, pages),
        }
    }
}

#[test]
fn accounts_are_filtered() {
    let simulator = customers();
    for (query, want) in [
        ("tenant_id=acme", 1000),
        ("tenant_id=tenant-1001", 1),
        ("tenant_id[in]=acme,tenant-1001", 1001),
        ("status=needs_reauth", 1),
        ("status%5Bin%5D=needs_reauth,active", 1006),
        ("status=", 1006),
        ("integration.name=Microsoft+365", 1),
        ("integration.name[in]=GitHub,Zoom", 5),
        ("integration.name=Zoom&is_sandbox=false", 1),
        ("is_sandbox=true", 2),
        ("environment_id=e2", 2),
        ("environment_id=e3", 0),
    ] {
        assert_eq!(list(&simulator, query).0.len(), want, "{query}");
    }
    for (query, message) in [
        ("region=eu", "accounts cannot be filtered by region"),
        ("next_cursor=x", "next_cursor is none"),
        ("limit=x", "limit is a number"),
    ] {
        let (status, text) = ask(&simulator, &format!("GET {ACCOUNTS}?{query}")).unwrap_err();
        assert!(status == 400 && text.starts_with(message), "{query}: {text}");
    }
}

#[test]
fn capabilities_say_whether_an_account_has_licenses() {
    let simulator = customers();
    for (number, has) in [(0, true), (1005, false)] {
        let account = &simulator.accounts()[number];
        let head = format!(
            "GET {ACCOUNTS}/{account}/capabilities?type=unified&resource=licenses&methods=list"
        );
        assert_eq!(json(&simulator, &head)["methods"]["list"], has);
        let licenses = format!("GET {LICENSES}?integrated_account_id={account}");
        assert_eq!(ask(&simulator, &licenses).is_ok(), has);
    }
    let head = format!("GET {ACCOUNTS}/x/capabilities");
    assert_eq!(ask(&simulator, &head).unwrap_err().0, 404);
}

#[test]
fn an_account_is_described_as_it_is_listed() {
    let simulator = customers();
    let account = &simulator.accounts()[1002];
    let described = json(&simulator, &format!("GET {ACCOUNTS}/{account}"));
    let listed = json(&simulator, &format!("GET {ACCOUNTS}?status=needs_reauth"));
    assert_eq!((&described["id"], &described), (&account.as_str().into(), &listed["result"][0]));
    for (id, status) in [("x", 404), ("me", 400), ("", 404), ("x/y", 404)] {
        assert_eq!(ask(&simulator, &format!("GET {ACCOUNTS}/{id}")).unwrap_err().0, status, "{id}");
    }
    // The token of one account asks for it by another name.
    let token = simulator.account_token(account);
    let world = World::new(simulator.clone());
    let me = ask_world(&world, &format!("GET {ACCOUNTS}/me"), &token).unwrap();
    assert_eq!(serde_json::from_slice::<Value>(&me).unwrap(), described);
    let refused = ask_world(&world, &format!("GET {ACCOUNTS}/{account}"), &token).unwrap_err();
    assert_eq!(refused.0, 403);
}

#[test]
fn what_an_integration_needs_is_required_and_listed() {
    let simulator =
        Simulator::new().with_groups(["GitHub", "Microsoft 365", "Webex"].map(|name| {
            AccountGroup { integration: Some(name.to_owned()), ..AccountGroup::default() }
        }));
    for (number, name, wrong, right) in [
        (0, "organization_id", None, "organization_id=1"),
        (1, "product", Some("product=x"), "product=onedrive"),
    ] {
        let account = &simulator.accounts()[number];
        let head = format!("GET {LICENSES}?integrated_account_id={account}");
        let world = World::new(simulator.clone());
        let (status, body) = ask_world(&world, &head, "simulator-token").unwrap_err();
        let body: Value = serde_json::from_slice(&body).unwrap();
        let missing = &body["truto_error_insight"]["missing_required_query_parameters"];
        assert_eq!((status, &missing["value"][0]), (400, &name.into()));
        assert!(missing["description"].as_str().unwrap().contains(name));
        if let Some(wrong) = wrong {
            assert_eq!(ask(&simulator, &format!("{head}&{wrong}")).unwrap_err().0, 400);
        }
        assert!(ask(&simulator, &format!("{head}&{right}")).is_ok());
        let meta =
            json(&simulator, &format!("GET {LICENSES_META}?integrated_account_id={account}"));
        assert_eq!(meta["query_schema"][name]["required"], true);
    }
    let head = format!("GET {LICENSES}?integrated_account_id={}", simulator.accounts()[2]);
    assert!(ask(&simulator, &head).is_ok(), "what is only supported is not required");
}

#[test]
fn an_account_that_needs_reauthentication_is_refused_as_its_provider_would() {
    let simulator = customers();
    let head = format!(
        "GET {LICENSES}?integrated_account_id={}&product=onedrive",
        simulator.accounts()[1002]
    );
    let (status, body) = ask_world(&World::new(simulator), &head, "simulator-token").unwrap_err();
    let body: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!((status, &body["truto_is_remote_error"]), (401, &true.into()));
}

#[test]
fn the_token_of_an_account_is_good_for_that_account() {
    let simulator = Simulator::new().with_accounts(2).with_records(2);
    let accounts = simulator.accounts();
    let token = simulator.account_token(&accounts[1]);
    let world = World::new(simulator.clone());
    let stream = format!("GET {LICENSES}?truto_response_format=stream");
    let mut want = Vec::new();
    simulator.licenses(&accounts[1]).write_ndjson(0..2, &mut want).unwrap();
    for (head, status) in [
        (stream.clone(), None),
        (format!("{stream}&integrated_account_id={}", accounts[1]), None),
        (format!("{stream}&integrated_account_id={}", accounts[0]), Some(403)),
        (format!("GET {ACCOUNTS}"), Some(403)),
    ] {
        let got = ask_world(&world, &head, &token);
        match status {
            None => assert_eq!(got.as_deref(), Ok(&*want)),
            Some(status) => assert_eq!(got.unwrap_err().0, status),
        }
    }
}

#[test]
fn requests_beyond_a_tier_are_refused_and_counted() {
    let tier = |requests| Some(RateTier { requests, seconds: 100, ..RateTier::default() });
    let limits = RateLimits { token: tier(3), account: tier(2) };
    let simulator = Simulator::new().with_accounts(3).with_rate_limits(limits);
    let world = World::new(simulator.clone());
    let seen: Vec<_> = [0, 0, 0, 1, 2]
        .map(|account| {
            let head =
                format!("GET {LICENSES}?integrated_account_id={}", simulator.accounts()[account]);
            let answer = answer(&request(&head, "simulator-token"), &world);
            let header = |name| answer.header(name).unwrap_or("-").to_owned();
            let limits = [header("ratelimit-limit"), header("ratelimit-remaining")];
            (answer.status, limits.join(" "), header("retry-after"))
        })
        .into();
    let want = [
        (200, "2;w=100 1", "-"),
        (200, "2;w=100 0", "-"),
        (429, "2;w=100 0", "100"),
        (200, "3;w=100 0", "-"),
        (429, "3;w=100 0", "100"),
    ];
    for (got, want) in seen.iter().zip(want) {
        assert_eq!((got.0, &*got.1, &*got.2), want, "{seen:?}");
    }
    assert_eq!(world.limited.load(Ordering::Relaxed), 2);
}
