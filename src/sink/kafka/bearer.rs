//! Tokens for SASL's OAUTHBEARER, out of a file that something else keeps fresh.

use std::error::Error as StdError;
use std::ffi::CString;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rdkafka::bindings as native;
use rdkafka::client::{Client, ClientContext, OAuthToken};
use rdkafka::config::ClientConfig;

use crate::error::{Error, ErrorKind, Result};

/// The setting that says where the token is, and how it does. To librdkafka it is any text.
const SETTING: &str = "sasl.oauthbearer.config";
const TOKEN_FILE: &str = "token_file=";

/// For how long librdkafka takes a token to be good; it asks again when four fifths of that are over. How long it
/// really is, brokers know: whoever writes the file does so well before the end, and is not waited for.
const LIFETIME: Duration = Duration::from_secs(60);

/// Longest file that is read.
const MOST_BYTES: u64 = 1 << 20;

/// Gives `client` its first token, where it needs one.
///
/// librdkafka asks for tokens in a queue, and not all clients have a thread that looks into theirs.
///
/// # Errors
/// [`ErrorKind::Configuration`] if there is no token where it should be.
pub(super) fn give<C: ClientContext>(client: &Client<C>, config: &ClientConfig) -> Result<()> {
    let mechanism = ["sasl.mechanism", "sasl.mechanisms"].iter().find_map(|name| config.get(name));
    if mechanism.is_none_or(|mechanism| !mechanism.eq_ignore_ascii_case("OAUTHBEARER")) {
        return Ok(());
    }
    // Those of librdkafka's own ways do without.
    let Some(file) = config.get(SETTING).and_then(|setting| setting.strip_prefix(TOKEN_FILE))
    else {
        return Ok(());
    };
    let token = read(Path::new(file))?;
    let refused = |reason: String| {
        let message = format!("{SETTING}: the token in {file} is none that brokers could be given");
        Error::new(ErrorKind::Configuration, message).caused_by(reason)
    };
    let text = |text: String| CString::new(text).map_err(|error| refused(error.to_string()));
    let (value, principal) = (text(token.token)?, text(token.principal_name)?);
    let mut reason = [0; 256];
    #[expect(unsafe_code, reason = "rdkafka gives tokens only to clients that are polled")]
    // SAFETY: the client is alive, both texts end with a zero and are copied, there are no extensions, and no more than
    // the length that is given is written to `reason`.
    let code = unsafe {
        native::rd_kafka_oauthbearer_set_token(
            client.native_ptr(),
            value.as_ptr(),
            token.lifetime_ms,
            principal.as_ptr(),
            std::ptr::null_mut(),
            0,
            reason.as_mut_ptr(),
            reason.len(),
        )
    };
    if code == native::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR {
        return Ok(());
    }
    // Its own words may repeat the token.
    Err(refused(rdkafka::types::RDKafkaErrorCode::from(code).to_string()))
}

/// The token as librdkafka asks for it again, with what the setting says.
pub(super) fn refreshed(setting: Option<&str>) -> Result<OAuthToken, Box<dyn StdError>> {
    let file = setting.and_then(|setting| setting.strip_prefix(TOKEN_FILE));
    let file = file.ok_or_else(|| {
        format!(
            "OAUTHBEARER needs a token: name the file that holds it, {SETTING}={TOKEN_FILE}FILE"
        )
    })?;
    Ok(read(Path::new(file))?)
}

fn read(file: &Path) -> Result<OAuthToken> {
    let wrong = |what: &str| {
        let message = format!("{SETTING}: {} {what}", file.display());
        Error::new(ErrorKind::Configuration, message)
    };
    let length = file.metadata().map(|metadata| metadata.len());
    if length.is_ok_and(|length| length > MOST_BYTES) {
        return Err(wrong("is too long for a token"));
    }
    let text = std::fs::read_to_string(file)
        .map_err(|error| wrong("cannot be read: it must hold the token").caused_by(error))?;
    let token = text.trim();
    if token.is_empty() {
        return Err(wrong("holds no token"));
    }
    let until = SystemTime::now() + LIFETIME;
    let until = until.duration_since(UNIX_EPOCH).unwrap_or_default();
    Ok(OAuthToken {
        token: token.to_owned(),
        // Whom the token is of, brokers read in it; this is for librdkafka's own messages.
        principal_name: "license-stream".to_owned(),
        lifetime_ms: i64::try_from(until.as_millis()).unwrap_or(i64::MAX),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_read_anew_each_time_and_what_is_none_is_named() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("token");
        let setting = format!("{TOKEN_FILE}{}", file.display());
        let refreshed = || refreshed(Some(&setting)).map(|token| token.token);
        let error = refreshed().unwrap_err().to_string();
        assert!(error.contains("cannot be read") && error.contains("token"), "{error}");
        std::fs::write(&file, " \n").unwrap();
        assert!(refreshed().unwrap_err().to_string().ends_with("holds no token"));
        for token in ["one.two.three", "four.five.six"] {
            std::fs::write(&file, format!("{token}\n")).unwrap();
            assert_eq!(refreshed().unwrap(), token);
        }
        assert!(super::refreshed(None).is_err() && super::refreshed(Some("principal=x")).is_err());
    }
}
