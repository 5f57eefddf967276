//! The variables `AWS_…` of the environment, and what a profile adds to them.

use object_store::ClientConfigKey;
use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey as Key};

use super::profile::Profile;
use crate::cloud::environment::{self, Wrong};

/// What is wrong with an endpoint at which requests could be read on their way.
pub(super) const PLAIN: Wrong = "is plain http:// to another machine, where licenses and what signs for them can be read: use \
                                 https://, or say that it is wanted (AWS_ALLOW_HTTP=true)";

/// What they say, to build on; and where they say nothing, what `profile` does.
///
/// # Errors
/// Which variable, or which line of a file, is wrong, and what is wrong with it. No value is repeated: it may be a secret.
pub(super) fn builder(
    variables: impl IntoIterator<Item = (String, String)>,
    profile: Option<&Profile>,
) -> Result<AmazonS3Builder, String> {
    let mut settings = environment::settings("AWS_", variables, |_| None, checked)?;
    if let Some(profile) = profile {
        complete(&mut settings, profile)?;
    }
    let with = |builder: AmazonS3Builder, (key, value)| builder.with_config(key, value);
    let builder = settings.into_iter().fold(AmazonS3Builder::new(), with);
    let endpoint = endpoint(&builder);
    Ok(if endpoint.as_deref().is_some_and(environment::is_plain_loopback) {
        builder.with_allow_http(true)
    } else {
        builder
    })
}

/// Adds what only `profile` says.
fn complete(settings: &mut Vec<(Key, String)>, profile: &Profile) -> Result<(), String> {
    let is_set = |keys: [Key; 2]| settings.iter().any(|(key, _)| keys.contains(key));
    let mut added = Vec::new();
    if !is_set([Key::Region, Key::DefaultRegion]) {
        added.extend(profile.get("region").map(|region| (Key::Region, region)));
    }
    if !is_set([Key::Endpoint, Key::S3Endpoint]) {
        added.extend(profile.get("endpoint_url").map(|endpoint| (Key::Endpoint, endpoint)));
    }
    if !has_credentials(settings) {
        let keys = profile.keys()?;
        // A token goes with the keys that it came with.
        settings.retain(|(key, _)| keys.is_empty() || *key != Key::Token);
        added.extend(keys);
    }
    let allowed = (Key::Client(ClientConfigKey::AllowHttp), "true".to_owned());
    let is_plain_allowed = settings.contains(&allowed);
    for (key, found) in added {
        let value = checked(&key, found.value()).map_err(|wrong| found.wrong(wrong))?;
        if key == Key::Endpoint && environment::is_plain_abroad(&value) && !is_plain_allowed {
            return Err(found.wrong(PLAIN));
        }
        settings.push((key, value));
    }
    Ok(())
}

/// Whether variables say how requests are signed, which counts before any profile; or that they are not. A container's
/// role counts behind it.
fn has_credentials(settings: &[(Key, String)]) -> bool {
    let is_set = |key| settings.iter().any(|(set, _)| *set == key);
    let is_true = |value: &str| environment::truth(value).as_deref() == Ok("true");
    is_set(Key::AccessKeyId)
        || is_set(Key::SecretAccessKey)
        || (is_set(Key::WebIdentityTokenFile) && is_set(Key::RoleArn))
        || settings.iter().any(|(key, value)| *key == Key::SkipSignature && is_true(value))
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
    use crate::cloud::address::Address;

    fn owned(set: &[(&str, &str)]) -> Vec<(String, String)> {
        set.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    fn of(set: &[(&str, &str)]) -> Result<AmazonS3Builder, String> {
        builder(owned(set), None)
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

    /// What is built on of variables and of a profile with these settings.
    fn with_profile(set: &[(&str, &str)], settings: &str) -> Result<AmazonS3Builder, String> {
        let home = tempfile::tempdir().unwrap();
        std::fs::create_dir(home.path().join(".aws")).unwrap();
        let text = format!("[default]\n{settings}");
        std::fs::write(home.path().join(".aws/credentials"), text).unwrap();
        let profile = Profile::of(&Address::of("s3://a"), &owned(set), Some(home.path()));
        builder(owned(set), Some(&profile.unwrap().unwrap()))
    }

    const SETTINGS: &str = "region = r\nendpoint_url = http://localhost:1\naws_access_key_id = a\n\
                            aws_secret_access_key = b\naws_session_token = c\n";

    fn built(set: &[(&str, &str)]) -> Vec<Option<String>> {
        let builder = with_profile(set, SETTINGS).unwrap();
        let keys = [Key::Region, Key::Endpoint, Key::AccessKeyId, Key::SecretAccessKey, Key::Token];
        keys.iter().map(|key| builder.get_config_value(key)).collect()
    }

    #[test]
    fn variables_count_before_a_profile_and_tokens_stay_with_their_keys() {
        let all = |values: [&str; 5]| {
            let is_set = |value: &&str| !value.is_empty();
            values.map(|value| Some(value).filter(is_set).map(str::to_owned)).to_vec()
        };
        let of_profile = all(["r", "http://localhost:1", "a", "b", "c"]);
        assert_eq!(built(&[]), of_profile);
        assert_eq!(built(&[("AWS_SESSION_TOKEN", "z")]), of_profile);
        let pair = [("AWS_ACCESS_KEY_ID", "x"), ("AWS_SECRET_ACCESS_KEY", "y")];
        assert_eq!(built(&pair), all(["r", "http://localhost:1", "x", "y", ""]));
        let places = [("AWS_DEFAULT_REGION", "s"), ("AWS_ENDPOINT_URL", "http://localhost:2")];
        assert_eq!(built(&places), all(["s", "http://localhost:2", "a", "b", "c"]));
        let other = [("AWS_ENDPOINT_URL_S3", "http://localhost:2")];
        assert_eq!(built(&other), all(["r", "", "a", "b", "c"]));
        let web = [("AWS_WEB_IDENTITY_TOKEN_FILE", "w"), ("AWS_ROLE_ARN", "v")];
        assert_eq!(built(&web), all(["r", "http://localhost:1", "", "", ""]));
        let unsigned = [("AWS_SKIP_SIGNATURE", "true")];
        assert_eq!(built(&unsigned), all(["r", "http://localhost:1", "", "", ""]));
        // The role of a container counts behind it.
        let container = [("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/a")];
        assert_eq!(built(&container), of_profile);
    }

    #[test]
    fn what_of_a_profile_cannot_be_used_is_refused_by_its_file_and_line() {
        for (settings, wrong) in [
            ("region = eu s3cret", "line 2: region is no region"),
            ("\nendpoint_url = s3cret", "line 3: endpoint_url must begin with http://"),
            ("endpoint_url = http://s3cret", "line 2: endpoint_url is plain http:// to another"),
            (
                "aws_access_key_id = s3cret s3cret\naws_secret_access_key = s3cret",
                "line 2: aws_access_key_id has a character in it",
            ),
            (
                "aws_access_key_id = a\naws_secret_access_key = s3cret\n  s3cret",
                "line 3: aws_secret_access_key has the end of a line",
            ),
            ("sso_start_url = s3cret", "line 2: sso_start_url is not followed"),
        ] {
            let told = with_profile(&[], settings).map(drop).unwrap_err();
            assert!(told.contains(&format!("/.aws/credentials, {wrong}")), "{told}");
            assert!(!told.contains("s3cret"), "{told}");
        }
        let plain = [("AWS_ALLOW_HTTP", "yes")];
        assert!(with_profile(&plain, "endpoint_url = http://minio").is_ok());
        // Nobody is asked for keys where variables have them.
        let pair = [("AWS_ACCESS_KEY_ID", "x"), ("AWS_SECRET_ACCESS_KEY", "y")];
        assert!(with_profile(&pair, "role_arn = a").is_ok());
    }
}
