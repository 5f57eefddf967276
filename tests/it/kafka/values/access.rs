//! Who may ask a registry, how, and what becomes of a run that gets no answer.

use std::process::Command;

use license_stream::schema::LICENSE_AVRO;
use serde_json::{Value, json};

use super::{ACCOUNT, REGISTERED, input};
use crate::kafka::{kafka, kafka_at};
use crate::support::body::edges;
use crate::support::command::license_stream;
use crate::support::guard::Guard;
use crate::support::kafka::{bootstrap, topic};
use crate::support::process::TOKEN;
use crate::support::python::topic_messages;
use crate::support::registry::{register, registry};
use crate::support::replies::{Answer, Replies, say};
use crate::support::run::{Run, run};
use crate::support::scripted::{Refusing, Untouched, response};
use crate::support::tls::{Certified, TlsServer};

const SECRET: &str = "s3cr3t-0f-the-registry";

/// A run of Avro with a registry at `url`.
fn avro(topic: &str, url: &str) -> Command {
    let mut command = kafka(topic);
    command.args(["--value", "avro", "--schema-registry", url, "--input"]).arg(edges());
    command
}

fn with_port(port: u16) -> String {
    let path = registry();
    let path = path.split_once("/apis").map_or("", |(_, path)| path);
    format!("http://127.0.0.1:{port}/apis{path}")
}

/// What a registry says of a subject's latest schema.
fn latest(id: u64) -> String {
    json!({"subject": "s", "version": 1, "id": id, "schema": LICENSE_AVRO}).to_string()
}

/// The ids in the values of a topic, each once.
fn ids(topic: &str) -> Vec<u64> {
    let id = |message: Value| {
        let script = "import base64,json,sys; it=json.loads(sys.argv[1]); \
            b=base64.b64decode(it['base64']) if isinstance(it,dict) else it.encode(); \
            print(int.from_bytes(b[1:5],'big'))";
        let mut python = crate::support::python::python();
        let output = python.args(["-c", script, &message["value"].to_string()]).output().unwrap();
        String::from_utf8(output.stdout).unwrap().trim().parse().unwrap()
    };
    let mut ids: Vec<u64> = topic_messages(topic).into_iter().take(3).map(id).collect();
    ids.dedup();
    ids
}

#[track_caller]
fn told(run: &Run, begin: &str) {
    assert!(run.stderr.starts_with(begin), "{}", run.stderr);
    assert!(!run.stderr.contains(SECRET), "{}", run.stderr);
}

#[test]
fn a_registry_that_is_away_ends_the_run_before_anything_is_asked_for() {
    let (nobody, api, topic) = (Refusing::take(), Untouched::listen(), topic("away"));
    let mut command = license_stream();
    command.env("TRUTO_API_TOKEN", TOKEN);
    command.args(["kafka", "--brokers", &bootstrap(), "--topic", &topic, "--account", ACCOUNT]);
    command.args(["--base-url", &format!("http://127.0.0.1:{}", api.port()), "--value", "avro"]);
    command.args(["--schema-registry", &format!("http://127.0.0.1:{}", nobody.port())]);
    let away = run(&mut command).expect(3);
    let port = nobody.port();
    let failed = format!("schema registry: 127.0.0.1:{port} cannot be connected to");
    let (waits, error) = away.stderr.split_once("error: ").expect("an error");
    assert!(error.starts_with(&format!("tried 6 times: {failed}")), "{}", away.stderr);
    assert!(
        error.contains("look at --schema-registry: its host, its port, and whether http or"),
        "{error}"
    );
    // Five at most, and those of less than a second are no matter.
    assert!(waits.lines().count() <= 5, "{waits}");
    for wait in waits.lines() {
        assert!(wait.starts_with(&failed) && wait.contains(": retry "), "{wait}");
        assert!(wait.ends_with(&format!(" s (http://127.0.0.1:{port})")), "{wait}");
    }
    api.assert();
}

#[test]
fn failures_that_pass_are_survived() {
    let topic = topic("passing");
    let replies = Replies::of(vec![
        say("503 Service Unavailable", "", ""),
        Answer::HangUp,
        say("200 OK", "Content-Type: application/json\r\n", &latest(77)),
    ]);
    let url = replies.url();
    let address = url.trim_end_matches('/');
    let mut command = avro(&topic, &format!("{address}?apikey={SECRET}"));
    let verbose = run(command.arg("-v").env("RUST_LOG", "warn")).expect(0);
    assert!(!verbose.stderr.contains(SECRET), "{}", verbose.stderr);
    let waits: Vec<_> = verbose.stderr.lines().filter(|line| line.contains(": retry ")).collect();
    let [failed, closed] = waits[..] else { panic!("{}", verbose.stderr) };
    let begin = "schema registry: it failed (status 503): retry 1 of 5 in 0.";
    assert!(failed.starts_with(begin), "{failed}");
    assert!(failed.ends_with(&format!(" s ({address})")), "{failed}");
    assert!(closed.starts_with("schema registry: 127.0.0.1:"), "{closed}");
    let logged = verbose.stderr.lines().filter(|line| {
        line.contains("WARN")
            && line.contains("the schema registry is asked again registry=\"127.0.0.1:")
    });
    assert_eq!(logged.count(), 2, "{}", verbose.stderr);
    let requests = replies.requests();
    assert_eq!(requests.len(), 3);
    let begin = format!("GET /subjects/{topic}-value/versions/latest?apikey={SECRET} HTTP/1.1\r\n");
    assert!(requests.iter().all(|request| request.head.starts_with(&begin)), "{requests:?}");
    assert_eq!(ids(&topic), [77]);
}

#[test]
fn what_is_no_registry_is_told_with_what_to_look_at() {
    for answer in [say("404 Not Found", "", "<html>"), say("200 OK", "", "{\"id\":1}")] {
        let replies = Replies::of(vec![answer]);
        let refused = run(&mut avro(&topic("none"), &replies.url())).expect(2);
        told(&refused, "error: what answers is no schema registry with Confluent's API (");
        assert_eq!(replies.requests().len(), 1);
    }
}

#[test]
fn credentials_come_from_files_or_the_environment_and_are_never_shown() {
    let address = registry();
    let server = address.split('/').nth(2).unwrap().parse().unwrap();
    let topic = topic("guarded");
    register(&format!("{topic}-value"), "AVRO", LICENSE_AVRO);
    let directory = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let file = directory.path().join(name);
        std::fs::write(&file, text).unwrap();
        file.to_str().unwrap().to_owned()
    };
    // Of `user:s3cr3t-0f-the-registry`.
    let basic = Guard::before(server, "Basic dXNlcjpzM2NyM3QtMGYtdGhlLXJlZ2lzdHJ5");
    let user = format!("user:{SECRET}");
    let asked = || avro(&topic, &with_port(basic.port()));
    run(asked().args(["--registry-user-file", &file("user", &format!("{user}\n"))])).expect(0);
    run(asked().env("SCHEMA_REGISTRY_BASIC_AUTH_USER_INFO", &user)).expect(0);
    assert_eq!(basic.refused(), 0);

    let without = run(&mut asked()).expect(3);
    told(
        &without,
        "error: schema registry: it asks for credentials: name a file with --registry-user-file",
    );
    let wrong = format!("user:not-{SECRET}");
    let wrong = run(asked().args(["--registry-user-file", &file("wrong", &wrong)])).expect(3);
    told(
        &wrong,
        "error: schema registry: the user and password, or the token, were refused (status 401)",
    );
    // A credential does not become right by waiting.
    assert_eq!(basic.refused(), 2);

    let bearer = Guard::before(server, "Bearer s3cr3t-0f-the-registry");
    let asked = || avro(&topic, &with_port(bearer.port()));
    run(asked().args(["--registry-token-file", &file("token", SECRET)])).expect(0);
    run(asked().env("SCHEMA_REGISTRY_BEARER_TOKEN", SECRET)).expect(0);
    // The file wins.
    let mut both = asked();
    both.env("SCHEMA_REGISTRY_BEARER_TOKEN", SECRET)
        .args(["--registry-user-file", &file("u", "a:b")]);
    told(&run(&mut both).expect(3), "error: schema registry: the user and password, or the token");
}

#[test]
fn an_authority_of_one_s_own_is_trusted_where_it_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let authority = Certified::authority();
    let answer = response("200 OK", "Connection: close\r\n", &latest(78));
    let server = TlsServer::answer(answer, &authority.certify("127.0.0.1"), Some(&authority));
    let client = authority.certify("client").write(directory.path(), "client.pem");
    let ca = directory.path().join("ca.pem");
    std::fs::write(&ca, authority.certificate_pem()).unwrap();
    let ca = ca.to_str().unwrap();
    let topic = topic("tls");
    let distrusted = run(&mut avro(&topic, &server.url())).expect(3);
    let port = server.port();
    told(
        &distrusted,
        &format!("error: schema registry: 127.0.0.1:{port} cannot be spoken to safely"),
    );
    assert!(distrusted.stderr.contains("--registry-ca-cert"), "{}", distrusted.stderr);
    let mut trusting = avro(&topic, &server.url());
    trusting.args(["--registry-ca-cert", ca, "--registry-client-cert", &client]);
    run(&mut trusting).expect(0);
    assert_eq!((server.requests().len(), ids(&topic)), (1, vec![78]));
    let wrong = run(avro(&topic, &server.url()).args(["--registry-ca-cert", "/no/such"])).expect(2);
    told(&wrong, "error: --registry-ca-cert /no/such cannot be read: ");
}

#[test]
fn what_contradicts_itself_is_refused_before_anybody_is_asked() {
    let (_directory, file) = input(b"{\"id\":\"a\"}\n");
    let broker = Untouched::listen();
    let at = format!("127.0.0.1:{}", broker.port());
    let url = "https://registry.test";
    for (arguments, message) in [
        (vec!["--value", "avro"], "--value avro needs --schema-registry URL"),
        (vec!["--schema-registry", url], "--schema-registry goes with --value avro, protobuf or"),
        (
            vec!["--value", "json-normalized", "--register", "auto"],
            "--register goes with --value avro, protobuf or json-schema: json-normalized has no schema",
        ),
        (vec!["--strict"], "--strict goes with a --value that has types"),
        (
            vec!["--value", "json-normalized", "--shape", "document"],
            "--value json-normalized is for licenses",
        ),
        (
            vec!["--value", "avro", "--schema-registry", "http://u:p@registry.test"],
            "must hold no user and no password",
        ),
        (
            vec!["--value", "avro", "--schema-registry", "registry.test"],
            "is no URL: it begins with http:// or https:// (--schema-registry)",
        ),
        (
            vec!["--value", "avro", "--schema-registry", "registry.test:8081"],
            "must begin with http:// or https:// (--schema-registry)",
        ),
        (
            vec!["--value", "avro", "--schema-registry", url, "--registry-user-file", "/no/such"],
            "--registry-user-file /no/such cannot be read",
        ),
    ] {
        let mut command = kafka_at(&at, "refused");
        let run = run(command.arg("--input").arg(&file).args(&arguments)).expect(2);
        assert!(run.stderr.contains(message), "{arguments:?}: {}", run.stderr);
    }
    let mut command = kafka_at(&at, "refused");
    command
        .args(["--value", "avro", "--schema-registry", "http://registry.test", "--input"])
        .arg(&file);
    let refused = run(command.env("SCHEMA_REGISTRY_BEARER_TOKEN", SECRET)).expect(2);
    told(
        &refused,
        "error: address of the schema registry must be https where there are credentials",
    );
    let mut command = kafka_at(&at, "refused");
    command.args(["--value", "avro", "--schema-registry", url, "--input"]).arg(&file);
    command.env("SCHEMA_REGISTRY_BEARER_TOKEN", SECRET);
    let refused = run(command.env("SCHEMA_REGISTRY_BASIC_AUTH_USER_INFO", SECRET)).expect(2);
    told(
        &refused,
        "error: SCHEMA_REGISTRY_BASIC_AUTH_USER_INFO and SCHEMA_REGISTRY_BEARER_TOKEN are both",
    );
    broker.assert();
}

#[test]
fn check_says_what_the_registry_says_and_registers_nothing() {
    let check = |topic: &str, arguments: &[&str]| {
        let mut command = license_stream();
        command.args(["check", "kafka", "--brokers", &bootstrap(), "--topic", topic]);
        command.args(["--create-topic", "", "--input"]).arg(edges()).args(arguments);
        run(&mut command)
    };
    let line = |run: &Run| {
        let lines = run.stdout.lines().filter(|line| line.contains(" registry "));
        lines.map(str::to_owned).collect::<Vec<_>>()
    };
    let topic = topic("checked");
    assert_eq!(line(&check(&topic, &[]).expect(0)), [""; 0]);
    let registry = registry();
    for value in REGISTERED {
        let flags = ["--value", value, "--schema-registry", &registry];
        let missing = check(&topic, &flags).expect(2);
        let expected = format!(
            "failed   registry     schema registry has no subject {topic}-value: register a schema, or let it be \
             done with --register auto"
        );
        assert_eq!(line(&missing), [expected]);
        let auto = [&flags[..], &["--register", "auto"]].concat();
        let expected = format!(
            "ok       registry     the schema can be registered as {topic}-value, and is by the run"
        );
        assert_eq!(line(&check(&topic, &auto).expect(0)), [expected]);
    }
    let id = register(&format!("{topic}-value"), "AVRO", LICENSE_AVRO);
    let flags = ["--value", "avro", "--schema-registry", &registry];
    let expected = format!(
        "ok       registry     licenses can be written by the latest schema of {topic}-value, id {id}"
    );
    assert_eq!(line(&check(&topic, &flags).expect(0)), [expected]);
    let protobuf = ["--value", "protobuf", "--schema-registry", &registry, "--register", "auto"];
    let other = check(&topic, &protobuf).expect(2);
    assert!(line(&other)[0].starts_with("failed   registry     "), "{}", other.stdout);
    let template = format!("{topic}-{{integrated_account_id}}");
    let of_account = [&flags[..], &["--account", ACCOUNT]].concat();
    let unknown = check(&template, &of_account).expect(0);
    assert!(
        line(&unknown)[0].starts_with("warning  registry     it answers; "),
        "{}",
        unknown.stdout
    );
}
