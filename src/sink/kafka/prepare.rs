//! The CPU's part of the sink: which licenses are taken, and what is produced of each.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use super::template::{self, Bound};
use super::topic::{legal, unfit};
use super::wire_bytes;
use crate::decode::pick::{Picked, Wanted, pick};
use crate::decode::{Candidate, CheckedBlock, CheckedRecord, Limits, Unexpected, Unfit};
use crate::encode::{EncodeOptions, EncodedBlock, Values};
use crate::error::{Error, ErrorKind, Result};
use crate::frame::Block;
use crate::license::License;
use crate::reject::{Reject, RejectReason};
use crate::sink::Decoder;

/// A field that has a certain value, such as `status=inactive`. Strings are compared by the characters
/// they mean, numbers and truth values by how they are spelt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldIs {
    field: usize,
    value: String,
}

impl FieldIs {
    /// `field` of a license is `value`.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`] if a license has no such field, or one that is never a single value.
    pub fn new(field: &str, value: impl Into<String>) -> Result<Self> {
        template::check_single(field).map_err(|what| Error::new(ErrorKind::Configuration, what))?;
        let index = template::field(field).ok_or_else(|| {
            let message = template::unknown(field, template::single_fields());
            Error::new(ErrorKind::Configuration, message)
        })?;
        Ok(Self { field: index, value: value.into() })
    }

    /// The field.
    pub fn field(&self) -> &'static str {
        License::FIELDS[self.field]
    }

    fn holds(&self, picked: &Picked<'_>) -> bool {
        picked.scalar(self.field).is_some_and(|value| value == self.value)
    }
}

/// How the key of a record is made.
#[derive(Clone, Debug)]
pub(super) enum KeyPlan {
    /// There is none.
    None,
    /// Account and id, as far as they are known: the sink does it by itself.
    Default {
        account_len: usize,
    },
    Template(Bound),
}

/// How records are prepared for one sink.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) limits: Limits,
    pub(super) any_json: bool,
    /// How values are encoded, unless they are the bytes as they came.
    pub(super) encode: Option<EncodeOptions>,
    pub(super) key: KeyPlan,
    /// The topic, where records differ in it.
    pub(super) topic: Option<Bound>,
    /// Any of these makes a tombstone of a record.
    pub(super) tombstones: Vec<FieldIs>,
    /// What the headers take.
    pub(super) header_bytes: usize,
    /// The largest record that is taken, with all that belongs to it.
    pub(super) max_bytes: usize,
    /// Whether that is the topic's bound, and not the producer's.
    pub(super) is_bound_by_topic: bool,
}

impl Plan {
    fn wanted(&self) -> Wanted {
        let mut wanted = Wanted::default();
        if let KeyPlan::Template(key) = &self.key {
            key.want(&mut wanted);
        }
        if let Some(topic) = &self.topic {
            topic.want(&mut wanted);
        }
        for FieldIs { field, .. } in &self.tombstones {
            wanted.insert(*field);
        }
        wanted
    }
}

/// Checks each record, and makes its key and topic where they are made of its fields.
#[derive(Clone, Debug)]
pub struct KafkaDecoder {
    pub(super) plan: Arc<Plan>,
}

impl Decoder for KafkaDecoder {
    type Output = Vec<PreparedBlock>;

    fn decode(
        &mut self,
        blocks: Vec<Block>,
        on_reject: &mut dyn FnMut(Reject) -> ControlFlow<()>,
    ) -> (Vec<PreparedBlock>, u64) {
        let mut prepared = Vec::with_capacity(blocks.len());
        let mut flow = ControlFlow::Continue(());
        for block in blocks {
            let on_reject = |reject| {
                flow = on_reject(reject);
                flow
            };
            prepared.push(PreparedBlock::prepare(block, &self.plan, on_reject));
            if flow.is_break() {
                break;
            }
        }
        let records = prepared.iter().map(|block| block.checked.len() as u64).sum();
        (prepared, records)
    }
}

/// A block's licenses with what is produced of them.
#[derive(Clone, Debug)]
pub struct PreparedBlock {
    checked: CheckedBlock,
    /// What each license is encoded as, unless it is its bytes as they came.
    values: Option<Values>,
    /// The key of each license, unless the sink makes it.
    keys: Option<Pieces>,
    /// The topics of the licenses, where they differ, and which of them is each one's.
    topics: Vec<String>,
    topic_of: Vec<u32>,
    /// Which licenses are tombstones; empty where none can be.
    tombstones: Vec<bool>,
}

/// Pieces of one text.
#[derive(Clone, Debug, Default)]
struct Pieces {
    text: String,
    ends: Vec<u32>,
}

/// A license on its way into a topic.
#[derive(Clone, Copy, Debug)]
pub(super) struct Prepared<'a> {
    pub(super) record: CheckedRecord<'a>,
    /// What the license is produced as, unless it is a tombstone.
    pub(super) value: &'a [u8],
    /// The key, unless the sink makes it.
    pub(super) key: Option<&'a str>,
    /// The topic, where records differ in it.
    pub(super) topic: Option<&'a str>,
    pub(super) is_tombstone: bool,
}

impl PreparedBlock {
    fn prepare(
        block: Block,
        plan: &Plan,
        on_reject: impl FnMut(Reject) -> ControlFlow<()>,
    ) -> Self {
        let wanted = plan.wanted();
        let mut keys = matches!(plan.key, KeyPlan::Template(_)).then(Pieces::default);
        let mut topics = Topics::default();
        let mut topic_of = Vec::new();
        let mut tombstones = Vec::new();
        let admit = |record: Candidate<'_>| {
            // Nothing but its size is to be known of most records.
            let picked = (!wanted.is_empty()).then(|| pick(record, wanted, &plan.limits));
            let is_tombstone = picked.as_ref().is_some_and(|picked| {
                plan.tombstones.iter().any(|condition| condition.holds(picked))
            });
            let before = keys.as_ref().map_or(0, |keys| keys.text.len());
            let key_len = match (&plan.key, &mut keys, &picked) {
                (KeyPlan::None, ..) => 0,
                (KeyPlan::Default { account_len }, ..) => account_len + 1 + record.id.len(),
                (KeyPlan::Template(template), Some(keys), Some(picked)) => {
                    if let Err(field) = template.write(picked, &mut keys.text) {
                        keys.text.truncate(before);
                        return Err(missing(field, "key"));
                    }
                    keys.text.len() - before
                }
                (KeyPlan::Template(template), Some(keys), None) => {
                    keys.text.push_str(template.constant().unwrap_or_default());
                    keys.text.len() - before
                }
                (KeyPlan::Template(_), None, _) => 0,
            };
            let value_len = if is_tombstone { 0 } else { record.value_len };
            let bytes = wire_bytes(key_len, value_len, plan.header_bytes);
            let topic = match (&plan.topic, &picked) {
                _ if bytes > plan.max_bytes => Err(too_large(bytes, plan)),
                (Some(topic), Some(picked)) => topics.index(topic, picked).map(Some),
                _ => Ok(None),
            };
            match topic {
                Ok(topic) => topic_of.extend(topic),
                Err(unfit) => {
                    if let Some(keys) = &mut keys {
                        keys.text.truncate(before);
                    }
                    return Err(unfit);
                }
            }
            if let Some(keys) = &mut keys {
                keys.ends.push(keys.text.len() as u32);
            }
            if !plan.tombstones.is_empty() {
                tombstones.push(is_tombstone);
            }
            Ok(())
        };
        let (checked, values) = match &plan.encode {
            None => {
                let (limits, any_json) = (&plan.limits, plan.any_json);
                (CheckedBlock::check_by(block, limits, any_json, admit, on_reject), None)
            }
            Some(options) => {
                let (checked, values) = EncodedBlock::encode_by(block, options, admit, on_reject);
                (checked, Some(values))
            }
        };
        Self { checked, values, keys, topics: topics.names, topic_of, tombstones }
    }

    /// What its licenses say that their format has no field for.
    pub(super) fn unexpected(&self) -> Option<&Unexpected> {
        self.values.as_ref().map(Values::unexpected)
    }

    /// The topics that its licenses go to, where they differ in it.
    pub(super) fn topics(&self) -> impl Iterator<Item = &str> {
        self.topics.iter().map(String::as_str)
    }

    /// The licenses in the order of the body.
    pub(super) fn records(&self) -> impl Iterator<Item = Prepared<'_>> {
        let mut key_start = 0;
        self.checked.records().enumerate().map(move |(index, record)| Prepared {
            record,
            value: self.values.as_ref().map_or(record.raw.bytes, |values| values.get(index)),
            key: self.keys.as_ref().map(|keys| {
                let end = keys.ends[index] as usize;
                let key = &keys.text[key_start..end];
                key_start = end;
                key
            }),
            topic: self.topic_of.get(index).map(|topic| self.topics[*topic as usize].as_str()),
            is_tombstone: self.tombstones.get(index).copied().unwrap_or_default(),
        })
    }
}

/// The topics of a block's records, each once.
#[derive(Debug, Default)]
struct Topics {
    names: Vec<String>,
    indices: HashMap<String, u32>,
    name: String,
}

impl Topics {
    fn index(&mut self, topic: &Bound, picked: &Picked<'_>) -> Result<u32, Unfit> {
        self.name.clear();
        topic.write(picked, &mut self.name).map_err(|field| missing(field, "topic"))?;
        if let Some(index) = self.indices.get(&self.name) {
            return Ok(*index);
        }
        let name = legal(&self.name);
        if let Some(message) = unfit(&name) {
            return Err(Unfit { reason: RejectReason::Unroutable, message });
        }
        let index = self.names.len() as u32;
        self.names.push(name);
        self.indices.insert(self.name.clone(), index);
        Ok(index)
    }
}

fn missing(field: &str, what: &str) -> Unfit {
    let message = format!(
        "field `{field}`, which the {what} is made of, is missing or no single value (`{{{field}|text}}` would have a \
         text in its place)"
    );
    Unfit { reason: RejectReason::Unroutable, message }
}

fn too_large(bytes: usize, plan: &Plan) -> Unfit {
    let whose = match plan.is_bound_by_topic {
        true => "its topic takes: raise the topic's max.message.bytes",
        false => {
            "the producer takes: raise that with -X message.max.bytes, as far as the topic allows"
        }
    };
    let message = format!(
        "record takes {bytes} bytes with its key and headers, and {} are the most that {whose}",
        plan.max_bytes
    );
    Unfit { reason: RejectReason::TooLarge, message }
}

#[cfg(test)]
mod tests {
    use super::super::template::{Known, Template};
    use super::*;
    use crate::encode::Format;
    use crate::frame::{Framer, FramerOptions, Shape};

    fn plan() -> Plan {
        Plan {
            limits: Limits::default(),
            any_json: false,
            encode: None,
            key: KeyPlan::Default { account_len: 3 },
            topic: None,
            tombstones: Vec::new(),
            header_bytes: 0,
            max_bytes: 1_000_000,
            is_bound_by_topic: false,
        }
    }

    fn bound(template: &str) -> Bound {
        let known = Known { account: Some("acc"), ..Known::default() };
        template.parse::<Template>().unwrap().bind(known)
    }

    /// The records of `body`, and the rejects before `most` of them ended it.
    fn prepared(plan: &Plan, body: &'static str, most: usize) -> (PreparedBlock, Vec<Reject>) {
        let shape = Shape::Lines;
        let mut framer = Framer::new(FramerOptions { shape, ..FramerOptions::default() });
        framer.push(body.into());
        let block = framer.next_block().unwrap().unwrap();
        let mut rejects = Vec::new();
        let on_reject = |reject| {
            rejects.push(reject);
            if rejects.len() < most { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        };
        let block = PreparedBlock::prepare(block, plan, on_reject);
        (block, rejects)
    }

    const BODY: &str = concat!(
        "{\"id\":\"a\",\"status\":\"active\",\"name\":\"one\"}\n",
        "{\"id\":\"b\",\"status\":null,\"name\":\"two\"}\n",
        "{\"id\":}\n",
        "{\"id\":\"c\",\"status\":\"in active\"}\n",
        "{\"id\":\"d\",\"status\":\"active\",\"name\":\"three\"}\n",
    );

    #[test]
    fn keys_topics_and_tombstones_follow_from_fields() {
        let mut plan = plan();
        plan.key = KeyPlan::Template(bound("{integrated_account_id}/{name}"));
        plan.topic = Some(bound("l-{status|none}"));
        plan.tombstones = vec![FieldIs::new("name", "two").unwrap()];
        let (block, rejects) = prepared(&plan, BODY, 9);
        let found: Vec<_> = block
            .records()
            .map(|it| (it.record.id, it.key.unwrap(), it.topic.unwrap(), it.is_tombstone))
            .collect();
        let expected = [
            ("a", "acc/one", "l-active", false),
            ("b", "acc/two", "l-none", true),
            ("d", "acc/three", "l-active", false),
        ];
        assert_eq!(found, expected);
        let reasons: Vec<_> =
            rejects.iter().map(|it| (it.position.record, it.reason.as_str())).collect();
        assert_eq!(reasons, [(2, "syntax"), (3, "unroutable")]);
        let message = "field `name`, which the key is made of, is missing or no single value (`{name|text}` would \
            have a text in its place)";
        assert_eq!(rejects[1].message, message);
    }

    #[test]
    fn what_makes_no_topic_has_no_key_left_behind() {
        let mut plan = plan();
        plan.key = KeyPlan::Template(bound("{id}"));
        plan.topic = Some(bound("l-{status}"));
        let (block, rejects) = prepared(&plan, BODY, 9);
        let found: Vec<_> =
            block.records().map(|it| (it.key.unwrap(), it.topic.unwrap())).collect();
        assert_eq!(found, [("a", "l-active"), ("c", "l-in-active"), ("d", "l-active")]);
        assert_eq!(rejects.len(), 2);
    }

    #[test]
    fn a_record_is_too_large_by_all_that_belongs_to_it() {
        let record = BODY.lines().next().unwrap().len();
        let exact = wire_bytes("acc:a".len(), record, 10);
        for (max_bytes, taken) in [(exact, 1), (exact - 1, 0)] {
            let plan = Plan { max_bytes, header_bytes: 10, ..plan() };
            let (block, rejects) = prepared(&plan, BODY, 1);
            // Nothing behind the first reject is taken.
            assert_eq!(block.records().filter(|it| it.record.id == "a").count(), taken);
            assert_eq!(rejects.len(), 1);
            if taken == 0 {
                assert_eq!(rejects[0].reason, RejectReason::TooLarge);
                assert_eq!(rejects[0].bytes.as_ref().unwrap().len(), record);
            }
        }
        // Whose bound it is says what can be raised.
        for (is_bound_by_topic, cure) in
            [(true, "topic's max.message.bytes"), (false, "-X message.max.bytes")]
        {
            let plan = Plan { max_bytes: exact - 1, header_bytes: 10, is_bound_by_topic, ..plan() };
            let (_, rejects) = prepared(&plan, BODY, 1);
            assert!(rejects[0].message.contains(cure), "{}", rejects[0].message);
        }
        // A tombstone has no value.
        let mut plan = Plan { max_bytes: exact - record, header_bytes: 10, ..plan() };
        plan.tombstones = vec![FieldIs::new("id", "a").unwrap()];
        assert_eq!(prepared(&plan, BODY, 1).0.records().count(), 1);
    }

    #[test]
    fn an_encoded_record_is_too_large_by_its_encoded_value() {
        let record = BODY.lines().next().unwrap();
        let options = EncodeOptions::new(Format::Avro);
        let whole = Plan { encode: Some(options), header_bytes: 10, ..plan() };
        let (block, rejects) = prepared(&whole, BODY, 9);
        let values: Vec<_> = block.records().map(|it| (it.record.id, it.value.to_vec())).collect();
        let ids: Vec<_> = values.iter().map(|value| value.0).collect();
        assert_eq!((&ids[..], rejects.len()), (&["a", "b", "c", "d"][..], 1));
        let value = &values[0].1;
        assert!(value.len() < record.len());
        let exact = wire_bytes("acc:a".len(), value.len(), 10);
        for (max_bytes, expected) in [(exact, &["a", "b", "c"][..]), (exact - 1, &["b", "c"])] {
            let plan = Plan { max_bytes, encode: whole.encode.clone(), header_bytes: 10, ..plan() };
            let (block, rejects) = prepared(&plan, BODY, 9);
            let found: Vec<_> =
                block.records().map(|it| (it.record.id, it.value.to_vec())).collect();
            // What is not taken leaves nothing behind in the values of others.
            let taken = values.iter().filter(|(id, _)| expected.contains(id));
            assert_eq!(found, taken.cloned().collect::<Vec<_>>());
            let too_large = rejects.iter().find(|it| it.reason == RejectReason::TooLarge).unwrap();
            assert!(too_large.bytes.as_ref().unwrap().starts_with(b"{\"id\":\""));
        }
    }

    #[test]
    fn what_is_not_taken_is_not_counted_as_unexpected() {
        let options = EncodeOptions::new(Format::Protobuf);
        let mut plan = Plan { encode: Some(options), ..plan() };
        plan.key = KeyPlan::Template(bound("{name}"));
        let body = "{\"id\":\"a\",\"name\":7,\"is_paid\":1,\"x\":2}\n{\"id\":\"b\",\"is_paid\":1,\"x\":3}\n";
        let (block, rejects) = prepared(&plan, body, 9);
        assert_eq!(rejects.iter().map(|it| it.position.record).collect::<Vec<_>>(), [1]);
        let unexpected = block.unexpected().unwrap();
        assert_eq!(unexpected.fields().collect::<Vec<_>>(), [("is_paid", 1), ("name", 1)]);
        assert_eq!(unexpected.unknown().collect::<Vec<_>>(), [("x", 1)]);
    }

    #[test]
    fn a_field_that_no_license_has_is_no_condition() {
        let error = FieldIs::new("state", "gone").unwrap_err();
        assert!(error.message().contains("did you mean `status`?"), "{error}");
    }
}
