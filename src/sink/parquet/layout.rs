//! Complete snapshots in a lake that are laid out in another way than those that are to come.
//!
//! Engines take the files of a directory for one table: where these have other columns or directories, most of them
//! leave out rows or columns and say nothing.

use std::collections::BTreeSet;

use serde::Serialize;

use super::format::FileFormat;
use super::inspect::FileInspection;
use super::inspect::is_manifest;
use super::looked::Looked;
use super::options::ParquetOptions;
use super::partition::PartitionField;
use super::remote::RemoteData;
use crate::decode::arrow::RemoteSchema;
use crate::decode::arrow::remote::{EXTRA, TYPED};
use crate::error::{ErrorKind, Result};
use crate::license::License;

/// Names of what runs keep among which manifests are looked for: a lake may have very many, and a page of a listing
/// costs one request.
const NAMES: usize = 1_000;

/// Snapshots that are looked at: so many of the oldest, and of the newest.
const SNAPSHOTS: usize = 4;

/// Columns that are named.
const COLUMNS: usize = 6;

/// A complete snapshot in a lake that is laid out in another way than what a run is to write there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct OtherLayout {
    /// The account, as it stands in the names of files.
    pub account: String,
    /// The snapshot.
    pub snapshot_id: String,
    /// What is other in it, a phrase for each: `is in directories by status, and this run's files in none`.
    pub differences: Vec<String>,
}

impl ParquetOptions {
    /// The complete snapshots of the lake that are laid out in another way than these options say, one for each way and account: in
    /// another format, other partitions or columns, or with another `remote_data`. Where that is [`RemoteData::Infer`],
    /// its members are not compared, since nobody knows them yet.
    ///
    /// It is a look, and no proof: at eight manifests at most, the oldest and the newest of the first thousand names of what
    /// runs keep, and at the end of a file of each.
    ///
    /// # Errors
    /// Those of an object store that cannot be read, and of options that contradict themselves.
    pub async fn other_layouts(&self) -> Result<Vec<OtherLayout>> {
        let lake = Looked(self.lake.clone());
        let mut others = Vec::<OtherLayout>::new();
        for name in looked_at(of_the_lake(lake.some_own_names(NAMES).await)?.unwrap_or_default()) {
            let Some(Some(manifest)) = of_the_lake(lake.manifest(&name).await)? else { continue };
            let Some(file) = manifest.files.first() else { continue };
            // It may have been merged into another.
            let bytes = of_the_lake(lake.there(&file.name).await)?.flatten();
            let seen = match bytes {
                Some(bytes) => {
                    of_the_lake(lake.file(&file.name, bytes).await)?.and_then(Result::ok)
                }
                None => None,
            };
            let differences = self.differences(&file.name, seen.as_ref())?;
            let account = manifest.account_name().to_owned();
            let is_known =
                |it: &OtherLayout| it.account == account && it.differences == differences;
            if differences.is_empty() || others.iter().any(is_known) {
                continue;
            }
            others.push(OtherLayout { account, snapshot_id: manifest.snapshot_id, differences });
        }
        Ok(others)
    }

    /// What is other in the file `name`, of which `seen` is known.
    fn differences(&self, name: &str, seen: Option<&FileInspection>) -> Result<Vec<String>> {
        let mut differences = Vec::new();
        let format = FileFormat::of(name).map_or(FileFormat::Parquet, |(format, _)| format);
        if format != self.format {
            let (theirs, ours) = (format.noun(), self.format.noun());
            differences.push(format!("is in {theirs} files, and this run's in {ours} files"));
        }
        let (theirs, ours) = (keys(name), self.partition_by.iter().map(PartitionField::key));
        let ours: Vec<_> = ours.collect();
        if theirs != ours {
            let by = |keys: &[String]| match keys {
                [] => "in no directories".to_owned(),
                keys => format!("in directories by {}", keys.join("/")),
            };
            differences.push(format!("is {}, and this run's {}", by(&theirs), by(&ours)));
        }
        let Some(seen) = seen else { return Ok(differences) };
        // Those that directories are named for are there too.
        let known = License::schema();
        let of_keys = |keys: Vec<String>| {
            keys.into_iter().filter(|key| known.column_with_name(key).is_some())
        };
        let of_remote = |name: &String| name == TYPED || name == EXTRA;
        let there = seen.columns.iter().filter_map(|column| column.path.split('.').next());
        let theirs: BTreeSet<_> = there.map(str::to_owned).chain(of_keys(theirs)).collect();
        let has_remote = theirs.iter().any(of_remote);
        let here = self.file_schema()?;
        let here = here.fields().iter().map(|field| field.name().clone());
        let ours: BTreeSet<_> = here.chain(of_keys(ours)).collect();
        let named = |one: &BTreeSet<String>, other: &BTreeSet<String>| {
            let names = one.difference(other).filter(|name| !of_remote(name));
            listed(&names.map(String::as_str).collect::<Vec<_>>())
        };
        if let Some(names) = named(&ours, &theirs) {
            differences.push(format!("has no column {names}, which this run writes"));
        }
        if let Some(names) = named(&theirs, &ours) {
            differences.push(format!("has a column {names}, which this run leaves out"));
        }
        let theirs = Remote::of_file(has_remote, seen.remote_data_schema());
        let ours = Remote::of_options(self);
        if theirs.differs_from(&ours) {
            let (theirs, ours) = (theirs.words(), ours.words());
            differences.push(match theirs == ours {
                true => "has remote_data as a struct of other members than this run's".to_owned(),
                false => format!("has {theirs}, and this run's {ours}"),
            });
        }
        Ok(differences)
    }
}

/// What becomes of `remote_data`.
enum Remote {
    Nothing,
    Text,
    /// A struct; nobody knows of which members where there is to be a look.
    Typed(Option<RemoteSchema>),
}

impl Remote {
    fn of_file(is_there: bool, schema: Option<RemoteSchema>) -> Self {
        match (is_there, schema) {
            (false, _) => Self::Nothing,
            (true, None) => Self::Text,
            (true, schema) => Self::Typed(schema),
        }
    }

    fn of_options(options: &ParquetOptions) -> Self {
        match &options.remote_data {
            _ if !options.columns.contains(TYPED) => Self::Nothing,
            RemoteData::Json => Self::Text,
            RemoteData::Infer => Self::Typed(None),
            RemoteData::Typed(schema) => Self::Typed(Some(schema.clone())),
        }
    }

    fn differs_from(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Nothing, Self::Nothing) | (Self::Text, Self::Text) => false,
            (Self::Typed(Some(one)), Self::Typed(Some(other))) => one != other,
            (Self::Typed(_), Self::Typed(_)) => false,
            _ => true,
        }
    }

    fn words(&self) -> &'static str {
        match self {
            Self::Nothing => "no remote_data",
            Self::Text => "remote_data as JSON text",
            Self::Typed(_) => "remote_data as a struct",
        }
    }
}

/// The manifests that are looked at, among the names of what runs keep: those of the oldest snapshots and of the newest, as
/// their ids begin with the time.
fn looked_at(names: Vec<String>) -> Vec<String> {
    let id = |name: &String| name.get(name.len().saturating_sub(41)..).map(str::to_owned);
    let mut names: Vec<_> = names.into_iter().filter(|name| is_manifest(name)).collect();
    names.sort_by_key(id);
    if names.len() > 2 * SNAPSHOTS {
        names.drain(SNAPSHOTS..names.len() - SNAPSHOTS);
    }
    names
}

/// What there is, or nothing where the lake itself is not there, or what was to be read in it is none.
fn of_the_lake<T>(read: Result<T>) -> Result<Option<T>> {
    match read {
        Err(error) if matches!(error.kind(), ErrorKind::Input | ErrorKind::Destination) => Ok(None),
        read => read.map(Some),
    }
}

/// The keys of the directories that a file is in, the outermost first.
fn keys(name: &str) -> Vec<String> {
    let directories = name.split('/').filter_map(|directory| directory.split_once('='));
    directories.map(|(key, _)| key.to_owned()).collect()
}

/// A few of them; nothing of none.
fn listed(names: &[&str]) -> Option<String> {
    let more = match names.len().saturating_sub(COLUMNS) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let first = names.iter().take(COLUMNS).copied().collect::<Vec<_>>().join(", ");
    (!names.is_empty()).then(|| format!("{first}{more}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::arrow::Projection;
    use crate::pipeline;
    use crate::sink::parquet::{Claim, Completion, Manifest, ParquetSink};
    use std::sync::Arc;
    use uuid::Uuid;

    /// A complete snapshot of these options.
    async fn complete(mut options: ParquetOptions) {
        options.snapshot_id = Uuid::now_v7().to_string().into();
        let claim = Claim::take(options.lake.clone(), options.account.as_deref()).await.unwrap();
        let claim = Arc::new(claim);
        let manifest = Manifest::new(options.account.as_deref(), &options.snapshot_id);
        let completion = Completion::new(Arc::clone(&claim), manifest);
        let sink = ParquetSink::within(claim, options).await.unwrap();
        let body = "{\"id\":\"a\",\"status\":\"active\",\"remote_data\":{\"n\":1}}\n";
        let body = futures_util::stream::iter([Ok::<_, crate::Error>(body.into())]);
        let options =
            pipeline::Options { journal: Some(Box::new(completion)), ..Default::default() };
        drop(pipeline::run(body, sink, options).await.into_result().unwrap());
    }

    #[tokio::test]
    async fn what_is_other_is_told_of_each_way_once_and_what_is_alike_is_not() {
        let lake = tempfile::tempdir().unwrap();
        let plain = ParquetOptions::new(lake.path(), "");
        assert_eq!(plain.other_layouts().await.unwrap(), [], "there is nothing yet");
        complete(plain.clone()).await;
        complete(plain.clone()).await;
        assert_eq!(plain.other_layouts().await.unwrap(), []);

        let told = async |change: &dyn Fn(&mut ParquetOptions)| {
            let mut options = plain.clone();
            change(&mut options);
            let others = options.other_layouts().await.unwrap();
            assert!(others.len() <= 1 && others.iter().all(|other| other.account == "input"));
            others.into_iter().flat_map(|other| other.differences).collect::<Vec<_>>()
        };
        assert_eq!(
            told(&|it| it.partition_by = vec!["status".parse().unwrap()]).await,
            ["is in no directories, and this run's in directories by status"]
        );
        assert_eq!(
            told(&|it| it.format = FileFormat::Arrow).await,
            ["is in Parquet files, and this run's in Arrow files"]
        );
        let few = told(&|it| it.columns = Projection::of(["id", "remote_data"]).unwrap()).await;
        assert_eq!(few.len(), 1);
        assert!(
            few[0].starts_with("has a column ") && few[0].ends_with(", which this run leaves out")
        );
        assert_eq!(
            told(&|it| it.remote_data = RemoteData::Infer).await,
            ["has remote_data as JSON text, and this run's remote_data as a struct"]
        );
        assert_eq!(
            told(&|it| it.columns = Projection::all().without("remote_data").unwrap()).await,
            ["has remote_data as JSON text, and this run's no remote_data"]
        );
        assert_eq!(told(&|it| it.row_group_rows = 1).await, [""; 0]);
    }

    #[tokio::test]
    async fn structs_are_told_apart_by_their_members() {
        let lake = tempfile::tempdir().unwrap();
        let mut options = ParquetOptions::new(lake.path(), "");
        options.remote_data = RemoteData::Infer;
        complete(options.clone()).await;
        assert_eq!(options.other_layouts().await.unwrap(), [], "it is not known yet");
        let typed = |name: &str| {
            let json = format!(
                "{{\"type\":\"object\",\"properties\":{{\"{name}\":{{\"type\":\"integer\"}}}}}}"
            );
            RemoteData::Typed(RemoteSchema::from_json_schema(&json).unwrap())
        };
        options.remote_data = typed("n");
        assert_eq!(options.other_layouts().await.unwrap(), []);
        options.remote_data = typed("m");
        let others = options.other_layouts().await.unwrap();
        let what = "has remote_data as a struct of other members than this run's";
        assert_eq!(others[0].differences, [what]);
    }

    #[test]
    fn the_oldest_and_the_newest_are_looked_at_whosever_they_are() {
        let id = |second: u64| {
            let time = uuid::Timestamp::from_unix(uuid::NoContext, second, 0);
            Uuid::new_v7(time).to_string()
        };
        let names = |second: u64| format!("account{}-{}.json", 9 - second % 10, id(second));
        let all: Vec<_> = (0..20).map(names).collect();
        let mut wanted = all.clone();
        wanted.drain(SNAPSHOTS..20 - SNAPSHOTS);
        assert_eq!(looked_at(all), wanted);
    }
}
