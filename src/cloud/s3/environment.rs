//! The variables `AWS_…` of the environment.

use object_store::ClientConfigKey;
use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey as Key};

use crate::cloud::environment::{self, Wrong};

/// What they say, to build on.
///
/// # Errors
/// Which variable is wrong, and what is wrong with it. No value is repeated: it may be a secret.
pub(super) fn builder(
    variables: impl IntoIterator<Item = (String, String)>,
) -> Result<AmazonS3Builder, String> {
    let settings = environment::settings("AWS_", variables, |_| None, checked)?;
    let with = |builder: AmazonS3Builder, (key, value)| builder.with_config(key, value);
    let builder = settings.into_iter().fold(AmazonS3Builder::new(), with);
    let endpoint = endpoint(&builder);
    Ok(if endpoint.as_deref().is_some_and(environment::is_plain_loopback) {
        builder.with_allow_http(true)
    } else {
        builder
    })
}

/// Whether requests would go in plain to another machine, and nothing says that they may.
pub(super) fn is_plain_abroad(builder: &AmazonS3Builder) -> bool {
    let allowed = builder.get_config_value(&Key::Client(ClientConfigKey::AllowHttp));
    let is_plain = endpoint(builder).is_some_and(|endpoint| endpoint.starts_with("http://"));
    is_plain && allowed.as_deref() != Some("true")
}

/// Where requests go, if it is not to Amazon.
fn endpoint(builder: &AmazonS3Builder) -> Option<String> {
    let set = |key| builder.get_config_value(&key);
    set(Key::S3Endpoint).or_else(|| set(Key::Endpoint))
}

/// `value` in the form in which it can be used, or what is wrong with it.
fn checked(key: &Key, value: &str) -> Result<String, Wrong> {
    match key {
        Key::Endpoint
        | Key::S3Endpoint
        | Key::StsEndpoint
        | Key::MetadataEndpoint
        | Key::ContainerCredentialsFullUri => environment::address(
            value,
            "must have no user and no password in it: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are for these",
        ),
        // Part of a host's name, and of what is signed.
        Key::Region | Key::DefaultRegion if !is_region(value) => {
            Err("is no region: one is letters, digits and `-`, as in eu-central-1")
        }
        Key::AccessKeyId | Key::Token => environment::credential(value),
        Key::ContainerCredentialsRelativeUri if !is_path(value) => {
            Err("is no path: it must begin with `/`")
        }
        Key::Client(client) => environment::client(Some(*client), value),
        _ => environment::client(None, value),
    }
}

fn is_region(text: &str) -> bool {
    let is_usual = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    text.bytes().all(is_usual)
}

fn is_path(text: &str) -> bool {
    text.starts_with('/') && text.bytes().all(|byte| byte.is_ascii_graphic())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(set: &[(&str, &str)]) -> Result<AmazonS3Builder, String> {
        builder(set.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())))
    }

    #[test]
    fn an_endpoint_that_is_none_is_refused_by_the_name_of_its_variable() {
        let scheme = "must begin with http:// or https://";
        let wrongs = [
            ("localhost:9000", scheme),
            ("minio", scheme),
            ("//minio:9000", scheme),
            (" ", scheme),
            ("ftp://minio", scheme),
            ("http://", "is no address"),
            ("https://", "is no address"),
            ("http://minio:port", "is no address"),
            ("http://mi nio", "is no address"),
            ("http://me:s3cret@minio", "must have no user"),
            ("http://minio?s3cret", "must be an address without"),
        ];
        let names =
            ["AWS_ENDPOINT_URL", "AWS_ENDPOINT", "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL_STS"];
        for name in names {
            for (value, wrong) in wrongs {
                let told = of(&[(name, value)]).unwrap_err();
                assert!(told.starts_with(&format!("{name} {wrong}")), "{value}: {told}");
                assert!(!told.contains("s3cret"), "{told}");
            }
        }
    }

    #[test]
    fn what_is_empty_is_not_set_and_what_is_there_is_used() {
        let empty = of(&[
            ("AWS_ENDPOINT_URL", ""),
            ("AWS_ENDPOINT_URL_S3", ""),
            ("AWS_REGION", ""),
            ("AWS_SESSION_TOKEN", ""),
            ("AWS_ALLOW_HTTP", ""),
        ]);
        let empty = empty.unwrap();
        assert_eq!(endpoint(&empty), None);
        assert_eq!(empty.get_config_value(&Key::Region), None);
        assert_eq!(empty.get_config_value(&Key::Token), None);
        let both = [("AWS_ENDPOINT_URL", "http://a:1/x/"), ("AWS_ENDPOINT", "http://b")];
        assert_eq!(endpoint(&of(&both).unwrap()).as_deref(), Some("http://a:1/x"));
        let of_s3 = [both[0], ("AWS_ENDPOINT_URL_S3", " http://münchen ")];
        let of_s3 = endpoint(&of(&of_s3).unwrap());
        assert_eq!(of_s3.as_deref(), Some("http://xn--mnchen-3ya"));
    }

    #[test]
    fn what_no_header_and_no_name_can_hold_is_refused() {
        for (name, value) in [
            ("AWS_SESSION_TOKEN", "s3cret\n"),
            ("AWS_ACCESS_KEY_ID", "s3cret\r"),
            ("AWS_ACCESS_KEY_ID", "s3cret s3cret"),
            ("AWS_SECRET_ACCESS_KEY", "s3cret\n"),
            ("AWS_ALLOW_HTTP", "perhaps"),
            ("AWS_REGION", "eu central"),
            ("AWS_DEFAULT_REGION", "eu-central-1\n"),
            ("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "s3cret"),
            ("AWS_CONTAINER_CREDENTIALS_FULL_URI", "s3cret"),
        ] {
            let told = of(&[(name, value)]).unwrap_err();
            assert!(told.starts_with(&format!("{name} ")) && !told.contains("s3cret"), "{told}");
        }
    }

    #[test]
    fn only_this_machine_is_spoken_to_in_plain() {
        let is_allowed = |set: &[(&str, &str)]| {
            let key = Key::Client(ClientConfigKey::AllowHttp);
            of(set).unwrap().get_config_value(&key).is_some_and(|set| set == "true")
        };
        let (here, there) = ("http://localhost:9000", "http://minio:9000");
        assert!(is_allowed(&[("AWS_ENDPOINT_URL", here)]));
        assert!(is_allowed(&[("AWS_ENDPOINT_URL", there), ("AWS_ENDPOINT_URL_S3", here)]));
        let abroad = [("AWS_ENDPOINT_URL", here), ("AWS_ENDPOINT_URL_S3", there)];
        assert!(!is_allowed(&abroad));
        assert!(is_plain_abroad(&of(&abroad).unwrap()));
        let allowed = [abroad[1], ("AWS_ALLOW_HTTP", "true")];
        assert!(!is_plain_abroad(&of(&allowed).unwrap()));
        assert!(!is_plain_abroad(&of(&[("AWS_ENDPOINT_URL", here)]).unwrap()));
        assert!(!is_plain_abroad(&of(&[("AWS_ENDPOINT_URL", "https://minio")]).unwrap()));
        assert!(!is_plain_abroad(&of(&[]).unwrap()));
    }
}
