//! What a file of a lake is encoded as, which its name ends with.

/// How rows lie in the files of a snapshot.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FileFormat {
    /// Parquet, in files that end in `.parquet`.
    #[default]
    Parquet,
    /// Arrow's IPC file format, also known as Feather, in files that end in `.arrow`. A row group is one record
    /// batch.
    Arrow,
}

impl FileFormat {
    const ALL: [Self; 2] = [Self::Parquet, Self::Arrow];

    /// What names end in.
    pub(super) fn ending(self) -> &'static str {
        match self {
            Self::Parquet => ".parquet",
            Self::Arrow => ".arrow",
        }
    }

    /// What people call it.
    pub(super) fn noun(self) -> &'static str {
        match self {
            Self::Parquet => "Parquet",
            Self::Arrow => "Arrow",
        }
    }

    /// The format of a file, and its name without the ending; `None` if it is none.
    pub(super) fn of(name: &str) -> Option<(Self, &str)> {
        Self::ALL.into_iter().find_map(|format| Some((format, name.strip_suffix(format.ending())?)))
    }
}
