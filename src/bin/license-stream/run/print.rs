//! `run --print-config`: the file as it results, each value with where it is from.

use std::fmt::Write;

use clap::parser::ValueSource;
use license_stream::{Result, masked};

use super::given::Origin;
use super::keys::{Key, Kind};
use super::plan::{Plan, Planned};
use super::text;

const MASK: &str = "***";

/// The file that says what `plan` is. What holds by default is in comments: it is not the same as to say it.
pub(crate) fn text(plan: &Plan) -> Result<String> {
    let mut text = format!("concurrency: {}\n", plan.concurrency);
    if let Some(address) = plan.metrics {
        let _ = writeln!(text, "metrics: '{address}'");
    }
    text.push_str("jobs:\n");
    for job in &plan.jobs {
        let _ = writeln!(text, "  - name: {}\n    to: {}", job.name, job.to.name());
        print_job(&mut text, job)?;
    }
    Ok(text)
}

fn print_job(text: &mut String, job: &Planned) -> Result<()> {
    let matches = job.matches()?;
    let mut by_default = String::new();
    for key in &job.keys.0 {
        let id = key.arg.get_id().as_str();
        let source = matches.value_source(id);
        let is_on = key.kind == Kind::Switch && matches.get_flag(id);
        let values = match key.kind {
            Kind::Switch => vec![is_on.to_string()],
            _ => matches
                .get_raw(id)
                .into_iter()
                .flatten()
                .map(|it| it.to_string_lossy().into_owned())
                .collect(),
        };
        let given = job.given.get(&key.name);
        let origin = match (source, given.map(|given| given.origin)) {
            (_, Some(Origin::Set)) => "--set".to_owned(),
            (_, Some(Origin::Job(at))) => format!("line {}", at.line),
            (_, Some(Origin::Defaults(at))) => format!("defaults, line {}", at.line),
            (Some(ValueSource::EnvVariable), None) => {
                key.variable().unwrap_or("environment").to_owned()
            }
            (Some(_), None) => {
                let _ = writeln!(
                    by_default,
                    "    # {}: {}",
                    key.name,
                    shown(key, &values, |_| false).0
                );
                continue;
            }
            (None, None) => continue,
        };
        // Of a value that clap has split, each part.
        let secrets: Vec<_> =
            given.iter().flat_map(|given| &given.values).map(|value| value.is_secret).collect();
        let is_secret = |index: usize| match secrets.len() == values.len() {
            true => secrets[index],
            false => secrets.contains(&true),
        };
        let (value, is_masked) = shown(key, &values, is_secret);
        let masked = if is_masked { ", masked" } else { "" };
        let _ = writeln!(text, "    {}: {value}  # {origin}{masked}", key.name);
    }
    text.push_str(&by_default);
    Ok(())
}

/// The values of a key as YAML, and whether something of them is masked.
fn shown(key: &Key, values: &[String], is_secret: impl Fn(usize) -> bool) -> (String, bool) {
    let mut is_masked = false;
    let mut one = |(index, value): (usize, &String)| {
        let masked = mask(key, value, is_secret(index));
        is_masked |= masked != *value;
        // A switch and a number are not texts.
        let is_typed = key.kind == Kind::Switch || masked.parse::<u64>().is_ok();
        if is_typed { masked } else { quoted(&masked) }
    };
    let shown = match (key.kind, values) {
        (Kind::Switch | Kind::One, [value]) => one((0, value)),
        _ => format!("[{}]", values.iter().enumerate().map(one).collect::<Vec<_>>().join(", ")),
    };
    (shown, is_masked)
}

fn mask(key: &Key, value: &str, is_secret: bool) -> String {
    match value.split_once('=') {
        Some((name, value))
            if key.kind == Kind::Pairs
                && (is_secret || key.is_private() || is_secretive(name, value)) =>
        {
            format!("{name}={MASK}")
        }
        _ if is_secret && !text::has_password(value) => MASK.to_owned(),
        _ => masked(value).into_owned(),
    }
}

/// Whether a setting of this name may be a secret, be it misspelt; where one is, is none.
fn is_secretive(name: &str, value: &str) -> bool {
    let is_elsewhere =
        value.starts_with("env:") || (value.starts_with('@') && !value.starts_with("@@"));
    !is_elsewhere
        && ["pas", "secret", "pem", "token", "credential", "assertion", "kinit"]
            .iter()
            .any(|part| name.to_ascii_lowercase().contains(part))
}

/// A text of YAML, without quotes where it can be nothing else.
fn quoted(text: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./:{}%=".contains(&byte);
    let is_word = text.bytes().all(is_plain)
        && text.starts_with(|first: char| first.is_ascii_alphabetic() || first == '/')
        && !text.ends_with(':')
        && !text.contains(['{', '}'])
        && !matches!(text.to_ascii_lowercase().as_str(), "true" | "false" | "null");
    let text = text.replace("${", "$${");
    if text.contains(char::is_control) {
        // A text of JSON is one of YAML.
        return serde_json::Value::String(text).to_string();
    }
    if is_word { text } else { format!("'{}'", text.replace('\'', "''")) }
}

#[cfg(test)]
mod tests {
    use super::{is_secretive, quoted};

    #[test]
    fn what_may_be_a_secret_is_told_by_its_name() {
        for (name, value, wanted) in [
            ("sasl.pasword", "hunter2", true),
            ("sasl.password", "@@hunter2", true),
            ("sasl.password", "@file", false),
            ("sasl.password", "env:X", false),
            ("sasl.kerberos.kinit.cmd", "kinit -k", true),
            ("linger.ms", "5", false),
        ] {
            assert_eq!(is_secretive(name, value), wanted, "{name}={value}");
        }
    }

    #[test]
    fn what_could_be_something_else_is_quoted() {
        for (text, wanted) in [
            ("lake/licenses", "lake/licenses"),
            ("s3://lake/a", "s3://lake/a"),
            ("/dev/null", "/dev/null"),
            ("true", "'true'"),
            ("-", "'-'"),
            ("", "''"),
            ("0.5%", "'0.5%'"),
            ("it's", "'it''s'"),
            ("a\nb", "\"a\\nb\""),
            ("a: b", "'a: b'"),
            ("a:", "'a:'"),
            ("{id}", "'{id}'"),
            ("${A}", "'$${A}'"),
        ] {
            assert_eq!(quoted(text), wanted);
        }
    }
}
