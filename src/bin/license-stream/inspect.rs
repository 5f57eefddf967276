//! `license-stream inspect`

use std::io::Write;
use std::path::Path;

use license_stream::decode::arrow::RemoteSchema;
use license_stream::sink::parquet::{
    ColumnInspection, CompactionInspection, FileInspection, Lake, LakeInspection,
    PartitionsInspection, SnapshotState,
};
use license_stream::{Error, ErrorKind};
use serde::Serialize;

use crate::args::InspectArgs;
use crate::exit::Exit;
use crate::listing::Listing;
use crate::place::Place;
use crate::report::{human_bytes, human_count};

pub(crate) async fn run(args: InspectArgs) -> anyhow::Result<Exit> {
    let mut out = Listing::begin();
    if let Some((lake, name)) = file(&args.place)? {
        let file = FileInspection::of(lake, &name).await?;
        if args.remote_data_schema {
            out.write_all(&schema(file.remote_data_schema(), &args.place)?)?;
            return Ok(Exit::Done);
        }
        out.write_all(&if args.json { json(&file)? } else { file_text(&file).into_bytes() })?;
        return Ok(Exit::Done);
    }
    let lake = LakeInspection::of(args.place.lake()?).await?;
    if args.remote_data_schema {
        out.write_all(&schema(lake.remote_data_schema, &args.place)?)?;
        return Ok(Exit::Done);
    }
    out.write_all(&if args.json { json(&lake)? } else { lake_text(&lake).into_bytes() })?;
    let is_damaged = |state| matches!(state, SnapshotState::Damaged | SnapshotState::Orphaned);
    let mut states =
        lake.snapshots.iter().map(|it| it.state).chain(lake.compactions.iter().map(|it| it.state));
    let is_whole = lake.broken.is_empty() && !states.any(is_damaged);
    Ok(if is_whole { Exit::Done } else { Exit::Failed })
}

/// How `remote_data` is typed there, for people to read and to edit.
fn schema(schema: Option<RemoteSchema>, place: &Place) -> anyhow::Result<Vec<u8>> {
    let Some(schema) = schema else {
        let message = format!(
            "{place} has no typed remote_data: no file there says by which schema it is, as those of `parquet \
             --remote-data infer` do"
        );
        return Err(Error::new(ErrorKind::Input, message).into());
    };
    Ok(format!("{schema:#}\n").into_bytes())
}

/// The lake and the name of a file, if it is one.
fn file(place: &Place) -> license_stream::Result<Option<(Lake, String)>> {
    match place {
        Place::Directory(path) if path.is_dir() => Ok(None),
        Place::Directory(path) => {
            let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty());
            let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy();
            Ok(Some((directory.unwrap_or(Path::new(".")).into(), name.into_owned())))
        }
        Place::Bucket(url) => match url.rsplit_once('/') {
            Some((folder, name)) if name.ends_with(".parquet") || name.ends_with(".arrow") => {
                Ok(Some((Place::Bucket(folder.to_owned()).lake()?, name.to_owned())))
            }
            _ => Ok(None),
        },
    }
}

fn json(found: &impl Serialize) -> serde_json::Result<Vec<u8>> {
    let mut json = serde_json::to_vec_pretty(found)?;
    json.push(b'\n');
    Ok(json)
}

fn file_text(file: &FileInspection) -> String {
    let count = |count: usize, noun: &str| plural(count as u64, noun);
    let mut text = format!(
        "{}: {} in {} of {}\n",
        file.name,
        plural(file.rows, "row"),
        count(file.row_groups.len(), "row group"),
        human_bytes(file.bytes)
    );
    if let Some(created_by) = &file.created_by {
        text.push_str(&format!("written by {}\n", printable(created_by)));
    }
    if !file.sorted_by.is_empty() {
        let columns: Vec<_> = file.sorted_by.iter().map(|column| printable(column)).collect();
        text.push_str(&format!("row groups sorted by {}\n", columns.join(", ")));
    }
    for (name, value) in &file.metadata {
        let value = printable(value.as_deref().unwrap_or_default());
        text.push_str(format!("{} = {value}", printable(name)).trim_end());
        text.push('\n');
    }
    let mut groups = Table::new(&["row group", "rows", "compressed", "uncompressed"]);
    for (number, group) in file.row_groups.iter().enumerate() {
        groups.add([
            number.to_string(),
            human_count(group.rows),
            human_bytes(group.compressed_bytes),
            known_bytes(group.uncompressed_bytes),
        ]);
    }
    text + &groups.text() + &columns_text(&file.columns, None)
}

fn lake_text(lake: &LakeInspection) -> String {
    let groups = lake.files.iter().map(|file| file.row_groups).sum();
    let mut text = format!(
        "{} in {} of {}, {}\n",
        plural(lake.rows(), "row"),
        plural(lake.files.len() as u64, "file"),
        human_bytes(lake.bytes()),
        plural(groups, "row group"),
    );
    text.push_str(&partitions_text(&lake.partitions));
    text.push_str(match (lake.success, lake.pending.as_slice()) {
        (true, _) => "_SUCCESS: what was begun is complete\n",
        (false, []) => "no _SUCCESS\n",
        (false, _) => "no _SUCCESS: something is unfinished\n",
    });
    for pending in &lake.pending {
        text.push_str(&match pending.strip_prefix("run.") {
            None if pending == "compacted" => "unfinished: the last compaction\n".to_owned(),
            Some(id) => format!("unfinished: the run {} over several accounts\n", printable(id)),
            None => format!("unfinished: the last snapshot of {}\n", printable(pending)),
        });
    }
    for name in &lake.partial {
        text.push_str(&format!("part of a file: {}\n", printable(name)));
    }
    for broken in &lake.broken {
        text.push_str(&format!(
            "not what its name says: {}: {}\n",
            printable(&broken.name),
            printable(&broken.reason)
        ));
    }
    text.push_str(&compactions_text(lake));
    let mut snapshots = Table::new(&["account", "snapshot", "state", "rows", "files", "bytes"]);
    for snapshot in &lake.snapshots {
        let state = state_name(snapshot.state);
        snapshots.add([
            printable(&snapshot.account),
            snapshot.snapshot_id.clone(),
            state.to_owned(),
            human_count(snapshot.rows),
            human_count(snapshot.files),
            human_bytes(snapshot.bytes),
        ]);
    }
    text + &snapshots.text() + &columns_text(&lake.columns, Some(lake.files.len() as u64))
}

/// What directories are named for, if files are in any.
fn partitions_text(partitions: &[PartitionsInspection]) -> String {
    let line = |it: &PartitionsInspection| {
        let files = plural(it.files, "file");
        if it.keys.is_empty() {
            return format!("not partitioned: {files}\n");
        }
        let directories = match it.directories {
            1 => "1 directory".to_owned(),
            several => format!("{} directories", human_count(several)),
        };
        format!("partitioned by {}: {files} in {directories}\n", printable(&it.keys.join(", ")))
    };
    match partitions {
        [one] if one.keys.is_empty() => String::new(),
        several => several.iter().map(line).collect(),
    }
}

fn state_name(state: SnapshotState) -> &'static str {
    match state {
        SnapshotState::Complete => "complete",
        SnapshotState::Part => "part",
        SnapshotState::Unfinished => "unfinished",
        SnapshotState::Damaged => "damaged",
        SnapshotState::Orphaned => "orphaned",
    }
}

/// A line of what compactions have made and is there, and one for each that is not whole and of each file that it misses.
fn compactions_text(lake: &LakeInspection) -> String {
    let (whole, others): (Vec<_>, Vec<_>) =
        lake.compactions.iter().partition(|it| it.state == SnapshotState::Complete);
    let sum = |number: fn(&CompactionInspection) -> u64| whole.iter().map(|it| number(it)).sum();
    let mut text = String::new();
    if !whole.is_empty() {
        let (files, bytes): (u64, u64) = (sum(|it| it.files), sum(|it| it.bytes));
        let replaced = lake.snapshots.iter().map(|it| it.replaced).sum();
        text = format!(
            "compacted: {} of {} in the place of {} of snapshots\n",
            plural(files, "file"),
            human_bytes(bytes),
            plural(replaced, "file"),
        );
    }
    for CompactionInspection { compaction_id, state, files, rows, damaged_files, .. } in others {
        if *state != SnapshotState::Damaged || *files > 0 {
            // Of an orphaned one nobody knows: what it replaced may be gone.
            let doubled = match *state {
                SnapshotState::Unfinished => format!(
                    ", whose {} in {} are in files of snapshots too",
                    plural(*rows, "row"),
                    plural(*files, "file")
                ),
                _ => String::new(),
            };
            text.push_str(&format!(
                "{} compaction: {compaction_id}{doubled}\n",
                state_name(*state)
            ));
        }
        for name in damaged_files {
            text.push_str(&format!(
                "damaged: {} is not there as it was written, and damaged snapshots below have rows in it: put it back from a \
                 copy, or read their accounts again\n",
                printable(name)
            ));
        }
    }
    text
}

/// The columns as a table; of several files, with how many have each where not all do.
fn columns_text(columns: &[ColumnInspection], files: Option<u64>) -> String {
    let heads = ["column", "type", "codec", "compressed", "uncompressed", ""];
    let mut table = Table::new(&heads);
    for column in columns {
        let mut notes = Vec::new();
        if !column.nullable {
            notes.push("never null".to_owned());
        }
        if column.bloom_filter {
            notes.push("bloom filter".to_owned());
        }
        if !column.page_index && column.compressed_bytes.is_some() {
            notes.push("no page index".to_owned());
        }
        if let Some(files) = files.filter(|files| *files != column.files) {
            notes.push(format!("in {} of {files} files", column.files));
        }
        table.add([
            printable(&column.path),
            column.r#type.clone(),
            column.codecs.iter().cloned().collect::<Vec<_>>().join(" "),
            known_bytes(column.compressed_bytes),
            known_bytes(column.uncompressed_bytes),
            notes.join(", "),
        ]);
    }
    table.text()
}

/// Rows of cells, each column as wide as its widest.
struct Table<const N: usize> {
    rows: Vec<[String; N]>,
}

impl<const N: usize> Table<N> {
    fn new(heads: &[&str; N]) -> Self {
        Self { rows: vec![heads.map(str::to_owned)] }
    }

    fn add(&mut self, row: [String; N]) {
        self.rows.push(row);
    }

    /// The rows after an empty line; nothing if there are none.
    fn text(&self) -> String {
        if self.rows.len() == 1 {
            return String::new();
        }
        let width = |column: usize| self.rows.iter().map(|row| row[column].chars().count()).max();
        let widths: Vec<_> = (0..N).map(|column| width(column).unwrap_or_default()).collect();
        let mut text = "\n".to_owned();
        for row in &self.rows {
            let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
            let line = cells.collect::<Vec<_>>().join("  ");
            text.push_str(line.trim_end());
            text.push('\n');
        }
        text
    }
}

/// Nothing where it is not known.
fn known_bytes(bytes: Option<u64>) -> String {
    bytes.map(human_bytes).unwrap_or_default()
}

fn plural(count: u64, noun: &str) -> String {
    format!("{} {noun}{}", human_count(count), if count == 1 { "" } else { "s" })
}

/// What a file says, which may be anyone's, for a terminal.
fn printable(text: &str) -> String {
    license_stream::printable(text, 200)
}
