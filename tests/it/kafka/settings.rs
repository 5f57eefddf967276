//! Settings of librdkafka that are passed through, and those that are not.

use serde_json::json;

use super::{kafka, kafka_at};
use crate::support::body::edges;
use crate::support::kafka::topic;
use crate::support::python::topic_messages;
use crate::support::run::{Run, run};

const SECRET: &str = "s3cr3t-v4lue";

/// A run that is over before any broker is asked, for its settings are wrong. It does not tell the
/// secret.
fn refused(arguments: &[&str]) -> Run {
    // Nobody listens there.
    let mut command = kafka_at("127.0.0.1:1", "licenses");
    let run = run(command.args(arguments).arg("--input").arg(edges())).expect(2);
    assert!(!run.stderr.contains(SECRET), "{}", run.stderr);
    assert!(!run.stdout.contains(SECRET), "{}", run.stdout);
    run.began_nothing();
    run
}

#[test]
fn a_setting_that_is_refused_is_named_without_its_value() {
    for (name, why) in [
        ("sasl.pasword", "librdkafka has no setting `sasl.pasword`: did you mean `sasl.password`?"),
        ("Linger.ms", "librdkafka has no setting `Linger.ms`: did you mean `linger.ms`?"),
        ("no.such.setting", "librdkafka has no setting `no.such.setting`: look up its name in"),
        (
            "sasl.oauthbearer.token.endpoint.url",
            "librdkafka has the setting `sasl.oauthbearer.token.endpoint.url`, but not as it is built here: OAuth/OIDC",
        ),
    ] {
        let run = refused(&["-X", &format!("{name}={SECRET}")]);
        assert!(run.stderr.starts_with(&format!("error: {why}")), "{}", run.stderr);
        assert_eq!(run.stderr.lines().count(), 1, "{}", run.stderr);
    }
    let linger = "it may be a whole number from 0 to 900000";
    for (name, value, told) in [
        ("linger.ms", SECRET, linger),
        ("linger.ms", "-1", linger),
        ("compression.type", SECRET, "it may be none, gzip, snappy, lz4 or zstd"),
        ("queuing.strategy", SECRET, "look up what it may be in librdkafka's CONFIGURATION.md"),
    ] {
        let run = refused(&["-X", &format!("{name}={value}")]);
        let expected =
            format!("error: librdkafka has the setting `{name}`, and refuses its value: {told}\n");
        assert_eq!(run.stderr, expected);
    }
}

#[test]
fn what_is_secured_by_halves_is_refused_before_anything_is_sent() {
    for (settings, why) in [
        (
            &["sasl.username=u", "sasl.mechanism=PLAIN"][..],
            "sasl.mechanism is set and security.protocol is not, so that nothing is encrypted and no credentials are sent: \
             set security.protocol=SASL_SSL, or SASL_PLAINTEXT\n",
        ),
        (
            &["ssl.ca.location=ca.pem"],
            "ssl.ca.location is set and security.protocol is not, so that nothing is encrypted: set security.protocol=SSL\n",
        ),
        (
            &["security.protocol=ssl", "ssl.ca.location=/no/such/file"],
            "ssl.ca.location: /no/such/file cannot be read: No such file or directory",
        ),
        (
            &["security.protocol=TLS"],
            "security.protocol is one of PLAINTEXT, SSL, SASL_PLAINTEXT, SASL_SSL\n",
        ),
        (
            &["security.protocol=sasl_ssl", "sasl.mechanism=GSSAPI"],
            "sasl.mechanism is one of PLAIN, SCRAM-SHA-256, SCRAM-SHA-512, OAUTHBEARER; Kerberos",
        ),
    ] {
        let typed = settings.iter().flat_map(|setting| ["-X", setting]);
        let run = refused(&typed.collect::<Vec<_>>());
        assert!(run.stderr.starts_with(&format!("error: {why}")), "{}", run.stderr);
    }
}

#[test]
fn a_setting_of_java_s_is_told_by_what_there_is_here() {
    let typed = format!("sasl.jaas.config=password={SECRET}");
    for (setting, instead) in [
        (&*typed, "give sasl.mechanism, sasl.username and sasl.password=@FILE"),
        ("buffer.memory=1", "give queue.buffering.max.kbytes"),
        ("key.serializer=org.apache", "leave it away: --key says"),
        ("ssl.truststore.password=x", "an authority as PEM, with ssl.ca.location, has none"),
    ] {
        let run = refused(&["-X", setting]);
        let name = setting.split('=').next().unwrap();
        let begin = format!(
            "error: {name} is a setting of Java's clients, and not of librdkafka: {instead}"
        );
        assert!(run.stderr.starts_with(&begin), "{}", run.stderr);
    }
}

#[test]
fn a_setting_of_consumers_is_told_by_its_name() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("kafka.properties");
    for (setting, name) in [
        ("group.id=x", "group.id"),
        ("isolation.level=read_committed", "isolation.level"),
        ("topic.auto.offset.reset=earliest", "auto.offset.reset"),
        ("fetch.min.bytes=1", "fetch.min.bytes"),
        ("session.timeout.ms=45000", "session.timeout.ms"),
    ] {
        let what = format!("`{name}` is a setting of consumers: nothing is consumed here\n");
        let run = refused(&["-X", setting]);
        assert_eq!(run.stderr, format!("error: {what}"));
        std::fs::write(&file, format!("client.id=x\n{setting}\n")).unwrap();
        let run = refused(&["--kafka-config", file.to_str().unwrap()]);
        let expected = format!("error: --kafka-config {}, line 2: {what}", file.display());
        assert_eq!(run.stderr, expected);
    }
}

#[test]
fn brokers_and_the_queue_are_not_what_nobody_meant() {
    for (setting, why) in [
        ("bootstrap.servers=other:9092", "bootstrap.servers is a flag of its own"),
        (
            "queue.buffering.max.kbytes=1",
            "queue.buffering.max.kbytes=1 is less than one record may have",
        ),
    ] {
        let run = refused(&["-X", setting]);
        assert!(run.stderr.starts_with(&format!("error: {why}")), "{}", run.stderr);
    }
}

/// A queue that takes one record at a time is slow, and takes all of them.
#[test]
fn a_small_queue_takes_all() {
    let topic = topic("queue");
    let mut command = kafka(&topic);
    command.args(["-X", "queue.buffering.max.messages=1", "-X", "linger.ms=0", "--input"]);
    run(command.arg(edges())).expect(0);
    let body = std::fs::read_to_string(edges()).unwrap();
    let sent = body.lines().filter(|line| !line.trim().is_empty()).count();
    assert_eq!(topic_messages(&topic).len(), sent);
}

#[test]
fn a_path_is_no_certificate() {
    let run = refused(&["-X", &format!("ssl.ca.pem={SECRET}")]);
    let expected = "error: ssl.ca.pem: what it holds is no PEM: name the file that has it, with ssl.ca.pem=@FILE\n";
    assert_eq!(run.stderr, expected);
}

#[test]
fn settings_that_contradict_each_other_do_not_tell_a_value() {
    // It is found to be no key only when the producer is made.
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("kafka.properties");
    std::fs::write(&file, format!("security.protocol=ssl\nssl.key.pem=-----BEGIN {SECRET}\n"))
        .unwrap();
    let run = refused(&["--kafka-config", file.to_str().unwrap()]);
    assert!(run.stderr.starts_with("error: no Kafka producer can be made"), "{}", run.stderr);
}

#[test]
fn a_secret_is_not_typed_but_where_it_is() {
    let typed = format!("sasl.password={SECRET}");
    let run = refused(&["-X", &typed]);
    let begin = "error: -X sasl.password: every process on this machine can read what is typed";
    assert!(run.stderr.starts_with(begin), "{}", run.stderr);
    assert!(run.stderr.contains("sasl.password=@FILE"), "{}", run.stderr);

    let run = refused(&["-X", "sasl.password=@/no/such/file"]);
    let begin = "error: sasl.password: file /no/such/file cannot be read: ";
    assert!(run.stderr.starts_with(begin), "{}", run.stderr);
}

#[test]
fn what_is_no_setting_is_not_shown() {
    for argument in [SECRET.to_owned(), format!("={SECRET}"), format!("sasl.password {SECRET}")] {
        let run = refused(&["-X", &argument]);
        assert!(run.stderr.contains("a setting is written name=value"), "{}", run.stderr);
    }
}

#[test]
fn the_guarantees_cannot_be_weakened() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("kafka.properties");
    for setting in [
        "acks=1",
        "acks=0",
        "request.required.acks=1",
        "enable.idempotence=false",
        "delivery.report.only.error=true",
        // librdkafka itself says that idempotence does not go with it.
        "max.in.flight=10",
        "retries=0",
    ] {
        // The one name of a setting that has two.
        let name = match setting.split('=').next().unwrap() {
            "request.required.acks" => "acks",
            name => name,
        };
        std::fs::write(&file, format!("client.id = x\n{setting}\n")).unwrap();
        for arguments in [["-X", setting], ["--kafka-config", file.to_str().unwrap()]] {
            let run = refused(&arguments);
            assert!(run.stderr.starts_with("error: "), "{}", run.stderr);
            assert!(run.stderr.contains(name), "{setting}: {}", run.stderr);
        }
    }
    let wrong = refused(&["-X", "transactional.id=a"]);
    assert!(wrong.stderr.contains("--transactional-id ID"), "{}", wrong.stderr);
    assert!(!wrong.stderr.contains("must stay as it is"), "{}", wrong.stderr);
    // The same in other words is no weaker.
    let topic = topic("acks");
    let mut command = kafka(&topic);
    command.args(["-X", "acks=-1", "-X", "enable.idempotence=true", "--input"]).arg(edges());
    run(&mut command).expect(0);
}

/// It needs idempotence, which every client that produces has.
#[test]
fn a_gapless_guarantee_may_be_asked_for() {
    for delivery in ["at-least-once", "exactly-once"] {
        let mut command = kafka(&topic("gapless"));
        command.args(["-X", "enable.gapless.guarantee=true", "--delivery", delivery]);
        command.args(["--on-error", "dead-letter", "--dead-letter", "topic:", "--input"]);
        run(command.arg(edges())).expect(0);
    }
}

#[test]
fn a_file_of_settings_is_read_and_the_command_line_wins() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("kafka.properties");
    std::fs::write(
        &file,
        "# What follows is too little for one of the records.\n\n \
         message.max.bytes = 1000 \r\ncompression.type=zstd\n",
    )
    .unwrap();
    let input = directory.path().join("body.ndjson");
    // Nothing that a compression could make small enough matters: the limit is on what is given.
    std::fs::write(&input, format!("{{\"id\":\"{}\"}}\n", "x".repeat(2_000))).unwrap();

    let topic = topic("settings");
    let with_file = || {
        let mut command = kafka(&topic);
        command.arg("--kafka-config").arg(&file).arg("--input").arg(&input);
        command
    };
    let failed = run(&mut with_file()).expect(1);
    assert!(failed.stderr.contains("message.max.bytes"), "{}", failed.stderr);
    assert!(topic_messages(&topic).is_empty());

    let done = run(with_file().args(["-X", "message.max.bytes=1000000"])).expect(0);
    assert_eq!(done.summary()["records"], json!(1));
    assert_eq!(topic_messages(&topic).len(), 1);
}

#[test]
fn a_file_of_settings_that_cannot_be_read_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("kafka.properties");
    let name = file.to_str().unwrap();
    let run = refused(&["--kafka-config", name]);
    assert!(run.stderr.starts_with(&format!("error: --kafka-config {name} cannot be read: ")));

    std::fs::write(&file, format!("client.id=x\n{SECRET}\n")).unwrap();
    let run = refused(&["--kafka-config", name]);
    let expected =
        format!("error: --kafka-config {name}, line 2: a setting is written name=value\n");
    assert_eq!(run.stderr, expected);

    std::fs::write(&file, format!("sasl.pasword={SECRET}\n")).unwrap();
    let run = refused(&["--kafka-config", name]);
    let begin = format!(
        "error: --kafka-config {name}, line 1: librdkafka has no setting `sasl.pasword`: did"
    );
    assert!(run.stderr.starts_with(&begin), "{}", run.stderr);

    std::fs::write(&file, format!("# How long.\n\nlinger.ms={SECRET}\n")).unwrap();
    let run = refused(&["--kafka-config", name]);
    let begin = format!(
        "error: --kafka-config {name}, line 3: librdkafka has the setting `linger.ms`, and"
    );
    assert!(run.stderr.starts_with(&begin), "{}", run.stderr);
}
