//! The keys of a job: the flags of the command that it is of, by their names. They are taken from the definition that
//! the command line is parsed by, so that none can be missing here, or mean something else.

use std::collections::BTreeSet;

use clap::{Arg, ArgAction, Args as _, CommandFactory};

use crate::args::{Args, ReportArgs};

/// What a job is: one of the commands that move licenses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum To {
    Parquet,
    Kafka,
    Ndjson,
}

impl To {
    pub(crate) const ALL: [Self; 3] = [Self::Parquet, Self::Kafka, Self::Ndjson];

    /// The command's name.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Parquet => "parquet",
            Self::Kafka => "kafka",
            Self::Ndjson => "ndjson",
        }
    }

    pub(crate) fn by_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|to| to.name() == name)
    }
}

/// How a key is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// `true` or `false`.
    Switch,
    /// One value.
    One,
    /// A value, or a list of them.
    Several,
    /// Values `name=value`: as such, or as a map.
    Pairs,
}

/// A flag as a key of the file.
#[derive(Clone, Debug)]
pub(crate) struct Key {
    /// The flag's long name; the name in the definition for a flag that has none.
    pub(crate) name: String,
    pub(crate) kind: Kind,
    /// The definition.
    pub(crate) arg: Arg,
}

impl Key {
    fn of(arg: &Arg) -> Self {
        let is_pair = |name: &clap::builder::Str| name.as_str().contains('=');
        let kind = match arg.get_action() {
            ArgAction::SetTrue => Kind::Switch,
            ArgAction::Append if arg.get_value_names().is_some_and(|it| it.iter().any(is_pair)) => {
                Kind::Pairs
            }
            ArgAction::Append => Kind::Several,
            _ => Kind::One,
        };
        let name = arg.get_long().unwrap_or(arg.get_id().as_str()).to_owned();
        Self { name, kind, arg: arg.clone() }
    }

    /// The flag as messages of the command line begin with it.
    pub(crate) fn flag(&self) -> String {
        match (self.arg.get_long(), self.arg.get_short()) {
            (Some(long), _) => format!("--{long}"),
            (None, Some(short)) => format!("-{short}"),
            (None, None) => self.name.clone(),
        }
    }

    /// The argument that gives it `value`, or that turns a switch on.
    pub(crate) fn argument(&self, value: Option<&str>) -> String {
        match (value, self.arg.get_long()) {
            (None, _) => self.flag(),
            (Some(value), Some(_)) => format!("{}={value}", self.flag()),
            (Some(value), None) => format!("{}{value}", self.flag()),
        }
    }

    /// The variable that wins over the file, if it is set.
    pub(crate) fn variable(&self) -> Option<&str> {
        let name = self.arg.get_env()?.to_str()?;
        std::env::var_os(name).map(|_| name)
    }

    /// Whether what it is given is between the user and somebody else, be it the provider or a consumer, and shown to nobody.
    pub(crate) fn is_private(&self) -> bool {
        matches!(self.name.as_str(), "header" | "remote-query")
    }
}

/// The keys of the jobs of one command.
#[derive(Clone, Debug)]
pub(crate) struct Keys(pub(crate) Vec<Key>);

impl Keys {
    /// All flags of the command but those by which the run as a whole is told of: `run` has these itself.
    pub(crate) fn of(to: To) -> Self {
        let report = ReportArgs::augment_args(clap::Command::new(""));
        let report: BTreeSet<_> = report.get_arguments().map(Arg::get_id).cloned().collect();
        let command = Args::command();
        let command = command.find_subcommand(to.name());
        let arguments = command.into_iter().flat_map(clap::Command::get_arguments);
        Self(arguments.filter(|arg| !report.contains(arg.get_id())).map(Key::of).collect())
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Key> {
        self.0.iter().find(|key| key.name == name)
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|key| key.name.as_str())
    }
}

/// The name that is meant by `name`, as far as can be told.
pub(crate) fn nearest<'a>(name: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let name = name.to_ascii_lowercase().replace('_', "-");
    // Of short names one letter is much, and so are two that have changed places.
    let likeness = |other: &str| match strsim::damerau_levenshtein(&name, other) {
        ..=1 if name.len() > 2 => 1.0,
        _ => strsim::jaro(&name, other),
    };
    names
        .map(|other| (likeness(other), other))
        .filter(|(likeness, _)| *likeness > 0.7)
        .max_by(|one, other| one.0.total_cmp(&other.0))
        .map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_the_flags_of_the_command() {
        let kind = |to, name: &str| Keys::of(to).get(name).map(|key| key.kind);
        for (to, name, wanted) in [
            (To::Parquet, "out", Some(Kind::One)),
            (To::Parquet, "all-accounts", Some(Kind::Switch)),
            (To::Parquet, "account", Some(Kind::Several)),
            (To::Parquet, "columns", Some(Kind::Several)),
            (To::Parquet, "remote-query", Some(Kind::Pairs)),
            (To::Parquet, "topic", None),
            (To::Kafka, "settings", Some(Kind::Pairs)),
            (To::Kafka, "header", Some(Kind::Pairs)),
            (To::Kafka, "tombstone-on", Some(Kind::Pairs)),
            (To::Ndjson, "out", Some(Kind::One)),
            (To::Ndjson, "json", None),
            (To::Ndjson, "quiet", None),
            (To::Ndjson, "help", None),
        ] {
            assert_eq!(kind(to, name), wanted, "{to:?} {name}");
        }
        // Every flag has a name and is one of the kinds.
        for to in To::ALL {
            for key in Keys::of(to).0 {
                assert!(!key.arg.is_positional() && !key.name.is_empty(), "{key:?}");
                assert!(
                    matches!(
                        key.arg.get_action(),
                        ArgAction::SetTrue | ArgAction::Set | ArgAction::Append
                    ),
                    "{key:?}"
                );
            }
        }
    }

    #[test]
    fn the_nearest_name_is_found_where_one_is_near() {
        let keys = Keys::of(To::Kafka);
        for (typed, wanted) in [
            ("brokrs", Some("brokers")),
            ("token_file", Some("token-file")),
            ("Topic", Some("topic")),
            ("otpic", Some("topic")),
            ("kye", Some("key")),
            ("xyzzy", None),
        ] {
            assert_eq!(nearest(typed, keys.names()), wanted, "{typed}");
        }
    }
}
