//! What can be told to be wrong before anything is sent.

use reqwest::header::HeaderValue;

use super::{LicenseRequest, ResponseFormat};
use crate::License;
use crate::error::{Error, ErrorKind, Result};
use crate::integration::{Integration, Need, Parameter};

/// Fields whose values are lists or objects: they are no keys.
const NO_KEYS: [&str; 3] = ["products", "remote_data", "roles"];

impl LicenseRequest {
    /// Refuses what contradicts itself, whatever the integration. [`TrutoClient`](crate::truto::TrutoClient)
    /// calls it before it sends a request.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`], with what to do.
    pub fn check(&self) -> Result<()> {
        self.check_texts()?;
        self.check_fields()?;
        if self.limit.is_some() && self.ignore_limit {
            return Err(refused(
                "a limit that is to be ignored (--limit, --ignore-limit) is none: \
                leave one of them out",
            ));
        }
        if self.format == ResponseFormat::Raw {
            self.check_raw()?;
        }
        let is_header = |text: &str| !text.trim().is_empty() && HeaderValue::from_str(text).is_ok();
        if self.accept.as_deref().is_some_and(|text| !is_header(text)) {
            return Err(refused(
                "what is to be accepted (--accept) is a media type or several, such as \
                application/json",
            ));
        }
        let given = Parameter::ALL.iter().filter(|parameter| self.has(**parameter));
        let takes_all = |integration: &Integration| {
            given.clone().all(|parameter| integration.need(*parameter).is_some())
        };
        if !Integration::all().iter().any(takes_all) {
            return Err(refused(
                "no integration takes both an organization_id and a product \
                (--organization-id, --product): leave one of them out",
            ));
        }
        Ok(())
    }

    /// [`check`](Self::check), and what an account's integration wants to be asked with.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`], with what to do.
    pub fn check_for(&self, integration: &Integration) -> Result<()> {
        self.check()?;
        let name = integration.name();
        for parameter in Parameter::ALL {
            let flag = parameter.as_str().replace('_', "-");
            let article = if parameter == Parameter::OrganizationId { "an" } else { "a" };
            match (integration.need(parameter), self.has(parameter)) {
                (Some(Need::Required), false) => {
                    return Err(refused(format!(
                        "{name} needs {article} {parameter}: set it (--{flag}; per account in --accounts-file)"
                    )));
                }
                (None, true) => {
                    return Err(refused(format!(
                        "{name} takes no {parameter}: leave it out (--{flag})"
                    )));
                }
                _ => {}
            }
        }
        match &self.key_by {
            Some(field) if !integration.supports(field) => Err(refused(format!(
                "{name} gives no `{field}` to key licenses by: all would have the same key, and all but \
                 one be lost (--key-by)"
            ))),
            _ => Ok(()),
        }
    }

    /// Refuses what cannot become the columns of a license, as in Parquet.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`] for [`ResponseFormat::Raw`].
    pub fn check_columns(&self) -> Result<()> {
        if self.format == ResponseFormat::Raw {
            return Err(refused(
                "the raw format is of no known form and fits no columns: take another \
                --format, or write it with `ndjson` or `kafka`",
            ));
        }
        Ok(())
    }

    /// What can be done as it is asked for, and may not be what is wanted: sentences for a person.
    /// `integration` is the account's, where it is known.
    pub fn remarks(&self, integration: Option<&Integration>) -> Vec<String> {
        let mut remarks = Vec::new();
        if let Some(key) = self.key_by.as_deref().filter(|key| *key != "id") {
            remarks.push(format!(
                "licenses that share a `{key}` replace one another in the answer, so that some can be \
                 lost: --key-by id is safe"
            ));
        }
        for field in &self.excluded_fields {
            if !License::FIELDS.contains(&field.as_str()) {
                remarks.push(format!(
                    "`{}` is no field of a license that is documented: it may be misspelt \
                     (--exclude-field)",
                    field.escape_debug()
                ));
            } else if let Some(integration) = integration.filter(|it| !it.supports(field)) {
                remarks.push(format!(
                    "{} gives no `{field}`: there is nothing to leave out (--exclude-field)",
                    integration.name()
                ));
            }
        }
        if self.next_cursor.as_deref().is_some_and(|cursor| !cursor.is_empty()) {
            remarks.push(
                "reading begins at a cursor: the licenses of the pages before it are not in this \
                 snapshot (--cursor)"
                    .to_owned(),
            );
        }
        remarks
    }

    fn has(&self, parameter: Parameter) -> bool {
        match parameter {
            Parameter::OrganizationId => self.organization_id.is_some(),
            Parameter::Product => self.product.is_some(),
        }
    }

    fn check_texts(&self) -> Result<()> {
        let is_empty =
            |text: &Option<String>| text.as_deref().is_some_and(|text| text.trim().is_empty());
        let what = if is_empty(&self.account) {
            "the account is empty: name its UUID (--account)"
        } else if is_empty(&self.organization_id) {
            "the organization_id is empty: set it or leave it out (--organization-id)"
        } else if is_empty(&self.key_by) {
            "the field to key licenses by is empty: name it or leave it out (--key-by)"
        } else if self.excluded_fields.iter().any(|field| field.trim().is_empty()) {
            "a field to leave out has no name (--exclude-field)"
        } else {
            return Ok(());
        };
        Err(refused(what))
    }

    fn check_fields(&self) -> Result<()> {
        if self.excluded_fields.iter().any(|field| field.contains(',')) {
            return Err(refused(
                "a field to leave out has a comma in its name: several are given by repeating the flag \
                 (--exclude-field)",
            ));
        }
        let excludes = |name: &str| self.excluded_fields.iter().any(|field| field.trim() == name);
        if excludes("id") {
            return Err(refused(
                "`id` cannot be left out: without it licenses have no key and cannot be \
                told apart (--exclude-field)",
            ));
        }
        if self.ignore_remote_data && excludes("remote_data") {
            return Err(refused(
                "remote_data is left out twice, with --ignore-remote-data and with \
                --exclude-field: once is enough",
            ));
        }
        let Some(key) = self.key_by.as_deref() else { return Ok(()) };
        if excludes(key) {
            return Err(refused(format!(
                "`{key}` is to be the key of licenses and to be left out: --key-by and --exclude-field \
                 contradict each other"
            )));
        }
        if NO_KEYS.contains(&key) {
            return Err(refused(format!(
                "`{key}` holds a list or an object and cannot be the key of a license: --key-by id is safe"
            )));
        }
        Ok(())
    }

    /// In the raw format there are no fields of a license.
    fn check_raw(&self) -> Result<()> {
        let what = if self.ignore_remote_data {
            "the raw format is the remote data: --ignore-remote-data would leave nothing"
        } else if self.key_by.is_some() {
            "the raw format has no fields of a license: --key-by goes with another --format"
        } else if !self.excluded_fields.is_empty() {
            "the raw format has no fields of a license: --exclude-field goes with another --format"
        } else {
            return Ok(());
        };
        Err(refused(what))
    }
}

fn refused(message: impl Into<std::borrow::Cow<'static, str>>) -> Error {
    Error::new(ErrorKind::Configuration, message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::truto::request::Product;
    use std::num::NonZeroU64;

    type Change = fn(&mut LicenseRequest);

    fn request(change: Change) -> LicenseRequest {
        let mut request = LicenseRequest::new("a");
        change(&mut request);
        request
    }

    fn exclude(request: &mut LicenseRequest, field: &str) {
        request.excluded_fields.push(field.to_owned());
    }

    #[test]
    fn what_contradicts_itself_is_refused_with_what_to_do() {
        let cases: [(Change, &str); 19] = [
            (|request| request.account = Some(String::new()), "name its UUID"),
            (|request| request.organization_id = Some(" ".to_owned()), "--organization-id"),
            (|request| request.key_by = Some(String::new()), "--key-by"),
            (|request| exclude(request, ""), "has no name"),
            (|request| exclude(request, "id"), "`id` cannot be left out"),
            (|request| exclude(request, " id "), "`id` cannot be left out"),
            (|request| exclude(request, "name,id"), "by repeating the flag"),
            (
                |request| {
                    request.limit = NonZeroU64::new(1);
                    request.ignore_limit = true;
                },
                "--limit, --ignore-limit",
            ),
            (
                |request| {
                    request.ignore_remote_data = true;
                    exclude(request, "remote_data");
                },
                "once is enough",
            ),
            (
                |request| {
                    request.key_by = Some("name".to_owned());
                    exclude(request, "name");
                },
                "contradict each other",
            ),
            (|request| request.key_by = Some("roles".to_owned()), "cannot be the key"),
            (|request| request.key_by = Some("products".to_owned()), "cannot be the key"),
            (
                |request| {
                    request.key_by = Some("remote_data".to_owned());
                    request.ignore_remote_data = true;
                },
                "cannot be the key",
            ),
            (
                |request| {
                    request.format = ResponseFormat::Raw;
                    request.ignore_remote_data = true;
                },
                "would leave nothing",
            ),
            (
                |request| {
                    request.format = ResponseFormat::Raw;
                    request.key_by = Some("id".to_owned());
                },
                "--key-by goes with another --format",
            ),
            (
                |request| {
                    request.format = ResponseFormat::Raw;
                    exclude(request, "name");
                },
                "--exclude-field goes with another --format",
            ),
            (
                |request| {
                    request.organization_id = Some("o".to_owned());
                    request.product = Some(Product::OneDrive);
                },
                "--organization-id, --product",
            ),
            (
                |request| {
                    exclude(request, "name");
                    exclude(request, "id");
                },
                "`id` cannot be left out",
            ),
            (
                |request| {
                    request.ignore_limit = true;
                    request.limit = NonZeroU64::new(u64::MAX);
                },
                "leave one of them out",
            ),
        ];
        for (change, what) in cases {
            let error = request(change).check().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Configuration);
            assert!(error.message().contains(what), "{what}: {}", error.message());
        }
    }

    #[test]
    fn what_can_be_done_is_let_through() {
        let cases: [Change; 8] = [
            |_| {},
            |request| *request = LicenseRequest::of_token(),
            |request| request.limit = NonZeroU64::new(1),
            |request| request.ignore_limit = true,
            |request| request.key_by = Some("id".to_owned()),
            |request| request.next_cursor = Some(String::new()),
            |request| {
                exclude(request, "remote_data");
                exclude(request, "products.id");
            },
            |request| {
                request.format = ResponseFormat::Raw;
                request.limit = NonZeroU64::new(1);
                request.remote_query.add("a", "b").unwrap();
            },
        ];
        for change in cases {
            let request = request(change);
            request.check().unwrap_or_else(|error| panic!("{request:?}: {error}"));
        }
    }

    #[test]
    fn each_integration_is_asked_as_it_wants() {
        for integration in Integration::all() {
            let with: Change = |request| request.organization_id = Some("o".to_owned());
            for (parameter, with) in [
                (Parameter::OrganizationId, with),
                (Parameter::Product, |request| request.product = Some(Product::OneDrive)),
            ] {
                let need = integration.need(parameter);
                let wants_other = Parameter::ALL
                    .into_iter()
                    .any(|it| it != parameter && integration.need(it) == Some(Need::Required));
                let without = request(|_| {}).check_for(integration);
                let with = request(with).check_for(integration);
                let name = integration.name();
                assert_eq!(with.is_ok(), need.is_some(), "{name}, {parameter}");
                assert_eq!(
                    without.is_ok(),
                    need != Some(Need::Required) && !wants_other,
                    "{name}, {parameter}"
                );
            }
        }
        let message = |name, change: Change| {
            let integration = Integration::by_name(name).unwrap();
            request(change).check_for(integration).unwrap_err().message().to_owned()
        };
        assert_eq!(
            message("Microsoft 365", |_| {}),
            "Microsoft 365 needs a product: set it (--product; per account in --accounts-file)"
        );
        assert_eq!(
            message("Zoom", |request| request.product = Some(Product::OneDrive)),
            "Zoom takes no product: leave it out (--product)"
        );
        let keyed: Change = |request| request.key_by = Some("currency".to_owned());
        assert!(message("Zoom", keyed).contains("gives no `currency` to key licenses by"));
        let excluded: Change = |request| exclude(request, "id");
        assert!(message("Zoom", excluded).contains("`id` cannot be left out"), "it checks all");
    }

    #[test]
    fn raw_fits_no_columns() {
        let raw = request(|request| request.format = ResponseFormat::Raw);
        assert!(raw.check_columns().unwrap_err().message().contains("`ndjson` or `kafka`"));
        for format in [ResponseFormat::Stream, ResponseFormat::Unified, ResponseFormat::Normalized]
        {
            LicenseRequest { format, ..LicenseRequest::default() }.check_columns().unwrap();
        }
    }

    #[test]
    fn what_may_not_be_wanted_is_remarked() {
        let zoom = Integration::by_name("Zoom");
        let cases: [(Change, Option<&Integration>, &[&str]); 8] = [
            (|_| {}, zoom, &[]),
            (|request| request.key_by = Some("id".to_owned()), zoom, &[]),
            (|request| request.key_by = Some("name".to_owned()), zoom, &["share a `name`"]),
            (|request| request.next_cursor = Some("c".to_owned()), None, &["begins at a cursor"]),
            (|request| exclude(request, "naem"), None, &["`naem` is no field"]),
            (|request| exclude(request, "a\u{1b}[2J"), None, &["`a\\u{1b}[2J` is no field"]),
            (|request| exclude(request, "roles"), None, &[]),
            (|request| exclude(request, "roles"), zoom, &["Zoom gives no `roles`"]),
        ];
        for (change, integration, expected) in cases {
            let remarks = request(change).remarks(integration);
            assert_eq!(remarks.len(), expected.len(), "{remarks:?}");
            for (remark, expected) in remarks.iter().zip(expected) {
                assert!(remark.contains(expected), "{remark}");
            }
        }
    }
}
