//! Stores that do not take what is written to them.

use std::io::Write;
use std::net::TcpListener;

use super::parquet;
use crate::support::command::license_stream;
use crate::support::run::{Run, run_with_input};
use crate::support::s3::{self, Bucket, SECRET, endpoint};
use crate::support::scripted::read_head;

const BODY: &[u8] = b"{\"id\":\"a\"}\n";

fn export(url: &str, endpoint: &str) -> Run {
    let mut command = license_stream();
    command.args(["parquet", "--input", "-", "--out", url]);
    let run = run_with_input(s3::settings(&mut command, endpoint), BODY);
    assert!(!run.stderr.contains(SECRET), "{}", run.stderr);
    run
}

/// A server that gives each request the same answer; it ends with the tests.
fn always(answer: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            read_head(&mut stream);
            let length = answer.split_once("\r\n\r\n").unwrap().1.len();
            let answer = answer.replacen("\r\n", &format!("\r\ncontent-length: {length}\r\n"), 1);
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    format!("http://127.0.0.1:{port}")
}

#[test]
fn a_missing_bucket_is_named() {
    let run = export("s3://there-is-no-such-bucket/a", &endpoint());
    assert_eq!(run.code, Some(1), "{}", run.stderr);
    assert!(run.stderr.contains("s3://there-is-no-such-bucket/a"), "{}", run.stderr);
    assert!(run.stderr.contains("NoSuchBucket"), "{}", run.stderr);
}

#[test]
fn refused_credentials_are_an_environment_that_does_not_fit_and_no_token_is_shown() {
    let refusing = always(
        "HTTP/1.1 403 Forbidden\r\nconnection: close\r\n\r\n<Error><Code>SignatureDoesNotMatch</Code>\
         <Message>The signature is another</Message><CanonicalRequest>x-amz-security-token:\
         s3cret-of-the-store</CanonicalRequest></Error>",
    );
    let run = export("s3://bucket/a", &refusing);
    assert_eq!(run.code, Some(3), "{}", run.stderr);
    let told = "the store answered SignatureDoesNotMatch: The signature is another";
    assert!(run.stderr.contains(told), "{}", run.stderr);
}

#[test]
fn a_store_that_minds_no_conditions_is_refused_before_anything_is_written() {
    let careless = always("HTTP/1.1 200 OK\r\netag: \"1\"\r\nconnection: close\r\n\r\n");
    // It has nothing that could be read.
    let bucket = Bucket::make("careless");
    let mut command = parquet(&bucket, &endpoint());
    command.env("AWS_CONDITIONAL_PUT", "disabled").args(["--input", "-"]);
    let run = run_with_input(&mut command, BODY);
    assert_eq!(run.code, Some(2), "{}", run.stderr);
    assert!(run.stderr.contains("keeps no conditional puts"), "{}", run.stderr);
    let run = export("s3://bucket/a", &careless);
    assert_ne!(run.code, Some(0), "{}", run.stderr);
}

#[test]
fn plain_http_is_not_spoken_to_other_machines() {
    let run = export("s3://bucket/a", "http://store.example:9000");
    assert_ne!(run.code, Some(0));
    assert!(run.stderr.contains("http"), "{}", run.stderr);
}

#[test]
fn other_schemes_are_refused() {
    let run = export("ftp://bucket/a", &endpoint());
    assert_eq!(run.code, Some(2), "{}", run.stderr);
    assert!(run.stderr.contains("s3://BUCKET/PREFIX"), "{}", run.stderr);
}
