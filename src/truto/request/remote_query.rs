//! What is passed on to the provider's own API.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fmt;
use std::str::FromStr;

use crate::error::{Error, ErrorKind, Result};

/// Query parameters that Truto passes on to the provider's own API as they are: `remote_query`.
///
/// They nest as objects do. Each is added by its name in the syntax of Truto's API, `a[b][c]` for a
/// member of a member, `a[]` for one more value of a list; on the wire the brackets are
/// percent-encoded. What a provider understands is in its own documentation.
///
/// ```
/// use license_stream::truto::{QueryValue, RemoteQuery};
///
/// let mut query = RemoteQuery::default();
/// query.add("filter[status][in][]", "active")?;
/// query.add("filter[status][in][]", "invited")?;
/// query.merge(&"expand=plan".parse()?)?;
///
/// assert_eq!(query.get("expand"), Some(&QueryValue::Text("plan".to_owned())));
/// assert!(query.add("expand[plan]", "x").is_err(), "it is a text already");
/// # Ok::<(), license_stream::Error>(())
/// ```
#[derive(Clone, Default, PartialEq, Eq)]
pub struct RemoteQuery {
    members: BTreeMap<String, QueryValue>,
}

/// The value of a member of a [`RemoteQuery`].
///
/// A list holds texts only: how Truto would read a list of objects is not documented.
#[derive(Clone, PartialEq, Eq)]
pub enum QueryValue {
    /// `name=text`
    Text(String),
    /// `name[]=text`, once for each; never empty.
    List(Vec<String>),
    /// `name[member]=…`; never empty.
    Object(BTreeMap<String, QueryValue>),
}

/// The names are shown, and the values not: they may be what a customer has stored.
impl fmt::Debug for RemoteQuery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RemoteQuery").field(&self.members).finish()
    }
}

impl fmt::Debug for QueryValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(_) => f.write_str("…"),
            Self::List(values) => write!(f, "[{} values]", values.len()),
            Self::Object(members) => members.fmt(f),
        }
    }
}

/// How deep members may nest, the list included.
const MAX_DEPTH: usize = 16;

impl RemoteQuery {
    /// Adds a value under `name`.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`] if `name` is not written as `a`, `a[b]` or `a[b][]` and so on,
    /// nests deeper than 16 levels, or has a value of another kind already.
    pub fn add(&mut self, name: &str, value: impl Into<String>) -> Result<()> {
        let path = path(name)?;
        self.insert(&path, value.into()).map_err(|what| {
            let message = format!("remote_query has `{}` twice: {what}", name.escape_debug());
            Error::new(ErrorKind::Configuration, message)
        })
    }

    /// Adds all of `other`.
    ///
    /// # Errors
    /// As [`add`](Self::add); what stands before the value at fault was added.
    pub fn merge(&mut self, other: &Self) -> Result<()> {
        other.pairs().into_iter().try_for_each(|(name, value)| self.add(&name, value))
    }

    /// The value of a member.
    pub fn get(&self, name: &str) -> Option<&QueryValue> {
        self.members.get(name)
    }

    /// Whether there is nothing to pass on.
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// Names and values in the syntax of Truto's API, not yet percent-encoded.
    pub fn pairs(&self) -> Vec<(String, &str)> {
        let mut pairs = Vec::new();
        for (name, value) in &self.members {
            value.push_pairs(name.clone(), &mut pairs);
        }
        pairs
    }

    fn insert(&mut self, path: &[&str], value: String) -> Result<(), &'static str> {
        let Some((last, outer)) = path.split_last() else { return Ok(()) };
        // A list is the value of the member before its brackets.
        let (is_list, last, outer) = match outer.split_last() {
            Some((name, outer)) if last.is_empty() => (true, name, outer),
            _ => (false, last, outer),
        };
        let mut members = &mut self.members;
        for name in outer {
            let member = members.entry((*name).to_owned());
            members = match member.or_insert_with(|| QueryValue::Object(BTreeMap::new())) {
                QueryValue::Object(members) => members,
                _ => return Err("once as a value and once with members"),
            };
        }
        match (members.entry((*last).to_owned()), is_list) {
            (Entry::Vacant(entry), true) => drop(entry.insert(QueryValue::List(vec![value]))),
            (Entry::Vacant(entry), false) => drop(entry.insert(QueryValue::Text(value))),
            (Entry::Occupied(mut entry), is_list) => match (entry.get_mut(), is_list) {
                (QueryValue::List(values), true) => values.push(value),
                (QueryValue::Text(_), false) => return Err("write a list as name[]=value"),
                (QueryValue::Object(_), _) => return Err("once as a value and once with members"),
                _ => return Err("once as a value and once as a list"),
            },
        }
        Ok(())
    }
}

impl QueryValue {
    fn push_pairs<'a>(&'a self, name: String, pairs: &mut Vec<(String, &'a str)>) {
        match self {
            Self::Text(text) => pairs.push((name, text)),
            Self::List(values) => {
                pairs.extend(values.iter().map(|value| (format!("{name}[]"), value.as_str())));
            }
            Self::Object(members) => {
                for (member, value) in members {
                    value.push_pairs(format!("{name}[{member}]"), pairs);
                }
            }
        }
    }
}

/// One value, as `a[b]=c`. The name ends at the first `=` that stands in no brackets.
impl FromStr for RemoteQuery {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let mut is_inside = false;
        let end = text.find(|character| {
            match character {
                '[' => is_inside = true,
                ']' => is_inside = false,
                _ => {}
            }
            character == '=' && !is_inside
        });
        let Some(end) = end else {
            return Err(Error::new(
                ErrorKind::Configuration,
                "a parameter of remote_query is written name=value, name[member]=value or \
                 name[]=value",
            ));
        };
        let mut query = Self::default();
        query.add(&text[..end], &text[end + 1..])?;
        Ok(query)
    }
}

/// `a[b][]` as `a`, `b` and nothing.
fn path(name: &str) -> Result<Vec<&str>> {
    let wrong = |what: &str| {
        let message = format!("remote_query cannot have `{}`: {what}", name.escape_debug());
        Error::new(ErrorKind::Configuration, message)
    };
    let (first, mut rest) = name.split_at(name.find(['[', ']']).unwrap_or(name.len()));
    if first.is_empty() {
        return Err(wrong("it begins with no name"));
    }
    let mut path = vec![first];
    while !rest.is_empty() {
        let inner = rest.strip_prefix('[').and_then(|inner| inner.split_once(']'));
        let Some((member, behind)) = inner.filter(|(member, _)| !member.contains('[')) else {
            return Err(wrong("its brackets do not pair up"));
        };
        if member.is_empty() && !behind.is_empty() {
            return Err(wrong("a list holds values only, so `[]` stands last"));
        }
        path.push(member);
        rest = behind;
        if path.len() > MAX_DEPTH {
            return Err(wrong("it nests deeper than 16 levels"));
        }
    }
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(texts: &[&str]) -> Result<RemoteQuery> {
        let mut query = RemoteQuery::default();
        for text in texts {
            query.merge(&text.parse()?)?;
        }
        Ok(query)
    }

    #[test]
    fn what_is_typed_comes_out_again() {
        let texts = [
            "a=",
            "b[c]=d=e",
            "b[d][e]=[x]",
            "b[f][]=1",
            "b[f][]=1",
            "b[g=h]=i",
            "j[]=",
            "k l=m&n",
        ];
        let query = typed(&texts).unwrap();
        let pairs: Vec<_> =
            query.pairs().iter().map(|(name, value)| format!("{name}={value}")).collect();
        assert_eq!(pairs, texts);
        assert!(!query.is_empty());
        assert_eq!(query.get("j"), Some(&QueryValue::List(vec![String::new()])));
        assert_eq!(query.get("c"), None);
    }

    #[test]
    fn what_cannot_be_read_is_refused_with_what_helps() {
        let deep = format!("a{}=b", "[a]".repeat(MAX_DEPTH));
        for (texts, what) in [
            (&["a"][..], "is written name=value"),
            (&["a[b=c"], "is written name=value"),
            (&["=b"], "begins with no name"),
            (&["[a]=b"], "begins with no name"),
            (&["a]=b"], "do not pair up"),
            (&["a[b]c=d"], "do not pair up"),
            (&["a[b[c]]=d"], "do not pair up"),
            (&["a[][b]=c"], "`[]` stands last"),
            (&["a[][]=c"], "`[]` stands last"),
            (&[deep.as_str()], "deeper than 16"),
            (&["a=1", "a=2"], "write a list as name[]=value"),
            (&["a=1", "a[]=2"], "once as a value and once as a list"),
            (&["a[]=1", "a=2"], "once as a value and once as a list"),
            (&["a=1", "a[b]=2"], "once as a value and once with members"),
            (&["a[]=1", "a[b]=2"], "once as a value and once with members"),
            (&["a[b]=1", "a=2"], "once as a value and once with members"),
            (&["a[b]=1", "a[]=2"], "once as a value and once with members"),
        ] {
            let error = typed(texts).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Configuration);
            assert!(error.message().contains(what), "{texts:?}: {}", error.message());
        }
        assert!(typed(&[&format!("a{}", &deep[4..])]).is_ok(), "one level less");
    }

    #[test]
    fn values_are_not_shown() {
        let query = typed(&["a=s3cret", "b[]=s3cret", "c[d]=s3cret"]).unwrap();
        let shown = format!("{query:?}");
        assert!(shown.contains("\"d\": …") && !shown.contains("s3cret"), "{shown}");
        let error = typed(&["a=s3cret", "a=s3cret"]).unwrap_err();
        assert!(!format!("{error:?}").contains("s3cret"));
    }
}
