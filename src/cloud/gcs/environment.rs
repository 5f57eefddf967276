//! The variables `GOOGLE_…` of the environment.

use object_store::ClientConfigKey;
use object_store::gcp::{GoogleCloudStorageBuilder, GoogleConfigKey as Key};

use crate::cloud::environment::{self, Wrong};

/// What they say, to build on.
///
/// # Errors
/// Which variable is wrong, and what is wrong with it. No value is repeated: it may be a secret.
pub(super) fn builder(
    variables: impl IntoIterator<Item = (String, String)>,
) -> Result<GoogleCloudStorageBuilder, String> {
    let settings = environment::settings("GOOGLE_", variables, |_| None, checked)?;
    // The crate's own builder speaks plain HTTP to whoever is named.
    let new = GoogleCloudStorageBuilder::new().with_config(allow_http(), "false");
    let with = |builder: GoogleCloudStorageBuilder, (key, value)| builder.with_config(key, value);
    let builder = settings.into_iter().fold(new, with);
    let base = builder.get_config_value(&Key::BaseUrl);
    Ok(if base.as_deref().is_some_and(environment::is_plain_loopback) {
        builder.with_config(allow_http(), "true")
    } else {
        builder
    })
}

fn allow_http() -> Key {
    Key::Client(ClientConfigKey::AllowHttp)
}

/// Whether requests would go in plain to another machine, and nothing says that they may.
pub(super) fn is_plain_abroad(builder: &GoogleCloudStorageBuilder) -> bool {
    let is_allowed = builder.get_config_value(&allow_http()).as_deref() == Some("true");
    let base = builder.get_config_value(&Key::BaseUrl);
    !is_allowed && base.is_some_and(|base| environment::is_plain_abroad(&base))
}

/// `value` in the form in which it can be used, or what is wrong with it.
fn checked(key: &Key, value: &str) -> Result<String, Wrong> {
    match key {
        Key::BaseUrl => environment::address(
            value,
            "must have no user and no password in it: GOOGLE_APPLICATION_CREDENTIALS is for these",
        ),
        Key::ApplicationCredentials | Key::ServiceAccount
            if !value.contains(char::is_control) && std::fs::File::open(value).is_err() =>
        {
            Err("names a file that is not there, or cannot be read")
        }
        // It goes into a header.
        Key::BearerToken => environment::credential(value),
        Key::SkipSignature => environment::truth(value),
        // JSON of many lines.
        Key::ServiceAccountKey => Ok(value.to_owned()),
        Key::Client(client) => environment::client(Some(*client), value),
        _ => environment::client(None, value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(set: &[(&str, &str)]) -> Result<GoogleCloudStorageBuilder, String> {
        builder(set.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())))
    }

    #[test]
    fn what_cannot_be_used_is_refused_by_the_name_of_its_variable() {
        for (name, value) in [
            ("GOOGLE_BASE_URL", "s3cret"),
            ("GOOGLE_BASE_URL", "https://me:s3cret@host"),
            ("GOOGLE_BEARER_TOKEN", "s3cret\n"),
            ("GOOGLE_SKIP_SIGNATURE", "s3cret"),
            ("GOOGLE_ALLOW_HTTP", "s3cret"),
            ("GOOGLE_APPLICATION_CREDENTIALS", "s3cret\n"),
            ("GOOGLE_APPLICATION_CREDENTIALS", "/no/such/s3cret"),
            ("GOOGLE_TIMEOUT", "s3cret"),
        ] {
            let told = of(&[(name, value)]).map(drop).unwrap_err();
            assert!(told.starts_with(&format!("{name} ")) && !told.contains("s3cret"), "{told}");
        }
        let empty = of(&[("GOOGLE_APPLICATION_CREDENTIALS", "")]).unwrap();
        assert_eq!(empty.get_config_value(&Key::ApplicationCredentials), None);
    }

    #[test]
    fn only_this_machine_is_spoken_to_in_plain() {
        let allows = |set: &[(&str, &str)]| {
            let builder = of(set).unwrap();
            let is_allowed = builder.get_config_value(&allow_http()).as_deref() == Some("true");
            (is_allowed, is_plain_abroad(&builder))
        };
        assert_eq!(allows(&[]), (false, false));
        assert_eq!(allows(&[("GOOGLE_BASE_URL", "http://localhost:4443")]), (true, false));
        let abroad = ("GOOGLE_BASE_URL", "http://gcs:4443");
        assert_eq!(allows(&[abroad]), (false, true));
        assert_eq!(allows(&[abroad, ("GOOGLE_ALLOW_HTTP", "yes")]), (true, false));
    }
}
