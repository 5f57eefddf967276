//! How values are encoded, from what was typed: the format, and its schema in a registry.

use std::path::Path;

use license_stream::encode::Format;
use license_stream::registry::{Credentials, Register, SchemaRegistry, SubjectStrategy};
use license_stream::sink::kafka::{Encoding, KafkaOptions, Topic};
use license_stream::truto::http_client;
use license_stream::{Error, ErrorKind, Result};
use reqwest::Url;

use crate::args::{RegistryArgs, ReportArgs, ValueArgs};
use crate::certificates;
use crate::waits::Waits;

const USER_VARIABLE: &str = "SCHEMA_REGISTRY_BASIC_AUTH_USER_INFO";
const TOKEN_VARIABLE: &str = "SCHEMA_REGISTRY_BEARER_TOKEN";

/// The encoding that the flags ask for, whose schema may still have to be asked for.
#[derive(Clone, Debug)]
pub(crate) struct Values {
    encoding: Option<Encoding>,
    registry: Option<Registry>,
}

/// Where a schema is.
#[derive(Clone, Debug)]
struct Registry {
    /// Host and port, and no more of what was typed.
    address: String,
    client: SchemaRegistry,
    strategy: SubjectStrategy,
    register: Register,
}

/// What a registry was found to say; nothing was registered.
pub(crate) enum Found {
    /// Values have this id.
    Id { subject: String, id: u32 },
    /// The run would register our schema.
    ToRegister { subject: String },
    /// It answers, and subjects are not known yet.
    ByTopic,
}

impl Values {
    /// Refuses what contradicts itself; asks nobody. Values go to the topics of `options`.
    pub(crate) fn new(args: &ValueArgs, options: &KafkaOptions) -> Result<Self> {
        let encoding = args
            .value
            .format()
            .map(|format| Encoding { strict: args.strict, ..Encoding::new(format) });
        if args.strict && encoding.is_none() {
            return Err(refused(
                "--strict goes with a --value that has types: `json` stays as it came".to_owned(),
            ));
        }
        if options.any_json && encoding.is_some() {
            let name = args.value.name();
            return Err(refused(format!(
                "--value {name} is for licenses: what --format raw and --shape document give has no known \
                 fields, and stays as it came"
            )));
        }
        let registry = match (&args.registry.schema_registry, args.value.is_registered()) {
            (Some(url), true) => Some(Registry::new(url, &args.registry)?),
            (None, true) => {
                return Err(refused(format!(
                    "--value {} needs --schema-registry URL, where consumers find the schema",
                    args.value.name()
                )));
            }
            (_, false) => {
                if let Some(flag) = typed(&args.registry) {
                    return Err(refused(format!(
                        "{flag} goes with --value avro, protobuf or json-schema: {} has no schema in a \
                         registry",
                        args.value.name()
                    )));
                }
                None
            }
        };
        if let Some(registry) = &registry {
            let is_by_topic = registry.strategy != SubjectStrategy::Record;
            if is_by_topic && options.topic.is_by_record() {
                return Err(refused(format!(
                    "topics of `{}` are known by their records only, and a schema is looked up before the \
                     first one: choose --subject-strategy record, one schema for all topics",
                    options.topic
                )));
            }
        }
        Ok(Self { encoding, registry })
    }

    /// The same, of which people are told what the registry is waited for, as `report` has it.
    pub(crate) fn telling(mut self, report: ReportArgs) -> Self {
        if let Some(registry) = self.registry.as_mut().filter(|_| !report.quiet) {
            let (client, address) = (registry.client.clone(), registry.address.clone());
            registry.client = Waits::tell_of_registry(client, address, report.is_verbose());
        }
        self
    }

    /// The encoding for records of `topic`, with the schema's id. What was answered once is not asked for
    /// again.
    pub(crate) async fn encoding(&self, topic: &str) -> Result<Option<Encoding>> {
        let (Some(encoding), Some(registry)) = (self.encoding, &self.registry) else {
            return Ok(self.encoding);
        };
        let id = registry.id(topic, encoding.format).await?;
        Ok(Some(Encoding { schema_id: Some(id), ..encoding }))
    }

    /// What the registry says of the schema for `topic`, if there is one.
    pub(crate) async fn look(&self, topic: &Topic) -> Result<Option<Found>> {
        let (Some(encoding), Some(registry)) = (self.encoding, &self.registry) else {
            return Ok(None);
        };
        registry.look(topic, encoding.format).await.map(Some)
    }
}

impl Registry {
    fn new(url: &str, args: &RegistryArgs) -> Result<Self> {
        let mut http = http_client(url);
        if let Some(file) = &args.registry_ca_cert {
            http = http.tls_certs_merge(certificates::authorities("--registry-ca-cert", file)?);
        }
        if let Some(file) = &args.registry_client_cert {
            http = http.identity(certificates::identity("--registry-client-cert", file)?);
        }
        let http = http.build().map_err(|error| {
            refused("HTTP cannot be set up so for the schema registry".to_owned()).caused_by(error)
        })?;
        let client = SchemaRegistry::new(http, url, credentials(args)?)?;
        let address = Url::parse(url).map(|url| url.origin().ascii_serialization());
        Ok(Self {
            address: address.unwrap_or_default(),
            client,
            strategy: args.subject_strategy.unwrap_or_default().into(),
            register: args.register.unwrap_or_default().into(),
        })
    }

    async fn id(&self, topic: &str, format: Format) -> Result<u32> {
        let subject = self.strategy.subject(topic, format);
        self.client.id(&subject, format, self.register).await
    }

    async fn look(&self, topic: &Topic, format: Format) -> Result<Found> {
        let name = topic.fixed().map_or_else(|| topic.family(), str::to_owned);
        let subject = self.strategy.subject(&name, format);
        if topic.fixed().is_none() && self.strategy != SubjectStrategy::Record {
            // The subject of no topic: what is said of it means nothing, but that there is an answer.
            self.client.compatibility(&subject, format).await?;
            return Ok(Found::ByTopic);
        }
        Ok(match self.client.look(&subject, format, self.register).await? {
            Some(id) => Found::Id { subject, id },
            None => Found::ToRegister { subject },
        })
    }
}

/// A flag of the registry that was typed.
fn typed(args: &RegistryArgs) -> Option<&'static str> {
    let flags = [
        ("--schema-registry", args.schema_registry.is_some()),
        ("--subject-strategy", args.subject_strategy.is_some()),
        ("--register", args.register.is_some()),
        ("--registry-user-file", args.registry_user_file.is_some()),
        ("--registry-token-file", args.registry_token_file.is_some()),
        ("--registry-ca-cert", args.registry_ca_cert.is_some()),
        ("--registry-client-cert", args.registry_client_cert.is_some()),
    ];
    flags.into_iter().find(|(_, is_typed)| *is_typed).map(|(flag, _)| flag)
}

/// Who asks the registry: a file wins over the environment.
fn credentials(args: &RegistryArgs) -> Result<Option<Credentials>> {
    if let Some(file) = &args.registry_user_file {
        return Credentials::basic(&read("--registry-user-file", file)?).map(Some);
    }
    if let Some(file) = &args.registry_token_file {
        return Credentials::bearer(&read("--registry-token-file", file)?).map(Some);
    }
    match (variable(USER_VARIABLE)?, variable(TOKEN_VARIABLE)?) {
        (Some(_), Some(_)) => Err(refused(format!(
            "{USER_VARIABLE} and {TOKEN_VARIABLE} are both set: leave one away, or name a file with \
             --registry-user-file or --registry-token-file"
        ))),
        (Some(user), None) => Credentials::basic(&user).map(Some),
        (None, Some(token)) => Credentials::bearer(&token).map(Some),
        (None, None) => Ok(None),
    }
}

fn read(flag: &str, file: &Path) -> Result<String> {
    std::fs::read_to_string(file).map_err(|error| {
        refused(format!("{flag} {} cannot be read", file.display())).caused_by(error)
    })
}

/// A variable of the environment; one that is empty is as good as none.
fn variable(name: &str) -> Result<Option<String>> {
    match std::env::var(name) {
        Ok(value) => Ok(Some(value).filter(|value| !value.trim().is_empty())),
        Err(std::env::VarError::NotPresent) => Ok(None),
        // The cause is left out: it would show the value.
        Err(std::env::VarError::NotUnicode(_)) => Err(refused(format!("{name} is no text"))),
    }
}

fn refused(message: String) -> Error {
    Error::new(ErrorKind::Configuration, message)
}
