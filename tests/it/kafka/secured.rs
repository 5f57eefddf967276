//! A broker with TLS, passwords and ACLs: who gets in, and what the others are told.

use std::process::Command;

use tempfile::TempDir;

use super::kafka_at;
use crate::support::body::{edges, records};
use crate::support::broker::Broker;
use crate::support::python::{python, topic_messages_at};
use crate::support::run::{Run, run};
use crate::support::tls::Certified;

/// Who may do what, and whom SCRAM knows: set by the one who may do everything.
const SET_UP: &str = r#"
import sys
from confluent_kafka.admin import (
    AclBinding, AclOperation, AclPermissionType, AdminClient, NewTopic, ResourcePatternType,
    ResourceType, ScramCredentialInfo, ScramMechanism, UserScramCredentialUpsertion,
)
admin = AdminClient({"bootstrap.servers": sys.argv[1]})
def allow(user, operation, kind=ResourceType.TOPIC, name="allowed"):
    return AclBinding(kind, name, ResourcePatternType.PREFIXED, user, "*", operation,
                      AclPermissionType.ALLOW)
users = ["User:writer", "User:scrammer", "User:CN=client", "User:tokened"]
acls = [allow(user, AclOperation.ALL) for user in users]
acls += [allow(user, AclOperation.ALL, ResourceType.TRANSACTIONAL_ID, "license-stream-allowed")
         for user in users]
acls += [allow("User:reader", AclOperation.DESCRIBE), allow("User:reader", AclOperation.READ)]
pending = list(admin.create_acls(acls).values())
info = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, 4096)
scram = UserScramCredentialUpsertion("scrammer", info, b"word-of-scrammer")
pending += admin.alter_user_scram_credentials([scram]).values()
pending += admin.create_topics([NewTopic("allowed", 3, 1), NewTopic("forbidden", 3, 1)]).values()
for done in pending:
    done.result()
"#;

/// `{"alg":"none"}`, `{"sub":"tokened","iat":1600000000,"exp":4102444800}`: this broker asks for no signature.
const TOKEN: &str =
    "eyJhbGciOiJub25lIn0.eyJzdWIiOiJ0b2tlbmVkIiwiaWF0IjoxNjAwMDAwMDAwLCJleHAiOjQxMDI0NDQ4MDB9.";

/// The same that was good for a second of 2020.
const EXPIRED_TOKEN: &str =
    "eyJhbGciOiJub25lIn0.eyJzdWIiOiJ0b2tlbmVkIiwiaWF0IjoxNjAwMDAwMDAwLCJleHAiOjE2MDAwMDAwMDF9.";

struct Secured {
    broker: Broker,
    directory: TempDir,
}

impl Secured {
    fn start() -> (Self, String) {
        let (authority, other) = (Certified::authority(), Certified::authority());
        let server = authority.certify("127.0.0.1");
        let expired = authority.certify_expired("127.0.0.1");
        let broker = Broker::secured(&authority, &server, &expired);
        let mut set_up = python();
        assert!(set_up.args(["-c", SET_UP, broker.bootstrap()]).status().unwrap().success());
        let directory = tempfile::tempdir().unwrap();
        let write = |name: &str, text: String| {
            std::fs::write(directory.path().join(name), text).unwrap();
        };
        write("ca.pem", authority.certificate_pem());
        write("other.pem", other.certificate_pem());
        let client = authority.certify("client");
        write("client.pem", client.certificate_pem());
        write("client.key", client.key_pem());
        write("scrammer.password", "word-of-scrammer\n".to_owned());
        write("token", format!("{TOKEN}\n"));
        write("expired.token", format!("{EXPIRED_TOKEN}\n"));
        let ca = directory.path().join("ca.pem").to_str().unwrap().to_owned();
        (Self { broker, directory }, ca)
    }

    fn path(&self, name: &str) -> String {
        self.directory.path().join(name).to_str().unwrap().to_owned()
    }

    /// A run over `listener` into `topic`; `settings` are those of a file.
    fn command(&self, listener: &str, topic: &str, settings: &str) -> Command {
        let file = self.path("kafka.properties");
        std::fs::write(&file, settings).unwrap();
        let mut command = kafka_at(&self.broker.listener(listener), topic);
        command.args(["--kafka-config", &file, "--input"]).arg(edges());
        command.env("WRITER_PASSWORD", "word-of-writer");
        command.env("CA", std::fs::read_to_string(self.path("ca.pem")).unwrap());
        command
    }

    fn run(&self, listener: &str, topic: &str, settings: &str) -> Run {
        run(&mut self.command(listener, topic, settings))
    }

    /// How many messages there are, seen by the one who may see everything.
    fn count(&self, topic: &str) -> usize {
        topic_messages_at(self.broker.bootstrap(), topic).len()
    }
}

/// Settings of someone with a password.
fn sasl(ca: &str, mechanism: &str, user: &str, password: &str) -> String {
    format!(
        "security.protocol=SASL_SSL\nssl.ca.location={ca}\nsasl.mechanism={mechanism}\n\
         sasl.username={user}\nsasl.password={password}\n"
    )
}

/// Settings of someone with a token.
fn bearer(ca: &str, file: &str) -> String {
    format!(
        "security.protocol=SASL_SSL\nssl.ca.location={ca}\nsasl.mechanism=OAUTHBEARER\n\
         sasl.oauthbearer.config=token_file={file}\n"
    )
}

/// One broker for all of it, since its start is what takes time.
#[test]
fn a_secured_broker_lets_in_whom_it_should_and_the_others_are_told_why() {
    let (secured, ca) = Secured::start();
    let expected = records(&std::fs::read(edges()).unwrap()).len();
    let writer = sasl(&ca, "PLAIN", "writer", "env:WRITER_PASSWORD");
    let scrammer =
        sasl(&ca, "SCRAM-SHA-512", "scrammer", &format!("@{}", secured.path("scrammer.password")));
    let certificate = format!(
        "security.protocol=SSL\nssl.ca.location={ca}\nssl.certificate.location={}\nssl.key.location={}\n",
        secured.path("client.pem"),
        secured.path("client.key")
    );
    // The same, each as the text of its file: in the environment, too.
    let text = format!(
        "security.protocol=SSL\nssl.ca.pem=env:CA\nssl.certificate.pem=@{}\nssl.key.pem=@{}\n",
        secured.path("client.pem"),
        secured.path("client.key")
    );
    let tokened = bearer(&ca, &secured.path("token"));

    let ways = [
        ("SASL", &writer, "allowed"),
        ("SASL", &scrammer, "allowed-2"),
        ("MTLS", &certificate, "allowed-3"),
        ("OAUTH", &tokened, "allowed-4"),
        ("MTLS", &text, "allowed-5"),
    ];
    for (listener, settings, topic) in ways {
        let mut command = secured.command(listener, topic, settings);
        // The first is there; the others are made, which their ACLs allow.
        run(command.args(["--create-topic", "partitions=2"])).expect(0);
        assert_eq!(secured.count(topic), expected, "{listener}");
    }

    let wrong = sasl(&ca, "SCRAM-SHA-512", "scrammer", "word-of-writer");
    let reader = sasl(&ca, "PLAIN", "reader", "word-of-reader");
    let untrusted = sasl(&secured.path("other.pem"), "PLAIN", "writer", "env:WRITER_PASSWORD");
    let expired = bearer(&ca, &secured.path("expired.token"));
    let lost = bearer(&ca, &secured.path("lost.token"));
    let tls = format!("security.protocol=SSL\nssl.ca.pem=@{ca}\n");
    let refusals = [
        (
            "SASL",
            &wrong,
            "allowed",
            3,
            "refuse the credentials: look at sasl.mechanism, sasl.username and",
        ),
        (
            "OAUTH",
            &expired,
            "allowed",
            3,
            "refuse the credentials: look at sasl.mechanism, sasl.username and",
        ),
        ("OAUTH", &lost, "allowed", 2, "lost.token cannot be read: it must hold the token"),
        ("SASL", &untrusted, "allowed", 3, "no secure connection to the brokers at"),
        ("EXPIRED", &tls, "allowed", 3, "no secure connection to the brokers at"),
        ("MTLS", &tls, "allowed", 3, "error: no "),
        (
            "SASL",
            &writer,
            "forbidden",
            3,
            "topic forbidden may not be looked at: its ACLs lack Describe",
        ),
        ("SASL", &reader, "allowed", 3, "topic allowed may not be written to: its ACLs lack Write"),
        (
            "SASL",
            &writer,
            "allowed-not",
            1,
            "topic allowed-not is not there, and brokers do not make it",
        ),
    ];
    for (listener, settings, topic, code, message) in refusals {
        let run = secured.run(listener, topic, settings).expect(code);
        assert!(run.stderr.contains(message), "{listener}, {topic}: {}", run.stderr);
        for secret in ["word-of", EXPIRED_TOKEN] {
            assert!(!run.stderr.contains(secret), "{}", run.stderr);
            assert!(!run.stdout.contains(secret), "{}", run.stdout);
        }
        run.began_nothing();

        let mut command = secured.command(listener, topic, settings);
        let arguments: Vec<_> = command.get_args().map(ToOwned::to_owned).collect();
        command = crate::support::command::license_stream();
        command.env("WRITER_PASSWORD", "word-of-writer").arg("check").args(arguments);
        // Whether brokers make topics is for administrators to know: that is no finding against a run.
        let (code, message) = match topic {
            "allowed-not" => {
                (0, "allowed-not is not there, and brokers do not tell whether they make it")
            }
            _ => (code, message.trim_start_matches("error: ")),
        };
        let checked = self::run(&mut command).expect(code);
        assert!(checked.stdout.contains(message), "{}", checked.stdout);
    }
    for delivery in ["exactly-once", "at-least-once"] {
        let mut command = secured.command("SASL", "allowed", &writer);
        command.args(["--delivery", delivery, "--transactional-id", "of-others"]);
        let run = run(&mut command).expect(3);
        let message = "the transactional.id of-others may not be used: its ACLs lack Write";
        assert!(run.stderr.contains(message), "{delivery}: {}", run.stderr);
    }
    assert_eq!(secured.count("allowed"), expected, "nothing more was written");
}
