//! Stores that do not take what is written to them.

use license_stream::simulate::Simulator;

use crate::support::command::license_stream;
use crate::support::process::{self, Run, TOKEN, run_with_input};
use crate::support::replies::{Answer, Replies, say};
use crate::support::s3::{self, Bucket, SECRET, endpoint};
use crate::support::truto::Truto;

const BODY: &[u8] = b"{\"id\":\"a\"}\n";

fn export(url: &str, endpoint: &str) -> Run {
    let mut command = license_stream();
    command.args(["parquet", "--input", "-", "--out", url]);
    let run = run_with_input(s3::settings(&mut command, endpoint), BODY);
    assert!(!run.stderr.contains(SECRET), "{}", run.stderr);
    run
}

#[test]
fn a_missing_bucket_is_named() {
    let run = export("s3://there-is-no-such-bucket/a", &endpoint());
    assert_eq!(run.code, Some(1), "{}", run.stderr);
    assert!(run.stderr.contains("s3://there-is-no-such-bucket/a"), "{}", run.stderr);
    assert!(run.stderr.contains("NoSuchBucket"), "{}", run.stderr);
    assert!(run.stderr.contains("make the bucket, or name another"), "{}", run.stderr);

    // Of many accounts it is told once.
    let truto = Truto::start(Simulator::new().with_accounts(3).with_records(1));
    let mut all = license_stream();
    all.env("TRUTO_API_TOKEN", TOKEN).args(["parquet", "--all-accounts", "--concurrency=1"]);
    all.args(["--base-url", &truto.url(), "--out=s3://there-is-no-such-bucket/a"]);
    let run = process::run(s3::settings(&mut all, &endpoint()));
    assert_eq!(run.code, Some(1), "{}", run.stderr);
    assert_eq!(run.stderr.matches("NoSuchBucket").count(), 1, "{}", run.stderr);
    assert!(run.stderr.contains("accounts: 1 failed, 2 not begun"), "{}", run.stderr);
}

#[test]
fn a_store_that_gives_no_answer_is_an_environment_to_look_at() {
    let run = export("s3://bucket/a", "http://127.0.0.1:9");
    assert_eq!(run.code, Some(3), "{}", run.stderr);
    for words in
        ["s3://bucket/a", "the store gave no answer: Connection refused", "AWS_ENDPOINT_URL"]
    {
        assert!(run.stderr.contains(words), "{words}: {}", run.stderr);
    }
    assert!(!run.stderr.contains("Generic S3 error"), "{}", run.stderr);
}

#[test]
fn refused_credentials_are_an_environment_that_does_not_fit_and_no_token_is_shown() {
    let error = format!(
        "<Error><Code>SignatureDoesNotMatch</Code><Message>The signature is another</Message>\
         <CanonicalRequest>x-amz-security-token:{SECRET}</CanonicalRequest></Error>"
    );
    let refusing = Replies::of(vec![say("403 Forbidden", "", &error)]);
    let run = export("s3://bucket/a", &refusing.url());
    assert_eq!(run.code, Some(3), "{}", run.stderr);
    let told = "the store answered SignatureDoesNotMatch: The signature is another";
    assert!(run.stderr.contains(told), "{}", run.stderr);
}

/// What each command says of a store that answers with that, whatever it is asked.
fn told_by_all(status: &str, headers: &str, body: &str, code: i32) -> Vec<String> {
    let commands: [&[&str]; 6] = [
        &["parquet", "--input", "-", "--out", "s3://bucket/a"],
        &["check", "parquet", "--input", "-", "--out", "s3://bucket/a"],
        &["compact", "s3://bucket/a"],
        &["inspect", "s3://bucket/a"],
        &["inspect", "s3://bucket/a/one.parquet"],
        &["checkpoint", "show", "--checkpoint", "s3://bucket/a"],
    ];
    let told = |words: &&[&str]| {
        let store = Replies::of(vec![say(status, headers, body)]);
        let mut command = license_stream();
        let run = run_with_input(s3::settings(command.args(*words), &store.url()), BODY);
        assert_eq!(run.code, Some(code), "{words:?}: {}", run.stderr);
        format!("{words:?}: {}{}", run.stderr, String::from_utf8_lossy(&run.stdout))
    };
    commands.iter().map(told).collect()
}

#[test]
fn what_is_no_object_store_is_told_as_that() {
    for told in
        told_by_all("200 OK", "Content-Type: text/html; charset=utf-8\r\n", "<html></html>", 2)
    {
        let words = "look at AWS_ENDPOINT_URL: what answers at the address that is set sent a web page (text/html), and is no object store";
        assert!(told.contains(words), "{told}");
    }
}

#[test]
fn a_bucket_of_another_region_is_a_setting() {
    let error = "<Error><Code>PermanentRedirect</Code><Message>It is elsewhere</Message></Error>";
    for body in [error, ""] {
        for told in told_by_all("301 Moved Permanently", "", body, 2) {
            assert!(told.contains("set AWS_REGION to the region of the bucket"), "{told}");
            assert!(!told.contains("Generic S3 error"), "{told}");
        }
    }
}

#[test]
fn a_right_that_is_missing_is_told_as_one_where_there_is_no_more_than_a_status() {
    let error = "<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>";
    for body in [error, ""] {
        for told in told_by_all("403 Forbidden", "", body, 3) {
            assert!(told.contains("the credentials lack a right on it"), "{told}");
        }
    }
}

#[test]
fn where_there_are_no_credentials_it_says_which_could_be_set() {
    // An instance without a role, and a service that is not there.
    let without = Replies::of(vec![say("404 Not Found", "", "no role")]);
    let unset = [("AWS_ACCESS_KEY_ID", ""), ("AWS_SECRET_ACCESS_KEY", "")];
    let instance = [("AWS_METADATA_ENDPOINT", without.url())];
    let container = [
        ("AWS_CONTAINER_CREDENTIALS_FULL_URI", without.url()),
        ("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", "/dev/null".to_owned()),
    ];
    let names = ["AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY", "AWS_CONTAINER_CREDENTIALS_"];
    for (set, name) in [&instance[..], &container].into_iter().zip(names) {
        let mut command = license_stream();
        command.args(["parquet", "--input", "-", "--out", "s3://bucket/a"]);
        s3::settings(&mut command, "http://127.0.0.1:9").envs(unset);
        let run = run_with_input(command.envs(set.iter().cloned()), BODY);
        assert_eq!(run.code, Some(3), "{}", run.stderr);
        let service = "(the service that has it answered with status 404 Not Found)";
        for words in ["s3://bucket/a", "there are no credentials for the store: ", name, service] {
            assert!(run.stderr.contains(words), "{words}: {}", run.stderr);
        }
        assert!(!run.stderr.contains("Generic S3 error"), "{}", run.stderr);
    }
}

#[test]
fn a_store_that_fails_each_time_is_told_by_its_status() {
    let failing = Replies::of(vec![say("500 Internal Server Error", "", "<html>it broke</html>")]);
    let run = export("s3://bucket/a", &failing.url());
    assert_eq!(run.code, Some(3), "{}", run.stderr);
    for words in [
        "s3://bucket/a",
        "the store answered with status 500 Internal Server Error",
        "run again once it answers",
    ] {
        assert!(run.stderr.contains(words), "{words}: {}", run.stderr);
    }
    for words in ["Generic S3 error", "retries"] {
        assert!(!run.stderr.contains(words), "{words}: {}", run.stderr);
    }
    assert_eq!(failing.requests().len(), 11);
}

#[test]
fn a_request_that_hangs_is_made_again() {
    let refusal = "<Error><Code>AccessDenied</Code><Message>not yours</Message></Error>";
    let refused = || say("403 Forbidden", "", refusal);
    let missing = || say("404 Not Found", "", "<Error><Code>NoSuchKey</Code></Error>");
    // One that reads, and a put on a condition: there is no claim, and nothing pending.
    let put = vec![missing(), missing(), Answer::Silence, refused()];
    for (answers, hung) in [(vec![Answer::Silence, refused()], "GET"), (put, "PUT")] {
        let count = answers.len();
        let hanging = Replies::of(answers);
        let mut command = license_stream();
        command.args(["parquet", "--input", "-", "--out", "s3://bucket/a"]);
        let command = s3::settings(&mut command, &hanging.url()).env("AWS_TIMEOUT", "1 seconds");
        let run = run_with_input(command, BODY);
        assert_eq!(run.code, Some(3), "{}", run.stderr);
        assert!(run.stderr.contains("AccessDenied"), "{}", run.stderr);
        let requests = hanging.requests();
        assert_eq!(requests.len(), count, "{requests:?}");
        assert!(requests[count - 2..].iter().all(|it| it.head.starts_with(hung)), "{requests:?}");
    }
}

#[test]
fn a_store_that_minds_no_conditions_is_refused_before_anything_else_is_written() {
    // There is no claim, and nothing pending; it is written; and it is written once more, though it must not be
    // there.
    let missing = || say("404 Not Found", "", "<Error><Code>NoSuchKey</Code></Error>");
    let careless = Replies::of(vec![missing(), missing(), say("200 OK", "ETag: \"1\"\r\n", "")]);
    let run = export("s3://bucket/a", &careless.url());
    assert_eq!(run.code, Some(2), "{}", run.stderr);
    assert!(run.stderr.contains("s3://bucket/a keeps no conditional puts"), "{}", run.stderr);
    let heads: Vec<_> = careless.requests().into_iter().map(|request| request.head).collect();
    let begins = [
        ("GET", "input.claim"),
        ("GET", "pending"),
        ("PUT", "input.claim"),
        ("PUT", "input.claim"),
    ]
    .map(|(method, name)| format!("{method} /bucket/a/_license-stream/{name}"));
    assert!(
        heads.len() == begins.len()
            && heads.iter().zip(&begins).all(|(head, begin)| head.starts_with(begin)),
        "{heads:?}"
    );
}

#[test]
fn a_setting_that_takes_the_conditions_away_is_named() {
    let mut command = license_stream();
    command.args(["parquet", "--input", "-", "--out", &Bucket::make("careless").url()]);
    s3::settings(&mut command, &endpoint()).env("AWS_CONDITIONAL_PUT", "disabled");
    let run = run_with_input(&mut command, BODY);
    assert_eq!(run.code, Some(2), "{}", run.stderr);
    assert!(run.stderr.contains("AWS_CONDITIONAL_PUT"), "{}", run.stderr);
}

#[test]
fn plain_http_is_not_spoken_to_other_machines() {
    let run = export("s3://bucket/a", "http://store.example:9000");
    assert_eq!(run.code, Some(2), "{}", run.stderr);
    assert!(run.stderr.contains("AWS_ALLOW_HTTP"), "{}", run.stderr);
}

#[test]
fn other_schemes_are_refused() {
    let run = export("ftp://bucket/a", &endpoint());
    assert_eq!(run.code, Some(2), "{}", run.stderr);
    assert!(run.stderr.contains("s3://BUCKET/PREFIX"), "{}", run.stderr);
}

#[test]
fn an_environment_that_cannot_be_used_is_named_before_anything_is_asked() {
    let lake = ["s3://bucket/a"];
    let places =
        [&["parquet", "--input", "-", "--out"][..], &["inspect"], &["checkpoint", "show", "--out"]];
    for (name, value, wrong) in [
        ("AWS_ENDPOINT_URL", "localhost:9000", "must begin with http:// or https://"),
        ("AWS_ENDPOINT", "http://", "is no address"),
        ("AWS_ENDPOINT_URL_S3", "minio", "must begin with http:// or https://"),
        ("AWS_REGION", "eu central\n", "is no region"),
        (
            "AWS_SESSION_TOKEN",
            "s3cret-of-the-store\n",
            "has a character in it that no credential has",
        ),
        ("AWS_ALLOW_HTTP", "perhaps", "is neither"),
    ] {
        for place in places {
            let mut command = license_stream();
            command.args(place).args(lake);
            s3::settings(&mut command, "http://127.0.0.1:1").env(name, value);
            let run = run_with_input(&mut command, BODY);
            assert_eq!(run.code, Some(2), "{name}: {}", run.stderr);
            let is_told = run.stderr.starts_with("error: s3://bucket/a");
            assert!(is_told && run.stderr.contains(wrong), "{}", run.stderr);
            assert!(!run.stderr.contains(SECRET), "{}", run.stderr);
            assert!(run.stderr.contains(name), "{}", run.stderr);
        }
    }
}

#[test]
fn an_empty_endpoint_is_none() {
    let bucket = Bucket::make("empty");
    let mut command = license_stream();
    command.args(["parquet", "--input", "-", "--out", &bucket.url()]);
    s3::settings(&mut command, &endpoint())
        .env("AWS_ENDPOINT_URL_S3", "")
        .env("AWS_SESSION_TOKEN", "");
    let run = run_with_input(&mut command, BODY);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
}
