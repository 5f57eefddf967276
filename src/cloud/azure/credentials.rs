//! Where credentials for Azure come from.

use object_store::azure::{AzureConfigKey as Key, MicrosoftAzureBuilder};

const WORKLOAD: &str = "AZURE_CLIENT_ID, AZURE_TENANT_ID and AZURE_FEDERATED_TOKEN_FILE are set, and no token is given \
                        for them";
const CLIENT_SECRET: &str = "AZURE_CLIENT_ID, AZURE_TENANT_ID and AZURE_CLIENT_SECRET are set, and no token is given for \
                             them";
const CLI: &str = "AZURE_USE_AZURE_CLI is set, and `az account get-access-token` gives no token";
const MANAGED: &str = "set AZURE_STORAGE_ACCOUNT_KEY or AZURE_STORAGE_SAS_TOKEN; neither is set, nor is a client's secret \
                       or a workload identity, and this machine has no managed identity";

/// What to say where whoever `object_store` will ask gives none; `None` where they stand in the environment, or none
/// are wanted.
pub(super) fn missing(builder: &MicrosoftAzureBuilder) -> Option<&'static str> {
    let is_set = |key| builder.get_config_value(&key).is_some();
    let is_true = |key| builder.get_config_value(&key).as_deref() == Some("true");
    let stand = [Key::Token, Key::AccessKey].into_iter().any(is_set);
    let is_client = is_set(Key::ClientId) && is_set(Key::AuthorityId);
    // As the emulator has a key that all know. Whom a chosen type asks is the chooser's to know.
    if stand
        || is_true(Key::UseEmulator)
        || is_true(Key::SkipSignature)
        || is_set(Key::CredentialType)
    {
        None
    } else if is_client && is_set(Key::FederatedTokenFile) {
        Some(WORKLOAD)
    } else if is_client && is_set(Key::ClientSecret) {
        Some(CLIENT_SECRET)
    } else if is_set(Key::SasKey) {
        None
    } else if is_true(Key::UseAzureCli) {
        Some(CLI)
    } else {
        Some(MANAGED)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_asked_is_who_the_crate_asks() {
        let of = |set: &[Key]| {
            let with =
                |builder: MicrosoftAzureBuilder, key: &Key| builder.with_config(*key, "true");
            missing(&set.iter().fold(MicrosoftAzureBuilder::new(), with))
        };
        assert_eq!(of(&[]), Some(MANAGED));
        assert_eq!(of(&[Key::ClientId]), Some(MANAGED));
        let client = [Key::ClientId, Key::AuthorityId];
        assert_eq!(of(&client), Some(MANAGED));
        let (secret, token) = (Key::ClientSecret, Key::FederatedTokenFile);
        assert_eq!(of(&[&client[..], &[secret]].concat()), Some(CLIENT_SECRET));
        assert_eq!(of(&[&client[..], &[secret, token]].concat()), Some(WORKLOAD));
        assert_eq!(of(&[Key::UseAzureCli]), Some(CLI));
        for key in [Key::AccessKey, Key::SasKey, Key::UseEmulator, Key::Token, Key::SkipSignature] {
            assert_eq!(of(&[key]), None);
        }
    }
}
