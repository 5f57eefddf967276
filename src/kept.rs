//! How much runs keep for themselves, wherever that is: no more than can be read again.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use crate::error::{Error, ErrorKind};

/// The most that is read of a checkpoint, a claim or a manifest. The longest is the manifest of a snapshot of
/// many files.
pub(crate) const MOST_BYTES: usize = 32 << 20;

/// The most that is written of a checkpoint or a claim: of some 80,000 files. The manifest that comes of it
/// says the same in more words, and must be no longer than what is read.
pub(crate) const MOST_KEPT_BYTES: usize = MOST_BYTES / 2;

/// Refuses to write of `name` what could not be read any more.
pub(crate) fn refuse_too_long(
    name: &dyn std::fmt::Display,
    bytes: &[u8],
    most: usize,
) -> Result<(), Error> {
    if bytes.len() <= most {
        return Ok(());
    }
    let message = format!(
        "{name} would have {} bytes, and {most} are the most: let the snapshot have fewer files, in \
         partitions of fewer values, or with a larger --file-bytes",
        bytes.len()
    );
    Err(Error::new(ErrorKind::Destination, message))
}

/// All of a file, unless it is longer than what runs write.
pub(crate) fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    // Not by its length alone: what is no file may have none, and no end.
    File::open(path)?.take(MOST_BYTES as u64 + 1).read_to_end(&mut bytes)?;
    if bytes.len() > MOST_BYTES {
        let message = format!(
            "it has more than {MOST_BYTES} bytes, the most that is read of one: no run writes as much there, \
             so look at what has"
        );
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, message));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_longer_than_runs_write_is_not_read_and_what_could_not_be_read_is_not_written() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("long");
        // It takes no room.
        let file = File::create(&path).unwrap();
        file.set_len(MOST_BYTES as u64).unwrap();
        assert_eq!(read(&path).unwrap().len(), MOST_BYTES);
        file.set_len(MOST_BYTES as u64 + 1).unwrap();
        let error = read(&path).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::FileTooLarge);
        assert!(error.to_string().starts_with("it has more than 33554432 bytes"), "{error}");
        refuse_too_long(&"a", b"ab", 2).unwrap();
        let error = refuse_too_long(&"a", b"abc", 2).unwrap_err();
        assert!(error.message().starts_with("a would have 3 bytes, and 2 are the most"), "{error}");
    }
}
