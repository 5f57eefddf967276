//! A YAML document as a tree that knows where in the file each part stands, and that is bounded in all it takes.

use std::collections::HashMap;
use std::fmt;

use license_stream::printable;
use saphyr_parser::{Event, Marker, Parser, ScalarStyle, ScanError, Tag};

/// Levels that lists and maps may nest: more than any pipeline has.
const MOST_LEVELS: usize = 16;

/// What the tree may take, aliases written out: a few of them can stand for any number of bytes.
const MOST_BYTES: usize = 8 << 20;

/// What a node takes beside its text.
const NODE_BYTES: usize = 64;

/// A place in the file, counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct At {
    pub(crate) line: usize,
    pub(crate) column: usize,
}

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}", self.line, self.column)
    }
}

impl From<Marker> for At {
    fn from(marker: Marker) -> Self {
        Self { line: marker.line(), column: marker.col() + 1 }
    }
}

/// What is wrong with the file, and where.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Wrong {
    pub(crate) at: At,
    pub(crate) message: String,
}

impl Wrong {
    pub(crate) fn new(at: At, message: impl Into<String>) -> Self {
        Self { at, message: message.into() }
    }
}

/// A value, and where it begins.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) at: At,
    pub(crate) value: Value,
}

#[derive(Clone, Debug)]
pub(crate) enum Value {
    Text(Scalar),
    List(Vec<Node>),
    Map(Vec<(Name, Node)>),
}

/// A text as it is written, with or without quotes.
#[derive(Clone, Debug)]
pub(crate) struct Scalar {
    pub(crate) text: String,
    /// Without quotes, so that it may be a number, a truth or nothing.
    pub(crate) is_plain: bool,
}

/// The key of a map.
#[derive(Clone, Debug)]
pub(crate) struct Name {
    pub(crate) at: At,
    pub(crate) text: String,
}

impl Scalar {
    /// Whether it says that there is no value.
    pub(crate) fn is_null(&self) -> bool {
        self.is_plain && matches!(self.text.as_str(), "" | "~" | "null" | "Null" | "NULL")
    }

    /// The truth that it is, if it is one by YAML's core schema.
    pub(crate) fn truth(&self) -> Option<bool> {
        match self.text.as_str() {
            "true" | "True" | "TRUE" if self.is_plain => Some(true),
            "false" | "False" | "FALSE" if self.is_plain => Some(false),
            _ => None,
        }
    }
}

impl Node {
    /// What it is, for messages.
    pub(crate) fn what(&self) -> &'static str {
        match &self.value {
            Value::Text(text) if text.is_null() => "nothing",
            Value::Text(_) => "a single value",
            Value::List(_) => "a list",
            Value::Map(_) => "a map",
        }
    }

    /// Its entries, if it is a map.
    pub(crate) fn entries(&self, what: &str) -> Result<&[(Name, Node)], Wrong> {
        match &self.value {
            Value::Map(entries) => Ok(entries),
            _ => Err(Wrong::new(
                self.at,
                format!("{what} is a map of keys, and this is {}", self.what()),
            )),
        }
    }

    fn bytes(&self) -> usize {
        NODE_BYTES
            + match &self.value {
                Value::Text(text) => text.text.len(),
                Value::List(items) => items.iter().map(Self::bytes).sum(),
                Value::Map(entries) => {
                    entries.iter().map(|(name, node)| name.text.len() + node.bytes()).sum()
                }
            }
    }
}

/// The one document in `text`; `None` if there is nothing in it.
pub(crate) fn parse(text: &str) -> Result<Option<Node>, Wrong> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut tree = Tree::default();
    let mut parser = Parser::new_from_str(text);
    while let Some(event) = parser.next_event() {
        let (event, span) = event.map_err(|error| unreadable(&error))?;
        tree.add(event, span.start.into())?;
    }
    Ok(tree.root)
}

fn unreadable(error: &ScanError) -> Wrong {
    Wrong::new((*error.marker()).into(), format!("this is no YAML: {}", error.info()))
}

/// A tree that grows.
#[derive(Default)]
struct Tree {
    root: Option<Node>,
    /// Lists and maps that have begun, the outermost first.
    open: Vec<Open>,
    /// What aliases stand for.
    anchors: HashMap<usize, Node>,
    documents: usize,
    bytes: usize,
}

/// A list or a map that has begun, with the key whose value comes next.
struct Open {
    node: Node,
    anchor: usize,
    name: Option<Name>,
}

impl Tree {
    fn add(&mut self, event: Event<'_>, at: At) -> Result<(), Wrong> {
        match event {
            Event::DocumentStart(_) => {
                self.documents += 1;
                if self.documents > 1 {
                    return Err(Wrong::new(at, "a file is one document: `---` begins another one"));
                }
                Ok(())
            }
            Event::Scalar(text, style, anchor, tag) => {
                let is_plain = style == ScalarStyle::Plain && !is_text(tag.as_deref(), at)?;
                let text = Scalar { text: text.into_owned(), is_plain };
                self.put(Node { at, value: Value::Text(text) }, anchor)
            }
            Event::SequenceStart(anchor, tag) => {
                self.begin(at, anchor, tag.as_deref(), Value::List(vec![]))
            }
            Event::MappingStart(anchor, tag) => {
                self.begin(at, anchor, tag.as_deref(), Value::Map(vec![]))
            }
            Event::SequenceEnd | Event::MappingEnd => match self.open.pop() {
                Some(Open { node, anchor, .. }) => self.put(node, anchor),
                None => Ok(()),
            },
            Event::Alias(anchor) => match self.anchors.get(&anchor) {
                Some(node) => {
                    self.bytes += node.bytes();
                    self.check_bytes(at)?;
                    let node = Node { at, ..self.anchors[&anchor].clone() };
                    self.put(node, 0)
                }
                None => {
                    Err(Wrong::new(at, "an alias cannot stand for what it is itself a part of"))
                }
            },
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => Ok(()),
        }
    }

    fn begin(
        &mut self,
        at: At,
        anchor: usize,
        tag: Option<&Tag>,
        value: Value,
    ) -> Result<(), Wrong> {
        is_text(tag, at)?;
        if self.open.len() == MOST_LEVELS {
            return Err(Wrong::new(
                at,
                format!("lists and maps nest deeper than {MOST_LEVELS} levels"),
            ));
        }
        self.open.push(Open { node: Node { at, value }, anchor, name: None });
        Ok(())
    }

    /// Puts a node that has ended into what it is a part of.
    fn put(&mut self, node: Node, anchor: usize) -> Result<(), Wrong> {
        if let Value::Text(text) = &node.value {
            self.bytes += NODE_BYTES + text.text.len();
        } else {
            self.bytes += NODE_BYTES;
        }
        self.check_bytes(node.at)?;
        if anchor > 0 {
            self.bytes += node.bytes();
            self.check_bytes(node.at)?;
            self.anchors.insert(anchor, node.clone());
        }
        let Some(Open { node: outer, name, .. }) = self.open.last_mut() else {
            self.root = Some(node);
            return Ok(());
        };
        match &mut outer.value {
            Value::List(items) => items.push(node),
            Value::Map(entries) => match name.take() {
                Some(name) => entries.push((name, node)),
                None => *name = Some(key(node, entries)?),
            },
            Value::Text(_) => {}
        }
        Ok(())
    }

    fn check_bytes(&self, at: At) -> Result<(), Wrong> {
        if self.bytes <= MOST_BYTES {
            return Ok(());
        }
        let message =
            format!("with its aliases written out, the file takes more than {MOST_BYTES} bytes");
        Err(Wrong::new(at, message))
    }
}

/// The node as the key of a map that has `entries`.
fn key(node: Node, entries: &[(Name, Node)]) -> Result<Name, Wrong> {
    let Node { at, value: Value::Text(Scalar { text, .. }) } = node else {
        return Err(Wrong::new(node.at, format!("a key is a text, and this is {}", node.what())));
    };
    if let Some((first, _)) = entries.iter().find(|(name, _)| name.text == text) {
        let message =
            format!("`{}` is there twice, first in line {}", printable(&text, 60), first.at.line);
        return Err(Wrong::new(at, message));
    }
    Ok(Name { at, text })
}

/// Whether the tag makes a text of whatever it stands before; refuses tags that nobody here knows.
fn is_text(tag: Option<&Tag>, at: At) -> Result<bool, Wrong> {
    match tag {
        None => Ok(false),
        Some(tag) if tag.is_yaml_core_schema() => Ok(tag.suffix == "str"),
        Some(tag) if tag.handle.is_empty() && tag.suffix == "!" => Ok(true),
        Some(tag) => {
            let message = format!("the tag {} is not known", printable(&tag.to_string(), 60));
            Err(Wrong::new(at, message))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The tree on one line.
    fn shown(node: &Node) -> String {
        match &node.value {
            Value::Text(text) if text.is_plain => text.text.clone(),
            Value::Text(text) => format!("{:?}", text.text),
            Value::List(items) => {
                format!("[{}]", items.iter().map(shown).collect::<Vec<_>>().join(","))
            }
            Value::Map(entries) => {
                let entry = |(name, node): &(Name, Node)| {
                    format!("{}@{}:{}={}", name.text, name.at.line, name.at.column, shown(node))
                };
                format!("{{{}}}", entries.iter().map(entry).collect::<Vec<_>>().join(","))
            }
        }
    }

    #[test]
    fn keys_know_where_they_stand() {
        let text =
            "# first\na: 1\nb:\n  - {c: 'x', d: [y, \"z\"]}\n  - !!str 5\ne: |\n  two\n  lines\n";
        let root = parse(text).unwrap().unwrap();
        assert_eq!(
            shown(&root),
            r#"{a@2:1=1,b@3:1=[{c@4:6="x",d@4:14=[y,"z"]},"5"],e@6:1="two\nlines\n"}"#
        );
        assert!(parse("").unwrap().is_none() && parse("# nothing\n").unwrap().is_none());
    }

    #[test]
    fn an_alias_is_what_it_stands_for() {
        let root = parse("\u{feff}a: &x {b: 1}\nc: *x\n").unwrap().unwrap();
        assert_eq!(shown(&root), "{a@1:1={b@1:8=1},c@2:1={b@1:8=1}}");
    }

    #[test]
    fn what_cannot_be_is_told_with_its_place() {
        for (text, line, column, message) in [
            ("a: 1\nb: [", 3, 1, "this is no YAML"),
            ("a: 1\n a: 2", 2, 3, "this is no YAML"),
            ("a: 1\nb: 1\na: 2", 3, 1, "`a` is there twice, first in line 1"),
            ("a: 1\n---\nb: 2", 2, 1, "a file is one document"),
            ("[a]: 1", 1, 1, "a key is a text, and this is a list"),
            ("a: !secret x", 1, 4, "the tag !secret is not known"),
            ("a: &x [*x]", 1, 8, "an alias cannot stand for"),
            ("a: *x", 1, 4, "this is no YAML"),
        ] {
            let wrong = parse(text).unwrap_err();
            assert!(wrong.message.starts_with(message), "{text}: {wrong:?}");
            assert_eq!((wrong.at.line, wrong.at.column), (line, column), "{text}: {wrong:?}");
        }
    }

    #[test]
    fn few_bytes_that_stand_for_many_are_refused() {
        let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned();
        for level in 1..12 {
            let items = vec![format!("*a{}", level - 1); 9].join(", ");
            text += &format!("a{level}: &a{level} [{items}]\n");
        }
        let wrong = parse(&text).unwrap_err();
        assert!(wrong.message.starts_with("with its aliases written out"), "{wrong:?}");

        let deep = format!("{}x{}", "[".repeat(17), "]".repeat(17));
        let wrong = parse(&deep).unwrap_err();
        assert_eq!(wrong.message, "lists and maps nest deeper than 16 levels");
        let much = format!("a: &a {}\nb: [{}]", "x".repeat(1 << 19), vec!["*a"; 20].join(","));
        assert!(
            parse(&much).unwrap_err().message.starts_with("with its aliases"),
            "{}",
            much.len()
        );
        assert!(parse(&"[".repeat(1 << 19)).is_err());
    }
}
