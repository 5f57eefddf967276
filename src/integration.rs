//! What each integration gives of a license, and what it wants to be asked with.
//!
//! The data are `schemas/integrations.json`, read from Truto's documentation of the endpoint. It is a
//! documentation of what comes, not a limit: a field that is not listed is read all the same if it
//! comes.
//!
//! ```
//! use license_stream::integration::{Integration, Need, Parameter};
//!
//! let github = Integration::by_name("github").expect("one of the documented integrations");
//! assert_eq!(github.name(), "GitHub");
//! assert!(github.supports("assigned_quantity") && !github.supports("currency"));
//! assert_eq!(github.need(Parameter::OrganizationId), Some(Need::Required));
//! assert_eq!(github.need(Parameter::Product), None);
//! ```

use std::fmt;
use std::sync::LazyLock;

use serde::Deserialize;

use crate::License;
use crate::schema::INTEGRATIONS;

static DATA: LazyLock<Data> = LazyLock::new(|| {
    serde_json::from_str(INTEGRATIONS).expect("the file is compiled in, and a test reads it")
});

#[derive(Debug, Deserialize)]
struct Data {
    fields_without_listing: Vec<String>,
    integrations: Vec<Integration>,
}

/// A provider that Truto reads licenses from, after its documentation.
#[derive(Debug, Deserialize)]
pub struct Integration {
    name: String,
    fields: Vec<String>,
    parameters: Parameters,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Parameters {
    organization_id: Option<Need>,
    product: Option<Need>,
}

/// A query parameter that only some integrations take.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Parameter {
    /// `organization_id`
    OrganizationId,
    /// `product`
    Product,
}

impl Parameter {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::OrganizationId, Self::Product];

    /// Its name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::OrganizationId => "organization_id",
            Self::Product => "product",
        }
    }
}

impl fmt::Display for Parameter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Whether a parameter can be left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Need {
    /// A request without it is refused.
    Required,
    /// It can be set.
    Supported,
}

impl Need {
    /// Its name in `schemas/integrations.json`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Required => "required",
            Self::Supported => "supported",
        }
    }
}

/// Whether a field comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Support {
    /// The documentation lists it for the integration.
    Listed,
    /// The documentation lists it for no integration at all, so any may give it: `remote_data`.
    Unlisted,
    /// The documentation lists it, but not for this integration.
    None,
}

impl Integration {
    /// All that are documented, by name.
    pub fn all() -> &'static [Self] {
        &DATA.integrations
    }

    /// The integration of that name. Only letters and digits are compared, and not their case: how
    /// Truto's listing of accounts spells the names is not documented.
    pub fn by_name(name: &str) -> Option<&'static Self> {
        let wanted = || letters(name);
        Self::all().iter().find(|integration| letters(&integration.name).eq(wanted()))
    }

    /// Its name in the documentation.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether `field` comes.
    pub fn support(&self, field: &str) -> Support {
        if self.fields.iter().any(|listed| listed == field) {
            Support::Listed
        } else if DATA.fields_without_listing.iter().any(|unlisted| unlisted == field) {
            Support::Unlisted
        } else {
            Support::None
        }
    }

    /// Whether `field` comes, or may come.
    pub fn supports(&self, field: &str) -> bool {
        self.support(field) != Support::None
    }

    /// The fields of a license that do not come, in the order of the documentation.
    pub fn missing_fields(&self) -> impl Iterator<Item = &'static str> {
        License::FIELDS.iter().copied().filter(|field| !self.supports(field))
    }

    /// Whether a request must or can bear `parameter`; `None` if the integration does not know it.
    pub fn need(&self, parameter: Parameter) -> Option<Need> {
        match parameter {
            Parameter::OrganizationId => self.parameters.organization_id,
            Parameter::Product => self.parameters.product,
        }
    }
}

/// Whether two names are the same, spelt in one way or another.
#[cfg(any(feature = "http", feature = "simulator"))]
pub(crate) fn is_same_name(one: &str, other: &str) -> bool {
    letters(one).eq(letters(other))
}

fn letters(name: &str) -> impl Iterator<Item = char> {
    name.chars().filter(|character| character.is_alphanumeric()).flat_map(char::to_lowercase)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documented_integrations_are_there() {
        let names: Vec<_> = Integration::all().iter().map(Integration::name).collect();
        assert_eq!(names.len(), 25);
        assert!(names.is_sorted());
        for integration in Integration::all() {
            assert_eq!(integration.support("id"), Support::Listed);
            assert_eq!(integration.support("remote_data"), Support::Unlisted);
            assert!(integration.fields.iter().all(|field| License::FIELDS.contains(&&**field)));
        }
    }

    #[test]
    fn needs_and_gaps_are_those_of_the_documentation() {
        let with = |parameter, need| {
            let all = Integration::all().iter();
            let found = all.filter(|integration| integration.need(parameter) == Some(need));
            found.map(Integration::name).collect::<Vec<_>>()
        };
        assert_eq!(
            with(Parameter::OrganizationId, Need::Required),
            ["Cisco Meraki", "ClickUp", "GitHub"]
        );
        assert_eq!(with(Parameter::OrganizationId, Need::Supported), ["Webex"]);
        assert_eq!(with(Parameter::Product, Need::Required), ["Microsoft 365"]);
        let webex = Integration::by_name("Webex").unwrap();
        assert_eq!(webex.missing_fields().count(), License::FIELDS.len() - 4);
        assert!(!webex.missing_fields().any(|field| field == "remote_data"));
    }

    #[test]
    fn a_name_is_known_however_it_is_spelt() {
        for (spelt, name) in [
            ("Dropbox - Business", "Dropbox - Business"),
            ("dropboxbusiness", "Dropbox - Business"),
            ("MICROSOFT_365", "Microsoft 365"),
            ("jira", "Jira"),
        ] {
            assert_eq!(Integration::by_name(spelt).map(Integration::name), Some(name), "{spelt}");
        }
        for unknown in ["", "-", "jira service", "githubs", "Slack"] {
            assert!(Integration::by_name(unknown).is_none(), "{unknown}");
        }
    }
}
