//! The jobs of a run: the file, completed by flags and environment, and found to be what commands can be given.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use clap::error::{ContextKind, ContextValue};
use clap::{ArgMatches, CommandFactory, Parser};
use license_stream::{Error, ErrorKind, Result, masked};

use super::file::{Draft, File};
use super::given::{Given, Origin};
use super::keys::{Key, Keys, To, nearest};
use super::text::expand;
use super::yaml::{At, Name, Node, Value, Wrong};
use crate::args::{Args, Command, ReportArgs, RunArgs, SetArg, listen};
use crate::place::{Place, resolved};
use crate::report::chain;
use crate::{input, kafka, records, settings, values};

const MOST_AT_ONCE: usize = 64;

/// What is to be run.
#[derive(Debug)]
pub(crate) struct Plan {
    /// Jobs that run at once at most.
    pub(crate) concurrency: usize,
    /// Where others look at all of them, if they can.
    pub(crate) metrics: Option<SocketAddr>,
    pub(crate) jobs: Vec<Planned>,
}

/// A job that is to be run.
#[derive(Clone, Debug)]
pub(crate) struct Planned {
    pub(crate) name: String,
    pub(crate) to: To,
    pub(crate) keys: Keys,
    /// What it is given, by keys.
    pub(crate) given: BTreeMap<String, Given>,
    at: At,
    file: PathBuf,
}

/// What was typed for a job.
struct Typed<'a> {
    job: &'a str,
    key: &'a str,
    value: &'a str,
}

impl Plan {
    /// The jobs that were asked for.
    pub(crate) fn new(args: &RunArgs) -> Result<Self> {
        let file = File::read(&args.file)?;
        let typed = args.set.iter().map(|set| parse_set(set, &file)).collect::<Result<Vec<_>>>()?;
        let wrong = |wrong: Wrong| wrong.of_file(&args.file);
        let concurrency = match (args.concurrency, &file.concurrency) {
            (Some(typed), _) => typed.into(),
            (None, Some(node)) => concurrency(node).map_err(wrong)?,
            (None, None) => 1,
        };
        let metrics = match (args.metrics, &file.metrics) {
            (Some(typed), _) => Some(typed),
            (None, Some(node)) => metrics(node).map_err(wrong)?,
            (None, None) => None,
        };
        for name in &args.jobs {
            find(&file, name, "--job")?;
        }
        let is_wanted = |draft: &&Draft| args.jobs.is_empty() || args.jobs.contains(&draft.name);
        let mut jobs = Vec::new();
        for draft in file.jobs.iter().filter(is_wanted) {
            let given = given(draft, &file.defaults, &typed, &args.file)?;
            let job = Planned {
                name: draft.name.clone(),
                to: draft.to,
                keys: draft.keys.clone(),
                given,
                at: draft.at,
                file: args.file.clone(),
            };
            jobs.push(job);
        }
        Ok(Self { concurrency, metrics, jobs })
    }

    /// Whether a job writes its data to standard output.
    pub(crate) fn is_stdout(&self) -> bool {
        self.jobs.iter().any(Planned::is_stdout)
    }

    /// Refuses what a job could not begin with, and jobs that do not go together.
    pub(crate) fn check(&self, args: &RunArgs) -> Result<()> {
        let mut stdout = None;
        let mut stdin = None;
        let mut outs: Vec<(&Planned, Out)> = Vec::new();
        for job in &self.jobs {
            let command = job.command(args.report)?;
            // Where it is looked at only, each thing is a finding of its own; and to see what results, secrets
            // need not be where they will be.
            if !args.check && !args.print_config {
                check(&command).map_err(|error| job.wrong(error.kind(), &chain(&error)))?;
            }
            if let Some(out) = Out::of(&command) {
                let at_once = self.concurrency > 1;
                let other =
                    outs.iter().find_map(|(other, it)| Some((other, out.why_not(it, at_once)?)));
                if let Some((other, why)) = other {
                    let message = format!("`out` is where job {} writes, too: {why}", other.name);
                    return Err(job.wrong_of("out", ErrorKind::Configuration, &message));
                }
                outs.push((job, out));
            }
            if job.is_stdout()
                && let Some(other) = stdout.replace(&job.name)
            {
                let message = format!("it writes to standard output, as job {other} does: one can");
                return Err(job.wrong(ErrorKind::Configuration, &message));
            }
            if source_is_stdin(&command) {
                if args.schedule.every.is_some() {
                    let message = "it reads standard input, which there is once: --every needs a file, or the API";
                    return Err(job.wrong(ErrorKind::Configuration, message));
                }
                if let Some(other) = stdin.replace(&job.name) {
                    let message = format!("it reads standard input, as job {other} does: one can");
                    return Err(job.wrong(ErrorKind::Configuration, &message));
                }
            }
        }
        Ok(())
    }
}

impl Planned {
    /// The command line that it stands for.
    pub(crate) fn arguments(&self) -> Vec<String> {
        let mut arguments = vec!["license-stream".to_owned(), self.to.name().to_owned()];
        for key in &self.keys.0 {
            let Some(given) = self.given.get(&key.name).filter(|given| given.is_on) else {
                continue;
            };
            if given.values.is_empty() {
                arguments.push(key.argument(None));
            }
            arguments.extend(given.values.iter().map(|value| key.argument(Some(&value.text))));
        }
        arguments
    }

    /// What clap makes of it.
    pub(crate) fn matches(&self) -> Result<ArgMatches> {
        let matches = Args::command().try_get_matches_from(self.arguments());
        let matches = matches.map_err(|error| self.refused(&error))?;
        let (_, matches) = matches.subcommand().ok_or_else(|| {
            // It is named first.
            Error::new(ErrorKind::Internal, "a job is of no command")
        })?;
        Ok(matches.clone())
    }

    /// The command that it is, which tells of itself as `report` says.
    pub(crate) fn command(&self, report: ReportArgs) -> Result<Command> {
        let args = Args::try_parse_from(self.arguments()).map_err(|error| self.refused(&error))?;
        let mut command = args.command;
        match &mut command {
            Command::Parquet(args) => args.report = report,
            Command::Kafka(args) => args.report = report,
            Command::Ndjson(args) => args.report = report,
            _ => {}
        }
        Ok(command)
    }

    /// Whether its data goes to standard output.
    pub(crate) fn is_stdout(&self) -> bool {
        let out = self.given.get("out").and_then(|out| out.values.first());
        match self.to {
            To::Ndjson => out.is_none(),
            To::Parquet => out.is_some_and(|out| out.text == "-"),
            To::Kafka => false,
        }
    }

    fn wrong(&self, kind: ErrorKind, message: &str) -> Error {
        self.wrong_at(self.at, kind, message)
    }

    /// That a key is wrong, where it stands in the file.
    fn wrong_of(&self, key: &str, kind: ErrorKind, message: &str) -> Error {
        let at = self.given.get(key).and_then(|given| given.origin.at());
        self.wrong_at(at.unwrap_or(self.at), kind, message)
    }

    fn wrong_at(&self, at: At, kind: ErrorKind, message: &str) -> Error {
        Error::new(kind, format!("{}, {at}: job {}: {message}", self.file.display(), self.name))
    }

    /// What clap refused, with the place of what it refused.
    fn refused(&self, error: &clap::Error) -> Error {
        let flag = match error.get(ContextKind::InvalidArg) {
            Some(ContextValue::String(flag)) => flag.split([' ', '=']).next(),
            _ => None,
        };
        let key = flag.and_then(|flag| self.keys.0.iter().find(|key| key.flag() == flag));
        let given = key.and_then(|key| self.given.get(&key.name));
        let mut message = error.render().to_string();
        let values = self.given.values().flat_map(|given| &given.values);
        for secret in values.filter(|value| value.is_secret) {
            // A value that ends in a line feed may be shown without.
            for text in [secret.text.as_str(), secret.text.trim()] {
                if !text.is_empty() {
                    message = message.replace(text, "***");
                }
            }
        }
        let message = words(&message);
        let message = masked(&message);
        match given.and_then(|given| given.origin.at()) {
            Some(at) => {
                let message =
                    format!("{}, {at}: job {}: {message}", self.file.display(), self.name);
                Error::new(ErrorKind::Configuration, message)
            }
            None => self.wrong(ErrorKind::Configuration, &message),
        }
    }
}

/// Where a job writes files, which may be where another does.
struct Out {
    place: Place,
    is_lines: bool,
    /// Whether it is a directory, with files of several accounts.
    are_many: bool,
    account: Option<String>,
}

impl Out {
    /// That of a job that has one: standard output, a pipe and `/dev/null` are none.
    fn of(command: &Command) -> Option<Self> {
        let (place, source) = match command {
            Command::Parquet(args) => (args.out.clone(), &args.source),
            Command::Ndjson(args) => (Place::Directory(args.out.clone()?), &args.source),
            _ => return None,
        };
        if let Place::Directory(path) = &place
            && (path.as_os_str() == "-"
                || path.metadata().is_ok_and(|it| !it.is_file() && !it.is_dir()))
        {
            return None;
        }
        let is_lines = matches!(command, Command::Ndjson(_));
        let are_many = source.accounts.are_many();
        let account = source.accounts.only().map(str::to_owned);
        Some(Self { place, is_lines, are_many, account })
    }

    /// Why two jobs cannot have these, where they may run `at_once`.
    fn why_not(&self, other: &Self, at_once: bool) -> Option<&'static str> {
        match (self.is_lines, other.is_lines) {
            (true, true) if self.place.is_same(&other.place) => {
                Some("the files of one would take the place of the other's")
            }
            (true, true) if self.has(other) || other.has(self) => {
                Some("a file of one account could take the place of the other's")
            }
            // What a lake has of an account it has once, whoever writes it: one after the other is no harm.
            (false, false) if at_once && self.place.is_same(&other.place) => {
                let is_one_account = !self.are_many && !other.are_many;
                let are_apart = self.are_many != other.are_many
                    || (is_one_account && self.account != other.account);
                let why = "of jobs that run at once (`concurrency`), each needs a directory or a prefix of its own";
                (!are_apart).then_some(why)
            }
            _ => None,
        }
    }

    /// Whether it is a directory in which the other is a file.
    fn has(&self, other: &Self) -> bool {
        match (&self.place, &other.place) {
            (Place::Directory(directory), Place::Directory(file)) => {
                self.are_many
                    && !other.are_many
                    && resolved(file).parent() == Some(&resolved(directory))
            }
            _ => false,
        }
    }
}

/// What clap has to say, on one line and without what is said of usage.
fn words(rendered: &str) -> String {
    let lines = rendered.lines().map(str::trim);
    let is_over =
        |line: &&str| !line.starts_with("Usage:") && !line.starts_with("For more information");
    let lines: Vec<_> = lines.take_while(is_over).filter(|line| !line.is_empty()).collect();
    let text = lines.join(" ");
    text.strip_prefix("error: ").unwrap_or(&text).to_owned()
}

/// How many jobs run at once, as the file says.
fn concurrency(node: &Node) -> Result<usize, Wrong> {
    let message = format!("`concurrency` is how many jobs run at once, from 1 to {MOST_AT_ONCE}");
    let number = value(node)?.and_then(|text| text.parse().ok());
    let number = number.filter(|number| (1..=MOST_AT_ONCE).contains(number));
    number.ok_or_else(|| Wrong::new(node.at, message))
}

/// Where others look at the jobs, as the file says; `~` and an empty variable say nothing.
fn metrics(node: &Node) -> Result<Option<SocketAddr>, Wrong> {
    let text = value(node)?;
    let is_nothing = match (&node.value, &text) {
        (Value::Text(scalar), Some(text)) => scalar.is_null() || text.is_empty(),
        _ => false,
    };
    if is_nothing {
        return Ok(None);
    }
    let text = text.unwrap_or_default();
    let address = listen(&text).map_err(|what| format!("`metrics` is {what}"));
    address.map(Some).map_err(|message| Wrong::new(node.at, message))
}

/// The text of a key of the file itself, with its variables; `None` for a list or a map.
fn value(node: &Node) -> Result<Option<String>, Wrong> {
    let Value::Text(text) = &node.value else { return Ok(None) };
    let variable = |name: &str| Ok(std::env::var(name).ok());
    let text = expand(&text.text, variable).map_err(|message| Wrong::new(node.at, message))?;
    Ok(Some(text.text))
}

fn parse_set<'a>(SetArg(text): &'a SetArg, file: &File) -> Result<Typed<'a>> {
    let wrong = |message: String| Error::new(ErrorKind::Configuration, format!("--set: {message}"));
    let parts = text.split_once('=').and_then(|(left, value)| {
        let (job, key) = left.split_once('.')?;
        Some(Typed { job, key, value })
    });
    let typed =
        parts.ok_or_else(|| wrong("it is JOB.KEY=VALUE, such as lake.out=/tmp/lake".to_owned()))?;
    let of: Vec<_> = match typed.job {
        "*" => file.jobs.iter().collect(),
        job => vec![find(file, job, "--set")?],
    };
    if of.iter().any(|draft| draft.keys.get(typed.key).is_some()) {
        return Ok(typed);
    }
    let names = of.iter().flat_map(|draft| draft.keys.names());
    let meant = nearest(typed.key, names).map(|name| format!("; did you mean `{name}`?"));
    let of = if typed.job == "*" { "any job".to_owned() } else { format!("job {}", typed.job) };
    Err(wrong(format!("`{}` is no key of {of}{}", typed.key, meant.unwrap_or_default())))
}

/// The job of that name.
fn find<'a>(file: &'a File, name: &str, flag: &str) -> Result<&'a Draft> {
    let names = || file.jobs.iter().map(|draft| draft.name.as_str());
    file.jobs.iter().find(|draft| draft.name == name).ok_or_else(|| {
        let meant = nearest(name, names()).map(|name| format!("; did you mean {name}?"));
        let message =
            format!("{flag}: there is no job {name} in the file{}", meant.unwrap_or_default());
        Error::new(ErrorKind::Configuration, message)
    })
}

/// What a job is given: what was typed, and what the file says where the environment says nothing.
fn given(
    draft: &Draft,
    defaults: &[(Name, Node)],
    typed: &[Typed<'_>],
    file: &Path,
) -> Result<BTreeMap<String, Given>> {
    let mut all = BTreeMap::new();
    for key in &draft.keys.0 {
        let is_of = |typed: &&Typed<'_>| {
            typed.key == key.name && (typed.job == draft.name || typed.job == "*")
        };
        // What is typed for this job wins over what is typed for all.
        let own = typed.iter().filter(is_of).filter(|typed| typed.job != "*");
        let mut values: Vec<_> = own.map(|typed| typed.value).collect();
        if values.is_empty() {
            values = typed.iter().filter(is_of).map(|typed| typed.value).collect();
        }
        let given = match values.as_slice() {
            [] => of_file(key, draft, defaults).map_err(|wrong| wrong.of_file(file))?,
            values => Some(Given::typed(key, values).map_err(|what| {
                let message = format!("--set {}.{}: {what}", draft.name, key.name);
                Error::new(ErrorKind::Configuration, message)
            })?),
        };
        if let Some(given) = given {
            all.insert(key.name.clone(), given);
        }
    }
    Ok(all)
}

/// What the file says of a key, unless the environment has it.
fn of_file(key: &Key, draft: &Draft, defaults: &[(Name, Node)]) -> Result<Option<Given>, Wrong> {
    if key.variable().is_some() {
        return Ok(None);
    }
    let find =
        |entries: &[(Name, Node)]| entries.iter().find(|(name, _)| name.text == key.name).cloned();
    match (find(&draft.entries), find(defaults)) {
        (Some((name, node)), _) => Given::of_file(key, &node, Origin::Job(name.at)),
        (None, Some((name, node))) => Given::of_file(key, &node, Origin::Defaults(name.at)),
        (None, None) => Ok(None),
    }
}

fn source_is_stdin(command: &Command) -> bool {
    match command {
        Command::Parquet(args) => args.source.is_read_once(),
        Command::Kafka(args) => args.source.is_read_once(),
        Command::Ndjson(args) => args.source.is_read_once(),
        _ => false,
    }
}

/// Refuses what the command would refuse before it begins, so that no job runs of a file that is wrong.
fn check(command: &Command) -> Result<()> {
    let (source, rejects) = match command {
        Command::Parquet(args) => {
            args.source.check_columns()?;
            args.check_form()?;
            args.check_contradictions()?;
            if let Place::Bucket(_) = args.out {
                args.out.lake()?;
            }
            (&args.source, &args.rejects)
        }
        Command::Kafka(args) => {
            kafka::check_delivery(args)?;
            settings::config(&args.brokers, &args.settings)?;
            let options = records::options(&args.topic, &args.topics, &args.records, &args.source)?;
            values::Values::new(&args.values, &options)?;
            records::creation(&args.topics)?;
            (&args.source, &args.rejects)
        }
        Command::Ndjson(args) => (&args.source, &args.rejects),
        _ => return Ok(()),
    };
    source.check()?;
    input::check_rejects(rejects)
}
