//! Where credentials for Google Cloud Storage come from.

use object_store::gcp::{GoogleCloudStorageBuilder, GoogleConfigKey as Key};

const USER: &str =
    "GOOGLE_APPLICATION_CREDENTIALS names a file, and no token is given for what is in it";
const NOTHING: &str = "set GOOGLE_APPLICATION_CREDENTIALS to the file of a service account; it is not set, nor has \
                       `gcloud auth application-default login` left one that is of use, and this machine has no \
                       service account of its own";

/// What to say where whoever `object_store` will ask gives none; `None` where they stand in the environment, or none
/// are wanted.
pub(super) fn missing(builder: &GoogleCloudStorageBuilder) -> Option<&'static str> {
    let is_set = |key| builder.get_config_value(&key).is_some();
    let is_skipped = builder.get_config_value(&Key::SkipSignature).as_deref() == Some("true");
    // A service account signs for itself.
    if is_skipped
        || [Key::BearerToken, Key::ServiceAccount, Key::ServiceAccountKey].into_iter().any(is_set)
    {
        None
    } else if is_set(Key::ApplicationCredentials) {
        Some(USER)
    } else {
        Some(NOTHING)
    }
}

/// Whether `none` is of the service that a machine of Google's has.
pub(super) fn is_of_the_machine(none: &str) -> bool {
    none == NOTHING
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_asked_is_who_the_crate_asks() {
        let of = |set: &[Key]| {
            let with =
                |builder: GoogleCloudStorageBuilder, key: &Key| builder.with_config(*key, "true");
            missing(&set.iter().fold(GoogleCloudStorageBuilder::new(), with))
        };
        assert_eq!(of(&[]), Some(NOTHING));
        assert_eq!(of(&[Key::ApplicationCredentials]), Some(USER));
        for key in
            [Key::ServiceAccount, Key::ServiceAccountKey, Key::BearerToken, Key::SkipSignature]
        {
            assert_eq!(of(&[key, Key::ApplicationCredentials]), None);
        }
    }
}
