//! What the values of records are, and where their schemas are.

use std::path::PathBuf;

use clap::{Args as ClapArgs, ValueEnum};
use license_stream::encode::Format;
use license_stream::registry::{Register, SubjectStrategy};

/// What the values of records are.
#[derive(Clone, Debug, ClapArgs)]
#[command(next_help_heading = "Values")]
pub(crate) struct ValueArgs {
    /// What the value of a record is
    #[arg(long, value_enum, default_value_t = ValueArg::Json)]
    pub(crate) value: ValueArg,
    /// Reject a record in which a known field has a value of an unexpected type; otherwise the field is
    /// null, and the value is kept in _extra. Not for `json`, which stays as it came
    #[arg(long)]
    pub(crate) strict: bool,
    #[command(flatten)]
    pub(crate) registry: RegistryArgs,
}

/// Where schemas are.
#[derive(Clone, Debug, ClapArgs)]
#[command(next_help_heading = "Schema registry")]
pub(crate) struct RegistryArgs {
    /// Address of a schema registry with Confluent's API, for the values that have a schema in one;
    /// Apicurio's ends in /apis/ccompat/v7. Plain http only to this machine where there are credentials
    #[arg(long, value_name = "URL")]
    pub(crate) schema_registry: Option<String>,
    /// What the schema's subject is named for
    #[arg(long, value_enum)]
    pub(crate) subject_strategy: Option<SubjectStrategyArg>,
    /// Whose schema values are written by
    #[arg(long, value_enum)]
    pub(crate) register: Option<RegisterArg>,
    /// File that holds user:password for the registry; otherwise it is read from
    /// SCHEMA_REGISTRY_BASIC_AUTH_USER_INFO, if that is set
    #[arg(long, value_name = "FILE", conflicts_with = "registry_token_file")]
    pub(crate) registry_user_file: Option<PathBuf>,
    /// File that holds a bearer token for the registry; otherwise it is read from
    /// SCHEMA_REGISTRY_BEARER_TOKEN, if that is set
    #[arg(long, value_name = "FILE")]
    pub(crate) registry_token_file: Option<PathBuf>,
    /// File of certificates (PEM) of authorities to trust for the registry, beside the system's
    #[arg(long, value_name = "FILE")]
    pub(crate) registry_ca_cert: Option<PathBuf>,
    /// File with the certificate to show to the registry and its key (PEM, PKCS#8 without a password)
    #[arg(long, value_name = "FILE")]
    pub(crate) registry_client_cert: Option<PathBuf>,
}

/// `--value`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ValueArg {
    /// The record's bytes as they came, every one of them checked
    Json,
    /// JSON in one spelling: the known fields that are not null, in one order, and _extra
    JsonNormalized,
    /// Avro, by a schema in the registry
    Avro,
    /// Protobuf, by a schema in the registry
    Protobuf,
    /// As json-normalized, by a JSON Schema in the registry
    JsonSchema,
}

impl ValueArg {
    /// How licenses are encoded, unless they stay as they came.
    pub(crate) fn format(self) -> Option<Format> {
        match self {
            Self::Json => None,
            Self::JsonNormalized | Self::JsonSchema => Some(Format::Json),
            Self::Avro => Some(Format::Avro),
            Self::Protobuf => Some(Format::Protobuf),
        }
    }

    /// Whether consumers find the schema in a registry.
    pub(crate) fn is_registered(self) -> bool {
        matches!(self, Self::Avro | Self::Protobuf | Self::JsonSchema)
    }

    /// As it is typed.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::JsonNormalized => "json-normalized",
            Self::Avro => "avro",
            Self::Protobuf => "protobuf",
            Self::JsonSchema => "json-schema",
        }
    }
}

/// `--subject-strategy`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum SubjectStrategyArg {
    /// The topic: TOPIC-value; what consumers expect, and the default
    #[default]
    Topic,
    /// The record: one schema for all topics
    Record,
    /// Both: TOPIC-RECORD
    TopicRecord,
}

impl From<SubjectStrategyArg> for SubjectStrategy {
    fn from(strategy: SubjectStrategyArg) -> Self {
        match strategy {
            SubjectStrategyArg::Topic => Self::Topic,
            SubjectStrategyArg::Record => Self::Record,
            SubjectStrategyArg::TopicRecord => Self::TopicRecord,
        }
    }
}

/// `--register`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum RegisterArg {
    /// The subject's latest, if licenses can be written by it; nothing is registered. The default
    #[default]
    Latest,
    /// Ours, which is registered unless it is there already
    Auto,
}

impl From<RegisterArg> for Register {
    fn from(register: RegisterArg) -> Self {
        match register {
            RegisterArg::Latest => Self::Latest,
            RegisterArg::Auto => Self::Auto,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_have_the_names_that_are_typed() {
        for value in ValueArg::value_variants() {
            let typed = value.to_possible_value().expect("a value that can be typed");
            assert_eq!(value.name(), typed.get_name());
            assert!(!value.is_registered() || value.format().is_some());
        }
    }
}
