//! The command under test.

use std::process::Command;

/// The command that was built together with these tests, deaf to the settings of whoever runs them.
pub(crate) fn license_stream() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_license-stream"));
    for (name, _) in std::env::vars_os() {
        let readable = name.to_string_lossy().to_ascii_uppercase();
        let is_setting = ["TRUTO_", "KAFKA_", "AWS_", "AZURE_", "GOOGLE_", "SCHEMA_REGISTRY_"]
            .iter()
            .any(|prefix| readable.starts_with(prefix));
        // The servers of the tests are on the loopback interface, where no proxy leads.
        let is_of_output = ["RUST_LOG", "NO_COLOR"].contains(&readable.as_str());
        if is_setting || is_of_output || readable.ends_with("_PROXY") {
            command.env_remove(name);
        }
    }
    // Without a variable, files of whoever runs them would be read.
    command.env("AWS_CONFIG_FILE", "/dev/null").env("AWS_SHARED_CREDENTIALS_FILE", "/dev/null");
    command
}

#[test]
fn starts() {
    let output = license_stream().arg("--version").output().unwrap();
    assert!(output.status.success(), "{output:?}");
}
