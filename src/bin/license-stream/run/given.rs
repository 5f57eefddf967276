//! What a job is given: the values of its keys, out of the file or from `--set`, as texts that the command line takes.

use license_stream::printable;
use license_stream::sink::kafka::SECRET_SETTINGS;

use super::keys::{Key, Kind};
use super::text::{self, Expanded, expand};
use super::yaml::{At, Node, Scalar, Value, Wrong};

/// Where a value is from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// The command line.
    Set,
    /// The job in the file.
    Job(At),
    /// The file's defaults.
    Defaults(At),
}

impl Origin {
    /// Where it stands in the file.
    pub(crate) fn at(self) -> Option<At> {
        match self {
            Self::Set => None,
            Self::Job(at) | Self::Defaults(at) => Some(at),
        }
    }
}

/// The value of a key.
#[derive(Clone, Debug)]
pub(crate) struct Given {
    pub(crate) origin: Origin,
    /// Those that the flag is given, one after the other; of a switch, none.
    pub(crate) values: Vec<Text>,
    /// Whether the flag is given at all: a switch may be off.
    pub(crate) is_on: bool,
}

/// One value.
#[derive(Clone)]
pub(crate) struct Text {
    pub(crate) text: String,
    /// Whether a secret is in it.
    pub(crate) is_secret: bool,
}

impl std::fmt::Debug for Text {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("…")
    }
}

impl Given {
    /// What stands at a key of the file; `None` where it says that there is no value.
    pub(crate) fn of_file(key: &Key, node: &Node, origin: Origin) -> Result<Option<Self>, Wrong> {
        let values = match &node.value {
            Value::Text(text) if text.is_null() => return Ok(None),
            Value::Text(text) if key.kind == Kind::Switch => {
                let is_on = truth(key, node.at, text)?;
                return Ok(Some(Self { origin, values: Vec::new(), is_on }));
            }
            Value::Text(text) => vec![value(key, node.at, text)?],
            Value::List(items) if matches!(key.kind, Kind::Several | Kind::Pairs) => {
                items.iter().map(|item| single(key, item)).collect::<Result<_, _>>()?
            }
            Value::Map(entries) if key.kind == Kind::Pairs => {
                let mut values = Vec::new();
                for (name, node) in entries {
                    let items = match &node.value {
                        Value::List(items) => items.as_slice(),
                        _ => std::slice::from_ref(node),
                    };
                    for item in items {
                        values.push(pair(key, &name.text, item)?);
                    }
                }
                values
            }
            _ => {
                let wanted = match key.kind {
                    Kind::Switch => "true or false",
                    Kind::One => "a single value",
                    Kind::Several => "a value or a list of them",
                    Kind::Pairs => "a map, or a list of name=value",
                };
                let message = format!("`{}` is {wanted}, and this is {}", key.name, node.what());
                return Err(Wrong::new(node.at, message));
            }
        };
        let is_on = !values.is_empty();
        Ok(Some(Self { origin, values, is_on }))
    }

    /// What was typed for a key, each time it was.
    pub(crate) fn typed(key: &Key, typed: &[&str]) -> Result<Self, String> {
        let origin = Origin::Set;
        if key.kind == Kind::Switch {
            return match typed {
                ["true"] => Ok(Self { origin, values: Vec::new(), is_on: true }),
                ["false"] => Ok(Self { origin, values: Vec::new(), is_on: false }),
                _ => Err("it is true or false".to_owned()),
            };
        }
        if key.kind == Kind::One && typed.len() > 1 {
            return Err("it has one value".to_owned());
        }
        let value =
            |text: &&str| Text { text: (*text).to_owned(), is_secret: text::has_password(text) };
        Ok(Self { origin, values: typed.iter().map(value).collect(), is_on: true })
    }
}

/// The value of the environment, or none that is text.
fn variable(name: &str) -> Result<Option<String>, String> {
    match std::env::var(name) {
        Ok(value) => Ok(Some(value)),
        Err(std::env::VarError::NotPresent) => Ok(None),
        // The cause is left out: it would show the value.
        Err(std::env::VarError::NotUnicode(_)) => Err(format!("the variable {name} is no text")),
    }
}

fn expanded(at: At, text: &str) -> Result<Expanded, Wrong> {
    expand(text, variable).map_err(|message| Wrong::new(at, message))
}

fn truth(key: &Key, at: At, text: &Scalar) -> Result<bool, Wrong> {
    let is_plain = text.is_plain || text.text.contains("${");
    let text = Scalar { text: expanded(at, &text.text)?.text, is_plain };
    text.truth().ok_or_else(|| Wrong::new(at, format!("`{}` is true or false", key.name)))
}

/// An item of a list.
fn single(key: &Key, node: &Node) -> Result<Text, Wrong> {
    match &node.value {
        Value::Text(text) if !text.is_null() => value(key, node.at, text),
        _ => {
            let message =
                format!("`{}` is a list of single values, and this is {}", key.name, node.what());
            Err(Wrong::new(node.at, message))
        }
    }
}

fn value(key: &Key, at: At, text: &Scalar) -> Result<Text, Wrong> {
    if text.truth().is_some() {
        let message = format!(
            "`{}` is no switch: put {} into quotes where it is meant as a text",
            key.name, text.text
        );
        return Err(Wrong::new(at, message));
    }
    // A setting may be written as on the command line, too.
    match text.text.split_once('=') {
        Some((name, setting)) if is_settings(key) => {
            let text = Scalar { text: setting.to_owned(), is_plain: false };
            setting_of(at, name.trim(), &text)
        }
        _ => plain(at, text),
    }
}

/// An entry of a map.
fn pair(key: &Key, name: &str, node: &Node) -> Result<Text, Wrong> {
    let Value::Text(text) = &node.value else {
        let message =
            format!("`{}` has single values, and this is {}", printable(name, 60), node.what());
        return Err(Wrong::new(node.at, message));
    };
    if is_settings(key) {
        return setting_of(node.at, name, text);
    }
    let empty = Scalar { text: String::new(), is_plain: false };
    let Text { text, is_secret } = plain(node.at, if text.is_null() { &empty } else { text })?;
    Ok(Text { text: format!("{name}={text}"), is_secret: is_secret || text::is_secret(name) })
}

fn is_settings(key: &Key) -> bool {
    key.arg.get_short() == Some('X')
}

fn plain(at: At, text: &Scalar) -> Result<Text, Wrong> {
    if text::has_password(&text.text) && !text.text.contains("${") {
        let message = "a password does not stand in this file: put it into a variable of the environment, and \
             ${VARIABLE} in its place";
        return Err(Wrong::new(at, message));
    }
    let Expanded { text, is_secret, .. } = expanded(at, &text.text)?;
    Ok(Text { is_secret: is_secret || text::has_password(&text), text })
}

/// A setting of librdkafka. One that is a secret is said where it is, and so is in no list of arguments.
fn setting_of(at: At, name: &str, text: &Scalar) -> Result<Text, Wrong> {
    let Expanded { text, is_secret, variable } = expanded(at, &text.text)?;
    if !SECRET_SETTINGS.contains(&name) {
        return Ok(Text { text: format!("{name}={text}"), is_secret });
    }
    let text = match variable {
        Some(variable) => format!("env:{variable}"),
        None => text,
    };
    let is_elsewhere =
        text.starts_with("env:") || (text.starts_with('@') && !text.starts_with("@@"));
    if !is_elsewhere {
        let message = format!(
            "`{name}` is a secret, which does not stand in this file: say where it is, with `env:VARIABLE` or \
             `@FILE`"
        );
        return Err(Wrong::new(at, message));
    }
    Ok(Text { text: format!("{name}={text}"), is_secret: false })
}
