//! Object stores, as far as they are the same to a test.

use std::path::Path;
use std::process::Command;

use super::azure::{self, ACCOUNT, Container};
use super::s3::{self, Bucket};

/// A bucket, or what its protocol calls so, that no other test has: the command writes into it below one prefix.
pub(crate) trait Store: Sized {
    fn make(prefix: &str) -> Self;

    /// Where the command writes to.
    fn url(&self) -> String;

    /// Copies what is there into `directory`: as the command would have left it in one.
    fn get(&self, directory: &Path);

    /// What is there of uploads that have neither been completed nor given up.
    fn uploads(&self) -> Vec<String>;

    /// `http://HOST:PORT` of the server that has all of them.
    fn server() -> String;

    /// The settings by which `command` finds the server at `address`, which is that or leads there.
    fn settings<'a>(command: &'a mut Command, address: &str) -> &'a mut Command;
}

impl Store for Bucket {
    fn make(prefix: &str) -> Self {
        Bucket::make(prefix)
    }

    fn url(&self) -> String {
        Bucket::url(self)
    }

    fn get(&self, directory: &Path) {
        Bucket::get(self, directory);
    }

    fn uploads(&self) -> Vec<String> {
        Bucket::uploads(self)
    }

    fn server() -> String {
        s3::endpoint()
    }

    fn settings<'a>(command: &'a mut Command, address: &str) -> &'a mut Command {
        s3::settings(command, address)
    }
}

impl Store for Container {
    fn make(prefix: &str) -> Self {
        Container::make(prefix)
    }

    fn url(&self) -> String {
        Container::url(self)
    }

    fn get(&self, directory: &Path) {
        Container::get(self, directory);
    }

    fn uploads(&self) -> Vec<String> {
        Container::uploads(self)
    }

    fn server() -> String {
        azure::endpoint().strip_suffix(&format!("/{ACCOUNT}")).unwrap().to_owned()
    }

    fn settings<'a>(command: &'a mut Command, address: &str) -> &'a mut Command {
        azure::settings(command).env("AZURE_STORAGE_ENDPOINT", format!("{address}/{ACCOUNT}"))
    }
}
