//! Bodies, and what is in them, told the slow and obvious way.

use std::fmt;
use std::path::PathBuf;

use license_stream::simulate::LicenseGenerator;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

/// A record as it stands in its body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Record<'a> {
    pub(crate) byte: u64,
    pub(crate) line: u64,
    /// Without the white space around it.
    pub(crate) bytes: &'a [u8],
}

/// The records of a body: its lines, save the blank ones.
pub(crate) fn records(body: &[u8]) -> Vec<Record<'_>> {
    let mut found = Vec::new();
    let mut byte = 0;
    for (index, line) in body.split(|byte| *byte == b'\n').enumerate() {
        let text = line.trim_ascii_start();
        let blanks = (line.len() - text.len()) as u64;
        let bytes = text.trim_ascii_end();
        if !bytes.is_empty() {
            found.push(Record { byte: byte + blanks, line: index as u64 + 1, bytes });
        }
        byte += line.len() as u64 + 1;
    }
    found
}

/// The members of an object, in their order, the repeated ones too; `None` if it is no object.
pub(crate) fn members(json: &[u8]) -> Option<Vec<(String, Box<RawValue>)>> {
    struct Members;

    impl<'de> Visitor<'de> for Members {
        type Value = Vec<(String, Box<RawValue>)>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut members = Vec::new();
            while let Some(member) = map.next_entry()? {
                members.push(member);
            }
            Ok(members)
        }
    }

    let mut deserializer = serde_json::Deserializer::from_slice(json);
    let members = deserializer.deserialize_map(Members).ok()?;
    deserializer.end().ok()?;
    Some(members)
}

/// The `id` of a license.
pub(crate) fn id(record: &[u8]) -> String {
    let members = members(record).expect("a license is an object");
    let (_, id) = members.into_iter().rfind(|(name, _)| name == "id").expect("a license has an id");
    serde_json::from_str(id.get()).expect("an id is a string")
}

/// Licenses at the edges of what is allowed: each `id` says at which.
pub(crate) fn edges() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/edges.ndjson"))
}

/// The first `count` invented licenses, one a line.
pub(crate) fn simulated(licenses: &LicenseGenerator, count: u64) -> Vec<u8> {
    let mut body = Vec::new();
    licenses.write_ndjson(0..count, &mut body).unwrap();
    body
}
