//! Counters that are scraped while a run goes on, by their values.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::process::Stdio;
use std::sync::mpsc::{Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use license_stream::simulate::{AccountGroup, Simulator};

use crate::support::answers::{Answer, Answers, say};
use crate::support::broker::Broker;
use crate::support::command::license_stream;
use crate::support::kafka::topic;
use crate::support::process::TOKEN;
use crate::support::scripted::read_head;
use crate::support::truto::{Truto, api_command};
use crate::support::watched::{Watched, series, value};

const ACCOUNT: &str = "62f44730-dd91-461e-bd6a-aedd9e0ad79d";

const HEAD: &str =
    "HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\n\r\n";

fn chunk(text: &str) -> String {
    format!("{:x}\r\n{text}\r\n", text.len())
}

/// Answers one request part by part, as it is told.
struct ByHand {
    url: String,
    parts: Sender<String>,
    served: JoinHandle<()>,
}

impl ByHand {
    fn listen() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (parts, told) = channel::<String>();
        let served = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            read_head(&mut stream);
            for part in told {
                stream.write_all(part.as_bytes()).unwrap();
            }
        });
        Self { url, parts, served }
    }

    fn say(&self, part: impl Into<String>) {
        self.parts.send(part.into()).unwrap();
    }

    fn end(self) {
        self.say("0\r\n\r\n");
        drop(self.parts);
        self.served.join().unwrap();
    }
}

#[test]
fn a_slow_run_is_ready_from_its_first_answer_on_and_lags_until_its_file_is_whole() {
    let directory = tempfile::tempdir().unwrap();
    let api = ByHand::listen();
    let mut command = api_command("parquet", &api.url, ACCOUNT);
    command.current_dir(directory.path()).args(["--out", "lake"]).stdout(Stdio::null());
    let run = Watched::start(&mut command);
    let sent = run.until("a request", |it| value(it, "parquet", "requests_total") == 1.0);
    assert_eq!(run.get("/healthz").status, 200);
    assert_eq!(run.get("/readyz").status, 503);
    assert_eq!(value(&sent, "parquet", "pages_total"), 0.0);
    assert_eq!(value(&sent, "parquet", "accounts_running"), 1.0);

    let lines = "{\"id\":\"1\"}\n{\"id\":\"2\"}\n{\"id\":\"3\"}\n";
    api.say(format!("{HEAD}{}", chunk(lines)));
    let bytes = lines.len() as f64;
    let read = run.until("bytes", |it| value(it, "parquet", "read_bytes_total") == bytes);
    assert_eq!(run.get("/readyz").status, 200);
    let of = |name| value(&read, "parquet", name);
    assert_eq!((of("lag_bytes"), of("durable_bytes_total")), (bytes, 0.0));
    assert_eq!((of("pages_total"), of("pieces_total"), of("written_bytes_total")), (1.0, 0.0, 0.0));

    api.end();
    let (code, said) = run.finish();
    assert_eq!(code, Some(0), "{said}");
}

#[test]
fn what_is_written_as_it_comes_does_not_lag() {
    let api = ByHand::listen();
    let mut command = api_command("ndjson", &api.url, ACCOUNT);
    let run = Watched::start(command.stdout(Stdio::null()));
    let lines = "{\"id\":\"1\"}\n{\"id\":\"2\"}\n{\"id\":\"3\"}\n";
    api.say(format!("{HEAD}{}", chunk(lines)));
    let found = run.until("records", |it| value(it, "ndjson", "durable_records_total") == 3.0);
    // The line feed behind the last record may be of no record yet.
    let bytes = lines.len() as f64;
    let of = |name| value(&found, "ndjson", name);
    assert_eq!((of("records_total"), of("written_bytes_total")), (3.0, bytes));
    assert!(of("lag_bytes") <= 1.0 && of("durable_bytes_total") >= bytes - 1.0, "{found:#?}");
    assert_eq!(of("queue_bytes"), 0.0);
    // Whoever is to stop is not ready any more.
    run.signal("TERM");
    let (code, said) = run.finish();
    assert_eq!(code, Some(143), "{said}");
    drop(api);
}

#[test]
fn faults_and_rejects_are_counted_by_their_reasons() {
    let lines = "{\"id\":\"1\"}\n{\"id\":oops}\n{\"name\":\"nobody\"}\n{\"id\":\"2\"}\n{no}\n";
    let json = "Content-Type: application/json\r\n";
    let api = Answers::of(vec![
        say("503 Service Unavailable", json, "{}"),
        say("429 Too Many Requests", &format!("{json}Retry-After: 1\r\n"), "{}"),
        Answer::SayAndStay(format!("{HEAD}{}", chunk(lines)).into_bytes()),
    ]);
    let mut command = api_command("ndjson", &api.url(), ACCOUNT);
    command.args(["--on-error", "skip"]).stdout(Stdio::null());
    let run = Watched::start(&mut command);
    let found = run.until("records", |it| value(it, "ndjson", "records_total") == 2.0);
    let of = |name| value(&found, "ndjson", name);
    assert_eq!(of("requests_total"), 3.0);
    assert_eq!(of("retries_total{reason=\"upstream\"}"), 2.0);
    assert_eq!(of("retries_total{reason=\"truncated\"}"), 0.0);
    let waited = of("retry_wait_seconds_total{reason=\"upstream\"}");
    assert!((1.0..10.0).contains(&waited), "{waited}");
    assert_eq!(of("rejects_total{reason=\"syntax\"}"), 2.0);
    assert_eq!(of("rejects_total{reason=\"missing_id\"}"), 1.0);
    assert_eq!(of("rejects_total{reason=\"utf8\"}"), 0.0);
    run.signal("INT");
    assert_eq!(run.finish().0, Some(130));
}

#[test]
fn a_rate_limit_that_is_waited_for_is_counted_in_seconds() {
    let lines = "{\"id\":\"1\"}\n";
    let headers = "ratelimit-limit: 1;w=1\r\nratelimit-remaining: 0\r\nratelimit-reset: 1\r\n";
    let page = "{\"result\":[{\"id\":\"1\"}],\"next_cursor\":\"c\"}";
    let api = Answers::of(vec![
        say("200 OK", &format!("Content-Type: application/json\r\n{headers}"), page),
        Answer::SayAndStay(format!("{HEAD}{}", chunk(lines)).into_bytes()),
    ]);
    let mut command = api_command("ndjson", &api.url(), ACCOUNT);
    let run = Watched::start(command.stdout(Stdio::null()));
    let found = run.until("pages", |it| value(it, "ndjson", "pages_total") == 2.0);
    let of = |name| value(&found, "ndjson", name);
    assert_eq!(of("rate_limit_waits_total"), 1.0);
    let waited = of("rate_limit_wait_seconds_total");
    assert!((0.5..=1.0).contains(&waited), "{waited}");
    run.signal("INT");
    assert_eq!(run.finish().0, Some(130));
}

#[test]
fn a_sink_that_takes_nothing_is_seen_as_lag_and_as_a_full_queue() {
    let truto = Truto::start(Simulator::new().with_records(60_000));
    let mut run = Watched::start(truto.command("ndjson").stdout(Stdio::piped()));
    // Nobody reads the pipe: once it is full, so is the queue, of as many bytes or pieces as it may hold.
    let mut full = run.until("a queue", |it| value(it, "ndjson", "queue_bytes") > 0.0);
    let begun = Instant::now();
    let mut last = 0.0;
    while last != value(&full, "ndjson", "lag_bytes") {
        assert!(begun.elapsed() < Duration::from_secs(60), "it never stands still: {full:#?}");
        last = value(&full, "ndjson", "lag_bytes");
        std::thread::sleep(Duration::from_secs(1));
        full = run.scrape();
    }
    std::thread::sleep(Duration::from_secs(1));
    let begun = Instant::now();
    let later = run.scrape();
    assert!(begun.elapsed() < Duration::from_secs(5));
    let of = |name| value(&later, "ndjson", name);
    assert!(of("queue_bytes") <= f64::from(16 << 20), "{later:#?}");
    assert!(of("lag_bytes") >= of("queue_bytes"), "{later:#?}");
    for name in ["records_total", "durable_bytes_total", "lag_bytes", "queue_bytes"] {
        assert_eq!(of(name), value(&full, "ndjson", name), "{name}");
    }
    assert!(run.is_running());
    let mut stdout = run.take_stdout();
    let mut lines = Vec::new();
    stdout.read_to_end(&mut lines).unwrap();
    let (code, said) = run.finish();
    assert_eq!(code, Some(0), "{said}");
    assert!(lines == truto.licenses(0..60_000));
}

#[test]
fn many_accounts_have_no_more_series_than_one() {
    let held = |count, records| {
        let group = AccountGroup { count, records, ..AccountGroup::default() };
        Simulator::new().with_groups([group]).with_hold_after_records(2)
    };
    let one = Truto::start(held(1, 3));
    let single = Watched::start(one.command("ndjson").stdout(Stdio::null()));
    one.until_held();
    let few = single.until("a record", |it| value(it, "ndjson", "records_total") == 2.0);

    let many = Truto::start(held(500, 3));
    let mut command = license_stream();
    command.env("TRUTO_API_TOKEN", TOKEN).args(["ndjson", "--base-url", &many.url()]);
    command.args(["--all-accounts", "--concurrency", "20"]).stdout(Stdio::null());
    let all = Watched::start(&mut command);
    many.until_so_many_held(20);
    let some = all.until("records", |it| value(it, "ndjson", "records_total") == 40.0);
    assert_eq!(value(&some, "ndjson", "accounts_running"), 20.0);
    assert_eq!(series(&few), series(&some));
    assert!(some.len() < 60, "{}", some.len());
    // Most have ended now.
    many.release();
    let ended = all.until("accounts", |it| {
        it.contains_key("license_stream_accounts_total{outcome=\"done\",sink=\"ndjson\"}")
            && value(it, "ndjson", "accounts_total{outcome=\"done\"}") >= 10.0
    });
    assert_eq!(series(&few), series(&ended));
    assert!(series(&ended).iter().all(|series| !series.contains("account=")));
}

#[test]
fn brokers_that_stand_still_are_seen_and_do_not_hold_a_scrape_up() {
    let broker = Broker::start();
    let topic = topic("observed");
    let api = ByHand::listen();
    let mut command = api_command("kafka", &api.url, ACCOUNT);
    command.args(["--brokers", broker.bootstrap(), "--topic", &topic]).stdout(Stdio::null());
    command.args(["-X", "statistics.interval.ms=100"]);
    let run = Watched::start(&mut command);
    api.say(format!("{HEAD}{}", chunk("{\"id\":\"1\"}\n")));
    let good = run.until("a message", |it| {
        it.contains_key("license_stream_kafka_sent_messages_total{sink=\"kafka\"}")
            && value(it, "kafka", "kafka_sent_messages_total") >= 1.0
            && value(it, "kafka", "durable_records_total") == 1.0
    });
    assert_eq!(value(&good, "kafka", "kafka_brokers{state=\"up\"}"), 1.0);
    assert_eq!(value(&good, "kafka", "kafka_brokers{state=\"down\"}"), 0.0);

    broker.stand_still();
    api.say(chunk("{\"id\":\"2\"}\n{\"id\":\"3\"}\n"));
    let still = run.until("messages that wait", |it| {
        value(it, "kafka", "records_total") == 3.0
            && value(it, "kafka", "kafka_queue_messages") >= 2.0
    });
    assert_eq!(value(&still, "kafka", "durable_records_total"), 1.0);
    assert!(value(&still, "kafka", "lag_bytes") >= 21.0, "{still:#?}");

    broker.go_on();
    // Though no further batch comes: the sink is asked again.
    run.until("reports", |it| value(it, "kafka", "durable_records_total") == 3.0);
    api.end();
    let (code, said) = run.finish();
    assert_eq!(code, Some(0), "{said}");
}
