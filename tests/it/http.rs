//! The API's side: what is asked for, and what becomes of answers that are no licenses.

mod bodies;
mod faults;
mod library;
mod limits;
mod refusals;
mod resume;
mod routes;
mod secrets;
mod tls;

use expect_test::expect;

use crate::support::process::{TOKEN, run};
use crate::support::scripted::{Scripted, Untouched, response};
use crate::support::truto::api_command;

const ACCOUNT: &str = "62f44730-dd91-461e-bd6a-aedd9e0ad79d";

/// A body of one license, on a connection as the simulator does not play it.
fn one_license() -> String {
    response("200 OK", "Content-Type: application/x-ndjson\r\n", "{\"id\":\"1\"}\n")
}

/// The request that the command makes with `arguments`, with its secret and its port taken out.
fn request(arguments: &[&str]) -> String {
    let api = Scripted::answer(one_license());
    let port = api.port().to_string();
    let got = run(api_command("ndjson", &api.url(), ACCOUNT).args(arguments));
    assert_eq!((got.code, got.text()), (Some(0), "{\"id\":\"1\"}\n"), "{}", got.stderr);
    let request = api.request();
    assert_eq!(request.matches(TOKEN).count(), 1, "{request}");
    request.replace(TOKEN, "TOKEN").replace(&port, "PORT").replace('\r', "")
}

#[test]
fn the_request_is_the_documented_one() {
    expect![[r#"
        GET /unified/user-directory/licenses?integrated_account_id=62f44730-dd91-461e-bd6a-aedd9e0ad79d&truto_response_format=stream HTTP/1.1
        authorization: Bearer TOKEN
        accept: application/x-ndjson, application/json
        accept-encoding: zstd, br, gzip, deflate
        user-agent: license-stream/0.1.0
        host: 127.0.0.1:PORT

    "#]].assert_eq(&request(&[]));
}

#[test]
fn leaving_out_remote_data_is_a_parameter() {
    let request = request(&["--ignore-remote-data"]);
    let line = request.lines().next().unwrap();
    expect!["GET /unified/user-directory/licenses?integrated_account_id=62f44730-dd91-461e-bd6a-aedd9e0ad79d&truto_response_format=stream&truto_ignore_remote_data=true HTTP/1.1"].assert_eq(line);
}

#[test]
fn compressed_bodies_need_not_be_asked_for() {
    let request = request(&["--no-compression"]);
    assert!(request.contains("\naccept-encoding: identity\n"), "{request}");
}

#[test]
fn an_account_cannot_add_parameters() {
    let api = Untouched::listen();
    let url = format!("http://127.0.0.1:{}", api.port());
    let got = run(&mut api_command("ndjson", &url, "a&truto_response_format=raw#é /?"));
    assert_eq!(got.code, Some(2), "{}", got.stderr);
    api.assert();
}

#[test]
fn a_base_url_may_have_a_path() {
    let api = Scripted::answer(one_license());
    let got = run(&mut api_command("ndjson", &format!("{}/proxy/", api.url()), ACCOUNT));
    assert_eq!(got.code, Some(0), "{}", got.stderr);
    let request = api.request();
    assert!(request.starts_with("GET /proxy/unified/user-directory/licenses?"), "{request}");
}

#[test]
fn a_redirect_is_not_followed() {
    for status in ["301 Moved Permanently", "302 Found", "307 Temporary Redirect"] {
        let elsewhere = Untouched::listen();
        let location = format!("Location: http://127.0.0.1:{}/\r\n", elsewhere.port());
        let api = Scripted::answer(response(status, &location, ""));
        let got = run(&mut api_command("ndjson", &api.url(), ACCOUNT));
        elsewhere.assert();
        assert_eq!((got.code, got.text()), (Some(1), ""), "{}", got.stderr);
        assert!(got.stderr.contains("the API redirects"), "{}", got.stderr);
    }
}

#[test]
fn plain_http_to_another_host_is_refused_before_anything_is_sent() {
    // On Linux this address leads to the machine itself, and does not look as if it did.
    let api = Untouched::listen();
    let url = format!("http://0.0.0.0:{}", api.port());
    let got = run(&mut api_command("ndjson", &url, ACCOUNT));
    api.assert();
    assert_eq!((got.code, got.text()), (Some(2), ""));
    assert!(got.stderr.contains("base URL must be https"), "{}", got.stderr);
}

#[test]
fn plain_http_to_this_machine_takes_no_proxy() {
    let proxy = Untouched::listen();
    let api = Scripted::answer(one_license());
    let mut command = api_command("ndjson", &api.url(), ACCOUNT);
    let got = run(command.env("http_proxy", format!("http://127.0.0.1:{}", proxy.port())));
    proxy.assert();
    assert_eq!((got.code, got.text()), (Some(0), "{\"id\":\"1\"}\n"), "{}", got.stderr);
}

#[test]
fn a_base_url_with_a_password_is_refused() {
    let api = Untouched::listen();
    let url = format!("http://user:pass-w0rd@127.0.0.1:{}", api.port());
    let got = run(&mut api_command("ndjson", &url, ACCOUNT));
    api.assert();
    assert_eq!(got.code, Some(2), "{}", got.stderr);
    assert!(!got.stderr.contains("pass-w0rd"), "{}", got.stderr);
    // What would not be sent is refused too.
    for more in ["?key=pass-w0rd", "#licenses"] {
        let api = Untouched::listen();
        let url = format!("http://127.0.0.1:{}/v1{more}", api.port());
        let got = run(&mut api_command("ndjson", &url, ACCOUNT));
        api.assert();
        assert_eq!(got.code, Some(2), "{}", got.stderr);
        assert!(got.stderr.contains("base URL must end with"), "{}", got.stderr);
        assert!(!got.stderr.contains("pass-w0rd"), "{}", got.stderr);
    }
}

#[test]
fn a_token_file_is_read() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("token");
    std::fs::write(&file, format!("{TOKEN}\n")).unwrap();
    let api = Scripted::answer(one_license());
    let mut command = api_command("ndjson", &api.url(), ACCOUNT);
    let got = run(command.env_remove("TRUTO_API_TOKEN").arg("--token-file").arg(&file));
    assert_eq!(got.code, Some(0), "{}", got.stderr);
    assert!(api.request().contains(&format!("authorization: Bearer {TOKEN}\r\n")));
}
