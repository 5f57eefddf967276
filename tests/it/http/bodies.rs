//! Bodies that are not whole, and bodies that are no licenses.

use super::{ACCOUNT, one_license};
use crate::support::compress::{FORMS, Form};
use crate::support::process::{Run, run};
use crate::support::replies::{Replies, say};
use crate::support::scripted::{Scripted, response};
use crate::support::truto::api_command;

const NDJSON: &str = "HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\n";

fn ask(answer: impl Into<Vec<u8>>) -> Run {
    let api = Scripted::answer(answer);
    // Its server answers once. How a body that was cut goes on is the subject of `resume`.
    let got = run(api_command("ndjson", &api.url(), ACCOUNT).arg("--retries=0"));
    api.request();
    got
}

/// A run that delivered the first license, and says that the body was not whole behind it.
fn assert_truncated(got: &Run, what: &str) {
    assert_eq!((got.code, got.text()), (Some(1), "{\"id\":\"1\"}\n"), "{}", got.stderr);
    assert!(got.stderr.contains(what), "{}", got.stderr);
    assert!(got.stderr.contains(" at byte 11, line 2, record 1"), "{}", got.stderr);
}

#[test]
fn a_length_that_is_not_reached_is_a_cut() {
    for rest in ["", "{\"id\":", "{\"id\":\"2\"}"] {
        let body = format!("{NDJSON}Content-Length: 1000\r\n\r\n{{\"id\":\"1\"}}\n{rest}");
        assert_truncated(&ask(body), "body was cut before its end");
    }
}

#[test]
fn a_chunked_body_without_its_terminator_is_a_cut() {
    let head = format!("{NDJSON}Transfer-Encoding: chunked\r\n\r\n");
    for rest in ["", "b", "b\r\n", "b\r\n{\"id\":\"2\"}\n", "b\r\n{\"id\":\"2\"}", "0\r\n"] {
        let body = format!("{head}b\r\n{{\"id\":\"1\"}}\n\r\n{rest}");
        let got = ask(body);
        if rest.ends_with('\n') && rest.len() > 3 {
            // The chunk came whole, though the body did not.
            assert_eq!(got.text(), "{\"id\":\"1\"}\n{\"id\":\"2\"}\n", "{}", got.stderr);
            assert!(got.stderr.contains(" at byte 22, line 3, record 2"), "{}", got.stderr);
            assert_eq!(got.code, Some(1));
        } else {
            assert_truncated(&got, "body was cut before its end");
        }
    }
    let whole = ask(format!("{head}b\r\n{{\"id\":\"1\"}}\n\r\n0\r\n\r\n"));
    assert_eq!((whole.code, whole.text()), (Some(0), "{\"id\":\"1\"}\n"), "{}", whole.stderr);
}

#[test]
fn a_body_that_only_the_connection_ends_cannot_be_told_from_a_cut_one() {
    for version in ["HTTP/1.0", "HTTP/1.1"] {
        let head = NDJSON.replace("HTTP/1.1", version);
        let got = ask(format!("{head}Connection: close\r\n\r\n{{\"id\":\"1\"}}\n"));
        assert_truncated(&got, "nothing in the response tells whether the body is whole");
    }
}

#[test]
fn an_announced_length_is_enough_for_http_1_0() {
    let got = ask(one_license().replace("HTTP/1.1", "HTTP/1.0"));
    assert_eq!((got.code, got.text()), (Some(0), "{\"id\":\"1\"}\n"), "{}", got.stderr);
}

#[test]
fn an_empty_body_is_no_licenses() {
    let got = ask(response("200 OK", "Content-Type: application/x-ndjson\r\n", ""));
    assert_eq!((got.code, got.text()), (Some(0), ""), "{}", got.stderr);
}

#[test]
fn a_page_of_html_is_no_body() {
    let page = "<html><title>Sign in</title></html>";
    for kind in ["text/html", "text/html; charset=utf-8", "Text/HTML"] {
        let got = ask(response("200 OK", &format!("Content-Type: {kind}\r\n"), page));
        assert_eq!((got.code, got.text()), (Some(1), ""));
        assert!(got.stderr.contains("a page of HTML came instead of JSON"), "{}", got.stderr);
    }
}

#[test]
fn a_page_of_html_that_claims_to_be_json_is_no_license() {
    let headers = "Content-Type: application/json\r\n";
    let got = ask(response("200 OK", headers, "<html>\n<b>secret</b></html>\n"));
    assert_eq!((got.code, got.text()), (Some(1), ""));
    assert!(got.stderr.contains(" at byte 0, line 1, record 0"), "{}", got.stderr);
    assert!(got.stderr.contains("it looks like HTML"), "{}", got.stderr);
    assert!(!got.stderr.contains("html") && !got.stderr.contains("secret"), "{}", got.stderr);
}

#[test]
fn a_body_that_ends_within_a_record_is_cut_whatever_its_length_says() {
    for body in [
        "{\"id\":\"1\"}\n{\"id\":\"2",
        "{\"id\":\"1\"}\n {\"id\":\"2\",\"x\":[{}",
        "\u{1e}{\"id\":\"1\"}\n\u{1e}{\"id\":\n",
        "{\"result\":[{\"id\":\"1\"},{\"id\":",
    ] {
        for policy in ["fail", "skip"] {
            let api = Scripted::answer(response("200 OK", "", body));
            let mut command = api_command("ndjson", &api.url(), ACCOUNT);
            let got = run(command.args(["--on-error", policy]));
            assert_eq!((got.code, got.text()), (Some(1), "{\"id\":\"1\"}\n"), "{body}");
            assert!(got.stderr.contains("body ends "), "{body}: {}", got.stderr);
        }
    }
}

#[test]
fn an_answer_without_licenses_is_no_listing_of_rejects() {
    let json = "Content-Type: application/json\r\n";
    let page = "{\"result\":[{\"id\":\"1\"}],\"next_cursor\":\"c\"}";
    let said = "(without a status: Unauthorized)";
    for (body, what) in [
        ("<html>\n<b>secret</b></html>\n", "it looks like HTML"),
        ("{\"message\":\"Unauthorized\"}", said),
        ("{\n  \"message\": \"Unauthorized\"\n}\n", "no listing of licenses"),
        ("{\"data\":[{\"id\":\"1\"}],\"next_cursor\":null}", "an envelope stands where a license"),
        ("{\"result_count\":1,\"items\":[{\"id\":\"1\"}]}", "an envelope stands where a license"),
        ("{}", "no listing of licenses"),
        ("null", "no listing of licenses"),
        ("Service is down\n", "no listing of licenses"),
        ("{\0\"\0i\0d\0\"\0:\0\"\x001\0\"\0}\0", "it looks like UTF-16"),
        ("{\"data\":[{\"id\":\"1\"}]}", "no listing of licenses"),
    ] {
        // As the only page, and as the second.
        for (before, records) in [(None, 0), (Some(page), 1)] {
            let bodies = before.into_iter().chain([body]);
            let api = Replies::of(bodies.map(|body| say("200 OK", json, body)).collect());
            let directory = tempfile::tempdir().unwrap();
            let mut command = api_command("ndjson", &api.url(), ACCOUNT);
            command.args(["--json", "--on-error=skip", "--out"]).arg(directory.path().join("out"));
            let got = run(&mut command);
            let summary: serde_json::Value = serde_json::from_str(got.text()).unwrap();
            let snapshot = &summary["snapshots"][0];
            assert_eq!((got.code, &snapshot["complete"]), (Some(1), &false.into()), "{body}");
            let kind = if what == said { "upstream" } else { "malformed" };
            assert_eq!(snapshot["error"]["kind"], kind, "{body}: {summary}");
            assert_eq!(snapshot["records"], records, "{body}: {summary}");
            assert!(got.stderr.contains(what) && !got.stderr.contains("secret"), "{}", got.stderr);
        }
    }
    // Broken licenses, and a broken line before a license, are rejects.
    for body in ["{\"id\":oops}\n", "{\"id\":7}\n", "null\n{\"id\":\"1\"}\n"] {
        let api = Scripted::answer(response("200 OK", json, body));
        let got = run(api_command("ndjson", &api.url(), ACCOUNT).arg("--on-error=skip"));
        assert_eq!(got.code, Some(4), "{body}: {}", got.stderr);
    }
}

#[test]
fn a_cursor_stays_until_another_is_said_or_a_page_has_none() {
    const JSON: &str = "Content-Type: application/json\r\n";
    let last = say("200 OK", JSON, "{\"result\":[{\"id\":\"2\"}],\"next_cursor\":null}");
    let page = r#"{"result":[{"id":"1"}],"next_cursor":"c1"}"#;
    let behind = |line: &str| format!("{page}\n{line}\n");
    for (body, shape, is_followed) in [
        (behind(r#"{"result_count":1}"#), "auto", true),
        (behind(r#"{"prev_cursor":null}"#), "auto", true),
        (behind(r#"{"is_partial_response":false}"#), "auto", true),
        (behind(r#"{"result":[]}"#), "auto", false),
        (behind(r#"{"result":null}"#), "auto", true),
        (
            "[{\"id\":\"1\"}]\n{\"next_cursor\":\"c1\"}\n{\"result_count\":1}\n".to_owned(),
            "auto",
            true,
        ),
        (
            "{\"result\":[{\"id\":\"1\"}]}\n{\"next_cursor\":\"c1\"}\n{\"result_count\":1}\n"
                .to_owned(),
            "auto",
            true,
        ),
        ("{\"next_cursor\":\"c1\"}\n{\"result\":[{\"id\":\"1\"}]}\n".to_owned(), "envelope", true),
        (
            "{\"id\":\"1\"}\n{\"next_cursor\":\"c1\"}\n{\"result_count\":1}\n".to_owned(),
            "auto",
            true,
        ),
        (behind(r#"{"next_cursor":null}"#), "auto", false),
        (behind(r#"{"result":[],"next_cursor":null}"#), "auto", false),
    ] {
        let api = Replies::of(vec![say("200 OK", JSON, &body), last.clone()]);
        let got = run(api_command("ndjson", &api.url(), ACCOUNT).args(["--shape", shape]));
        let want =
            if is_followed { "{\"id\":\"1\"}\n{\"id\":\"2\"}\n" } else { "{\"id\":\"1\"}\n" };
        assert_eq!((got.code, got.text()), (Some(0), want), "{body}: {}", got.stderr);
        let followed =
            api.requests().iter().filter(|request| request.head.contains("next_cursor=c1")).count();
        assert_eq!(followed, usize::from(is_followed), "{body}");
    }
}

#[test]
fn lines_are_read_whatever_their_type_says() {
    let sequence = "Content-Type: application/json-seq\r\n";
    let licenses = "{\"id\":\"1\"}\n{\"id\":\"2\"}\n";
    for body in [licenses, "\u{1e}{\"id\":\"1\"}\n\u{1e}{\"id\":\"2\"}\n"] {
        let api = Replies::of(vec![say("200 OK", sequence, body)]);
        let got = run(&mut api_command("ndjson", &api.url(), ACCOUNT));
        assert_eq!((got.code, got.text()), (Some(0), licenses), "{body}: {}", got.stderr);
    }
}

#[test]
fn an_empty_body_is_no_json() {
    let json = "Content-Type: application/json; charset=utf-8\r\n";
    let ndjson = "Content-Type: application/x-ndjson\r\n";
    for (headers, format, whole, nothing) in [
        (json, "stream", false),
        (ndjson, "unified", false),
        ("", "normalized", false),
        (ndjson, "stream", true),
        ("", "stream", true),
    ]
    .into_iter()
    // White space and a byte order mark are no JSON either.
    .flat_map(|row| ["", " \r\n\t\n", "\u{feff}"].map(|nothing| (row, nothing)))
    .filter(|((.., is_whole), nothing)| !is_whole || !nothing.starts_with('\u{feff}'))
    .map(|((headers, format, is_whole), nothing)| (headers, format, is_whole, nothing))
    {
        let answers =
            vec![say("200 OK", headers, nothing), say("200 OK", headers, "[{\"id\":\"1\"}]")];
        let api = Replies::of(answers);
        let mut command = api_command("ndjson", &api.url(), ACCOUNT);
        let got = run(command.args(["--format", format]));
        let (text, requests) = if whole { ("", 1) } else { ("{\"id\":\"1\"}\n", 2) };
        assert_eq!((got.code, got.text()), (Some(0), text), "{headers}{format}: {}", got.stderr);
        assert_eq!(api.requests().len(), requests, "{headers}{format}{nothing:?}");
    }
    let got = ask(response("200 OK", json, ""));
    assert_eq!((got.code, got.text()), (Some(1), ""));
    assert!(got.stderr.contains("the body is empty, and JSON was due"), "{}", got.stderr);
}

#[test]
fn an_error_in_the_middle_of_a_body_ends_the_run_as_one_of_an_answer_does() {
    let remote = ",\"truto_is_remote_error\":true";
    for (status, more, kind, code, what) in [
        (401, remote, "account_unauthorized", 3, "the account must be connected anew in Truto: "),
        (
            401,
            "",
            "unauthorized",
            3,
            "the API token was refused: look at TRUTO_API_TOKEN or --token-file: ",
        ),
        (403, "", "forbidden", 3, "the token or the account lacks a permission: "),
        (403, remote, "forbidden", 3, "the account lacks a permission at its provider: "),
        (422, "", "refused", 1, ""),
        (502, remote, "upstream", 1, ""),
    ] {
        let error = format!("{{\"statusCode\":{status},\"error\":\"x\"{more}}}");
        for body in [
            format!("{{\"id\":\"1\"}}\n{error}\n"),
            format!("{{\"result\":[{{\"id\":\"1\"}},{error}]}}"),
        ] {
            let api = Scripted::answer(response("200 OK", "", &body));
            let directory = tempfile::tempdir().unwrap();
            let mut command = api_command("ndjson", &api.url(), ACCOUNT);
            let got = run(command.arg("--json").arg("--out").arg(directory.path().join("out")));
            let summary: serde_json::Value = serde_json::from_str(got.text()).unwrap();
            let snapshot = &summary["snapshots"][0];
            assert_eq!(snapshot["error"]["kind"], kind, "{body}: {summary}");
            let by = if more.is_empty() { "the API" } else { "the provider, says the API," };
            let told = format!(
                "account {ACCOUNT}: {what}{by} reported an error in the body (status {status}"
            );
            let message = snapshot["error"]["message"].as_str().unwrap();
            assert!(message.starts_with(&told), "{message}");
            assert_eq!((got.code, &snapshot["records"]), (Some(code), &1.into()), "{body}");
        }
    }
}

#[test]
fn an_answer_that_is_partial_names_its_account() {
    let got =
        ask(response("200 OK", "", "{\"result\":[{\"id\":\"1\"}],\"is_partial_response\":true}"));
    assert_eq!(got.code, Some(1));
    let told = format!("error: account {ACCOUNT}: the API says that its answer is partial");
    assert!(got.stderr.contains(&told), "{}", got.stderr);
}

#[test]
fn where_it_was_is_said_before_what_to_do() {
    let got = ask(response("200 OK", "", "\n<html>\n"));
    let told =
        "the body is no listing of licenses at byte 1, line 2, record 0: it looks like HTML, so";
    assert!(got.stderr.contains(told), "{}", got.stderr);
    // Of nothing there is no place.
    let got = ask(response("200 OK", "Content-Type: application/json\r\n", ""));
    assert!(got.stderr.contains("the body is empty, and JSON was due\n"), "{}", got.stderr);
}

#[test]
fn a_body_that_is_compressed_and_does_not_say_so_is_named() {
    for (form, encoding) in FORMS.into_iter().filter(|(_, name)| matches!(*name, "gzip" | "zstd")) {
        let body = form.compress(b"{\"id\":\"1\"}\n");
        let head = format!("{NDJSON}Content-Length: {}\r\n\r\n", body.len());
        let got = ask([head.as_bytes(), &body].concat());
        assert_eq!((got.code, got.text()), (Some(1), ""), "{encoding}");
        let told = format!("body looks like {encoding}, and no Content-Encoding says that");
        assert!(got.stderr.contains(&told), "{}", got.stderr);
    }
}

/// A response with `body` in `encoding`, of announced length.
fn encoded(encoding: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let head = format!("{NDJSON}Content-Encoding: {encoding}\r\nContent-Length: {length}\r\n\r\n");
    [head.as_bytes(), body].concat()
}

#[test]
fn a_compressed_body_is_unpacked() {
    for (form, encoding) in FORMS {
        let got = ask(encoded(encoding, &form.compress(b"{\"id\":\"1\"}\n")));
        assert_eq!(
            (got.code, got.text()),
            (Some(0), "{\"id\":\"1\"}\n"),
            "{form:?}: {}",
            got.stderr
        );
    }
}

#[test]
fn a_compressed_body_of_announced_length_may_still_be_cut() {
    for (form, encoding) in FORMS {
        let parts = form.compress_parts(&[b"{\"id\":\"1\"}\n", b"{\"id\":"]);
        let body = [&parts[0][..], &parts[1]].concat();
        assert_truncated(&ask(encoded(encoding, &body)), "was cut before its end");
    }
}

#[test]
fn a_compressed_body_that_only_the_connection_ends_is_whole_where_nothing_can_follow() {
    for (form, encoding) in FORMS {
        let whole = form.compress(b"{\"id\":\"1\"}\n");
        let head = format!("{NDJSON}Content-Encoding: {encoding}\r\nConnection: close\r\n\r\n");
        let got = ask([head.as_bytes(), &whole].concat());
        if matches!(form, Form::Gzip | Form::Zstd) {
            assert_truncated(&got, "nothing in the response tells whether the body is whole");
        } else {
            assert_eq!((got.code, got.text()), (Some(0), "{\"id\":\"1\"}\n"), "{}", got.stderr);
            let cut = ask([head.as_bytes(), &whole[..whole.len() - 1]].concat());
            assert_eq!(cut.code, Some(1), "{form:?}: {}", cut.stderr);
            assert!(cut.stderr.contains("was cut before its end"), "{}", cut.stderr);
        }
    }
}

#[test]
fn an_encoding_that_is_not_read_is_refused() {
    for (encoding, what) in [
        ("gzip, gzip", "compressed more than once"),
        ("compress", "the Content-Encoding `compress`"),
    ] {
        let got = ask(encoded(encoding, b"{\"id\":\"1\"}\n"));
        assert_eq!((got.code, got.text()), (Some(1), ""));
        assert!(got.stderr.contains(what), "{}", got.stderr);
    }
}

#[test]
fn a_body_that_is_not_what_its_encoding_says_is_damaged() {
    let got = ask(encoded("gzip", b"{\"id\":\"1\"}\n"));
    assert_eq!((got.code, got.text()), (Some(1), ""));
    assert!(got.stderr.contains("it cannot be unpacked as gzip"), "{}", got.stderr);
}

#[test]
fn how_far_a_body_may_unpack_is_a_flag() {
    let mut body = b"{\"id\":\"1\"}\n".to_vec();
    body.resize(11 << 20, b'\n');
    let answer = encoded("zstd", &Form::Zstd.compress(&body));
    for (ratio, code) in [("1000", 1), ("100000", 0)] {
        let api = Scripted::answer(answer.clone());
        let mut command = api_command("ndjson", &api.url(), ACCOUNT);
        let got = run(command.args(["--max-compression-ratio", ratio]));
        assert_eq!((got.code, got.text()), (Some(code), "{\"id\":\"1\"}\n"), "{}", got.stderr);
        assert_eq!(got.stderr.contains("more than 1000 times"), code == 1, "{}", got.stderr);
    }
}
