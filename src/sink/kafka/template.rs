//! Text with the names of fields in it, such as `{integrated_account_id}:{id}`.

use std::fmt;
use std::str::FromStr;

use crate::decode::pick::{Picked, Wanted};
use crate::error::{Error, ErrorKind, Result};
use crate::license::License;

/// What of a license cannot stand in a template: it is no single value.
const LISTS: [&str; 3] = ["products", "remote_data", "roles"];

/// How alike two names must be for one to be a slip of the other; from 0 to 1.
const ALIKE: f64 = 0.8;

/// A text in which `{name}` stands for a field of the license, or for something that is known of all
/// licenses of a snapshot.
///
/// - Any field of [`License::FIELDS`] that is a single value; what `products`, `remote_data` and `roles`
///   hold is not. A string stands there as the characters it means, a number or a truth value as the body
///   spells it.
/// - `integrated_account_id`, `integration` and `snapshot_id`.
/// - `{name|text}` is `text` where the field is absent or null. Without it such a record has no value for
///   the template, and is a [reject](crate::RejectReason::Unroutable): half a key would be the key of
///   other licenses too.
/// - `{{` and `}}` stand for `{` and `}`.
///
/// ```
/// use license_stream::sink::kafka::Template;
///
/// let template: Template = "{status|none}/{id}".parse()?;
/// assert_eq!(template.to_string(), "{status|none}/{id}");
///
/// let error = "{stauts}".parse::<Template>().unwrap_err();
/// assert!(error.message().contains("did you mean `status`?"));
/// # Ok::<(), license_stream::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    text: String,
    parts: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    Name { name: Name, otherwise: Option<String> },
}

/// What can stand between braces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Name {
    Account,
    Integration,
    Snapshot,
    /// By its index in [`License::FIELDS`].
    Field(usize),
}

/// What is the same for all records of a snapshot.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Known<'a> {
    pub(super) account: Option<&'a str>,
    pub(super) integration: Option<&'a str>,
    pub(super) snapshot: Option<&'a str>,
}

/// A template in which only fields of the record are open.
#[derive(Clone, Debug)]
pub(super) struct Bound(Vec<BoundPart>);

#[derive(Clone, Debug)]
enum BoundPart {
    Text(String),
    Field {
        field: usize,
        otherwise: Option<String>,
    },
    /// Something that is not known of the snapshot, and so of no record.
    Missing(&'static str),
}

impl Name {
    const KNOWN: [(Self, &'static str); 3] = [
        (Self::Account, "integrated_account_id"),
        (Self::Integration, "integration"),
        (Self::Snapshot, "snapshot_id"),
    ];

    fn as_str(self) -> &'static str {
        match self {
            Self::Field(field) => License::FIELDS[field],
            known => {
                Self::KNOWN.iter().find(|(name, _)| *name == known).map_or("", |(_, text)| text)
            }
        }
    }

    /// The name of that text; where there is none, those that `fits` are told.
    fn parse(text: &str, fits: fn(Self) -> bool) -> Result<Self, String> {
        if let Some((known, _)) = Self::KNOWN.iter().find(|(_, name)| *name == text) {
            return Ok(*known);
        }
        check_single(text)?;
        field(text).map(Self::Field).ok_or_else(|| {
            let known = Self::KNOWN.into_iter().filter(|(known, _)| fits(*known));
            let fields = License::FIELDS.into_iter().enumerate();
            let fields =
                fields.filter(|(index, name)| !LISTS.contains(name) && fits(Self::Field(*index)));
            unknown(text, known.map(|(_, name)| name).chain(fields.map(|(_, name)| name)))
        })
    }
}

/// Refuses what is a list of things, or an object.
pub(super) fn check_single(field: &str) -> Result<(), String> {
    match LISTS.contains(&field) {
        true => Err(format!("`{field}` is no single value")),
        false => Ok(()),
    }
}

/// The fields that are single values.
pub(super) fn single_fields() -> impl Iterator<Item = &'static str> + Clone {
    License::FIELDS.into_iter().filter(|name| !LISTS.contains(name))
}

/// The field of that name, as an index of [`License::FIELDS`].
pub(super) fn field(name: &str) -> Option<usize> {
    License::FIELDS.iter().position(|field| *field == name)
}

/// Says that there is no such name, and which one may be meant.
pub(super) fn unknown(name: &str, names: impl Iterator<Item = &'static str> + Clone) -> String {
    let shown = crate::printable(name, 60);
    match nearest(name, names.clone()) {
        Some(nearest) => format!("there is no `{shown}`: did you mean `{nearest}`?"),
        None => format!("there is no `{shown}`, but {}", names.collect::<Vec<_>>().join(", ")),
    }
}

/// Which of `names` may be meant by `name`.
pub(super) fn nearest(
    name: &str,
    names: impl Iterator<Item = &'static str>,
) -> Option<&'static str> {
    names
        .map(|known| (known, strsim::jaro_winkler(name, known)))
        .filter(|(_, alike)| *alike >= ALIKE)
        .max_by(|one, other| one.1.total_cmp(&other.1))
        .map(|(known, _)| known)
}

impl FromStr for Template {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Self::made_of(text, |_| true)
    }
}

fn parse(text: &str, fits: fn(Name) -> bool) -> Result<Vec<Part>, String> {
    let mut parts = Vec::new();
    let mut literal = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(['{', '}']) {
        literal.push_str(&rest[..at]);
        let (brace, behind) = rest[at..].split_at(1);
        if let Some(behind) = behind.strip_prefix(brace) {
            literal.push_str(brace);
            rest = behind;
            continue;
        }
        let name = (brace == "{").then(|| behind.split_once('}')).flatten();
        let Some((name, behind)) = name.filter(|(name, _)| !name.contains('{')) else {
            return Err(format!(
                "a `{brace}` is alone in `{}`: a name is written `{{name}}`, and the brace itself twice",
                crate::printable(text, 120)
            ));
        };
        let (name, otherwise) = match name.split_once('|') {
            Some((name, otherwise)) => (name, Some(otherwise.to_owned())),
            None => (name, None),
        };
        if !literal.is_empty() {
            parts.push(Part::Text(std::mem::take(&mut literal)));
        }
        parts.push(Part::Name { name: Name::parse(name, fits)?, otherwise });
        rest = behind;
    }
    literal.push_str(rest);
    if !literal.is_empty() {
        parts.push(Part::Text(literal));
    }
    Ok(parts)
}

impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Template {
    /// One of names that may be any; whoever gets none is told of those that `fit`.
    pub(super) fn made_of(text: &str, fit: fn(Name) -> bool) -> Result<Self> {
        let parts = parse(text, fit).map_err(|what| Error::new(ErrorKind::Configuration, what))?;
        Ok(Self { text: text.to_owned(), parts })
    }

    /// One that says `text`, whatever stands in it.
    pub(super) fn of_text(text: String) -> Self {
        Self { parts: vec![Part::Text(text.clone())], text }
    }

    /// The names in it.
    pub(super) fn names(&self) -> impl Iterator<Item = Name> {
        self.parts.iter().filter_map(|part| match part {
            Part::Name { name, .. } => Some(*name),
            Part::Text(_) => None,
        })
    }

    /// Whether records differ in it.
    pub fn has_fields(&self) -> bool {
        self.names().any(|name| matches!(name, Name::Field(_)))
    }

    /// The fields without which a record has no such text.
    pub fn needed_fields(&self) -> impl Iterator<Item = &'static str> {
        self.parts.iter().filter_map(|part| match part {
            Part::Name { name: name @ Name::Field(_), otherwise: None } => Some(name.as_str()),
            Part::Name { .. } | Part::Text(_) => None,
        })
    }

    /// The fields that it is made of, be there another text for those that are missing or not.
    pub fn fields(&self) -> impl Iterator<Item = &'static str> {
        let field = |name: Name| matches!(name, Name::Field(_)).then(|| name.as_str());
        self.names().filter_map(field)
    }

    /// The text, where it is the same for everything.
    pub(super) fn as_text(&self) -> Option<&str> {
        match self.parts.as_slice() {
            [] => Some(""),
            [Part::Text(text)] => Some(text),
            _ => None,
        }
    }

    /// The text with the names themselves in place of what they stand for.
    pub fn spelt_out(&self) -> String {
        let parts = self.parts.iter().map(|part| match part {
            Part::Text(text) => text,
            Part::Name { name, .. } => name.as_str(),
        });
        parts.collect()
    }

    /// Refuses names of what is not known, where nothing is said to stand in its place.
    pub(super) fn check(&self, known: Known<'_>) -> Result<()> {
        for part in &self.parts {
            if let Part::Name { name, otherwise: None } = part
                && !matches!(name, Name::Field(_))
                && known.get(*name).is_none()
            {
                let name = name.as_str();
                let message = format!(
                    "`{self}` names {name}, which is not known here: say what stands in its place, as in \
                     `{{{name}|none}}`"
                );
                return Err(Error::new(ErrorKind::Configuration, message));
            }
        }
        Ok(())
    }

    /// The template for the records of which this is `known`.
    pub(super) fn bind(&self, known: Known<'_>) -> Bound {
        let mut bound: Vec<BoundPart> = Vec::new();
        for part in &self.parts {
            let text = match part {
                Part::Text(text) => text,
                Part::Name { name: Name::Field(field), otherwise } => {
                    bound.push(BoundPart::Field { field: *field, otherwise: otherwise.clone() });
                    continue;
                }
                Part::Name { name, otherwise } => {
                    let Some(value) = known.get(*name).or(otherwise.as_deref()) else {
                        bound.push(BoundPart::Missing(name.as_str()));
                        continue;
                    };
                    value
                }
            };
            match bound.last_mut() {
                Some(BoundPart::Text(before)) => before.push_str(text),
                _ => bound.push(BoundPart::Text(text.to_owned())),
            }
        }
        Bound(bound)
    }
}

impl<'a> Known<'a> {
    fn get(self, name: Name) -> Option<&'a str> {
        match name {
            Name::Account => self.account,
            Name::Integration => self.integration,
            Name::Snapshot => self.snapshot,
            Name::Field(_) => None,
        }
    }
}

impl Bound {
    /// The fields it needs of a record.
    pub(super) fn want(&self, wanted: &mut Wanted) {
        for part in &self.0 {
            if let BoundPart::Field { field, .. } = part {
                wanted.insert(*field);
            }
        }
    }

    /// The text, if it needs nothing of a record.
    pub(super) fn constant(&self) -> Option<&str> {
        match self.0.as_slice() {
            [] => Some(""),
            [BoundPart::Text(text)] => Some(text),
            _ => None,
        }
    }

    /// Adds the text of a record to `target`; what it would need and that is not there, if there
    /// is one, is the error. What was added until then stays.
    pub(super) fn write(
        &self,
        picked: &Picked<'_>,
        target: &mut String,
    ) -> Result<(), &'static str> {
        for part in &self.0 {
            match part {
                BoundPart::Text(text) => target.push_str(text),
                BoundPart::Field { field, otherwise } => match (picked.scalar(*field), otherwise) {
                    (Some(value), _) => target.push_str(&value),
                    (None, Some(otherwise)) => target.push_str(otherwise),
                    (None, None) => return Err(License::FIELDS[*field]),
                },
                BoundPart::Missing(name) => return Err(name),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::pick::pick;
    use crate::decode::{Candidate, Limits};

    const KNOWN: Known<'static> =
        Known { account: Some("acc"), integration: None, snapshot: Some("snap") };

    fn written(template: &str, record: &str) -> Result<String, &'static str> {
        let bound = template.parse::<Template>().unwrap().bind(KNOWN);
        let mut wanted = Wanted::default();
        bound.want(&mut wanted);
        let len = record.len();
        let candidate = Candidate { id: "", text: record, len, value_len: len };
        let mut target = String::new();
        bound.write(&pick(candidate, wanted, &Limits::default()), &mut target)?;
        Ok(target)
    }

    #[test]
    fn names_stand_for_values_and_braces_for_themselves_if_doubled() {
        let record = r#"{"id":"\u0061","name":"N {id}","assigned_quantity":3,"is_paid":false}"#;
        for (template, text) in [
            ("{integrated_account_id}:{id}", "acc:a"),
            ("{{{id}}}", "{a}"),
            ("{{id}}", "{id}"),
            ("{name}", "N {id}"),
            ("{assigned_quantity}-{is_paid}", "3-false"),
            ("{currency|EUR}{snapshot_id}", "EURsnap"),
            ("{currency|}{integration|none}", "none"),
            ("plain", "plain"),
            ("", ""),
        ] {
            assert_eq!(written(template, record).as_deref(), Ok(text), "{template}");
        }
    }

    #[test]
    fn a_field_that_is_missing_is_named() {
        for record in [r#"{"id":"a"}"#, r#"{"id":"a","name":null}"#, r#"{"id":"a","name":["x"]}"#] {
            assert_eq!(written("{id}:{name}", record), Err("name"), "{record}");
        }
    }

    #[test]
    fn what_is_no_template_is_refused_with_what_helps() {
        for (template, message) in [
            ("{stauts}", "there is no `stauts`: did you mean `status`?"),
            ("{account_id}", "there is no `account_id`, but integrated_account_id, integration, "),
            ("{integrated_accountid}", "did you mean `integrated_account_id`?"),
            ("{products}", "`products` is no single value"),
            ("{id", "a `{` is alone in `{id`"),
            ("id}", "a `}` is alone in `id}`"),
            ("{a{id}", "a `{` is alone"),
            ("{}", "there is no ``, but"),
        ] {
            let error = template.parse::<Template>().unwrap_err();
            assert!(error.message().contains(message), "{template}: {error}");
        }
    }

    #[test]
    fn what_is_not_known_of_a_snapshot_is_refused_at_once() {
        let template: Template = "{integration}".parse().unwrap();
        assert_eq!(written("{id}{integration}", r#"{"id":"a"}"#), Err("integration"));
        let error = template.check(KNOWN).unwrap_err();
        assert!(error.message().contains("names integration, which is not known here"), "{error}");
    }
}
