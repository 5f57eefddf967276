//! That the files which a checkpoint names are there still, as they were written.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;

use crate::digest::Digester;
use crate::error::{Error, ErrorKind, Result};
use crate::sink::DurablePiece;

const READ_BYTES: usize = 1 << 20;

/// What is wrong with a file that is gone.
pub(super) const GONE: &str = "is not there any more";

/// What is wrong with one whose digest is another.
pub(super) const CHANGED: &str = "has other bytes than were written";

/// Reads `files` of `directory` to their ends. That costs less than the resume which it precedes: that one reads
/// all of the body again that became these files, and a body is the longer of the two.
pub(super) fn prove(directory: &Path, files: &[DurablePiece]) -> Result<()> {
    for file in files {
        if let Some(what) = damage(directory, file)? {
            return Err(lost(&directory.join(&file.name).display(), &what));
        }
    }
    Ok(())
}

/// Looks whether `files` of `directory` are there with their lengths, and reads none: they were written by runs that
/// knew what they wrote.
pub(super) fn prove_lengths(directory: &Path, files: &[DurablePiece]) -> Result<()> {
    for file in files {
        let path = directory.join(&file.name);
        let what = match fs::metadata(&path) {
            Ok(there) if there.len() == file.bytes => continue,
            Ok(there) => of_length(there.len(), file),
            Err(error) if error.kind() == io::ErrorKind::NotFound => GONE.to_owned(),
            Err(error) => return Err(unreadable(&path, error)),
        };
        return Err(lost(&path.display(), &what));
    }
    Ok(())
}

/// What is wrong with `file` of `directory`, which is read to its end.
pub(super) fn damage(directory: &Path, file: &DurablePiece) -> Result<Option<String>> {
    let path = directory.join(&file.name);
    match File::open(&path) {
        Ok(there) => compare(there, file).map_err(|error| unreadable(&path, error)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Some(GONE.to_owned())),
        Err(error) => Err(unreadable(&path, error)),
    }
}

/// In what `there` differs from `file`.
fn compare(mut there: File, file: &DurablePiece) -> io::Result<Option<String>> {
    let bytes = there.metadata()?.len();
    if bytes != file.bytes {
        return Ok(Some(of_length(bytes, file)));
    }
    let Some(digest) = file.digest else { return Ok(None) };
    let (mut digester, mut buffer) = (Digester::default(), vec![0; READ_BYTES]);
    loop {
        match there.read(&mut buffer) {
            Ok(0) => break,
            Ok(read) => digester.update(&buffer[..read]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    let is_same = digester.digest() == digest;
    Ok((!is_same).then(|| CHANGED.to_owned()))
}

/// That a file has `bytes` bytes.
pub(super) fn of_length(bytes: u64, file: &DurablePiece) -> String {
    format!("has {bytes} bytes, and {} were written", file.bytes)
}

/// A file of an unfinished snapshot that cannot be relied on.
pub(super) fn lost(path: &dyn std::fmt::Display, what: &str) -> Error {
    let message = format!(
        "{path} {what}: the snapshot that it is of cannot be gone on with; put it back, or begin a new \
         snapshot after `license-stream checkpoint reset`"
    );
    Error::new(ErrorKind::Destination, message)
}

fn unreadable(path: &Path, error: io::Error) -> Error {
    Error::new(ErrorKind::Destination, format!("{} could not be read", path.display()))
        .caused_by(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_lost_cut_or_changed_is_named_with_what_is_wrong() {
        let directory = tempfile::tempdir().unwrap();
        // Longer than what is read at once.
        let bytes = vec![7; READ_BYTES + 5];
        let mut digester = Digester::default();
        digester.update(&bytes);
        let json = serde_json::json!({
            "name": "a", "records": 1, "bytes": bytes.len(), "xxh3_128": digester.digest(),
        });
        let file: DurablePiece = serde_json::from_value(json).unwrap();
        let path = directory.path().join("a");
        let proven = || prove(directory.path(), std::slice::from_ref(&file));
        let lengths = || prove_lengths(directory.path(), std::slice::from_ref(&file));
        let refused = |what: &str| {
            let error = proven().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Destination);
            let wanted = format!("{} {what}: the snapshot that it is of", path.display());
            assert!(error.message().starts_with(&wanted), "{error}");
        };
        refused("is not there any more");
        assert!(lengths().unwrap_err().message().contains("is not there any more"));
        fs::write(&path, &bytes).unwrap();
        proven().and(lengths()).unwrap();
        fs::write(&path, &bytes[1..]).unwrap();
        refused("has 1048580 bytes, and 1048581 were written");
        assert!(lengths().unwrap_err().message().contains("has 1048580 bytes"));
        let mut changed = bytes.clone();
        changed[READ_BYTES + 1] ^= 1;
        fs::write(&path, changed).unwrap();
        refused("has other bytes than were written");
    }
}
