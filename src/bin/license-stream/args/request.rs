//! What is asked of the API, beside the account.

use std::ffi::OsStr;
use std::fmt;
use std::num::NonZeroU64;
use std::sync::Arc;

use clap::builder::{EnumValueParser, PossibleValue, TypedValueParser};
use clap::{Args as ClapArgs, ValueEnum};
use license_stream::integration::{Integration, Parameter};
use license_stream::truto::{LicenseRequest, Product, RemoteQuery, ResponseFormat};
use license_stream::{Error, ErrorKind, Result};

/// What the API is asked for.
#[derive(Debug, ClapArgs)]
#[command(next_help_heading = "Request")]
pub(crate) struct RequestArgs {
    /// The account's integration, such as GitHub: what it needs is then checked before a request is
    /// sent, and what it does not give is told. `license-stream integrations` has the names. Where it is
    /// not given, the API is asked which it is
    #[arg(long, value_name = "NAME", value_parser = integration)]
    pub(crate) integration: Option<&'static Integration>,
    /// Do not ask the API which integration an account is of, where neither a flag nor a list says it.
    /// What it needs is then not checked beforehand
    #[arg(long)]
    pub(crate) no_lookup: bool,
    /// Organization within the integration: needed for Cisco Meraki, ClickUp and GitHub, possible for
    /// Webex
    #[arg(long, value_name = "ID")]
    pub(crate) organization_id: Option<String>,
    /// Product within the integration: needed for Microsoft 365
    #[arg(long, value_enum)]
    pub(crate) product: Option<ProductArg>,
    /// How the API is to answer
    #[arg(long, default_value_t = FormatArg::Stream, value_parser = Formats)]
    pub(crate) format: FormatArg,
    /// Accept header of the request, in place of one that suits the format, such as application/json: what it does
    /// to a streamed answer, Truto does not document
    #[arg(long, value_name = "TYPES")]
    pub(crate) accept: Option<String>,
    /// Licenses that one page is to have at most; all pages are read all the same
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) limit: Option<u64>,
    /// Let the API ignore a limit
    #[arg(long)]
    pub(crate) ignore_limit: bool,
    /// Begin with the page that this cursor leads to; the pages before it are not read
    #[arg(long, value_name = "CURSOR")]
    pub(crate) cursor: Option<String>,
    /// Ask the API to leave out remote_data, the provider's own answer: far fewer bytes
    #[arg(long)]
    pub(crate) ignore_remote_data: bool,
    /// Ask the API to leave out a field of a license, any but id; may be repeated
    #[arg(long = "exclude-field", value_name = "FIELD")]
    pub(crate) excluded_fields: Vec<String>,
    /// Ask the API to put licenses under the values of a field. Licenses that share a value replace
    /// one another: some can be lost, unless the field is id
    #[arg(long, value_name = "FIELD")]
    pub(crate) key_by: Option<String>,
    /// A parameter for the provider's own API, passed on as it is: a=b, a[b]=c for a member, a[]=b for
    /// one value of a list; may be repeated
    #[arg(long, value_name = "NAME=VALUE")]
    pub(crate) remote_query: Vec<RemoteParameter>,
}

/// `--format`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum FormatArg {
    /// Unified licenses, sent while they are read
    Stream,
    /// Unified licenses, page by page
    Unified,
    /// Unified licenses in Truto's normalized format
    Normalized,
    /// The provider's own answer, of no known form: each body is one record, and the first page is all
    /// that is read. Not for `parquet`
    Raw,
}

impl fmt::Display for FormatArg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(ResponseFormat::from(*self).as_str())
    }
}

/// Reads a [`FormatArg`], and knows what is a form of another flag.
#[derive(Clone, Copy, Debug)]
struct Formats;

impl TypedValueParser for Formats {
    type Value = FormatArg;

    fn parse_ref(
        &self,
        command: &clap::Command,
        arg: Option<&clap::Arg>,
        value: &OsStr,
    ) -> Result<FormatArg, clap::Error> {
        let read = EnumValueParser::<FormatArg>::new().parse_ref(command, arg, value);
        let is_form = |form: &&&str| value == OsStr::new(**form);
        match ["parquet", "arrow", "arrow-stream"].iter().find(is_form) {
            Some(form) => {
                let message = format!(
                    "--format says how the API is to answer; what `license-stream parquet` writes is said by --as {form}"
                );
                let kind = clap::error::ErrorKind::ValueValidation;
                Err(clap::Error::raw(kind, message + "\n").with_cmd(command))
            }
            None => read,
        }
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        let values = FormatArg::value_variants().iter().filter_map(ValueEnum::to_possible_value);
        Some(Box::new(values))
    }
}

impl From<FormatArg> for ResponseFormat {
    fn from(format: FormatArg) -> Self {
        match format {
            FormatArg::Stream => Self::Stream,
            FormatArg::Unified => Self::Unified,
            FormatArg::Normalized => Self::Normalized,
            FormatArg::Raw => Self::Raw,
        }
    }
}

/// `--product`, as the API spells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ProductArg {
    #[value(name = "azure_active_directory")]
    AzureActiveDirectory,
    #[value(name = "onedrive")]
    OneDrive,
}

impl From<ProductArg> for Product {
    fn from(product: ProductArg) -> Self {
        match product {
            ProductArg::AzureActiveDirectory => Self::AzureActiveDirectory,
            ProductArg::OneDrive => Self::OneDrive,
        }
    }
}

/// `--remote-query` as it was typed. Clap's own error would show its value, which is between the user
/// and the provider: it is parsed later.
#[derive(Clone)]
pub(crate) struct RemoteParameter(String);

impl From<String> for RemoteParameter {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl std::fmt::Debug for RemoteParameter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("…")
    }
}

impl RequestArgs {
    /// The request for `account`, found free of contradictions; for the token's own account without
    /// one.
    pub(crate) fn request(&self, account: Option<&str>) -> Result<LicenseRequest> {
        self.request_for(account, None, None, None)
    }

    /// Of what was typed for several accounts, of any integrations, the request for those that take an
    /// organization: each takes what its integration knows, and none both this and a product.
    pub(crate) fn request_of_several(&self) -> Result<LicenseRequest> {
        let without = |parameter| {
            let takes = |other| other != parameter;
            self.request_taking(None, None, None, takes, None)
        };
        without(Parameter::OrganizationId)?;
        without(Parameter::Product)
    }

    /// The same with what is known of this account alone: its organization and product win over those
    /// that were typed, and where the API lists its integration, it is not asked with what that does
    /// not take.
    pub(crate) fn request_for(
        &self,
        account: Option<&str>,
        organization_id: Option<String>,
        product: Option<Product>,
        listed: Option<&'static Integration>,
    ) -> Result<LicenseRequest> {
        let takes = |parameter| listed.is_none_or(|listed| listed.need(parameter).is_some());
        self.request_taking(account, organization_id, product, takes, listed)
    }

    fn request_taking(
        &self,
        account: Option<&str>,
        organization_id: Option<String>,
        product: Option<Product>,
        takes: impl Fn(Parameter) -> bool,
        listed: Option<&'static Integration>,
    ) -> Result<LicenseRequest> {
        let mut request = LicenseRequest::of_token();
        request.account = account.map(str::to_owned);
        request.format = self.format.into();
        request.accept.clone_from(&self.accept);
        request.limit = self.limit.and_then(NonZeroU64::new);
        request.ignore_limit = self.ignore_limit;
        request.next_cursor.clone_from(&self.cursor);
        request.ignore_remote_data = self.ignore_remote_data;
        request.excluded_fields.clone_from(&self.excluded_fields);
        request.key_by.clone_from(&self.key_by);
        let typed = self.organization_id.as_ref().filter(|_| takes(Parameter::OrganizationId));
        request.organization_id = organization_id.or_else(|| typed.cloned());
        let typed = self.product.filter(|_| takes(Parameter::Product));
        request.product = product.or_else(|| typed.map(Product::from));
        for RemoteParameter(text) in &self.remote_query {
            let parameter: Result<RemoteQuery> = text.parse();
            parameter.and_then(|parameter| request.remote_query.merge(&parameter)).map_err(
                |error| {
                    let message = format!("--remote-query: {}", error.message());
                    Error::new(ErrorKind::Configuration, message)
                },
            )?;
        }
        match self.integration.or(listed) {
            Some(integration) => request.check_for(integration)?,
            None => request.check()?,
        }
        Ok(request)
    }
}

/// What an integration is called where `--integration` says it, and not the API: as its names are spelt there.
pub(crate) fn typed_name(integration: &Integration) -> Arc<str> {
    integration.name().to_lowercase().into()
}

/// The integration of that name.
pub(crate) fn integration(name: &str) -> Result<&'static Integration, &'static str> {
    Integration::by_name(name)
        .ok_or("no integration of that name is documented: see `license-stream integrations`")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn products_and_formats_are_spelt_as_the_api_does() {
        for product in ProductArg::value_variants() {
            let name = product.to_possible_value().expect("a product that can be typed");
            assert_eq!(Product::from(*product).as_str(), name.get_name());
        }
        for format in FormatArg::value_variants() {
            let name = format.to_possible_value().expect("a format that can be typed");
            assert_eq!(ResponseFormat::from(*format).as_str(), name.get_name());
        }
    }
}
