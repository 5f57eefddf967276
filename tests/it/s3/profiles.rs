//! Keys, a region and an endpoint that stand in the files of AWS's own tools, and in no variable.

use std::fs;
use std::process::Command;

use tempfile::TempDir;

use crate::support::command::license_stream;
use crate::support::process::{Run, run_with_input};
use crate::support::replies::{Replies, say};
use crate::support::s3::{Bucket, SECRET, endpoint};

const BODY: &[u8] = b"{\"id\":\"a\"}\n";

const COMMANDS: [&[&str]; 2] =
    [&["check", "parquet", "--input", "-", "--out"], &["parquet", "--input", "-", "--out"]];

/// A user with these files in `~/.aws`.
fn user(credentials: &str, config: &str) -> TempDir {
    let home = tempfile::tempdir().unwrap();
    let directory = home.path().join(".aws");
    fs::create_dir(&directory).unwrap();
    fs::write(directory.join("credentials"), credentials).unwrap();
    fs::write(directory.join("config"), config).unwrap();
    home
}

/// The command of a user, with nothing in the environment that is of S3.
fn command(home: &TempDir, words: &[&str], url: &str) -> Command {
    let mut command = license_stream();
    command.args(words).arg(url).env("HOME", home.path());
    command.env_remove("AWS_CONFIG_FILE").env_remove("AWS_SHARED_CREDENTIALS_FILE");
    command
}

fn ran(command: &mut Command) -> Run {
    let run = run_with_input(command, BODY);
    assert!(!run.stderr.contains(SECRET) && !run.text().contains(SECRET), "{}", run.stderr);
    run
}

fn keys(id: &str) -> String {
    format!("aws_access_key_id = {id}\r\naws_secret_access_key = {SECRET}\r\n")
}

#[test]
fn a_profile_is_enough() {
    let place = format!("region = us-east-1\nendpoint_url = {}\n", endpoint());
    let of_default = user(
        &format!("\u{feff}[default] # it\r\n{}", keys("test")),
        &format!("[default]\n{place}s3 =\n  addressing_style = path\n"),
    );
    let of_lake = user(
        &format!("[default]\n{}\n[lake]\n{}", keys("other"), keys("test")),
        &format!("[default]\nendpoint_url = http://127.0.0.1:9\n[profile lake]\n{place}"),
    );
    for (home, profile) in [(of_default, ""), (of_lake, "lake")] {
        let bucket = Bucket::make("profiles");
        for words in COMMANDS {
            let run = ran(command(&home, words, &bucket.url()).env("AWS_PROFILE", profile));
            assert_eq!(run.code, Some(0), "{words:?}: {}{}", run.stderr, run.text());
        }
        let directory = tempfile::tempdir().unwrap();
        let there = directory.path().join("there");
        bucket.get(&there);
        assert!(there.join("_SUCCESS").exists());
    }
}

/// The key by which the first request to a store of `home`'s was signed.
fn signer(home: &TempDir, variables: &[(&str, &str)], store: &Replies) -> String {
    let mut command = command(home, COMMANDS[1], "s3://bucket/a");
    let run = ran(command.envs(variables.iter().copied()));
    assert_eq!(run.code, Some(3), "{}", run.stderr);
    let head = store.requests().remove(0).head;
    let (_, behind) = head.split_once("Credential=").unwrap_or_else(|| panic!("{head}"));
    assert!(!head.to_ascii_lowercase().contains("x-amz-security-token"), "{head}");
    behind.split('/').take(3).filter(|part| !part.starts_with("20")).collect::<Vec<_>>().join(" ")
}

#[test]
fn variables_count_before_it() {
    let refusing = || Replies::of(vec![say("403 Forbidden", "", "")]);
    let pair = ("AWS_ACCESS_KEY_ID", "of-a-variable");
    for (variables, expected) in [
        (&[][..], "of-a-profile eu-central-1"),
        // The token is of other keys.
        (&[("AWS_SESSION_TOKEN", "t"), ("AWS_REGION", "us-west-2")], "of-a-profile us-west-2"),
        (&[pair, ("AWS_SECRET_ACCESS_KEY", SECRET)], "of-a-variable eu-central-1"),
    ] {
        let store = refusing();
        let config = format!("[default]\nregion = eu-central-1\nendpoint_url = {}\n", store.url());
        let home = user(&format!("[default]\n{}", keys("of-a-profile")), &config);
        assert_eq!(signer(&home, variables, &store), expected);
    }
}

#[test]
fn one_that_cannot_be_used_is_told_before_anything_is_asked() {
    let keys = keys("test");
    for (profile, config, words) in [
        ("lake", "[lake]\nregion = a\n", "there is neither [lake] in "),
        (
            "lake",
            "[profile lake]\nsso_session = a\n",
            "config, line 2: sso_session is not followed",
        ),
        (
            "",
            "[default]\nrole_arn = a\n",
            "`eval \"$(aws configure export-credentials --format env)\"`",
        ),
        ("", "[default]\nregion eu-central-1\n", "config, line 2, is neither a section nor"),
        (
            "",
            "[default]\nendpoint_url = minio\n",
            "config, line 2: endpoint_url must begin with http",
        ),
        ("", "[default]\nendpoint_url = http://minio\n", "(AWS_ALLOW_HTTP=true)"),
    ] {
        let home = user(&format!("[default]\n{keys}"), config);
        for words_of in COMMANDS {
            let run = ran(command(&home, words_of, "s3://bucket/a").env("AWS_PROFILE", profile));
            assert_eq!(run.code, Some(2), "{}{}", run.stderr, run.text());
            let told = format!("{}{}", run.stderr, run.text());
            assert!(told.contains("s3://bucket/a: ") && told.contains(words), "{words}: {told}");
        }
    }
}
