//! The variables `AZURE_…` of the environment.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use object_store::ClientConfigKey;
use object_store::azure::{AzureConfigKey as Key, MicrosoftAzureBuilder};

use crate::cloud::address::is_name;
use crate::cloud::environment::{self, Wrong};

/// Where the emulator is, if it is to be used and is not at its usual port.
const EMULATOR: &str = "AZURITE_BLOB_STORAGE_URL";

/// Where App Service and others say who gives tokens.
const IDENTITY: &str = "IDENTITY_ENDPOINT";

/// What they say, to build on.
///
/// # Errors
/// Which variable is wrong, and what is wrong with it. No value is repeated: it may be a secret.
pub(super) fn builder(
    variables: impl IntoIterator<Item = (String, String)>,
) -> Result<MicrosoftAzureBuilder, String> {
    // By the names that Azure's own command has.
    let alias = |name: &str| match name {
        "AZURE_STORAGE_ACCOUNT" => Some(Key::AccountName),
        "AZURE_STORAGE_KEY" => Some(Key::AccessKey),
        _ => None,
    };
    let (mut named, mut emulator) = (Vec::new(), None);
    for (name, value) in variables {
        match &*name {
            IDENTITY => named.push(("AZURE_IDENTITY_ENDPOINT".to_owned(), value)),
            EMULATOR => emulator = Some(value),
            _ => named.push((name, value)),
        }
    }
    if let Some(value) = emulator {
        // It is read by the crate itself.
        checked(&Key::Endpoint, &value).map_err(|wrong| format!("{EMULATOR} {wrong}"))?;
    }
    let settings = environment::settings("AZURE_", named, alias, checked)?;
    let with = |builder: MicrosoftAzureBuilder, (key, value)| builder.with_config(key, value);
    let builder = settings.into_iter().fold(MicrosoftAzureBuilder::new(), with);
    let endpoint = builder.get_config_value(&Key::Endpoint);
    Ok(if endpoint.as_deref().is_some_and(environment::is_plain_loopback) {
        builder.with_allow_http(true)
    } else {
        builder
    })
}

/// Whether it is known of which account a container is: the emulator has one that all know.
pub(super) fn has_account(builder: &MicrosoftAzureBuilder) -> bool {
    builder.get_config_value(&Key::AccountName).is_some() || is_emulated(builder)
}

fn is_emulated(builder: &MicrosoftAzureBuilder) -> bool {
    let value = builder.get_config_value(&Key::UseEmulator);
    value.as_deref() == Some("true")
}

/// The variable by which requests would go in plain to another machine, where nothing says that they may.
pub(super) fn plain_abroad(builder: &MicrosoftAzureBuilder) -> Option<&'static str> {
    let allowed = builder.get_config_value(&Key::Client(ClientConfigKey::AllowHttp));
    if allowed.as_deref() == Some("true") {
        return None;
    }
    let (variable, address) = if is_emulated(builder) {
        (EMULATOR, std::env::var(EMULATOR).ok())
    } else {
        ("AZURE_STORAGE_ENDPOINT", builder.get_config_value(&Key::Endpoint))
    };
    address.is_some_and(|address| environment::is_plain_abroad(&address)).then_some(variable)
}

/// `value` in the form in which it can be used, or what is wrong with it.
fn checked(key: &Key, value: &str) -> Result<String, Wrong> {
    match key {
        Key::Endpoint | Key::AuthorityHost | Key::MsiEndpoint => environment::address(
            value,
            "must have no user and no password in it: AZURE_STORAGE_ACCOUNT_KEY and AZURE_STORAGE_SAS_TOKEN are for \
             these",
        ),
        // They are a part of hosts' names, and of paths.
        Key::AccountName if !is_name(value, "-") => {
            Err("is no account: one is letters and digits, as the host of its blobs begins with")
        }
        Key::AuthorityId if !is_name(value, "-.") => {
            Err("is no tenant: one is a UUID, or the name of a domain")
        }
        // They go into headers.
        Key::Token => environment::credential(value),
        Key::AccessKey | Key::EncryptionKey if BASE64_STANDARD.decode(value).is_err() => {
            Err("is no key: one is base64, as the portal shows it")
        }
        Key::UseEmulator
        | Key::UseAzureCli
        | Key::SkipSignature
        | Key::UseFabricEndpoint
        | Key::DisableTagging => environment::truth(value),
        Key::Client(client) => environment::client(Some(*client), value),
        _ => environment::client(None, value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(set: &[(&str, &str)]) -> Result<MicrosoftAzureBuilder, String> {
        builder(set.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())))
    }

    #[test]
    fn what_cannot_be_used_is_refused_by_the_name_of_its_variable() {
        for (name, value) in [
            ("AZURE_STORAGE_ENDPOINT", "s3cret"),
            ("AZURE_ENDPOINT", "http://"),
            ("AZURE_STORAGE_ENDPOINT", "https://me:s3cret@host"),
            ("AZURE_STORAGE_ENDPOINT", "https://host?sig=s3cret"),
            ("AZURE_STORAGE_ACCOUNT_NAME", "s3cret.example/"),
            ("AZURE_STORAGE_ACCOUNT", "s3cret\n"),
            ("AZURE_STORAGE_ACCOUNT_KEY", "s3cret\n"),
            ("AZURE_STORAGE_KEY", "s3cret!"),
            ("AZURE_STORAGE_SAS_TOKEN", "sig=s3cret\n"),
            ("AZURE_STORAGE_TOKEN", "s3cret s3cret"),
            ("AZURE_TENANT_ID", "s3cret/.."),
            ("AZURE_AUTHORITY_HOST", "s3cret"),
            ("AZURE_STORAGE_USE_EMULATOR", "s3cret"),
            ("AZURE_ALLOW_HTTP", "s3cret"),
            ("AZURE_STORAGE_ENCRYPTION_KEY", "s3cret?"),
        ] {
            let told = of(&[(name, value)]).map(drop).unwrap_err();
            assert!(told.starts_with(&format!("{name} ")) && !told.contains("s3cret"), "{told}");
        }
    }

    #[test]
    fn what_is_empty_is_not_set_and_the_names_of_the_command_are_known() {
        let empty = of(&[("AZURE_STORAGE_ACCOUNT_NAME", ""), ("AZURE_STORAGE_ENDPOINT", "")]);
        assert!(!has_account(&empty.unwrap()));
        let set = of(&[
            ("AZURE_STORAGE_ACCOUNT", "lake"),
            ("AZURE_STORAGE_KEY", "AAAA"),
            ("IDENTITY_ENDPOINT", "http://169.254.1.1/token"),
        ])
        .unwrap();
        let value = |key| set.get_config_value(&key);
        assert_eq!(value(Key::AccountName).as_deref(), Some("lake"));
        assert_eq!(value(Key::AccessKey).as_deref(), Some("AAAA"));
        assert_eq!(value(Key::MsiEndpoint).as_deref(), Some("http://169.254.1.1/token"));
    }

    #[test]
    fn only_this_machine_is_spoken_to_in_plain() {
        let (here, there) = ("http://127.0.0.1:10000/devstoreaccount1", "http://azurite:10000");
        let allows = |set: &[(&str, &str)]| {
            let builder = of(set).unwrap();
            let key = Key::Client(ClientConfigKey::AllowHttp);
            (builder.get_config_value(&key).as_deref() == Some("true"), plain_abroad(&builder))
        };
        assert_eq!(allows(&[("AZURE_STORAGE_ENDPOINT", here)]), (true, None));
        let abroad = ("AZURE_STORAGE_ENDPOINT", there);
        assert_eq!(allows(&[abroad]), (false, Some("AZURE_STORAGE_ENDPOINT")));
        assert_eq!(allows(&[abroad, ("AZURE_ALLOW_HTTP", "true")]), (true, None));
        assert_eq!(allows(&[("AZURE_STORAGE_ENDPOINT", "https://azurite")]), (false, None));
    }
}
