//! The rows of a batch by the directories that they go to.

use std::collections::{BTreeMap, HashMap};
use std::ops::ControlFlow;
use std::sync::Arc;

use arrow_array::TimestampMicrosecondArray;
use arrow_array::cast::AsArray;
use arrow_array::types::TimestampMicrosecondType;
use arrow_array::{Array, ArrayRef, BooleanArray, RecordBatch, StringArray};
use arrow_schema::SchemaRef;

use super::ArrowDecoder;
use super::claim::NO_ACCOUNT;
use super::hive::{self, NULL};
use super::options::ParquetOptions;
use super::partition::{Constant, Level, Unit};
use super::remote::Shared;
use crate::decode::arrow::{BatchOptions, Unexpected};
use crate::error::Result;
use crate::frame::Block;
use crate::reject::Reject;
use crate::sink::Decoder;
use crate::timestamp::Timestamp;

/// A directory below the lake, as `status=active`; with more than one level, as `account=a/status=active`. Empty
/// is the lake itself.
pub(super) type Directory = Arc<str>;

/// Rows, and which directory each goes to.
#[derive(Debug)]
pub struct Parts {
    /// With the columns of files, but for a `remote_data` of which it is not known yet how it is typed.
    pub(super) rows: RecordBatch,
    /// The numbers of the rows of each directory, rising; nothing if there is only the lake itself.
    pub(super) directories: BTreeMap<Directory, Vec<u32>>,
}

/// Decodes blocks into one Arrow batch each job, and finds out which rows go to which directory.
#[derive(Clone, Debug)]
pub struct PartDecoder {
    arrow: ArrowDecoder,
    partitioner: Option<Arc<Partitioner>>,
    remote: Option<Shared>,
}

impl PartDecoder {
    pub(super) fn new(options: &ParquetOptions, remote: Option<Shared>) -> Result<Self> {
        let is_partitioned = !options.partition_by.is_empty();
        let arrow = ArrowDecoder::new(BatchOptions {
            account: options.account.clone(),
            snapshot_id: Some(Arc::clone(&options.snapshot_id)),
            limits: options.limits,
            strict: options.strict,
            projection: options.decoded_columns()?,
        });
        let partitioner = is_partitioned.then(|| Partitioner::new(options)).transpose()?;
        Ok(Self { arrow, partitioner: partitioner.map(Arc::new), remote })
    }
}

impl Decoder for PartDecoder {
    type Output = (Parts, Unexpected);

    fn decode(
        &mut self,
        blocks: Vec<Block>,
        on_reject: &mut dyn FnMut(Reject) -> ControlFlow<()>,
    ) -> (Self::Output, u64) {
        let ((rows, mut unexpected), records) = self.arrow.decode(blocks, on_reject);
        let mut parts = match &self.partitioner {
            Some(partitioner) => partitioner.split(&rows, &mut unexpected),
            None => Parts { rows, directories: BTreeMap::new() },
        };
        if let Some(remote) = &self.remote {
            parts.rows = remote.typed_if_known(parts.rows);
        }
        ((parts, unexpected), records)
    }
}

/// What directories are named for, in one snapshot.
#[derive(Debug)]
struct Partitioner {
    levels: Vec<(String, Values)>,
    /// The columns that files have.
    schema: SchemaRef,
}

#[derive(Debug)]
enum Values {
    /// The name of the directory, escaped.
    Constant(String),
    Column(&'static str),
    Time(Unit, &'static str),
}

impl Partitioner {
    fn new(options: &ParquetOptions) -> Result<Self> {
        let constant = |constant| {
            let value = match constant {
                // As in the names of files.
                Constant::Account => Some(options.account.as_deref().unwrap_or(NO_ACCOUNT)),
                Constant::Integration => options.integration.as_deref(),
                Constant::Snapshot => Some(&*options.snapshot_id),
            };
            value.and_then(hive::escaped).unwrap_or(NULL.into()).into_owned()
        };
        let levels = options.partition_by.iter().map(|field| {
            let values = match field.0 {
                Level::Constant(of) => Values::Constant(constant(of)),
                Level::Column(column) => Values::Column(column),
                Level::Time(unit, column) => Values::Time(unit, column),
            };
            (format!("{}=", field.key()), values)
        });
        let schema = Arc::clone(options.file_columns()?.schema());
        Ok(Self { levels: levels.collect(), schema })
    }

    fn split(&self, rows: &RecordBatch, unexpected: &mut Unexpected) -> Parts {
        let levels: Vec<_> =
            self.levels.iter().map(|(key, values)| (key, Labels::of(values, rows))).collect();
        let mut directories: HashMap<String, Vec<u32>> = HashMap::new();
        let mut unnamed = Vec::new();
        let mut directory = String::new();
        for row in 0..rows.num_rows() {
            directory.clear();
            for (key, labels) in &levels {
                if !directory.is_empty() {
                    directory.push('/');
                }
                directory.push_str(key);
                let is_named = labels.push(row, &mut directory);
                if !is_named && let Labels::Text(column, values) = labels {
                    unnamed.push((row, *column, values.value(row)));
                }
            }
            match directories.get_mut(&directory) {
                Some(rows) => rows.push(row as u32),
                None => drop(directories.insert(directory.clone(), vec![row as u32])),
            }
        }
        let rows = self.file_rows(rows, &unnamed);
        for (_, column, _) in unnamed {
            unexpected.count_named(column);
        }
        let directories = directories.into_iter().map(|(name, rows)| (name.into(), rows));
        Parts { rows, directories: directories.collect() }
    }

    /// The columns that files have of `rows`. What no directory could be named for is kept in `_extra`.
    fn file_rows(&self, rows: &RecordBatch, unnamed: &[(usize, &str, &str)]) -> RecordBatch {
        let column = |field: &arrow_schema::FieldRef| {
            let column = rows.column_by_name(field.name()).map(Arc::clone);
            let column = column.expect("the columns of files are among those that are decoded");
            let is_extra = field.name() == "_extra" && !unnamed.is_empty();
            if is_extra { with_members(&column, unnamed) } else { column }
        };
        let columns = self.schema.fields().iter().map(column).collect();
        RecordBatch::try_new(Arc::clone(&self.schema), columns)
            .expect("they are as long as before, with their types")
    }
}

/// `_extra` with these members more: row, name, text.
fn with_members(extra: &ArrayRef, members: &[(usize, &str, &str)]) -> ArrayRef {
    let extra = extra.as_string::<i32>();
    let mut members = members.iter().peekable();
    let texts = (0..extra.len()).map(|row| {
        let mut text = extra.is_valid(row).then(|| std::borrow::Cow::Borrowed(extra.value(row)));
        while let Some((_, name, value)) = members.next_if(|(of, ..)| *of == row) {
            let value = serde_json::Value::from(*value);
            let before = text.as_deref().and_then(|object| object.strip_suffix('}'));
            let before = before.map_or("{".to_owned(), |before| format!("{before},"));
            text = Some(format!("{before}\"{name}\":{value}}}").into());
        }
        text
    });
    Arc::new(texts.collect::<StringArray>())
}

/// The values of one level of directories.
enum Labels<'a> {
    Constant(&'a str),
    Text(&'static str, &'a StringArray),
    Truths(&'a BooleanArray),
    Times(Unit, &'a TimestampMicrosecondArray),
}

impl<'a> Labels<'a> {
    fn of(values: &'a Values, rows: &'a RecordBatch) -> Self {
        let column = |name| rows.column_by_name(name).expect("it is among those that are decoded");
        match values {
            Values::Constant(name) => Self::Constant(name),
            Values::Time(unit, name) => {
                Self::Times(*unit, column(name).as_primitive::<TimestampMicrosecondType>())
            }
            Values::Column(name) => match column(name).as_boolean_opt() {
                Some(truths) => Self::Truths(truths),
                None => Self::Text(name, column(name).as_string()),
            },
        }
    }

    /// Appends the name of `row`'s directory; false if it has a value of which none can be made.
    fn push(&self, row: usize, directory: &mut String) -> bool {
        match self {
            Self::Constant(name) => directory.push_str(name),
            Self::Text(_, values) if values.is_valid(row) => match hive::escaped(values.value(row))
            {
                Some(value) => directory.push_str(&value),
                None => {
                    directory.push_str(NULL);
                    return false;
                }
            },
            Self::Truths(values) if values.is_valid(row) => {
                directory.push_str(if values.value(row) { "true" } else { "false" });
            }
            Self::Times(unit, values) if values.is_valid(row) && is_dated(values.value(row)) => {
                let text = Timestamp::from_micros(values.value(row)).to_string();
                directory.push_str(&text[..unit.length()]);
            }
            Self::Text(..) | Self::Truths(_) | Self::Times(..) => directory.push_str(NULL),
        }
        true
    }
}

/// Whether the year has four digits, and is one that readers have. The time itself is in the file.
fn is_dated(micros: i64) -> bool {
    (Timestamp::YEAR_1.as_micros()..=Timestamp::YEAR_9999_END.as_micros()).contains(&micros)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::arrow::Projection;
    use crate::frame::{Framer, FramerOptions};

    fn options(fields: &[&str]) -> ParquetOptions {
        let mut options = ParquetOptions::new("lake", "snap");
        options.account = Some("acc".into());
        options.partition_by = fields.iter().map(|field| field.parse().unwrap()).collect();
        options
    }

    fn split(options: &ParquetOptions, records: &[&str]) -> (Parts, Unexpected) {
        let mut framer = Framer::new(FramerOptions::default());
        framer.push(format!("{}\n", records.join("\n")).into());
        framer.finish();
        let mut blocks = Vec::new();
        while let Some(block) = framer.next_block().unwrap() {
            blocks.push(block);
        }
        let mut decoder = PartDecoder::new(options, None).unwrap();
        let (parts, count) = decoder.decode(blocks, &mut |reject| panic!("{reject:?}"));
        assert_eq!(count as usize, records.len());
        parts
    }

    fn directories(parts: &Parts) -> Vec<(&str, &[u32])> {
        parts.directories.iter().map(|(name, rows)| (&**name, &**rows)).collect()
    }

    #[test]
    fn rows_go_where_their_values_say() {
        let options = options(&["account", "integration", "is_paid", "month(created_at)"]);
        let (parts, unexpected) = split(
            &options,
            &[
                r#"{"id":"0","is_paid":true,"created_at":"2024-02-29T23:59:59Z"}"#,
                r#"{"id":"1","is_paid":false,"created_at":"2024-03-01T00:30:00+01:00"}"#,
                r#"{"id":"2","is_paid":null}"#,
                r#"{"id":"3","is_paid":true,"created_at":"2024-02-01T00:00:00Z"}"#,
                r#"{"id":"4","is_paid":"yes","created_at":"9999-12-31T23:59:59-01:00"}"#,
            ],
        );
        let null = "account=acc/integration=__HIVE_DEFAULT_PARTITION__/\
            is_paid=__HIVE_DEFAULT_PARTITION__/created_at_month=__HIVE_DEFAULT_PARTITION__";
        let of = |paid| {
            format!(
                "account=acc/integration=__HIVE_DEFAULT_PARTITION__/is_paid={paid}/created_at_month=2024-02"
            )
        };
        let wanted: [(&str, &[u32]); 3] =
            [(null, &[2, 4]), (&of("false"), &[1]), (&of("true"), &[0, 3])];
        assert_eq!(directories(&parts), wanted);
        assert_eq!(parts.rows.num_rows(), 5);
        let has = |name: &str| parts.rows.column_by_name(name).is_some();
        assert!(!has("is_paid") && has("created_at") && has("_integrated_account_id"));
        // What is_paid was is in `_extra` already, and is counted once.
        assert_eq!(unexpected.fields().collect::<Vec<_>>(), [("is_paid", 1)]);
    }

    #[test]
    fn what_no_directory_is_named_for_is_in_extra() {
        let long = "x".repeat(121);
        let records = [
            r#"{"id":"0","status":"","name":"n"}"#.to_owned(),
            r#"{"id":"1","status":"__HIVE_DEFAULT_PARTITION__","name":"","more":1}"#.to_owned(),
            format!(r#"{{"id":"2","status":"a\"{long}","name":"n"}}"#),
            r#"{"id":"3","name":"n"}"#.to_owned(),
        ];
        let records: Vec<_> = records.iter().map(String::as_str).collect();
        let mut options = options(&["status", "name"]);
        let (parts, unexpected) = split(&options, &records);
        const NULLS: [&str; 2] = [
            "status=__HIVE_DEFAULT_PARTITION__/name=__HIVE_DEFAULT_PARTITION__",
            "status=__HIVE_DEFAULT_PARTITION__/name=n",
        ];
        let wanted: [(&str, &[u32]); 2] = [(NULLS[0], &[1]), (NULLS[1], &[0, 2, 3])];
        assert_eq!(directories(&parts), wanted);
        let extra = parts.rows.column_by_name("_extra").unwrap().as_string::<i32>();
        let extra: Vec<_> = extra.iter().collect();
        let of_long = format!(r#"{{"status":"a\"{long}"}}"#);
        let wanted = [
            Some(r#"{"status":""}"#),
            Some(r#"{"more":1,"status":"__HIVE_DEFAULT_PARTITION__","name":""}"#),
            Some(&of_long),
            None,
        ];
        assert_eq!(extra, wanted);
        assert_eq!(unexpected.fields().collect::<Vec<_>>(), [("name", 1), ("status", 3)]);

        options.columns = Projection::of(["id"]).unwrap();
        let (parts, _) = split(&options, &records);
        assert_eq!((directories(&parts).len(), parts.rows.num_columns()), (2, 1));
    }

    #[test]
    fn what_is_the_same_in_all_rows_is_as_the_options_say() {
        let mut options = options(&["account", "integration", "snapshot"]);
        options.integration = Some("a/b".into());
        let of = |options: &ParquetOptions| {
            let (parts, _) = split(options, &[r#"{"id":"0"}"#, r#"{"id":"1"}"#]);
            let [(directory, rows)] = directories(&parts)[..] else { panic!("{parts:?}") };
            assert_eq!(rows, [0, 1]);
            directory.to_owned()
        };
        assert_eq!(of(&options), "account=acc/integration=a%2Fb/snapshot=snap");
        (options.account, options.integration) = (None, None);
        let unknown = "account=input/integration=__HIVE_DEFAULT_PARTITION__/snapshot=snap";
        assert_eq!(of(&options), unknown);
    }

    #[test]
    fn without_partitions_nothing_is_split() {
        let (parts, _) = split(&options(&[]), &[r#"{"id":"0"}"#]);
        assert!(parts.directories.is_empty() && parts.rows.num_rows() == 1);
    }
}
