//! What is produced of each license, from what was typed.

use license_stream::sink::kafka::{
    FieldIs, HeaderOptions, KafkaOptions, Key, Topic, TopicCreation, TopicFacts,
};
use license_stream::{Error, ErrorKind, Result};

use crate::args::{HeadersArg, RecordArgs, SourceArgs, TopicArgs};
use crate::checkpoints;

/// Topics that brokers keep for themselves.
const INTERNAL: [&str; 3] = ["__consumer_offsets", "__transaction_state", "__share_group_state"];

/// The options that the flags ask for, with those of a snapshot still open.
///
/// # Errors
/// Those of a flag that cannot be meant so, also beside what is asked of the API.
pub(crate) fn options(
    topic: &str,
    topics: &TopicArgs,
    records: &RecordArgs,
    source: &SourceArgs,
) -> Result<KafkaOptions> {
    let topic: Topic = parse("--topic", topic)?;
    let mut options = KafkaOptions::new("");
    options.topic = topic.with_max_topics(topics.max_topics as usize);
    if let Some(key) = &records.key {
        options.key = parse("--key", key)?;
    }
    options.headers = headers(records)?;
    for condition in &records.tombstone_on {
        let (field, value) = pair("--tombstone-on", condition, "FIELD=VALUE")?;
        let condition =
            FieldIs::new(field, value).map_err(|error| of_flag("--tombstone-on", &error))?;
        options.tombstone_on.push(condition);
    }
    if options.key == Key::None && !options.tombstone_on.is_empty() {
        let message = "--tombstone-on goes with keys: leave --key none away";
        return Err(Error::new(ErrorKind::Configuration, message));
    }
    if let Some(of) = options.topic.fixed().and_then(checkpoints::kept_in) {
        let message = format!(
            "--topic: the checkpoints of topic {of} are there, and records are not mixed with them"
        );
        return Err(Error::new(ErrorKind::Configuration, message));
    }
    if let Some(name) = options.topic.fixed().filter(|name| INTERNAL.contains(name)) {
        let message = format!("--topic: {name} is the brokers' own, and no topic for records");
        return Err(Error::new(ErrorKind::Configuration, message));
    }
    options.any_json = source.is_any_json();
    check_fields(&options, source)?;
    Ok(options)
}

/// Refuses keys, topics and tombstones that are made of what no record will have.
fn check_fields(options: &KafkaOptions, source: &SourceArgs) -> Result<()> {
    let of_key: Vec<_> = match &options.key {
        Key::Template(key) => key.needed_fields().collect(),
        Key::Default | Key::None => Vec::new(),
    };
    let needed = of_key.into_iter().map(|field| ("--key", field));
    let needed = needed.chain(options.topic.needed_fields().map(|field| ("--topic", field)));
    let of_tombstones = options.tombstone_on.iter().map(FieldIs::field);
    let needed = needed.chain(of_tombstones.map(|field| ("--tombstone-on", field)));
    let request = &source.request;
    for (flag, field) in needed {
        let is_excluded = request.excluded_fields.iter().any(|name| name.trim() == field);
        let message = if options.any_json {
            format!(
                "{flag} is made of `{field}`, and what is no license has no such field: give another {flag}"
            )
        } else if is_excluded {
            format!("--exclude-field {field} leaves out what {flag} is made of")
        } else {
            continue;
        };
        return Err(Error::new(ErrorKind::Configuration, message));
    }
    Ok(())
}

/// How a topic is made that is missing, if it is to be.
pub(crate) fn creation(topics: &TopicArgs) -> Result<Option<TopicCreation>> {
    topics.create_topic.as_deref().map(|how| parse("--create-topic", how)).transpose()
}

/// That a topic which is there is another than was asked for, if it is.
pub(crate) fn not_as_asked(
    facts: &TopicFacts,
    topic: &str,
    creation: &TopicCreation,
) -> Option<String> {
    let partitions = creation.partitions.and_then(|count| usize::try_from(count).ok());
    let policy = creation.config.iter().find(|(name, _)| name == "cleanup.policy");
    let has_others = partitions.is_some_and(|count| count != facts.partitions);
    let there = facts.cleanup_policy.as_deref();
    let has_other_policy = policy.zip(there).is_some_and(|((_, asked), there)| asked != there);
    (has_others || has_other_policy).then(|| {
        format!(
            "topic {topic} is there already, with {} partitions and cleanup.policy={}: --create-topic changes nothing of \
             that",
            facts.partitions,
            there.unwrap_or("(not told)")
        )
    })
}

fn headers(args: &RecordArgs) -> Result<HeaderOptions> {
    let mut headers = match args.headers {
        Some(HeadersArg::None) => HeaderOptions::none(),
        Some(HeadersArg::All) => HeaderOptions::all(),
        None if args.cloud_events => HeaderOptions::none(),
        Some(HeadersArg::Default) | None => HeaderOptions::default(),
    };
    headers.cloud_events = args.cloud_events;
    for header in &args.further {
        let (name, value) = pair("--header", header, "NAME=VALUE")?;
        headers = headers.with(name, value).map_err(|error| of_flag("--header", &error))?;
    }
    Ok(headers)
}

fn pair<'a>(flag: &str, text: &'a str, form: &str) -> Result<(&'a str, &'a str)> {
    text.split_once('=').filter(|(name, _)| !name.is_empty()).ok_or_else(|| {
        let message = format!("{flag} is written {form}");
        Error::new(ErrorKind::Configuration, message)
    })
}

fn parse<T: std::str::FromStr<Err = Error>>(flag: &str, text: &str) -> Result<T> {
    text.parse().map_err(|error| of_flag(flag, &error))
}

fn of_flag(flag: &str, error: &Error) -> Error {
    Error::new(ErrorKind::Configuration, format!("{flag}: {}", error.message()))
}
