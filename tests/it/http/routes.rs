//! The way to the API: proxies, redirects, plain HTTP. Where the token must not go.

use std::net::TcpListener;

use license_stream::ErrorKind;
use license_stream::truto::{LicenseRequest, Token, TrutoClient};

use super::{ACCOUNT, one_license};
use crate::support::process::{TOKEN, run};
use crate::support::proxy::Proxy;
use crate::support::replies::{Replies, say};
use crate::support::scripted::{Refusing, Scripted, Untouched};
use crate::support::tls::{Certified, TlsServer};
use crate::support::truto::api_command;

const DELIVERED: (Option<i32>, &str) = (Some(0), "{\"id\":\"1\"}\n");

fn closing() -> String {
    one_license().replacen("\r\n", "\r\nConnection: close\r\n", 1)
}

#[test]
fn a_proxy_of_the_environment_sees_the_host_and_nothing_else() {
    let directory = tempfile::tempdir().unwrap();
    let authority = Certified::authority();
    let api = TlsServer::answer(closing(), &authority.certify("truto.test"), None);
    let file = authority.write(directory.path(), "ca.pem");
    for name in ["HTTPS_PROXY", "https_proxy", "ALL_PROXY"] {
        let proxy = Proxy::to(api.port());
        let mut command = api_command("ndjson", "https://truto.test", ACCOUNT);
        let got = run(command.args(["--ca-cert", &file]).env(name, proxy.url()));
        assert_eq!((got.code, got.text()), DELIVERED, "{name}: {}", got.stderr);
        let heads = proxy.heads();
        assert_eq!(heads.len(), 1);
        assert!(heads[0].starts_with("CONNECT truto.test:443 HTTP/1.1\r\n"), "{}", heads[0]);
        assert!(!heads[0].contains(TOKEN) && !heads[0].contains(ACCOUNT), "{}", heads[0]);
    }
    assert_eq!(api.requests().len(), 3);
    assert!(api.requests()[0].contains(TOKEN));
}

#[test]
fn no_proxy_leads_to_this_machine() {
    let directory = tempfile::tempdir().unwrap();
    let authority = Certified::authority();
    let api = TlsServer::answer(closing(), &authority.certify("127.0.0.1"), None);
    let file = authority.write(directory.path(), "ca.pem");
    let proxy = Untouched::listen();
    let mut command = api_command("ndjson", &api.url(), ACCOUNT);
    command.args(["--ca-cert", &file]);
    let got = run(command.env("HTTPS_PROXY", format!("http://127.0.0.1:{}", proxy.port())));
    proxy.assert();
    assert_eq!((got.code, got.text()), DELIVERED, "{}", got.stderr);
}

#[test]
fn plain_http_to_another_machine_wants_a_flag() {
    // On Linux this address leads to the machine itself, and does not look as if it did.
    let api = Scripted::answer(one_license());
    let url = format!("http://0.0.0.0:{}", api.port());
    let refused = run(&mut api_command("ndjson", &url, ACCOUNT));
    assert_eq!((refused.code, refused.text()), (Some(2), ""));
    assert!(refused.stderr.contains("(--allow-http)"), "{}", refused.stderr);
    let got = run(api_command("ndjson", &url, ACCOUNT).arg("--allow-http"));
    assert_eq!((got.code, got.text()), DELIVERED, "{}", got.stderr);
    api.request();
}

#[test]
fn plain_http_goes_by_a_proxy_where_there_is_one() {
    let api = Scripted::answer(closing());
    let proxy = Proxy::to(api.port());
    let mut command = api_command("ndjson", "http://truto.test", ACCOUNT);
    let got = run(command.arg("--allow-http").env("http_proxy", proxy.url()));
    assert_eq!((got.code, got.text()), DELIVERED, "{}", got.stderr);
    let request = api.request();
    assert!(request.starts_with("GET http://truto.test/unified/"), "{request}");
    assert_eq!(proxy.heads().len(), 1);
}

#[test]
fn a_proxy_that_refuses_is_named() {
    for (answer, what, asked) in [
        // As with any other 4xx: it would say the same another time.
        ("407 Proxy Authentication Required", "the proxy wants to know who asks", 1),
        ("502 Bad Gateway", "the proxy refuses to lead there", 2),
    ] {
        let proxy = Replies::of(vec![say(answer, "", "")]);
        let mut command = api_command("ndjson", "https://truto.test", ACCOUNT);
        command.arg("--retries=1").env("https_proxy", proxy.url());
        let got = run(&mut command);
        assert_eq!((got.code, got.text()), (Some(3), ""));
        assert!(
            got.stderr.contains("truto.test cannot be connected to: the proxy"),
            "{}",
            got.stderr
        );
        assert!(got.stderr.contains(what), "{}", got.stderr);
        let named = format!(" (127.0.0.1:{}, by https_proxy)", proxy.port());
        assert!(got.stderr.contains(&named), "{}", got.stderr);
        let requests = proxy.requests();
        assert_eq!(requests.len(), asked, "{answer}");
        assert!(requests[0].head.starts_with("CONNECT truto.test:443"));
    }
}

#[test]
fn a_proxy_that_is_down_is_named() {
    let nobody = Refusing::take();
    let mut command = api_command("ndjson", "https://truto.test", ACCOUNT);
    let proxy = format!("http://user:pass-w0rd@127.0.0.1:{}", nobody.port());
    let got = run(command.arg("--retries=0").env("ALL_PROXY", proxy));
    assert_eq!((got.code, got.text()), (Some(3), ""));
    let named = format!("the proxy does not answer (127.0.0.1:{}, by ALL_PROXY)", nobody.port());
    assert!(got.stderr.contains(&named), "{}", got.stderr);
    assert!(!got.stderr.contains("pass-w0rd"), "{}", got.stderr);
}

#[test]
fn a_proxy_that_says_nothing_is_named() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let proxy = silent.local_addr().unwrap();
    let mut command = api_command("ndjson", "https://truto.test", ACCOUNT);
    command.args(["--retries=0", "--connect-timeout=0.3"]);
    let got = run(command.env("ALL_PROXY", format!("http://{proxy}")));
    assert_eq!((got.code, got.text()), (Some(3), ""));
    let named =
        format!("in time: the proxy, or what it leads to, does not answer ({proxy}, by ALL_PROXY)");
    assert!(got.stderr.contains(&named), "{}", got.stderr);
}

#[test]
fn a_proxy_for_plain_http_that_is_down_is_named_where_it_was_asked() {
    let nobody = Refusing::take();
    let proxy = format!("http://user:pass-w0rd@127.0.0.1:{}", nobody.port());
    for (name, excepted, is_named) in
        [("http_proxy", "", true), ("ALL_PROXY", "other.test", true), ("http_proxy", "test", false)]
    {
        let mut command = api_command("ndjson", "http://truto.test", ACCOUNT);
        command.args(["--allow-http", "--retries=0"]).env(name, &proxy).env("NO_PROXY", excepted);
        let got = run(&mut command);
        assert_eq!((got.code, got.text()), (Some(3), ""));
        let named = format!(
            "truto.test cannot be connected to: the proxy does not answer (127.0.0.1:{}, by {name})",
            nobody.port()
        );
        assert_eq!(got.stderr.contains(&named), is_named, "{name} {excepted}: {}", got.stderr);
        assert!(!got.stderr.contains("pass-w0rd"), "{}", got.stderr);
    }
}

#[test]
fn a_proxy_that_is_no_address_is_not_passed_over() {
    for (name, value) in [
        ("HTTPS_PROXY", "::::"),
        ("all_proxy", "pass-w0rd@"),
        ("https_proxy", "socks5://127.0.0.1:1"),
    ] {
        let mut command = api_command("ndjson", "https://truto.invalid", ACCOUNT);
        let got = run(command.arg("--retries=0").env(name, value));
        assert_eq!((got.code, got.text()), (Some(2), ""), "{name}: {}", got.stderr);
        assert!(got.stderr.contains(&format!("{name} is no address of a proxy")), "{}", got.stderr);
        assert!(!got.stderr.contains("pass-w0rd"), "{}", got.stderr);
    }
}

/// A client of reqwest's own, which follows redirects.
fn follower(url: &str) -> TrutoClient {
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    TrutoClient::new(http, url, Token::new(TOKEN).unwrap()).unwrap()
}

#[tokio::test]
async fn the_token_follows_no_redirect_to_another_origin() {
    for status in ["301 Moved", "302 Found", "303 See Other", "307 Temporary", "308 Permanent"] {
        let license = say("200 OK", "Content-Type: application/x-ndjson\r\n", "{\"id\":\"1\"}\n");
        let elsewhere = Replies::of(vec![license]);
        let location = format!("Location: {}/licenses\r\n", elsewhere.url());
        let api = Replies::of(vec![say(status, &location, "")]);
        let asked = follower(&api.url()).licenses(&LicenseRequest::new(ACCOUNT)).await;
        let error = asked.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Refused, "{error}");
        assert!(error.message().contains("whose answer is not believed"), "{error}");
        assert_eq!(elsewhere.requests().len(), 1);
        let head = &elsewhere.requests()[0].head;
        assert!(!head.contains(TOKEN) && !head.contains("authorization"), "{head}");
    }
}

#[tokio::test]
async fn a_client_that_follows_redirects_may_follow_them_to_the_same_origin() {
    let license = say("200 OK", "Content-Type: application/x-ndjson\r\n", "{\"id\":\"1\"}\n");
    let api = Replies::of(vec![say("307 Temporary", "Location: /elsewhere\r\n", ""), license]);
    drop(follower(&api.url()).licenses(&LicenseRequest::new(ACCOUNT)).await.unwrap());
    let requests = api.requests();
    assert!(requests[1].head.starts_with("GET /elsewhere "), "{}", requests[1].head);
    assert!(requests[1].head.contains(TOKEN));
}
