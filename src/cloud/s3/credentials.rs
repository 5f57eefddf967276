//! Where credentials for S3 come from.

use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey as Key};

const WEB_IDENTITY: &str =
    "AWS_WEB_IDENTITY_TOKEN_FILE and AWS_ROLE_ARN are set, and no role is given for them";
const CONTAINER: &str = "AWS_CONTAINER_CREDENTIALS_… names a service, and it gives none";
const INSTANCE: &str = "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE; none of them is set, nor is a web \
                        identity or a container's role, and this machine has no role of its own";
const PROFILE: &str = "the profile has no keys; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE to one that \
                       has; no web identity and no container's role is set, and this machine has no role of its own";

/// What to say where whoever `object_store` will ask gives none; `None` where they, or a part of them, stand in the
/// environment, or none are wanted.
pub(super) fn missing(builder: &AmazonS3Builder, has_profile: bool) -> Option<&'static str> {
    let is_set = |key| builder.get_config_value(&key).is_some();
    if is_set(Key::AccessKeyId) || is_set(Key::SecretAccessKey) {
        // With one of them alone nobody is asked: see `half`.
        None
    } else if is_set(Key::WebIdentityTokenFile) && is_set(Key::RoleArn) {
        Some(WEB_IDENTITY)
    } else if is_set(Key::ContainerCredentialsRelativeUri)
        || (is_set(Key::ContainerCredentialsFullUri)
            && is_set(Key::ContainerAuthorizationTokenFile))
    {
        Some(CONTAINER)
    } else if has_profile {
        Some(PROFILE)
    } else {
        Some(INSTANCE)
    }
}

/// What is missing of a pair of which only one is set.
pub(super) fn half(builder: &AmazonS3Builder) -> Option<&'static str> {
    let is_set = |key| builder.get_config_value(&key).is_some();
    match (is_set(Key::AccessKeyId), is_set(Key::SecretAccessKey)) {
        (true, false) => {
            Some("AWS_ACCESS_KEY_ID is set without AWS_SECRET_ACCESS_KEY: set both or none")
        }
        (false, true) => {
            Some("AWS_SECRET_ACCESS_KEY is set without AWS_ACCESS_KEY_ID: set both or none")
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_pair_the_one_that_is_missing_is_named() {
        let of = |set: &[Key]| {
            let with = |builder: AmazonS3Builder, key: &Key| builder.with_config(*key, "x");
            half(&set.iter().fold(AmazonS3Builder::new(), with))
        };
        assert!(of(&[Key::AccessKeyId]).unwrap().contains("without AWS_SECRET_ACCESS_KEY"));
        assert!(of(&[Key::SecretAccessKey]).unwrap().contains("without AWS_ACCESS_KEY_ID"));
        assert_eq!((of(&[]), of(&[Key::AccessKeyId, Key::SecretAccessKey])), (None, None));
    }

    #[test]
    fn who_is_asked_is_who_the_crate_asks() {
        let of = |set: &[Key]| {
            let with = |builder: AmazonS3Builder, key: &Key| builder.with_config(*key, "x");
            missing(&set.iter().fold(AmazonS3Builder::new(), with), false)
        };
        assert_eq!(of(&[]), Some(INSTANCE));
        assert_eq!(missing(&AmazonS3Builder::new(), true), Some(PROFILE));
        assert_eq!(of(&[Key::WebIdentityTokenFile]), Some(INSTANCE));
        assert_eq!(of(&[Key::WebIdentityTokenFile, Key::RoleArn]), Some(WEB_IDENTITY));
        assert_eq!(of(&[Key::ContainerCredentialsRelativeUri]), Some(CONTAINER));
        assert_eq!(of(&[Key::AccessKeyId, Key::WebIdentityTokenFile, Key::RoleArn]), None);
    }
}
