//! Certificates: an authority of one's own, and those that clients show.

use std::path::Path;

use super::{ACCOUNT, one_license};
use crate::support::process::{Run, run};
use crate::support::scripted::Untouched;
use crate::support::tls::{Certified, TlsServer};
use crate::support::truto::api_command;

fn ask(url: &str, arguments: &[&str]) -> Run {
    run(api_command("ndjson", url, ACCOUNT).arg("--quiet").args(arguments))
}

fn closing() -> String {
    one_license().replacen("\r\n", "\r\nConnection: close\r\n", 1)
}

#[track_caller]
fn assert_delivered(got: &Run) {
    assert_eq!((got.code, got.text()), (Some(0), "{\"id\":\"1\"}\n"), "{}", got.stderr);
}

/// Trust does not come with time: such a run must not have tried again.
#[track_caller]
fn assert_distrust(got: &Run) {
    assert_eq!((got.code, got.text()), (Some(3), ""), "{}", got.stderr);
    assert!(
        got.stderr.contains("does not trust the other's certificate (--ca-cert"),
        "{}",
        got.stderr
    );
    assert!(!got.stderr.contains("tried"), "{}", got.stderr);
}

#[test]
fn an_authority_of_one_s_own_is_trusted_where_it_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let (authority, other) = (Certified::authority(), Certified::authority());
    let api = TlsServer::answer(closing(), &authority.certify("127.0.0.1"), None);
    assert_distrust(&ask(&api.url(), &[]));
    let other_file = other.write(directory.path(), "other.pem");
    assert_distrust(&ask(&api.url(), &["--ca-cert", &other_file]));
    assert!(api.requests().is_empty());
    // Several in one file, and something that is no certificate between them.
    let file = directory.path().join("both.pem");
    let both = format!("{}\n# a comment\n{}", other.certificate_pem(), authority.certificate_pem());
    std::fs::write(&file, both).unwrap();
    assert_delivered(&ask(&api.url(), &["--ca-cert", file.to_str().unwrap()]));
    assert_eq!(api.requests().len(), 1);
}

#[test]
fn a_certificate_is_for_one_host() {
    let directory = tempfile::tempdir().unwrap();
    let authority = Certified::authority();
    let api = TlsServer::answer(closing(), &authority.certify("truto.test"), None);
    let file = authority.write(directory.path(), "ca.pem");
    assert_distrust(&ask(&api.url(), &["--ca-cert", &file]));
    assert!(api.requests().is_empty());
}

#[test]
fn a_server_may_want_a_certificate_too() {
    let directory = tempfile::tempdir().unwrap();
    let (authority, clients) = (Certified::authority(), Certified::authority());
    let api = TlsServer::answer(closing(), &authority.certify("127.0.0.1"), Some(&clients));
    let ca = authority.write(directory.path(), "ca.pem");
    assert_distrust(&ask(&api.url(), &["--ca-cert", &ca]));
    let wrong = authority.certify("client").write(directory.path(), "wrong.pem");
    let got = ask(&api.url(), &["--ca-cert", &ca, "--client-cert", &wrong, "--retries=0"]);
    assert_eq!((got.code, got.text()), (Some(3), ""), "{}", got.stderr);
    assert!(api.requests().is_empty());
    let client = clients.certify("client").write(directory.path(), "client.pem");
    assert_delivered(&ask(&api.url(), &["--ca-cert", &ca, "--client-cert", &client]));
    assert_eq!(api.requests().len(), 1);
}

#[test]
fn files_that_hold_something_else_are_refused_before_anything_is_sent() {
    let directory = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let file: &Path = &directory.path().join(name);
        std::fs::write(file, text).unwrap();
        file.to_str().unwrap().to_owned()
    };
    let client = Certified::authority();
    let (certificate, key) = (client.certificate_pem(), client.key_pem());
    let stump = &key[..key.len() / 2];
    let broken = "-----BEGIN CERTIFICATE-----\ns3cr\n-----END CERTIFICATE-----\n";
    for (flag, text, what) in [
        ("--ca-cert", None, "cannot be read"),
        ("--ca-cert", Some(""), "holds no certificate (BEGIN CERTIFICATE)"),
        ("--ca-cert", Some(key.as_str()), "holds no certificate (BEGIN CERTIFICATE)"),
        ("--ca-cert", Some(broken), "holds what is no certificate"),
        ("--client-cert", None, "cannot be read"),
        ("--client-cert", Some(certificate.as_str()), "holds no key (BEGIN PRIVATE KEY)"),
        ("--client-cert", Some(key.as_str()), "holds no certificate that goes with its key"),
        ("--client-cert", Some(stump), "holds a key that is cut short"),
        ("--client-cert", Some(&client.old_key_pem()), "openssl pkcs8 -topk8 -nodes"),
        (
            "--client-cert",
            Some(&(Certified::authority().certificate_pem() + &key)),
            "holds no certificate that goes with its key",
        ),
    ] {
        let api = Untouched::listen();
        let name = text.map_or("missing".to_owned(), |text| file("file", text));
        let got = ask(&format!("https://127.0.0.1:{}", api.port()), &[flag, &name]);
        api.assert();
        assert_eq!((got.code, got.text()), (Some(2), ""), "{what}: {}", got.stderr);
        assert!(got.stderr.contains(what), "{what}: {}", got.stderr);
        let secret = key.lines().nth(1).unwrap();
        assert!(!got.stderr.contains(secret) && !got.stderr.contains("s3cr"), "{}", got.stderr);
    }
}
