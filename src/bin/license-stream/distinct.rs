//! Files of one run that must not be the same.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use license_stream::{Error, ErrorKind, Result};

/// Standard input and output as files: where they were redirected, they are some.
pub(crate) const STDIN: &str = "/dev/stdin";
pub(crate) const STDOUT: &str = "/dev/stdout";

/// Refuses two names of one file, whatever links lead there. Each comes with the flag that it is from.
pub(crate) fn check_distinct(files: &[(&str, &Path)]) -> Result<()> {
    for (index, (flag, path)) in files.iter().enumerate() {
        let place = Place::of(path);
        for (other_flag, other) in &files[..index] {
            if place.is_same_as(&Place::of(other)) {
                let message = format!(
                    "{other_flag} and {flag} are the same file, {}: a run must not write to what it \
                     reads, nor twice to one file",
                    path.display()
                );
                return Err(Error::new(ErrorKind::Configuration, message));
            }
        }
    }
    Ok(())
}

/// Where a name leads.
#[derive(Debug, PartialEq, Eq)]
enum Place {
    File {
        device: u64,
        inode: u64,
    },
    /// To nothing yet.
    New(PathBuf),
    /// To a pipe, a terminal or `/dev/null`, which takes and gives without a conflict.
    Special,
}

impl Place {
    fn of(path: &Path) -> Self {
        match path.metadata() {
            Ok(metadata) if metadata.is_file() => {
                Self::File { device: metadata.dev(), inode: metadata.ino() }
            }
            Ok(_) => Self::Special,
            Err(_) => Self::New(path.to_owned()),
        }
    }

    fn is_same_as(&self, other: &Self) -> bool {
        *self != Self::Special && self == other
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_the_same_by_any_of_its_names() {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        std::fs::write(at("file"), "x").unwrap();
        std::fs::write(at("copy"), "x").unwrap();
        std::fs::hard_link(at("file"), at("hard")).unwrap();
        std::os::unix::fs::symlink(at("file"), at("soft")).unwrap();
        let is_refused = |one: &Path, other: &Path| {
            check_distinct(&[("--one", one), ("--other", other)]).is_err()
        };
        for name in ["file", "hard", "soft"] {
            assert!(is_refused(&at("file"), &at(name)), "{name}");
        }
        assert!(is_refused(&at("new"), &at("new")));
        for name in ["copy", "new"] {
            assert!(!is_refused(&at("file"), &at(name)), "{name}");
        }
        let null = Path::new("/dev/null");
        assert!(!is_refused(null, null));
    }
}
