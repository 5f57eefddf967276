//! A file that is visible only when it is whole.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::claim::file_name;
use super::hive;
use crate::digest::{Digest, Digester};
use crate::error::{Error, ErrorKind, Result};
use crate::failpoint::{self, Point};
use crate::sink::DurablePiece;

/// A file under a hidden temporary name. Dropped before it is published, it is removed.
#[derive(Debug)]
pub(super) struct TemporaryFile {
    file: File,
    bytes: u64,
    digester: Digester,
    lake: PathBuf,
    name: String,
    path: PathBuf,
    temporary: PathBuf,
    published: bool,
}

/// A file that was written and is durable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrittenFile {
    /// Where it is; in an object store, its address.
    pub path: PathBuf,
    /// Its name, relative to the lake.
    pub name: String,
    /// Its length.
    pub bytes: u64,
    /// Its rows.
    pub rows: u64,
    /// The digest of its bytes, taken while they were written.
    pub digest: Digest,
}

impl WrittenFile {
    pub(super) fn durable(&self) -> DurablePiece {
        DurablePiece {
            name: self.name.clone(),
            partition: hive::partition(&self.name),
            records: self.rows,
            bytes: self.bytes,
            digest: Some(self.digest),
        }
    }
}

impl TemporaryFile {
    /// Begins the file `name` of `lake`, in directories that are made.
    pub(super) fn create(lake: &Path, name: &str) -> Result<Self> {
        let path = lake.join(name);
        // A leading dot and another ending: no engine that looks for files of this kind takes it for one.
        let temporary = path.with_file_name(format!(".{}.partial", file_name(name)));
        let directory = path.parent().unwrap_or(lake);
        let file = fs::create_dir_all(directory).and_then(|()| File::create(&temporary));
        let file = file.map_err(|error| failed(&path, error))?;
        let (lake, name, digester) = (lake.to_owned(), name.to_owned(), Digester::default());
        Ok(Self { file, bytes: 0, digester, lake, name, path, temporary, published: false })
    }

    /// The name it will have.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Bytes that were written to it.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Puts on disk what was written so far: the end of the file then has little left to wait for.
    pub(super) fn sync(&self) -> io::Result<()> {
        self.file.sync_data()
    }

    /// Gives the file its name, once its bytes are on disk. The directories are synced too: a rename
    /// that is not would be lost with the power.
    pub(super) fn publish(mut self, rows: u64) -> Result<WrittenFile> {
        let published = || -> io::Result<()> {
            self.file.sync_all()?;
            failpoint::reach(Point::FileSynced);
            fs::rename(&self.temporary, &self.path)?;
            failpoint::reach(Point::FileRenamed);
            let directories = self.path.ancestors().skip(1);
            for directory in directories.take_while(|directory| directory.starts_with(&self.lake)) {
                sync_directory(directory)?;
            }
            failpoint::reach(Point::FileDurable);
            Ok(())
        };
        published().map_err(|error| failed(&self.path, error))?;
        self.published = true;
        let digest = self.digester.digest();
        let (path, name) = (self.path.clone(), std::mem::take(&mut self.name));
        Ok(WrittenFile { path, name, bytes: self.bytes, rows, digest })
    }
}

impl Write for TemporaryFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.bytes += written as u64;
        self.digester.update(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Drop for TemporaryFile {
    fn drop(&mut self) {
        if !self.published {
            // Nothing more can be done about a file that cannot be removed; its name tells what it
            // is.
            let _ = fs::remove_file(&self.temporary);
        }
    }
}

/// Writes a small file as a whole, by way of `temporary` in the same folder: there is what was there
/// before, or all of `bytes`, after a loss of power too.
pub(super) fn replace(path: &Path, temporary: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = File::create(temporary)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(temporary, path)?;
    path.parent().map_or(Ok(()), sync_directory)
}

/// Brings to disk which files there are in a directory.
pub(super) fn sync_directory(directory: &Path) -> io::Result<()> {
    File::open(directory)?.sync_all()
}

fn failed(path: &Path, error: io::Error) -> Error {
    Error::new(ErrorKind::Destination, format!("{} could not be written", path.display()))
        .caused_by(error)
}
