//! What is broken in a page and may have been more than one license: the run fails, and delivers nothing behind it.

use super::{failure, ndjson, summary};
use crate::support::answers::{Answers, say};
use crate::support::run::{Run, run};
use crate::support::truto::api_command;

const ACCOUNT: &str = "62f44730-dd91-461e-bd6a-aedd9e0ad79d";

/// Reads a first page of `body` with rejects skipped, and a last one behind the cursor `c1`; answers the run and
/// how many pages were asked for.
fn read(body: &str) -> (Run, usize) {
    read_with(body, &[])
}

fn read_with(body: &str, options: &[&str]) -> (Run, usize) {
    let json = "Content-Type: application/json\r\n";
    let last = "{\"result\":[{\"id\":\"last\"}],\"next_cursor\":null}";
    let api = Answers::of(vec![say("200 OK", json, body), say("200 OK", json, last)]);
    let mut command = api_command("ndjson", &api.url(), ACCOUNT);
    let run = run(command.args(["--json", "--on-error", "skip", "--retries=0"]).args(options));
    (run, api.requests().len())
}

const Z: &str = r#"{"id":"z"}"#;

/// A page that fails as malformed behind `Z`, and so does the snapshot.
#[track_caller]
fn assert_lost(body: &str, delivered: &str) {
    // The next page may have been asked for before this one was decoded.
    let run = read(body).0.expect(1);
    assert_eq!(run.stdout, delivered, "{body}: {run:#?}");
    assert_eq!(failure(&run), "malformed", "{body}: {run:#?}");
}

/// Bodies of a list with `Z`, then `middle`, and the cursor of the last page.
fn lists(middle: &str) -> [String; 3] {
    [
        format!("{{\"result\":[{Z},{middle},{{\"id\":\"d\"}}],\"next_cursor\":\"c1\"}}"),
        format!("{{\"next_cursor\":\"c1\",\"result\":[\n  {Z},\n  {middle}\n]}}\n"),
        format!("[{Z},{middle}]\n{{\"next_cursor\":\"c1\"}}\n"),
    ]
}

#[test]
fn licenses_between_two_that_are_broken_are_not_passed_over() {
    for middle in [
        // Quotes that were not escaped, or are missing.
        r#"{"id":"a","name":"19" rack"},{"id":"b","name":"whole"},{"id":"b2"},{"id":"c","name":"24" screen"}"#,
        r#"{"id":"a","name":"x},{"statusCode":502,"error":"Bad"},{"id":"d","name":"y}"#,
        // Brackets.
        r#"{"id":"a","x":{"y":1,{"id":"b"},{"id":"c","y":1}}"#,
        // A line feed and a comma that are.
        r#"{"id":"a","name":"x{"id":"b","name":"y" z"}"#,
    ] {
        for body in lists(middle) {
            assert_lost(&body, "{\"id\":\"z\"}\n");
        }
    }
    let partial = "{\"result\":[{\"id\":\"z\"},{\"id\":\"a\",\"name\":\"x}],\"is_partial_response\":true}\n\
                   {\"result\":[{\"id\":\"b\"},{\"id\":\"d\",\"name\":\"y}],\"next_cursor\":null}";
    assert_lost(partial, "{\"id\":\"z\"}\n");
}

#[test]
fn licenses_of_an_object_that_became_members_of_another_are_not_passed_over() {
    for broken in [
        // The end of one is missing, and the beginning of a later one.
        r#""k0":{"id":"a","name":"x","k1":{"id":"b"},"k2":{"id":"c"},"k3":"id":"d"}"#,
        r#""k0":{"id":"a","name":"x","k1":{"id":"b"},"k2":{"id":"c","name":tru}},"k3":{"id":"d"}"#,
        r#""k0":{"id":"a","name":"x","k1":{"id":"b","name":x}},"k3":{"id":"d"}"#,
        r#""k0":{"id":"a","k1":{"name":"y","\u0069d":"b","n":01},"k3":{"id":"d"}}"#,
    ] {
        for limit in [40, 1 << 20] {
            let body = format!("{{\"result\":{{\"z\":{Z},{broken}}},\"next_cursor\":null}}");
            let limit = format!("--max-record-bytes={limit}");
            let run = read_with(&body, &[&limit]).0.expect(1);
            assert_eq!(run.stdout, "{\"id\":\"z\"}\n", "{body}: {run:#?}");
            assert_eq!(failure(&run), "malformed", "{body}: {run:#?}");
        }
    }
    // The object seems to end before them: they are members of the envelope.
    for broken in [
        r#""k0":{"id":"a"]},"k1":{"id":"b","k2":{"id":"c"}"#,
        r#""k0":{"id":"a","remote_data":{"n"}:1}},"k1":{"id":"b"},"k2":{"id":"c"}"#,
        r#""k0":{"id":"a","remote_data":"seats":1}},"k1":{"id":"b","name":"B"},"k2":{"id":"c"}"#,
        r#""k0":{"id":"a","x"}},"k1":{"x":[1],"\u0069d":"b"}"#,
    ] {
        let body = format!("{{\"result\":{{\"z\":{Z},{broken},\"next_cursor\":null}}");
        assert_lost(&body, "{\"id\":\"z\"}\n");
    }
    // What is broken in one without such members costs only that.
    for broken in [
        r#"{"id":"a","name":tru,"remote_data":{"id":"r","user":{"id":"u"}},"products":[{"id":"p"}]}"#,
        r#"{"id":"a","name":"19" rack" y","meta":[1]}"#,
        r#"{"id":"a","name":tru,"tier":{"code":7,"id":"no license"}}"#,
    ] {
        let body = format!(
            "{{\"result\":{{\"z\":{Z},\"k0\":{broken},\"k1\":{{\"id\":\"b\"}}}},\"meta\":{{\"id\":\"m\"}}}}"
        );
        let run = read(&body).0.expect(4);
        assert_eq!(run.stdout, "{\"id\":\"z\"}\n{\"id\":\"b\"}\n", "{body}: {run:#?}");
        assert_eq!(summary(&run)["rejected"].as_u64(), Some(1), "{body}");
    }
}

#[test]
fn of_licenses_between_two_that_are_broken_there_may_be_more_than_a_record_s_length() {
    let whole = r#"{"id":"b","name":"whole"},"#.repeat(2000);
    let middle = format!(r#"{{"id":"a","name":"x}},{whole}{{"id":"d","name":"y}}"#);
    for body in lists(&middle) {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        std::io::Write::write_all(&mut file, body.as_bytes()).unwrap();
        let limit = "--max-record-bytes=1000";
        let run = run(ndjson().args(["--on-error", "skip", limit, "--input"]).arg(file.path()));
        let run = run.expect(1);
        assert_eq!(
            (run.stdout.as_str(), &*failure(&run)),
            ("{\"id\":\"z\"}\n", "malformed"),
            "{run:#?}"
        );
    }
}

#[test]
fn a_license_that_is_broken_within_costs_only_itself() {
    let products = r#""products":[{"id":"p","name":"x"},{"id":"q"}]"#;
    for broken in [
        format!(r#"{{"id":"a","x":NaN,{products}}}"#),
        format!(r#"{{"id":"a","x":01,{products}}}"#),
        format!(r#"{{"id":"a",{products},"x":"\q"}}"#),
        format!(r#"{{"name":"a",{products}}}"#),
        r#"{"id":"a","name":"19" rack"}"#.replace("rack", r#"rack" y"#),
    ] {
        for body in lists(&broken) {
            let (run, requests) = read(&body);
            let run = run.expect(4);
            assert_eq!((requests, summary(&run)["rejected"].as_u64()), (2, Some(1)), "{body}");
            assert!(run.stdout.ends_with("{\"id\":\"last\"}\n"), "{body}: {run:#?}");
        }
    }
}

#[test]
fn a_line_that_may_have_been_more_than_a_license_is_not_passed_over() {
    for line in [
        // A result that cannot be read.
        r#"{"result":"eyJ","next_cursor":"c1"}"#,
        r#"{"result":7,"next_cursor":null}"#,
        r#"{"next_cursor":null,"results":true}"#,
        // Names with escapes.
        r#"{"x":01,"next\u005fcursor":"c1"}"#,
        r#"{"x":01,"\u0065rror":"Bad Gateway","\u0073tatusCode":502}"#,
        // An `id` that is none, by the rule of decoding.
        r#"{"id":"y","id":null,"next_cursor":"c1"}"#,
        r#"{"id":"\ud83d","next_cursor":"c1"}"#,
        // Errors that are broken.
        r#"{"status":502,"message":"x",}"#,
        r#"{"truto_is_remote_error":true,"message":"x",}"#,
        r#"{"message":"Internal error","x":NaN}"#,
        // An envelope of another form.
        r#"{"data":[{"i\u0064":"b"},{"i\u0064":"c"}],"next_cursor":"c1"}"#,
        // Torn, with a whole one behind.
        r#"{"id":"a","name":"x{"id":"b","name":"good"}"#,
        r#"{"id":"a",{"id":"b","name":"good"}"#,
    ] {
        assert_lost(&format!("{Z}\n{line}\n{{\"id\":\"b\"}}\n"), "{\"id\":\"z\"}\n");
        assert_lost(
            &format!("\u{1e}{Z}\n\u{1e}{line}\n\u{1e}{{\"id\":\"b\"}}\n"),
            "{\"id\":\"z\"}\n",
        );
    }
    // A body that is nothing else is no empty listing.
    for body in [
        r#"{"result":"eyJ","next_cursor":null}"#,
        r#"{"result":"eyJ","next_cursor":"c1"}"#,
        r#"{"result":7}"#,
        r#"{"next_cursor":null,"results":true}"#,
        r#"{"data":[{"i\u0064":"b"},{"i\u0064":"c"}],"next_cursor":null}"#,
    ] {
        assert_lost(body, "");
    }
}

#[test]
fn an_envelope_with_an_id_or_a_broken_name_is_not_passed_over_as_one_license() {
    let (list, cursor) = (r#""result":[{"id":"a"},{"id":"b"}]"#, r#""next_cursor":"c1""#);
    for body in [
        format!(r#"{{"id":"r" {list},{cursor}}}"#),
        format!(r#"{{"id":"r",,{list},{cursor}}}"#),
        format!(r#"{{"id":"r";{list}}}"#),
        format!("{{\"id\":\"r\",\u{1}{list},{cursor}}}"),
        format!(r#"{{"id":"r","meta":,{list},{cursor}}}"#),
        r#"{"id":"r","re\sult":[{"id":"a"},{"id":"b"}],"next_cursor":"c1"}"#.to_owned(),
        r#"{"re\sult":[{"id":"a"},{"id":"b"}]}"#.to_owned(),
        "{\"re\u{1}sult\":{\"k\":{\"id\":\"a\"}}}".to_owned(),
        r#"{"data":[{"id":"a"},{"id":"b",}]}"#.to_owned(),
    ] {
        assert_lost(&body, "");
        // Behind a page that is whole.
        let whole = format!("{{\"result\":[{Z}],\"next_cursor\":\"c0\"}}\n{body}\n");
        let run = read(&whole).0.expect(1);
        assert_eq!(run.stdout, "{\"id\":\"z\"}\n", "{whole}: {run:#?}");
    }
    // A name that is no text, and JSON all the same.
    let (run, requests) = read(&format!(r#"{{"id":"r","\ud83d":1,{list},{cursor}}}"#));
    assert_eq!(run.expect(0).stdout, "{\"id\":\"a\"}\n{\"id\":\"b\"}\n{\"id\":\"last\"}\n");
    assert_eq!(requests, 2);
}

#[test]
fn an_envelope_that_is_too_long_before_its_result_is_no_complete_listing() {
    let long = "x".repeat(70_000);
    let body =
        format!(r#"{{"id":"r","meta":"{long}","result":[{{"id":"a"}}],"next_cursor":null}}"#);
    let mut file = tempfile::NamedTempFile::new().unwrap();
    std::io::Write::write_all(&mut file, body.as_bytes()).unwrap();
    let read = |shape: &[&str], code| {
        let mut command = ndjson();
        command.args(["--on-error=skip", "--max-record-bytes=1000"]).args(shape);
        run(command.arg("--input").arg(file.path())).expect(code)
    };
    let run = read(&[], 1);
    assert!(run.stderr.contains("--shape envelope"), "{run:#?}");
    assert_eq!(failure(&run), "malformed");
}
