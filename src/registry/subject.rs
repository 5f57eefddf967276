//! Names that schemas are registered under.

use super::schema;
use crate::encode::Format;

/// What a subject is named for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum SubjectStrategy {
    /// The topic: `TOPIC-value`. What consumers expect unless they are told otherwise.
    #[default]
    Topic,
    /// The record: `license_stream.License` in Avro, `license_stream.v1.License` in Protobuf, `License` in
    /// JSON Schema. All topics have one schema.
    Record,
    /// Both: `TOPIC-license_stream.License`.
    TopicRecord,
}

impl SubjectStrategy {
    /// The subject of values of `format` in `topic`.
    pub fn subject(self, topic: &str, format: Format) -> String {
        let record = schema::record(format);
        match self {
            Self::Topic => format!("{topic}-value"),
            Self::Record => record.to_owned(),
            Self::TopicRecord => format!("{topic}-{record}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subjects_have_the_names_that_the_schemas_have() {
        let avro: serde_json::Value = serde_json::from_str(schema::text(Format::Avro)).unwrap();
        let name = |it: &str| avro[it].as_str().unwrap().to_owned();
        let name = format!("{}.{}", name("namespace"), name("name"));
        assert_eq!(SubjectStrategy::Record.subject("t", Format::Avro), name);
        let json: serde_json::Value = serde_json::from_str(schema::text(Format::Json)).unwrap();
        assert_eq!(json["title"], SubjectStrategy::Record.subject("t", Format::Json));
        let proto = schema::text(Format::Protobuf);
        let (package, message) = schema::record(Format::Protobuf).rsplit_once('.').unwrap();
        assert!(proto.contains(&format!("\npackage {package};\n")));
        // The first message: that is what the header of a value says.
        assert!(proto.split("\nmessage ").nth(1).unwrap().starts_with(&format!("{message} {{")));
        let both = SubjectStrategy::TopicRecord.subject("t", Format::Protobuf);
        assert_eq!(both, "t-license_stream.v1.License");
        assert_eq!(SubjectStrategy::Topic.subject("t", Format::Json), "t-value");
    }
}
