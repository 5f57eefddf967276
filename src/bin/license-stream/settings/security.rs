//! Whether the settings of security go together. librdkafka leaves aside those that its `security.protocol` has no use for,
//! and speaks in plain text.

use license_stream::sink::kafka::{ClientConfig, check_config};
use license_stream::{Error, ErrorKind, Result};

const PROTOCOLS: [&str; 4] = ["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"];

/// Those that librdkafka has as it is built here.
const MECHANISMS: [&str; 4] = ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER"];

/// Settings that say where a file is, which librdkafka names in no error.
const FILES: [&str; 7] = [
    "ssl.ca.location",
    "ssl.certificate.location",
    "ssl.key.location",
    "ssl.keystore.location",
    "ssl.crl.location",
    "https.ca.location",
    "sasl.oauthbearer.assertion.private.key.file",
];

/// Refuses what would not be used as it is meant, what is not there, and what librdkafka is not built with.
///
/// # Errors
/// [`ErrorKind::Configuration`], which shows no value that may be a secret.
pub(super) fn check(config: &ClientConfig) -> Result<()> {
    let protocol = config.get("security.protocol").unwrap_or_default().to_ascii_uppercase();
    if !protocol.is_empty() && !PROTOCOLS.contains(&protocol.as_str()) {
        return wrong(format!("security.protocol is one of {}", PROTOCOLS.join(", ")));
    }
    // What has no such name has no use in any protocol.
    check_config(config)?;
    check_uses(config, &protocol)?;
    check_mechanism(config, protocol.starts_with("SASL"))?;
    FILES.iter().try_for_each(|name| config.get(name).map_or(Ok(()), |file| check_file(name, file)))
}

/// Refuses settings that `protocol` has no use for.
fn check_uses(config: &ClientConfig, protocol: &str) -> Result<()> {
    let map = config.config_map();
    // In the order of their names, so that the same settings have the same error.
    let set = |prefix: &str| map.keys().filter(|name| name.starts_with(prefix)).min();
    let (is_sasl, is_tls) = (protocol.starts_with("SASL"), protocol.ends_with("SSL"));
    let unused = match (set("sasl.").filter(|_| !is_sasl), set("ssl.").filter(|_| !is_tls)) {
        (Some(sasl), None) if is_tls => Some((sasl, "no credentials are sent", "SASL_SSL")),
        (Some(sasl), None) => {
            let plain = "nothing is encrypted and no credentials are sent";
            Some((sasl, plain, "SASL_SSL, or SASL_PLAINTEXT"))
        }
        (Some(sasl), Some(_)) => {
            Some((sasl, "nothing is encrypted and no credentials are sent", "SASL_SSL"))
        }
        (None, Some(tls)) => {
            let meant = if is_sasl { "SASL_SSL" } else { "SSL" };
            Some((tls, "nothing is encrypted", meant))
        }
        (None, None) => None,
    };
    let Some((name, what, meant)) = unused else { return Ok(()) };
    let says = match protocol {
        "" => "security.protocol is not".to_owned(),
        protocol => format!("security.protocol is {protocol}"),
    };
    wrong(format!("{name} is set and {says}, so that {what}: set security.protocol={meant}"))
}

/// Refuses what librdkafka would take for Kerberos, which it is not built with, or for a token that nobody gives.
fn check_mechanism(config: &ClientConfig, is_sasl: bool) -> Result<()> {
    let listed = MECHANISMS.join(", ");
    match config.get("sasl.mechanism") {
        None if is_sasl => wrong(format!(
            "security.protocol asks for SASL: say which with sasl.mechanism, one of {listed}"
        )),
        Some(mechanism) if !MECHANISMS.contains(&mechanism) => {
            wrong(format!("sasl.mechanism is one of {listed}; Kerberos (GSSAPI) is not built in"))
        }
        Some("OAUTHBEARER") if config.get("sasl.oauthbearer.config").is_none() => wrong(
            "sasl.mechanism=OAUTHBEARER needs a token: say where it is with sasl.oauthbearer.config=token_file=FILE"
                .to_owned(),
        ),
        _ => Ok(()),
    }
}

fn check_file(name: &str, file: &str) -> Result<()> {
    // A word of librdkafka's for wherever the system has them.
    if file.is_empty() || file == "probe" {
        return Ok(());
    }
    let is_there = match std::fs::metadata(file) {
        Ok(found) if found.is_dir() => Ok(()),
        Ok(_) => std::fs::File::open(file).map(drop),
        Err(error) => Err(error),
    };
    is_there.map_err(|error| {
        let message = format!("{name}: {file} cannot be read");
        Error::new(ErrorKind::Configuration, message).caused_by(error)
    })
}

fn wrong(message: String) -> Result<()> {
    Err(Error::new(ErrorKind::Configuration, message))
}

#[cfg(test)]
mod tests {
    use license_stream::sink::kafka::producer_config;

    use super::*;

    fn refused(settings: &[(&str, &str)]) -> Option<String> {
        let mut config = producer_config("localhost:9092");
        for (name, value) in settings {
            config.set(*name, *value);
        }
        check(&config).err().map(|error| error.message().to_owned())
    }

    #[test]
    fn a_mechanism_is_named_and_has_what_it_needs() {
        assert_eq!(refused(&[]), None);
        assert_eq!(refused(&[("security.protocol", "ssl")]), None);
        let sasl = ("security.protocol", "sasl_ssl");
        let none = refused(&[sasl]).expect("no mechanism");
        assert!(none.contains("say which") && none.contains("SCRAM-SHA-512"), "{none}");
        assert_eq!(refused(&[sasl, ("sasl.mechanism", "PLAIN")]), None);
        let other = refused(&[sasl, ("sasl.mechanism", "s3cret")]).expect("no such mechanism");
        assert!(other.contains("one of PLAIN") && !other.contains("s3cret"), "{other}");
        let bearer = ("sasl.mechanism", "OAUTHBEARER");
        let without = refused(&[sasl, bearer]).expect("no token");
        assert!(without.contains("token_file=FILE"), "{without}");
        assert_eq!(refused(&[sasl, bearer, ("sasl.oauthbearer.config", "token_file=x")]), None);
    }

    #[test]
    fn what_the_protocol_has_no_use_for_is_refused() {
        let user = ("sasl.username", "u");
        let tls = ("ssl.endpoint.identification.algorithm", "https");
        let by = |protocol| ("security.protocol", protocol);
        for (settings, told) in [
            (
                vec![user],
                "sasl.username is set and security.protocol is not, so that nothing is encrypted and no",
            ),
            (vec![user, by("plaintext")], "security.protocol is PLAINTEXT"),
            (
                vec![user, by("SSL")],
                "so that no credentials are sent: set security.protocol=SASL_SSL",
            ),
            (vec![tls], "so that nothing is encrypted: set security.protocol=SSL"),
            (vec![tls, user, by("sasl_plaintext")], "set security.protocol=SASL_SSL"),
            (vec![by("TLS")], "security.protocol is one of PLAINTEXT, SSL"),
        ] {
            let message = refused(&settings).unwrap_or_default();
            assert!(message.contains(told), "{settings:?}: {message}");
        }
    }

    #[test]
    fn a_file_that_is_not_there_is_named() {
        let tls = ("security.protocol", "ssl");
        for name in FILES.iter().filter(|name| name.starts_with("ssl.")) {
            let message = refused(&[tls, (name, "/no/such/file")]);
            assert_eq!(message, Some(format!("{name}: /no/such/file cannot be read")));
            assert_eq!(refused(&[tls, (name, "/")]), None);
        }
        assert_eq!(refused(&[tls, ("ssl.ca.location", "probe")]), None);
    }
}
