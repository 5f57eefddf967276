//! The file of jobs as it is written: which jobs there are, and what each is given.

use std::io::Read;
use std::path::Path;

use license_stream::{Error, ErrorKind, Result, printable};

use super::keys::{Keys, To, nearest};
use super::text;
use super::yaml::{self, At, Name, Node, Value, Wrong};

/// Longest file, in bytes.
const MOST_BYTES: u64 = 1 << 20;

/// Jobs of one file.
pub(crate) const MOST_JOBS: usize = 256;

/// Longest name of a job, in characters.
pub(crate) const MOST_NAME: usize = 64;

/// The keys of the file itself.
pub(crate) const KEYS: [&str; 4] = ["concurrency", "defaults", "jobs", "metrics"];

/// The keys of a job that are no flags.
pub(crate) const OF_JOB: [&str; 2] = ["name", "to"];

/// A file of jobs.
#[derive(Debug)]
pub(crate) struct File {
    pub(crate) concurrency: Option<Node>,
    pub(crate) metrics: Option<Node>,
    pub(crate) defaults: Vec<(Name, Node)>,
    pub(crate) jobs: Vec<Draft>,
}

/// A job as it is written.
#[derive(Debug)]
pub(crate) struct Draft {
    pub(crate) at: At,
    pub(crate) name: String,
    pub(crate) to: To,
    pub(crate) keys: Keys,
    pub(crate) entries: Vec<(Name, Node)>,
}

impl File {
    /// Reads the file at `path`.
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let mut bytes = Vec::new();
        let file = std::fs::File::open(path);
        let read = file.and_then(|file| file.take(MOST_BYTES + 1).read_to_end(&mut bytes));
        let shown = path.display();
        let wrong = |message: String| Error::new(ErrorKind::Configuration, message);
        read.map_err(|error| wrong(format!("{shown} cannot be read")).caused_by(error))?;
        if bytes.len() as u64 > MOST_BYTES {
            return Err(wrong(format!(
                "{shown} is longer than {MOST_BYTES} bytes: this is no file of jobs"
            )));
        }
        let text = String::from_utf8(bytes);
        let text = text.map_err(|error| wrong(format!("{shown} is no UTF-8")).caused_by(error))?;
        Self::parse(&text).map_err(|error| error.of_file(path))
    }

    fn parse(text: &str) -> Result<Self, Wrong> {
        let start = At { line: 1, column: 1 };
        let root = yaml::parse(text)?
            .ok_or_else(|| Wrong::new(start, "there is nothing in it: it has no `jobs`"))?;
        let mut file =
            Self { concurrency: None, metrics: None, defaults: Vec::new(), jobs: Vec::new() };
        let mut jobs = None;
        let entries = root.entries("a file of jobs")?;
        check_merge(entries)?;
        for (name, node) in entries {
            match name.text.as_str() {
                "jobs" => jobs = Some((name.at, node)),
                "defaults" => file.defaults = defaults(node)?,
                "concurrency" => file.concurrency = Some(node.clone()),
                "metrics" => file.metrics = Some(node.clone()),
                _ => return Err(unknown_of_file(name)),
            }
        }
        let Some((at, jobs)) = jobs else {
            return Err(Wrong::new(root.at, "there are no `jobs` in it"));
        };
        let Value::List(jobs) = &jobs.value else {
            let message =
                format!("`jobs` is a list, with `-` before each job, and this is {}", jobs.what());
            return Err(Wrong::new(at, message));
        };
        if jobs.is_empty() || jobs.len() > MOST_JOBS {
            let message =
                format!("`jobs` has from 1 to {MOST_JOBS} of them, and this has {}", jobs.len());
            return Err(Wrong::new(at, message));
        }
        for job in jobs {
            let draft = Draft::of(job)?;
            if let Some(other) = file.jobs.iter().find(|other| other.name == draft.name) {
                let message =
                    format!("job {} is there twice, first in line {}", draft.name, other.at.line);
                return Err(Wrong::new(draft.at, message));
            }
            file.jobs.push(draft);
        }
        file.check_defaults()?;
        Ok(file)
    }
}

impl File {
    /// Refuses a default that is for none of the jobs, be it a slip or what is left of a job.
    fn check_defaults(&self) -> Result<(), Wrong> {
        let is_of_none =
            |key: &&Name| self.jobs.iter().all(|job| job.keys.get(&key.text).is_none());
        let Some(key) = self.defaults.iter().map(|(key, _)| key).find(is_of_none) else {
            return Ok(());
        };
        let has = |to: &To| Keys::of(*to).get(&key.text).is_some();
        let of: Vec<_> = To::ALL.into_iter().filter(has).map(jobs_of).collect();
        let message =
            format!("`{}` is a key of {}, and there is no such job", key.text, of.join(" and "));
        Err(Wrong::new(key.at, message))
    }
}

impl Draft {
    fn of(job: &Node) -> Result<Self, Wrong> {
        let entries = job.entries("a job")?;
        // It may be why there is neither a name nor a `to`.
        check_merge(entries)?;
        let find =
            |key: &str| entries.iter().find(|(name, _)| name.text == key).map(|(_, node)| node);
        let name = match find("name") {
            None => return Err(Wrong::new(job.at, "a job has a `name`, by which it is told of")),
            Some(node) => name_of_job(node)?,
        };
        let to = match find("to") {
            None => {
                Err(Wrong::new(job.at, format!("job {name} has no `to`: parquet, kafka or ndjson")))
            }
            Some(node) => command(node),
        }?;
        let keys = Keys::of(to);
        let mut kept = Vec::new();
        for (key, node) in entries {
            if OF_JOB.contains(&key.text.as_str()) {
                continue;
            }
            if keys.get(&key.text).is_none() {
                return Err(unknown(key, &jobs_of(to), &keys));
            }
            kept.push((key.clone(), node.clone()));
        }
        Ok(Self { at: job.at, name, to, keys, entries: kept })
    }
}

/// The jobs of a command, as messages have them.
fn jobs_of(to: To) -> String {
    format!("jobs to {}", to.name())
}

fn name_of_job(node: &Node) -> Result<String, Wrong> {
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    match &node.value {
        Value::Text(name)
            if (1..=MOST_NAME).contains(&name.text.len()) && name.text.bytes().all(is_part) =>
        {
            Ok(name.text.clone())
        }
        _ => {
            let message =
                format!("a job's name is of letters, digits, `-` and `_`, {MOST_NAME} at most");
            Err(Wrong::new(node.at, message))
        }
    }
}

fn command(node: &Node) -> Result<To, Wrong> {
    let text = match &node.value {
        Value::Text(text) => text.text.as_str(),
        _ => "",
    };
    To::by_name(text).ok_or_else(|| {
        let meant = nearest(text, To::ALL.into_iter().map(To::name));
        let meant = meant.map(|name| format!("; did you mean `{name}`?")).unwrap_or_default();
        Wrong::new(node.at, format!("`to` is parquet, kafka or ndjson{meant}"))
    })
}

/// What all jobs have in common: keys that some command has.
fn defaults(node: &Node) -> Result<Vec<(Name, Node)>, Wrong> {
    let all = Keys(To::ALL.into_iter().flat_map(|to| Keys::of(to).0).collect());
    let entries = node.entries("`defaults`")?;
    check_merge(entries)?;
    match entries.iter().find(|(key, _)| all.get(&key.text).is_none()) {
        Some((key, _)) if OF_JOB.contains(&key.text.as_str()) => {
            Err(Wrong::new(key.at, format!("`{}` is each job's own", key.text)))
        }
        Some((key, _)) => Err(unknown(key, "`defaults`", &all)),
        None => Ok(entries.to_vec()),
    }
}

/// A key that stands for the keys of another map, by an older YAML.
fn check_merge(entries: &[(Name, Node)]) -> Result<(), Wrong> {
    let Some((key, _)) = entries.iter().find(|(key, _)| key.text == "<<") else { return Ok(()) };
    let message = "YAML 1.2 has no merge keys: what jobs have in common stands in `defaults`";
    Err(Wrong::new(key.at, message))
}

fn unknown_of_file(key: &Name) -> Wrong {
    let is_flag = To::ALL.into_iter().any(|to| Keys::of(to).get(&key.text).is_some());
    if is_flag {
        let message = format!("`{}` stands in a job, or in `defaults` for all of them", key.text);
        return Wrong::new(key.at, message);
    }
    unknown_among(key, "the file", KEYS.into_iter())
}

/// A key that the job of a command does not have.
fn unknown(key: &Name, of: &str, keys: &Keys) -> Wrong {
    let of_run =
        ["json", "quiet", "verbose", "log-format", "every", "jitter", "check", "print-config"];
    if of_run.contains(&key.text.as_str()) {
        let message =
            format!("`{}` is no key: it is given to the command, `run --{}`", key.text, key.text);
        return Wrong::new(key.at, message);
    }
    let has = |to: &To| Keys::of(*to).get(&key.text).is_some();
    let others: Vec<_> = To::ALL.into_iter().filter(has).map(jobs_of).collect();
    if !others.is_empty() {
        let message =
            format!("`{}` is a key of {}, and not of {of}", key.text, others.join(" and "));
        return Wrong::new(key.at, message);
    }
    unknown_among(key, of, keys.names().chain(OF_JOB))
}

fn unknown_among<'a>(key: &Name, of: &str, names: impl Iterator<Item = &'a str>) -> Wrong {
    let name = printable(&key.text, 60);
    if text::is_secret(&key.text) {
        let message = format!(
            "`{name}` is no key of {of}: a secret does not stand in this file. The API token is read from \
             TRUTO_API_TOKEN, or from the file that `token-file` names; a password of Kafka's is said where \
             it is, `settings: {{sasl.password: env:NAME}}`"
        );
        return Wrong::new(key.at, message);
    }
    let meant = nearest(&key.text, names);
    let meant = meant.map(|meant| format!("; did you mean `{meant}`?")).unwrap_or_default();
    Wrong::new(key.at, format!("`{name}` is no key of {of}{meant}"))
}

impl Wrong {
    /// As an error that names the file.
    pub(crate) fn of_file(&self, path: &Path) -> Error {
        let message = format!("{}, {}: {}", path.display(), self.at, self.message);
        Error::new(ErrorKind::Configuration, message)
    }
}
