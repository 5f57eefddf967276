//! The pages themselves: what they answer, and that whoever asks badly holds nothing up.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Stdio;
use std::time::{Duration, Instant};

use license_stream::simulate::Simulator;

use crate::support::process::run;
use crate::support::truto::Truto;
use crate::support::watched::{Watched, get};

#[test]
fn an_address_that_is_taken_is_refused_before_anything_is_asked() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let truto = Truto::start(Simulator::new().with_records(3));
    let got = run(truto.command("ndjson").args(["--metrics", &address]));
    assert_eq!((got.code, got.text()), (Some(3), ""), "{}", got.stderr);
    let told =
        format!("error: {address} cannot be listened on (--metrics): Address already in use");
    assert!(got.stderr.starts_with(&told), "{}", got.stderr);
    assert_eq!(truto.requests(), 0);
    let got = run(truto.command("ndjson").args(["--metrics", "here"]));
    assert_eq!(got.code, Some(2), "{}", got.stderr);
}

#[test]
fn each_request_has_its_answer() {
    let truto = Truto::start(Simulator::new().with_records(3).with_hold_after_records(1));
    let watched = Watched::start(truto.command("ndjson").stdout(Stdio::null()));
    let ask = |request: &str| get(watched.address(), request);
    for (path, status) in [("/healthz", 200), ("/metrics?x=1", 200), ("/", 404), ("/metricsx", 404)]
    {
        assert_eq!(watched.get(path).status, status, "{path}");
    }
    let head = ask("HEAD /metrics HTTP/1.1\r\n\r\n");
    assert_eq!((head.status, head.body.as_str()), (200, ""));
    let post = ask("POST /metrics HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc");
    assert_eq!(post.status, 405);
    assert!(post.head.contains("Allow: GET, HEAD"), "{}", post.head);
    assert_eq!(ask("no HTTP at all\r\n\r\n").status, 400);
    assert_eq!(ask(&format!("GET /{} HTTP/1.1\r\n", "x".repeat(9000))).status, 431);
    truto.release();
    assert_eq!(watched.finish().0, Some(0));
}

#[test]
fn clients_that_are_slow_hold_neither_the_run_nor_others_up() {
    let truto = Truto::start(Simulator::new().with_records(3).with_hold_after_records(1));
    let watched = Watched::start(truto.command("ndjson").stdout(Stdio::null()));
    // More than are served at once, each with a head that does not end.
    let slow: Vec<_> = (0..40)
        .map(|_| {
            let mut stream = TcpStream::connect(watched.address()).unwrap();
            stream.write_all(b"GET /metrics HTTP/1.1\r\nX: ").unwrap();
            stream
        })
        .collect();
    let begun = Instant::now();
    // They are cut off, one batch after the other.
    assert_eq!(watched.get("/healthz").status, 200);
    assert!(begun.elapsed() < Duration::from_secs(18), "{:?}", begun.elapsed());
    let mut first = &slow[0];
    assert_eq!(first.read(&mut [0; 100]).unwrap_or_default(), 0);
    let again: Vec<_> = (0..20).map(|_| TcpStream::connect(watched.address()).unwrap()).collect();
    let begun = Instant::now();
    truto.release();
    let (code, said) = watched.finish();
    assert_eq!(code, Some(0), "{said}");
    assert!(begun.elapsed() < Duration::from_secs(4), "{:?}", begun.elapsed());
    drop(again);
}
