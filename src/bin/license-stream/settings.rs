//! librdkafka's settings as they are given: typed, in a file, and secrets where no one else sees them.

mod security;

use std::path::Path;
use std::str::FromStr;

use license_stream::sink::kafka::{ClientConfig, SECRET_SETTINGS, check_config, producer_config};
use license_stream::{Error, ErrorKind, Result};

use crate::args::SettingArgs;

/// `name=value`. The value may be a secret, so it is not shown.
#[derive(Clone)]
struct Setting {
    name: String,
    value: String,
}

impl std::fmt::Debug for Setting {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}=…", self.name)
    }
}

impl FromStr for Setting {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once('=') {
            Some((name, value)) if !name.trim().is_empty() => {
                let (name, value) = (canonical(name.trim()), value.trim());
                Ok(Self { name: name.to_owned(), value: value.to_owned() })
            }
            _ => Err("a setting is written name=value"),
        }
    }
}

impl Setting {
    fn is_secret(&self) -> bool {
        // Where a token is, is none.
        SECRET_SETTINGS.contains(&self.name.as_str()) && !self.value.starts_with("token_file=")
    }

    /// Whether it is a certificate or a key, as the text of a file.
    fn is_pem(&self) -> bool {
        self.name.ends_with(".pem")
    }

    /// The setting with a secret, or what is a file's text, in place of where it is: `env:NAME` or `@FILE`.
    /// `@@` begins a value that begins with `@`.
    fn resolved(self) -> Result<Self> {
        if !self.is_secret() && !self.is_pem() {
            return Ok(self);
        }
        let found = self.found()?;
        if found.is_pem() && !found.value.contains("-----BEGIN ") {
            let name = &found.name;
            // librdkafka would say that it cannot read it, and not that it is no path.
            let message = format!(
                "{name}: what it holds is no PEM: name the file that has it, with {name}=@FILE"
            );
            return Err(Error::new(ErrorKind::Configuration, message));
        }
        Ok(found)
    }

    fn found(mut self) -> Result<Self> {
        let name = &self.name;
        let wrong = |what: String| Error::new(ErrorKind::Configuration, format!("{name}: {what}"));
        let value = if let Some(variable) = self.value.strip_prefix("env:") {
            std::env::var(variable).map_err(|_| {
                wrong(format!("the environment has no variable {variable} that is text"))
            })?
        } else if self.value.starts_with("@@") {
            self.value[1..].to_owned()
        } else if let Some(file) = self.value.strip_prefix('@') {
            let text = std::fs::read_to_string(file);
            let text = text
                .map_err(|error| wrong(format!("file {file} cannot be read")).caused_by(error))?;
            text.trim_end_matches(['\r', '\n']).to_owned()
        } else {
            return Ok(self);
        };
        self.value = value;
        Ok(self)
    }
}

/// Names that librdkafka has for a setting beside the one that we use: whoever sets both would leave to chance which counts.
const ALIASES: [(&str, &str); 10] = [
    ("metadata.broker.list", "bootstrap.servers"),
    ("max.in.flight", "max.in.flight.requests.per.connection"),
    ("sasl.mechanisms", "sasl.mechanism"),
    ("sasl.oauthbearer.client.credentials.client.id", "sasl.oauthbearer.client.id"),
    ("sasl.oauthbearer.client.credentials.client.secret", "sasl.oauthbearer.client.secret"),
    ("queue.buffering.max.ms", "linger.ms"),
    ("message.send.max.retries", "retries"),
    ("compression.codec", "compression.type"),
    ("request.required.acks", "acks"),
    ("delivery.timeout.ms", "message.timeout.ms"),
];

/// The one name of a setting. Those of topics may have `topic.` before them.
fn canonical(name: &str) -> &str {
    let of_topic = name.strip_prefix("topic.");
    // Settings of the producer that begin so.
    let own = |rest: &&str| !rest.starts_with("metadata.") && *rest != "blacklist";
    let name = of_topic.filter(own).unwrap_or(name);
    ALIASES.iter().find(|(alias, _)| *alias == name).map_or(name, |(_, canonical)| canonical)
}

/// What librdkafka is told of how to produce.
pub(crate) fn config(brokers: &str, args: &SettingArgs) -> Result<ClientConfig> {
    // A user in it would be in messages, too.
    if brokers.contains(['@', '?']) {
        let message = "--brokers are HOST:PORT, separated by commas: a user is the setting sasl.username, and a password \
                       sasl.password=@FILE";
        return Err(Error::new(ErrorKind::Configuration, message));
    }
    let mut config = producer_config(brokers);
    let mut settings =
        args.kafka_config.as_deref().map(read_config).transpose()?.unwrap_or_default();
    for typed in &args.settings {
        settings.push(parse_typed(&typed.0)?);
    }
    for setting in settings {
        let Setting { name, value } = setting.resolved()?;
        let weakens = match name.as_str() {
            "enable.idempotence" => value != "true",
            // A run waits for the report of every record.
            "delivery.report.only.error" => value != "false",
            "acks" => value != "all" && value != "-1",
            _ => false,
        };
        if name == "transactional.id" {
            let message = "transactional.id is a flag of its own: give it with --transactional-id ID, which goes with \
                           --delivery exactly-once";
            return Err(Error::new(ErrorKind::Configuration, message));
        }
        if name == "bootstrap.servers" && value != brokers {
            let message =
                "bootstrap.servers is a flag of its own, and --brokers says another: leave it away";
            return Err(Error::new(ErrorKind::Configuration, message));
        }
        if weakens {
            let message = format!(
                "{name} must stay as it is: without it records can be lost, doubled or reordered"
            );
            return Err(Error::new(ErrorKind::Configuration, message));
        }
        config.set(name, value);
    }
    security::check(&config)?;
    Ok(config)
}

/// Whether nobody has asked for batches of another size.
pub(crate) fn has_default_batches(config: &ClientConfig) -> bool {
    config.get("batch.size") == producer_config("").get("batch.size")
}

/// A setting of the command line, which is no place for a secret: whoever is on the machine can read it.
fn parse_typed(text: &str) -> Result<Setting> {
    let wrong = |what: &str| Error::new(ErrorKind::Configuration, format!("-X: {what}"));
    let setting: Setting = text.parse().map_err(wrong)?;
    let is_elsewhere = setting.value.starts_with("env:")
        || (setting.value.starts_with('@') && !setting.value.starts_with("@@"));
    if setting.is_secret() && !is_elsewhere {
        let name = &setting.name;
        let message = format!(
            "-X {name}: every process on this machine can read what is typed: say where it is, with \
             {name}=env:VARIABLE or {name}=@FILE, or put it into --kafka-config"
        );
        return Err(Error::new(ErrorKind::Configuration, message));
    }
    Ok(setting)
}

/// Reads lines of `name=value`; blank ones and those that begin with `#` say nothing.
fn read_config(path: &Path) -> Result<Vec<Setting>> {
    let text = std::fs::read_to_string(path).map_err(|error| {
        let message = format!("--kafka-config {} cannot be read", path.display());
        Error::new(ErrorKind::Configuration, message).caused_by(error)
    })?;
    let lines = text.lines().map(str::trim).enumerate();
    lines
        .filter(|(_, line)| !line.is_empty() && !line.starts_with('#'))
        .map(|(index, line)| {
            let setting = line.parse().map_err(str::to_owned);
            let setting = setting
                .and_then(|setting| known(setting).map_err(|error| error.message().to_owned()));
            setting.map_err(|what| {
                let message =
                    format!("--kafka-config {}, line {}: {what}", path.display(), index + 1);
                Error::new(ErrorKind::Configuration, message)
            })
        })
        .collect()
}

/// The setting, if librdkafka has one of that name that may be so. What it is of others, and where a secret is, is looked at
/// later.
fn known(setting: Setting) -> Result<Setting> {
    if !setting.is_secret() && !setting.is_pem() {
        let mut alone = ClientConfig::new();
        // So that a small queue is not too small by itself.
        alone.set("message.max.bytes", "1000");
        alone.set(&setting.name, &setting.value);
        check_config(&alone)?;
    }
    Ok(setting)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_does_not_show_its_value() {
        let setting: Setting = "sasl.password=s3cret=".parse().expect("a setting");
        assert_eq!(setting.value, "s3cret=");
        assert_eq!(format!("{setting:?}"), "sasl.password=…");
        assert!("=x".parse::<Setting>().is_err() && "x".parse::<Setting>().is_err());
    }

    #[test]
    fn a_setting_has_one_name() {
        for (given, name) in [
            ("queue.buffering.max.ms", "linger.ms"),
            ("topic.request.required.acks", "acks"),
            ("topic.compression.type", "compression.type"),
            ("topic.metadata.refresh.sparse", "topic.metadata.refresh.sparse"),
            ("linger.ms", "linger.ms"),
        ] {
            let setting: Setting = format!("{given}=1").parse().expect("a setting");
            assert_eq!(setting.name, name);
        }
        let secret = parse_typed("sasl.oauthbearer.client.credentials.client.secret=s3cret");
        assert!(secret.is_err(), "an alias of a secret is one");
    }

    #[test]
    fn a_secret_is_found_where_it_is_said_to_be() {
        let file = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(file.path(), "s3cret word\n").expect("a file");
        let value = |text: String| {
            let setting: Setting = text.parse().expect("a setting");
            setting.resolved().map(|setting| setting.value)
        };
        let path = file.path().display();
        assert_eq!(value(format!("sasl.password=@{path}")).expect("a file"), "s3cret word");
        assert_eq!(value("sasl.password=@@x".to_owned()).expect("a value"), "@x");
        assert_eq!(value("sasl.username=@x".to_owned()).expect("no secret"), "@x");
        for (setting, message) in [
            ("sasl.password=@/no/such/file", "sasl.password: file /no/such/file cannot be read"),
            (
                "sasl.password=env:NO_SUCH",
                "sasl.password: the environment has no variable NO_SUCH that is text",
            ),
        ] {
            let error = value(setting.to_owned()).expect_err("nothing is there");
            assert_eq!(error.message(), message);
        }
    }

    #[test]
    fn a_certificate_is_the_text_of_a_file() {
        let file = tempfile::NamedTempFile::new().expect("a file");
        let pem = "-----BEGIN CERTIFICATE-----\nMA==\n-----END CERTIFICATE-----\n";
        std::fs::write(file.path(), pem).expect("a file");
        let path = file.path().display().to_string();
        let value = |text: String| {
            let setting: Setting = text.parse().expect("a setting");
            setting.resolved().map(|setting| setting.value)
        };
        for name in ["ssl.ca.pem", "ssl.certificate.pem", "ssl.key.pem", "https.ca.pem"] {
            let found = value(format!("{name}=@{path}")).expect("a file");
            assert_eq!(found, pem.trim_end());
            let error = value(format!("{name}={path}")).expect_err("a path is none");
            assert!(error.message().ends_with(&format!("with {name}=@FILE")), "{error}");
            assert!(!error.message().contains(&path), "{error}");
        }
        // Where a certificate may be is a path already.
        assert_eq!(value("ssl.ca.location=@x".to_owned()).expect("a path"), "@x");
    }

    #[test]
    fn a_secret_is_not_typed() {
        for name in SECRET_SETTINGS {
            let error = parse_typed(&format!("{name}=s3cret")).expect_err("a secret");
            let message = error.message();
            assert!(message.contains(name) && message.contains("=env:VARIABLE"), "{message}");
            assert!(!message.contains("s3cret"), "{message}");
            assert!(parse_typed(&format!("{name}=env:X")).is_ok());
        }
    }
}
