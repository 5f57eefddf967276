//! `license-stream integrations`

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;

use license_stream::License;
use license_stream::integration::{Integration, Need, Parameter, Support};
use serde::Serialize;

use crate::args::IntegrationsArgs;
use crate::exit::Exit;
use crate::listing::Listing;

/// The columns of the table, each with its mark: all fields but `id`, which all give, and
/// `remote_data`, which is listed for none.
const COLUMNS: [(&str, &str); 12] = [
    ("asg", "assigned_quantity"),
    ("avl", "available_quantity"),
    ("cre", "created_at"),
    ("cur", "currency"),
    ("des", "description"),
    ("pai", "is_paid"),
    ("nam", "name"),
    ("prd", "products"),
    ("rol", "roles"),
    ("sta", "status"),
    ("amt", "unit_amount"),
    ("upd", "updated_at"),
];

pub(crate) fn run(args: &IntegrationsArgs) -> anyhow::Result<Exit> {
    let text = match (args.json, args.name) {
        (false, None) => table(),
        (false, Some(integration)) => details(integration),
        (true, None) => json(&Integration::all().iter().map(Object::new).collect::<Vec<_>>())?,
        (true, Some(integration)) => json(&Object::new(integration))?,
    };
    Listing::begin().write_all(text.as_bytes())?;
    Ok(Exit::Done)
}

/// A line for each integration, and what the marks mean: 80 columns wide at most.
fn table() -> String {
    let names = Integration::all().iter().map(|integration| integration.name().len());
    let width = names.max().unwrap_or_default();
    let marks: Vec<_> = COLUMNS.iter().map(|(mark, _)| *mark).collect();
    let mut text = String::new();
    // Writing to a String cannot fail.
    let _ = writeln!(text, "{:width$} {} needs", "", marks.join(" "));
    for integration in Integration::all() {
        let fields: String = COLUMNS
            .iter()
            .map(|(_, field)| if integration.supports(field) { "  x " } else { "  . " })
            .collect();
        let needs = needs(integration);
        let line = format!("{:width$}{fields} {needs}", integration.name());
        let _ = writeln!(text, "{}", line.trim_end());
    }
    text.push('\n');
    for columns in COLUMNS.chunks(3) {
        let legend: String =
            columns.iter().map(|(mark, field)| format!("{mark} {field:22}")).collect();
        let _ = writeln!(text, "{}", legend.trim_end());
    }
    text.push_str(
        "\nx: Truto's documentation lists the field for the integration. All give id. For\n\
         remote_data no integration is listed: any may give it.\n\
         needs: org is --organization-id, prod is --product; (org) may be left out.\n",
    );
    text
}

fn needs(integration: &Integration) -> String {
    let needs = Parameter::ALL.iter().filter_map(|parameter| {
        let short = match parameter {
            Parameter::OrganizationId => "org",
            Parameter::Product => "prod",
        };
        match integration.need(*parameter)? {
            Need::Required => Some(short.to_owned()),
            Need::Supported => Some(format!("({short})")),
        }
    });
    needs.collect::<Vec<_>>().join(" ")
}

/// One integration, a line for each field and parameter.
fn details(integration: &Integration) -> String {
    let mut text = format!("{}\n\n", integration.name());
    for field in License::FIELDS {
        let said = match integration.support(field) {
            Support::Listed => "yes",
            Support::Unlisted => "may be: it is listed for no integration",
            Support::None => "no",
        };
        let _ = writeln!(text, "  {field:20} {said}");
    }
    text.push('\n');
    for parameter in Parameter::ALL {
        let said = match integration.need(parameter) {
            Some(Need::Required) => "needed",
            Some(Need::Supported) => "possible",
            None => "no",
        };
        let flag = format!("--{}", parameter.as_str().replace('_', "-"));
        let _ = writeln!(text, "  {flag:20} {said}");
    }
    text
}

/// An integration as JSON.
#[derive(Debug, Serialize)]
struct Object {
    name: &'static str,
    /// `null` where the documentation lists the field for no integration at all.
    fields: BTreeMap<&'static str, Option<bool>>,
    /// `required`, `supported`, or `null`.
    parameters: BTreeMap<&'static str, Option<&'static str>>,
}

impl Object {
    fn new(integration: &'static Integration) -> Self {
        let listed = |field| match integration.support(field) {
            Support::Listed => Some(true),
            Support::Unlisted => None,
            Support::None => Some(false),
        };
        let need = |parameter| integration.need(parameter).map(Need::as_str);
        Self {
            name: integration.name(),
            fields: License::FIELDS.into_iter().map(|field| (field, listed(field))).collect(),
            parameters: Parameter::ALL.map(|it| (it.as_str(), need(it))).into(),
        }
    }
}

fn json<T: Serialize>(value: &T) -> anyhow::Result<String> {
    Ok(serde_json::to_string_pretty(value)? + "\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_has_every_field_that_tells_integrations_apart() {
        let rest = ["id", "remote_data"];
        let columns: Vec<_> = COLUMNS.iter().map(|(_, field)| *field).collect();
        let fields: Vec<_> =
            License::FIELDS.into_iter().filter(|field| !rest.contains(field)).collect();
        assert_eq!(columns, fields);
        for integration in Integration::all() {
            assert_eq!(integration.support("id"), Support::Listed);
            assert_eq!(integration.support("remote_data"), Support::Unlisted);
        }
    }
}
