//! Directories, files and buckets that a run would write to: something is written, and taken away again.

use std::fs::{self, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use license_stream::cloud::Bucket;
use license_stream::{Error, ErrorKind};

use super::Findings;
use crate::place::Place;

/// Looks at a place of files or checkpoints.
pub(super) async fn probe(what: &str, place: &Place, findings: &mut Findings) {
    match place {
        Place::Directory(path) => directory(what, path, findings),
        Place::Bucket(url) => match bucket(url).await {
            Ok(()) => {
                let message =
                    format!("{place} takes an object, keeps conditions, and lets it be removed");
                findings.good(what, &message);
            }
            Err(error) => findings.failed(what, &error),
        },
    }
}

async fn bucket(url: &str) -> license_stream::Result<()> {
    Bucket::open(url)?.probe().await
}

/// Looks at a directory, which the run makes where it is not there.
pub(super) fn directory(what: &str, path: &Path, findings: &mut Findings) {
    match write_below(path) {
        Ok(written) if written == path => {
            findings.good(what, &format!("{} can be written to", path.display()));
        }
        Ok(written) => {
            let message = format!(
                "{} is not there, and is made by the run: {} can be written to",
                path.display(),
                written.display()
            );
            findings.good(what, &message);
        }
        Err(error) => failed(what, path, error, findings),
    }
}

/// Looks at a file, which need not be there.
pub(super) fn file(what: &str, path: &Path, findings: &mut Findings) {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    let looked = match path.metadata() {
        Ok(metadata) if metadata.is_dir() => Err(io::ErrorKind::IsADirectory.into()),
        // A pipe, or `/dev/null`.
        Ok(metadata) if !metadata.is_file() => Ok(()),
        Ok(_) => OpenOptions::new().append(true).open(path).map(drop),
        // Nobody makes its directory.
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            write_in(parent.unwrap_or(Path::new(".")))
        }
        Err(error) => Err(error),
    };
    match looked {
        Ok(()) => findings.good(what, &format!("{} can be written", path.display())),
        Err(error) => failed(what, path, error, findings),
    }
}

fn failed(what: &str, path: &Path, error: io::Error, findings: &mut Findings) {
    let message = format!("{} cannot be written to", path.display());
    findings.failed(what, &Error::new(ErrorKind::Destination, message).caused_by(error));
}

/// Writes into the directory, or the nearest one above it that is there: which one that was.
fn write_below(path: &Path) -> io::Result<PathBuf> {
    let absolute = std::path::absolute(path)?;
    let nearest = absolute.ancestors().find(|above| above.exists()).unwrap_or(Path::new("/"));
    write_in(nearest)?;
    Ok(if nearest == absolute { path.to_owned() } else { nearest.to_owned() })
}

/// Makes a file in a directory, and removes it.
fn write_in(directory: &Path) -> io::Result<()> {
    if !directory.is_dir() {
        return Err(io::ErrorKind::NotADirectory.into());
    }
    let probe = directory.join(format!(".license-stream-check-{}", std::process::id()));
    let written = OpenOptions::new().write(true).create_new(true).open(&probe);
    let written = written.and_then(|mut file| io::Write::write_all(&mut file, b"check\n"));
    match written {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(error),
        Err(error) => {
            // What was made before the disk was full.
            let _ = fs::remove_file(&probe);
            Err(error)
        }
        Ok(()) => fs::remove_file(&probe),
    }
}
