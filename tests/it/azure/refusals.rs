//! Stores that do not take what is written to them, and environments that do not fit.

use license_stream::simulate::Simulator;

use crate::support::azure::{ACCOUNT, Container, endpoint, settings};
use crate::support::command::license_stream;
use crate::support::process::{self, Run, TOKEN, run_with_input};
use crate::support::replies::{Replies, say};
use crate::support::truto::Truto;

const BODY: &[u8] = b"{\"id\":\"a\"}\n";

const SECRET: &str = "c3VwZXJzM2NyZXQtb2YtdGhlLXN0b3Jl";

fn export(url: &str, environment: &[(&str, &str)]) -> Run {
    let mut command = license_stream();
    command.args(["parquet", "--input", "-", "--out", url]);
    let command = settings(&mut command).envs(environment.iter().copied());
    let run = run_with_input(command, BODY);
    assert!(!run.stderr.contains(SECRET), "{}", run.stderr);
    run
}

#[test]
fn a_missing_container_is_named() {
    let run = export("az://there-is-no-such-container/a", &[]);
    assert_eq!(run.code, Some(1), "{}", run.stderr);
    for words in [
        "az://there-is-no-such-container/a",
        "the store answered ContainerNotFound: ",
        "make the container, or name another",
    ] {
        assert!(run.stderr.contains(words), "{words}: {}", run.stderr);
    }
}

#[test]
fn another_key_is_an_environment_that_does_not_fit() {
    let container = Container::make("key");
    let sas = format!("sv=2022-11-02&ss=b&srt=sco&sp=rwdlac&se=2099-01-01T00:00:00Z&sig={SECRET}");
    for set in [
        &[("AZURE_STORAGE_ACCOUNT_KEY", SECRET)][..],
        &[("AZURE_STORAGE_ACCOUNT_KEY", ""), ("AZURE_STORAGE_SAS_TOKEN", &sas)],
    ] {
        let run = export(&container.url(), set);
        assert_eq!(run.code, Some(3), "{}", run.stderr);
        assert!(run.stderr.contains("the store answered Auth"), "{}", run.stderr);
    }
}

#[test]
fn a_store_that_gives_no_answer_is_an_environment_to_look_at() {
    let run = export("az://container/a", &[("AZURE_STORAGE_ENDPOINT", "http://127.0.0.1:9")]);
    assert_eq!(run.code, Some(3), "{}", run.stderr);
    for words in ["the store gave no answer: Connection refused", "AZURE_STORAGE_ENDPOINT"] {
        assert!(run.stderr.contains(words), "{words}: {}", run.stderr);
    }
}

#[test]
fn where_there_are_no_credentials_it_says_which_could_be_set() {
    let without = Replies::of(vec![say("400 Bad Request", "", "no identity")]);
    let unset = ("AZURE_STORAGE_ACCOUNT_KEY", "");
    let identity = without.url();
    let instance = [unset, ("AZURE_MSI_ENDPOINT", identity.as_str())];
    let run = export("az://container/a", &instance);
    assert_eq!(run.code, Some(3), "{}", run.stderr);
    for words in [
        "there are no credentials for the store: set AZURE_STORAGE_ACCOUNT_KEY or",
        "(the service that has it answered with status 400 Bad Request)",
    ] {
        assert!(run.stderr.contains(words), "{words}: {}", run.stderr);
    }
}

#[test]
fn an_environment_that_cannot_be_used_is_named_before_anything_is_asked() {
    for (name, value, wrong) in [
        ("AZURE_STORAGE_ENDPOINT", "localhost:10000", "must begin with http:// or https://"),
        ("AZURE_STORAGE_ENDPOINT", "http://azurite:10000", "AZURE_ALLOW_HTTP"),
        ("AZURE_STORAGE_ACCOUNT_KEY", "s3cret-of-the-store!", "is no key"),
        ("AZURE_STORAGE_ACCOUNT_NAME", "", "AZURE_STORAGE_ACCOUNT_NAME"),
        ("AZURE_ALLOW_HTTP", "perhaps", "is neither"),
    ] {
        let run = export("az://container/a", &[(name, value)]);
        assert_eq!(run.code, Some(2), "{name}: {}", run.stderr);
        let is_told = run.stderr.starts_with("error: az://container/a: ");
        assert!(is_told && run.stderr.contains(wrong), "{}", run.stderr);
        assert!(!run.stderr.contains("s3cret"), "{}", run.stderr);
    }
}

#[test]
fn the_emulator_is_found_without_a_key_and_a_container_is_checked() {
    let container = Container::make("emulator");
    let truto = Truto::start(Simulator::new().with_records(10));
    let check = |url: &str| {
        let mut command = license_stream();
        command.args(["check", "parquet", "--out", url, "--base-url", &truto.url()]);
        command.args(["--account", truto.account()]).env("TRUTO_API_TOKEN", TOKEN);
        let base = endpoint();
        let base = base.strip_suffix(&format!("/{ACCOUNT}")).unwrap();
        command.env("AZURE_STORAGE_USE_EMULATOR", "true").env("AZURITE_BLOB_STORAGE_URL", base);
        process::run(&mut command)
    };
    let checked = check(&container.url());
    assert_eq!(checked.code, Some(0), "{}{}", checked.text(), checked.stderr);
    assert_eq!(container.keys(), [""; 0]);
    let checked = check("az://there-is-no-such-container/a");
    assert_eq!(checked.code, Some(1), "{}{}", checked.text(), checked.stderr);
    let told = format!("{}{}", checked.text(), checked.stderr);
    assert!(told.contains("ContainerNotFound"), "{told}");
}
