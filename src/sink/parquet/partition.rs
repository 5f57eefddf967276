//! What the directories of a lake are named for.

use std::fmt;
use std::str::FromStr;

use arrow_schema::DataType;

use super::options::ParquetOptions;
use crate::decode::arrow::Projection;
use crate::error::{Error, ErrorKind, Result};
use crate::license::License;

/// What a level of directories is named for, as `account`, `status` or `date(created_at)` spell it.
///
/// `account`, `integration` and `snapshot` are the same in all rows of a snapshot. `currency`, `description`,
/// `is_paid`, `name` and `status` are columns: their values are in the names of directories and not in the
/// files. `date(…)`, `month(…)` and `year(…)` are of the columns `created_at` and `updated_at`, in UTC, which
/// stay in the files.
///
/// ```
/// use license_stream::sink::parquet::PartitionField;
///
/// for (field, key) in [("account", "account"), ("month(updated_at)", "updated_at_month")] {
///     assert_eq!(field.parse::<PartitionField>()?.key(), key);
/// }
/// # Ok::<(), license_stream::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PartitionField(pub(super) Level);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Level {
    Constant(Constant),
    /// A column of text or truth values.
    Column(&'static str),
    /// A part of a column of times.
    Time(Unit, &'static str),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Constant {
    Account,
    Integration,
    Snapshot,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unit {
    Date,
    Month,
    Year,
}

const CONSTANTS: [(&str, Constant); 3] = [
    ("account", Constant::Account),
    ("integration", Constant::Integration),
    ("snapshot", Constant::Snapshot),
];

const UNITS: [(&str, Unit); 3] =
    [("date", Unit::Date), ("month", Unit::Month), ("year", Unit::Year)];

impl PartitionField {
    /// What is before the `=` in the names of directories.
    pub fn key(&self) -> String {
        match self.0 {
            Level::Time(unit, column) => format!("{column}_{}", unit.name()),
            Level::Constant(_) | Level::Column(_) => self.to_string(),
        }
    }

    /// Whether it is the integration, which not every source names.
    pub fn is_integration(&self) -> bool {
        self.0 == Level::Constant(Constant::Integration)
    }

    /// The column that it needs.
    pub fn column(self) -> Option<&'static str> {
        match self.0 {
            Level::Constant(_) => None,
            Level::Column(column) | Level::Time(_, column) => Some(column),
        }
    }

    /// The column that directories say whole, so that files need not.
    fn whole_column(self) -> Option<&'static str> {
        match self.0 {
            Level::Column(column) => Some(column),
            Level::Constant(_) | Level::Time(..) => None,
        }
    }
}

impl Unit {
    fn name(self) -> &'static str {
        UNITS.iter().find(|(_, unit)| *unit == self).map(|(name, _)| *name).unwrap_or_default()
    }

    /// How much of `2024-09-01T10:00:00Z` it is.
    pub(super) fn length(self) -> usize {
        match self {
            Self::Date => "2024-09-01".len(),
            Self::Month => "2024-09".len(),
            Self::Year => "2024".len(),
        }
    }
}

impl FromStr for PartitionField {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        if let Some((_, constant)) = CONSTANTS.iter().find(|(name, _)| *name == text) {
            return Ok(Self(Level::Constant(*constant)));
        }
        let call = text.strip_suffix(')').and_then(|text| text.split_once('('));
        let time = call.and_then(|(name, column)| {
            let (_, unit) = UNITS.iter().find(|(unit, _)| *unit == name)?;
            Some(Level::Time(*unit, column_of(column, is_time)?))
        });
        let level = time.or_else(|| Some(Level::Column(column_of(text, is_whole)?)));
        level
            .map(Self)
            .ok_or_else(|| refused(format!("there is no partition by {text:?}; {FORMS}")))
    }
}

impl fmt::Display for PartitionField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Level::Constant(constant) => {
                let name = CONSTANTS.iter().find(|(_, known)| *known == constant);
                f.write_str(name.map(|(name, _)| *name).unwrap_or_default())
            }
            Level::Column(column) => f.write_str(column),
            Level::Time(unit, column) => write!(f, "{}({column})", unit.name()),
        }
    }
}

const FORMS: &str = "there are account, integration, snapshot, currency, description, is_paid, name, status, and \
    date, month and year of created_at or updated_at, as date(created_at)";

fn column_of(name: &str, fits: fn(&str, &DataType) -> bool) -> Option<&'static str> {
    let schema = License::schema();
    let data_type = schema.field_with_name(name).ok()?.data_type();
    let name = License::FIELDS.into_iter().find(|field| *field == name)?;
    fits(name, data_type).then_some(name)
}

/// Each license has an id of its own, and `remote_data` is JSON.
fn is_whole(name: &str, data_type: &DataType) -> bool {
    matches!(data_type, DataType::Utf8 | DataType::Boolean)
        && !["id", "remote_data"].contains(&name)
}

fn is_time(_: &str, data_type: &DataType) -> bool {
    matches!(data_type, DataType::Timestamp(..))
}

impl ParquetOptions {
    /// The columns that files have.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`] if none is left of those that are wanted.
    pub(super) fn file_columns(&self) -> Result<Projection> {
        let named = self.partition_by.iter().filter_map(|field| field.whole_column());
        named.into_iter().try_fold(self.columns.clone(), |columns, column| columns.without(column))
    }

    /// The columns that are decoded: those of the files, and what directories are named for.
    pub(super) fn decoded_columns(&self) -> Result<Projection> {
        let mut names = Vec::new();
        let files = self.columns.schema().fields().iter().map(|field| field.name().as_str());
        let named = self.partition_by.iter().filter_map(|field| field.column());
        for name in files.chain(named) {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        Projection::of(names)
    }

    /// Refuses partitions that contradict one another or the files.
    pub(super) fn check_partitions(&self) -> Result<()> {
        for (index, field) in self.partition_by.iter().enumerate() {
            if self.partition_by[..index].contains(field) {
                return Err(refused(format!("files are to be partitioned by {field} twice")));
            }
            if let Some(column) = field.whole_column()
                && self.sort_by.iter().any(|by| by.name == column)
            {
                let message =
                    format!("rows cannot be sorted by {column}, which directories are named for");
                return Err(refused(message));
            }
        }
        self.file_columns().map(drop)
    }
}

fn refused(message: String) -> Error {
    Error::new(ErrorKind::Configuration, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_spelled_as_they_are_read_and_have_keys() {
        for (text, key) in [
            ("account", "account"),
            ("integration", "integration"),
            ("snapshot", "snapshot"),
            ("status", "status"),
            ("is_paid", "is_paid"),
            ("date(created_at)", "created_at_date"),
            ("month(updated_at)", "updated_at_month"),
            ("year(created_at)", "created_at_year"),
        ] {
            let field: PartitionField = text.parse().unwrap();
            assert_eq!((field.to_string().as_str(), field.key().as_str()), (text, key));
        }
        for text in [
            "",
            "id",
            "remote_data",
            "_extra",
            "_snapshot_id",
            "roles",
            "unit_amount",
            "created_at",
            "date(status)",
            "date(created_at",
            "hour(created_at)",
            "date()",
            "Status",
        ] {
            let error = text.parse::<PartitionField>().unwrap_err();
            assert!(error.message().starts_with("there is no partition by "), "{error}");
        }
    }

    #[test]
    fn columns_of_directories_are_not_in_the_files_and_times_are() {
        let mut options = ParquetOptions::new("lake", "s");
        let by = |fields: &[&str]| fields.iter().map(|field| field.parse().unwrap()).collect();
        options.partition_by = by(&["account", "status", "date(created_at)"]);
        let names = |columns: Projection| {
            let fields = columns.schema().fields().iter().map(|field| field.name().clone());
            fields.collect::<Vec<_>>()
        };
        options.columns = Projection::of(["id", "status"]).unwrap();
        assert_eq!(names(options.file_columns().unwrap()), ["id"]);
        assert_eq!(names(options.decoded_columns().unwrap()), ["id", "created_at", "status"]);
        options.columns = Projection::all();
        let files = options.file_columns().unwrap();
        assert!(!files.contains("status") && files.contains("created_at"));
        assert!(options.decoded_columns().unwrap().is_all());
        options.check().unwrap();

        let refusal = |options: &ParquetOptions| options.check().unwrap_err().message().to_owned();
        options.sort_by =
            vec![super::super::SortColumn { name: "status".to_owned(), is_descending: false }];
        let told = "rows cannot be sorted by status, which directories are named for";
        assert_eq!(refusal(&options), told);
        options.sort_by.clear();
        let bloom = options.clone().with_bloom_filter("status").unwrap();
        assert_eq!(refusal(&bloom), "column status has a bloom filter and is not written");
        options.columns = Projection::of(["status"]).unwrap();
        assert_eq!(refusal(&options), "no column is left");
        options.partition_by = by(&["status", "account", "status"]);
        assert_eq!(refusal(&options), "files are to be partitioned by status twice");
    }
}
