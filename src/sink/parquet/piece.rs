//! The piece in hand: what becomes durable at once.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use arrow_array::RecordBatch;
use futures_util::stream::{self, StreamExt, TryStreamExt};

use super::claim::Claim;
use super::file::WrittenFile;
use super::gathered::Gathered;
use super::open::OpenFile;
use super::options::ParquetOptions;
use super::parts::{Directory, Parts};
use super::roll::Roll;
use super::writer::OpenGroup;
use crate::error::{Error, ErrorKind, Result};

/// Files that are begun, or finished, side by side: what takes long there is to wait for a disk or for an object store.
const FILES_AT_ONCE: usize = 8;

/// The files of one number, one in each directory that has rows of it. Dropped before it is finished, it
/// leaves of those only what was finished already.
#[derive(Debug)]
pub(super) struct Piece {
    claim: Arc<Claim>,
    options: Arc<ParquetOptions>,
    number: usize,
    open: BTreeMap<Directory, OpenFile>,
    finished: BTreeMap<Directory, WrittenFile>,
    rows: Rows,
    /// How many rows it was given.
    given: u64,
    /// What the row groups in hand were made from, of all files.
    group_bytes: u64,
    group_rows: u64,
    /// Since when its files are as old as the oldest of them.
    begun: Instant,
    /// Whether one of them has the length that is wanted.
    is_rolled: bool,
}

/// The rows that are in no file yet.
#[derive(Debug)]
enum Rows {
    /// Those of the only file there is, encoded as they come.
    Encoded(Option<OpenGroup>),
    /// Those of many, or that are to be sorted, encoded when all of a row group are there.
    Gathered(Gathered),
}

impl Piece {
    /// Begins piece `number` of a snapshot.
    pub(super) fn new(claim: Arc<Claim>, options: Arc<ParquetOptions>, number: usize) -> Self {
        let is_encoded = options.sort_by.is_empty() && options.partition_by.is_empty();
        let rows = match is_encoded {
            true => Rows::Encoded(None),
            false => Rows::Gathered(Gathered::default()),
        };
        let (open, finished) = (BTreeMap::new(), BTreeMap::new());
        Self {
            claim,
            options,
            number,
            open,
            finished,
            rows,
            given: 0,
            group_bytes: 0,
            group_rows: 0,
            begun: Instant::now(),
            is_rolled: false,
        }
    }

    /// Adds rows that were made from `json_bytes` bytes of JSON. Their encoding goes on after the answer.
    pub(super) async fn write(&mut self, parts: Parts, json_bytes: u64) -> Result<()> {
        self.group_bytes += json_bytes;
        self.group_rows += parts.rows.num_rows() as u64;
        self.given += parts.rows.num_rows() as u64;
        match &mut self.rows {
            Rows::Gathered(gathered) => gathered.add(parts, json_bytes),
            Rows::Encoded(_) => self.encode(parts.rows).await?,
        }
        // Only behind a row group is it known how long a file is.
        let most = self.options.roll.bytes.unwrap_or(u64::MAX);
        let is_group_full = self.group_bytes >= self.options.row_group_bytes.min(most)
            || self.group_rows >= self.options.row_group_rows;
        if is_group_full && !self.is_full() {
            self.close_groups(false).await?;
        }
        Ok(())
    }

    /// Whether it is to be finished: a file has what is wanted, it is as old as is wanted, or there were more
    /// directories than files may be open.
    pub(super) fn is_full(&self) -> bool {
        let Roll { rows: most_rows, age, .. } = self.options.roll;
        if !self.finished.is_empty() || self.is_rolled {
            return true;
        }
        if age.is_some_and(|age| self.begun.elapsed() >= age) {
            return true;
        }
        let is_full = |directory: &str, rows: u64, json_bytes: u64| {
            let (rows_before, bytes_before) =
                self.open.get(directory).map_or((0, 0), OpenFile::holds);
            json_bytes + bytes_before >= self.options.file_bytes
                || most_rows.is_some_and(|most| rows + rows_before >= most)
        };
        match &self.rows {
            Rows::Encoded(_) => is_full("", self.group_rows, self.group_bytes),
            Rows::Gathered(gathered) => gathered
                .parts
                .iter()
                .any(|(directory, part)| is_full(directory, part.rows(), part.json_bytes)),
        }
    }

    /// Completes all files. Each has its name once it is on disk; they are durable when this answers.
    pub(super) async fn finish(mut self) -> Result<Vec<WrittenFile>> {
        self.close_groups(true).await?;
        // What becomes durable now is never read again.
        let written: u64 = self.finished.values().map(|file| file.rows).sum();
        if written != self.given {
            let message = format!("{written} of {} rows are in the files of a piece", self.given);
            return Err(Error::new(ErrorKind::Internal, message));
        }
        Ok(self.finished.into_values().collect())
    }

    async fn encode(&mut self, rows: RecordBatch) -> Result<()> {
        let directory = Directory::from("");
        let file = self.take(&directory).await?;
        if let Rows::Encoded(group) = &mut self.rows {
            let group = match group {
                Some(group) => group,
                None => group.insert(file.begin_group()?),
            };
            file.encode(group, rows).await?;
        }
        self.open.insert(directory, file);
        Ok(())
    }

    /// Puts the row groups in hand into their files. These are finished if it is the last time, or if more
    /// would be open than may be: so that no more are open at once, whatever comes.
    async fn close_groups(&mut self, is_last: bool) -> Result<()> {
        let (json_bytes, rows) = (self.group_bytes, self.group_rows);
        (self.group_bytes, self.group_rows) = (0, 0);
        let (batches, parts) = match &mut self.rows {
            Rows::Gathered(gathered) => gathered.take(),
            Rows::Encoded(group) => {
                let directory = Directory::from("");
                // Without a group in hand the file stays open as it is.
                if let Some(group) = group.take()
                    && let Some(file) = self.open.remove(&directory)
                {
                    let file = file.append(group, rows, json_bytes).await?;
                    self.put(directory, file).await?;
                }
                Default::default()
            }
        };
        let new = parts.keys().filter(|directory| !self.open.contains_key(*directory)).count();
        let is_last = is_last || self.open.len() + new > self.options.open_partitions.get();
        let batches: Arc<[RecordBatch]> = batches.into();
        if is_last {
            let done = self.open.keys().filter(|directory| !parts.contains_key(*directory));
            self.finish_files(done.cloned().collect()).await?;
        }
        // Files that are open come first: no more than may be are then open where these are finished one after the other.
        let mut parts: Vec<_> = parts.into_iter().collect();
        parts.sort_by_key(|(directory, _)| !self.open.contains_key(directory));
        let (directories, parts): (Vec<_>, Vec<_>) = parts.into_iter().unzip();
        let mut parts = parts.into_iter();
        for directories in directories.chunks(self.options.open_partitions.get().min(FILES_AT_ONCE))
        {
            // All of them are taken before the first is waited for.
            let files: Vec<_> = directories.iter().map(|directory| self.take(directory)).collect();
            let files = stream::iter(files).buffered(FILES_AT_ONCE);
            let files: Vec<_> = files.try_collect().await?;
            for ((directory, file), part) in directories.iter().zip(files).zip(parts.by_ref()) {
                let (batches, sort_by) = (Arc::clone(&batches), self.options.sort_by.clone());
                let file = file.append_part(batches, part, sort_by).await?;
                self.put(Arc::clone(directory), file).await?;
            }
            if is_last {
                self.finish_files(directories.to_vec()).await?;
            }
        }
        Ok(())
    }

    /// The open file in `directory`, or a new one.
    fn take(&mut self, directory: &Directory) -> impl Future<Output = Result<OpenFile>> + use<> {
        let open = self.open.remove(directory);
        let (claim, options) = (Arc::clone(&self.claim), Arc::clone(&self.options));
        let (directory, number) = (Arc::clone(directory), self.number);
        async move {
            match open {
                Some(file) => Ok(file),
                None => {
                    let name = options.file_name(&directory, number);
                    OpenFile::create(&claim, options.form()?, name).await
                }
            }
        }
    }

    /// Puts a file back to which a row group was appended.
    async fn put(&mut self, directory: Directory, mut file: OpenFile) -> Result<()> {
        if let Some(bytes) = self.options.roll.bytes {
            self.is_rolled |= file.is_nearest_to(bytes).await?;
        }
        self.open.insert(directory, file);
        Ok(())
    }

    async fn finish_files(&mut self, directories: Vec<Directory>) -> Result<()> {
        let claim = &self.claim;
        let open = directories.into_iter().filter_map(|directory| {
            let file = self.open.remove(&directory)?;
            Some(async move { file.finish(claim).await.map(|file| (directory, file)) })
        });
        let open: Vec<_> = open.collect();
        let finished: Vec<_> =
            stream::iter(open).buffer_unordered(FILES_AT_ONCE).try_collect().await?;
        self.finished.extend(finished);
        Ok(())
    }
}
