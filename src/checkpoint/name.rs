//! What checkpoints are called, wherever they are kept.

use crate::error::{Error, ErrorKind, Result};

/// How the names of checkpoints end.
const ENDING: &str = ".checkpoint.json";

/// The name of the checkpoint of `key`.
pub(super) fn file_name(key: &str) -> Result<String> {
    Ok(format!("{}{ENDING}", checked(key)?))
}

/// The key of the checkpoint that `name` is one of, if it is.
pub(super) fn key_of(name: &str) -> Option<&str> {
    name.strip_suffix(ENDING).filter(|key| is_name(key))
}

/// `key` as the beginning of a name.
pub(super) fn checked(key: &str) -> Result<&str> {
    if is_name(key) {
        return Ok(key);
    }
    let message =
        "an account's checkpoint is a file of its name, so it must be letters, digits, `-` and `_`";
    Err(Error::new(ErrorKind::Configuration, message))
}

/// Whether `text` can be part of a name anywhere: of a file on any system, and of an object.
pub(crate) fn is_name(text: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    !text.is_empty() && text.bytes().all(is_plain)
}
