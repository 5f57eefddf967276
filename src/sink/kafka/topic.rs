//! Which topic a record goes to.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError};

use super::template::{Bound, Known, Name, Template};
use crate::error::{Error, ErrorKind, Result};
use crate::license::License;

/// How many topics the records of a run may go to, unless something else is said.
pub const DEFAULT_MAX_TOPICS: usize = 16;

/// The longest name of a topic.
const LONGEST: usize = 249;

/// What can stand in a topic's name, beside text.
const NAMES: &str = "integrated_account_id, integration and status";

/// A topic's name, or a [`Template`] of one: `licenses`, or `licenses-{integration}`.
///
/// A template may name `integrated_account_id`, `integration` and the license's `status`. What a name of
/// Kafka's cannot hold becomes `-`: all but ASCII letters, digits, `.`, `_` and `-`. There is a
/// [bound](Self::with_max_topics) on how many topics that makes.
///
/// ```
/// use license_stream::sink::kafka::Topic;
///
/// let topic: Topic = "saas.licenses".parse()?;
/// assert_eq!(topic.fixed(), Some("saas.licenses"));
///
/// assert!("licenses/eu".parse::<Topic>().is_err());
/// assert!("licenses-{name}".parse::<Topic>().is_err());
/// # Ok::<(), license_stream::Error>(())
/// ```
#[derive(Clone)]
pub struct Topic {
    template: Template,
    used: Arc<Used>,
}

/// The topics of a run. Clones of a [`Topic`] share it, and so do the sinks they are given to.
#[derive(Debug)]
struct Used {
    max: usize,
    names: Mutex<BTreeSet<Arc<str>>>,
}

impl fmt::Debug for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Topic").field(&self.template.to_string()).finish()
    }
}

impl fmt::Display for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.template.fmt(f)
    }
}

impl FromStr for Topic {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let template = Template::made_of(text, fits)?;
        if !template.names().all(fits) {
            let message = format!("topic `{text}` can be made of {NAMES}, and of nothing else");
            return Err(Error::new(ErrorKind::Configuration, message));
        }
        if let Err(what) = check_name(&template.spelt_out()) {
            return Err(Error::new(ErrorKind::Configuration, what));
        }
        Ok(Self { template, used: Arc::new(Used::new(DEFAULT_MAX_TOPICS)) })
    }
}

impl Topic {
    /// A fixed name, be it allowed or not: the brokers will tell.
    pub fn named(name: impl Into<String>) -> Self {
        let used = Arc::new(Used::new(DEFAULT_MAX_TOPICS));
        Self { template: Template::of_text(name.into()), used }
    }

    /// The same with another bound on the topics that its template makes, over all sinks that are given
    /// this one or a clone. 16 by default; a value that is made up could otherwise make any number.
    #[must_use]
    pub fn with_max_topics(self, max: usize) -> Self {
        Self { used: Arc::new(Used::new(max)), ..self }
    }

    /// The name, where it is the same for all records.
    pub fn fixed(&self) -> Option<&str> {
        self.template.as_text()
    }

    /// The fields without which a record has no topic.
    pub fn needed_fields(&self) -> impl Iterator<Item = &'static str> {
        self.template.needed_fields()
    }

    /// Whether it takes a record to know its topic.
    pub fn is_by_record(&self) -> bool {
        self.template.has_fields()
    }

    /// The name of what belongs to all of the topics together, such as their checkpoints: the template with
    /// its names as text.
    pub fn family(&self) -> String {
        self.template.spelt_out()
    }

    pub(super) fn check(&self, known: Known<'_>) -> Result<()> {
        self.template.check(known)
    }

    pub(super) fn bind(&self, known: Known<'_>) -> Bound {
        let account = known.account.map(legal);
        let integration = known.integration.map(legal);
        let known = Known {
            account: account.as_deref(),
            integration: integration.as_deref(),
            snapshot: None,
        };
        self.template.bind(known)
    }

    /// Takes note that records go to `name`.
    pub(super) fn using(&self, name: &str) -> Result<()> {
        let mut names = self.used.names.lock().unwrap_or_else(PoisonError::into_inner);
        if names.contains(name) {
            return Ok(());
        }
        check_name(name).map_err(|what| Error::new(ErrorKind::Configuration, what))?;
        if names.len() >= self.used.max {
            let message = format!(
                "topic `{self}` would make more than {} topics, the next being {name}: allow more with \
                 --max-topics if they are meant",
                self.used.max
            );
            return Err(Error::new(ErrorKind::Destination, message));
        }
        names.insert(name.into());
        Ok(())
    }
}

impl Used {
    fn new(max: usize) -> Self {
        Self { max, names: Mutex::default() }
    }
}

/// Whether a topic may be made of it.
fn fits(name: Name) -> bool {
    match name {
        Name::Account | Name::Integration => true,
        Name::Snapshot => false,
        Name::Field(field) => License::FIELDS[field] == "status",
    }
}

/// A value as it can stand in a topic's name.
pub(super) fn legal(value: &str) -> String {
    value.chars().map(|character| if is_legal(character) { character } else { '-' }).collect()
}

fn is_legal(character: char) -> bool {
    character.is_ascii_alphanumeric() || matches!(character, '.' | '_' | '-')
}

/// Refuses what Kafka does.
pub(super) fn check_name(name: &str) -> Result<(), String> {
    let shown = crate::printable(name, LONGEST);
    if name.is_empty() {
        Err("a topic's name is not empty".to_owned())
    } else if name == "." || name == ".." {
        Err(format!("`{name}` is no name for a topic"))
    } else if name.len() > LONGEST {
        Err(format!("topic `{shown}` has {} characters: {LONGEST} are allowed", name.len()))
    } else if !name.chars().all(is_legal) {
        Err(format!("topic `{shown}` may have only ASCII letters, digits, `.`, `_` and `-`"))
    } else {
        Ok(())
    }
}

/// Why a topic that was made of a record's values cannot be, and what to do; without the name, which they stand in.
pub(super) fn unfit(name: &str) -> Option<String> {
    let len = name.len();
    if len > LONGEST {
        Some(format!(
            "its topic would have a name of {len} characters, and {LONGEST} are the most: make --topic of values that are \
             shorter"
        ))
    } else if check_name(name).is_err() {
        Some(
            "its topic would have a name that is empty or has only dots: let --topic have a text beside the value, such as \
             `licenses-{status}`"
                .to_owned(),
        )
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_checked_by_kafka_s_rules() {
        let longest = "x".repeat(LONGEST);
        for name in ["a", "saas.licenses_1-x", "licenses-{integration}-{status}", &longest] {
            assert!(name.parse::<Topic>().is_ok(), "{name}");
        }
        for name in
            ["", ".", "..", "a b", "ü", "a/{status}", "{name}", "{snapshot_id}", &(longest + "x")]
        {
            let error = name.parse::<Topic>().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Configuration, "{name}");
        }
    }

    #[test]
    fn a_name_that_there_is_none_of_is_told_by_those_that_fit() {
        let told = |text: &str| text.parse::<Topic>().unwrap_err().message().to_owned();
        let names = "there is no `foo`, but integrated_account_id, integration, status";
        assert_eq!(told("{foo}"), names);
        assert_eq!(told("{stat}"), "there is no `stat`: did you mean `status`?");
        assert!(told("{snapshot_id}").ends_with(
            "can be made of integrated_account_id, integration and status, and of nothing else"
        ));
    }

    #[test]
    fn a_name_that_is_not_allowed_is_told_without_itself() {
        assert_eq!(unfit("licenses-active"), None);
        assert!(unfit(&"x".repeat(300)).unwrap().contains("300 characters, and 249 are the most"));
        for name in ["", ".", ".."] {
            assert!(unfit(name).unwrap().contains("such as `licenses-{status}`"), "{name}");
        }
    }

    #[test]
    fn values_are_made_to_fit_a_name() {
        let topic: Topic = "licenses-{integration}".parse().unwrap();
        let known = Known { integration: Some("Cisco Meraki"), ..Known::default() };
        let bound = topic.bind(known);
        assert_eq!(bound.constant(), Some("licenses-Cisco-Meraki"));
        assert_eq!((topic.fixed(), topic.family()), (None, "licenses-integration".to_owned()));
    }

    #[test]
    fn the_number_of_topics_is_bounded_over_all_clones() {
        let topic = "l-{status}".parse::<Topic>().unwrap().with_max_topics(2);
        let other = topic.clone();
        topic.using("l-a").unwrap();
        other.using("l-b").unwrap();
        topic.using("l-b").unwrap();
        let error = topic.using("l-c").unwrap_err();
        assert!(error.message().contains("more than 2 topics"), "{error}");
    }
}
