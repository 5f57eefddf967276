//! Faults as a scenario spells them: an object of what goes wrong and when.

use std::fmt;
use std::num::NonZeroU64;
use std::time::Duration;

use serde::Deserialize;
use serde::de::{self, Deserializer, MapAccess, Visitor, value::MapAccessDeserializer};

use super::{Fault, FaultEndpoint, FaultKind, Refuse, Stall};

/// The members that say what goes wrong, of which a fault has one.
const KINDS: &[&str] = &[
    "refuse",
    "redirect",
    "hang_up",
    "stall_head",
    "stall",
    "trickle",
    "cut_at",
    "reset_at",
    "length_off",
    "cut_encoding",
    "bomb",
    "error_after",
    "partial",
    "empty_pages",
    "repeat_cursor",
    "refuse_cursor",
    "change_from_record",
    "change_count",
    "change_from_byte",
    "break_records",
    // And those that say when.
    "times",
    "after",
    "chance",
    "on",
];

impl<'de> Deserialize<'de> for Fault {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // By hand, because no derived form of "one of these members, and some of those" keeps the
        // position of a mistake.
        deserializer.deserialize_map(FaultVisitor)
    }
}

struct FaultVisitor;

impl<'de> Visitor<'de> for FaultVisitor {
    type Value = Fault;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a fault, such as {\"refuse\": 503, \"times\": 2}")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fault, A::Error> {
        let mut what = None;
        let mut fault = Fault::new(FaultKind::Partial);
        while let Some(name) = map.next_key::<String>()? {
            let kind = match &*name {
                "times" => {
                    fault.times = map.next_value()?;
                    continue;
                }
                "after" => {
                    fault.after = map.next_value()?;
                    continue;
                }
                "chance" => {
                    let Chance(chance) = map.next_value()?;
                    fault.chance = Some(chance);
                    continue;
                }
                "on" => {
                    fault.on = map.next_value::<FaultEndpoint>()?;
                    continue;
                }
                _ => read_kind(&name, &mut map)?,
            };
            if what.replace(kind).is_some() {
                return Err(de::Error::custom(format_args!(
                    "`{name}` is a second thing that goes wrong: give it a fault of its own"
                )));
            }
        }
        fault.kind = what.ok_or_else(|| {
            de::Error::custom(
                "nothing goes wrong: a fault has a member such as `refuse` or `cut_at`",
            )
        })?;
        if fault.on != FaultEndpoint::Licenses && !fault.kind.is_about_any_answer() {
            return Err(de::Error::custom(
                "this goes wrong with licenses, and does nothing to what `on` names",
            ));
        }
        Ok(fault)
    }
}

fn read_kind<'de, A: MapAccess<'de>>(name: &str, map: &mut A) -> Result<FaultKind, A::Error> {
    Ok(match name {
        "refuse" => {
            let StatusOrRefuse(refuse) = map.next_value()?;
            FaultKind::Refuse(Box::new(refuse))
        }
        "redirect" => {
            let Target(url) = map.next_value()?;
            FaultKind::Redirect(url)
        }
        "hang_up" => flag(map, FaultKind::HangUp)?,
        "stall_head" => FaultKind::StallHead(map.next_value()?),
        "stall" => {
            let StallAt { at, time } = map.next_value()?;
            FaultKind::Stall { at, stall: time }
        }
        "trickle" => FaultKind::Trickle(map.next_value::<NonZeroU64>()?),
        "cut_at" => FaultKind::CutAt(map.next_value()?),
        "reset_at" => FaultKind::ResetAt(map.next_value()?),
        "length_off" => FaultKind::LengthOff(map.next_value()?),
        "cut_encoding" => FaultKind::CutEncoding(map.next_value::<NonZeroU64>()?),
        "bomb" => FaultKind::Bomb(map.next_value()?),
        "error_after" => FaultKind::ErrorAfter(map.next_value()?),
        "partial" => flag(map, FaultKind::Partial)?,
        "empty_pages" => flag(map, FaultKind::EmptyPages)?,
        "repeat_cursor" => flag(map, FaultKind::RepeatCursor)?,
        "refuse_cursor" => flag(map, FaultKind::RefuseCursor)?,
        "change_from_record" => FaultKind::ChangeFromRecord(map.next_value()?),
        "change_count" => FaultKind::ChangeCount(map.next_value()?),
        "change_from_byte" => FaultKind::ChangeFromByte(map.next_value()?),
        "break_records" => FaultKind::BreakRecords(map.next_value()?),
        _ => return Err(de::Error::unknown_field(name, KINDS)),
    })
}

/// A member that is only ever `true`.
fn flag<'de, A: MapAccess<'de>>(map: &mut A, kind: FaultKind) -> Result<FaultKind, A::Error> {
    match map.next_value()? {
        true => Ok(kind),
        false => Err(de::Error::custom("this is `true`; leave it out where it should not happen")),
    }
}

/// A probability.
struct Chance(f64);

impl<'de> Deserialize<'de> for Chance {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let chance = f64::deserialize(deserializer)?;
        if (0.0..=1.0).contains(&chance) {
            Ok(Chance(chance))
        } else {
            Err(de::Error::custom("a chance is a number from 0 to 1"))
        }
    }
}

/// Where a redirect leads.
struct Target(String);

impl<'de> Deserialize<'de> for Target {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let url = String::deserialize(deserializer)?;
        let is_url = url.starts_with("http://") || url.starts_with("https://");
        if is_url && url.bytes().all(|byte| byte.is_ascii_graphic()) {
            Ok(Target(url))
        } else {
            Err(de::Error::custom("a redirect is an http or https URL, percent-encoded"))
        }
    }
}

/// `503`, or the whole of a refusal.
struct StatusOrRefuse(Refuse);

impl<'de> Deserialize<'de> for StatusOrRefuse {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = Refuse;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a status, or an object such as {\"status\": 429, \"retry_after\": 1}")
            }

            fn visit_u64<E: de::Error>(self, status: u64) -> Result<Refuse, E> {
                Ok(Refuse::new(status.try_into().unwrap_or(0)))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Refuse, A::Error> {
                Refuse::deserialize(MapAccessDeserializer::new(map))
            }
        }
        let refuse = deserializer.deserialize_any(Either)?;
        match refuse.mistake() {
            None => Ok(StatusOrRefuse(refuse)),
            Some(mistake) => Err(de::Error::custom(mistake)),
        }
    }
}

/// A stall in a body.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "an object such as {\"at\": 5000, \"for\": 100}")]
struct StallAt {
    at: u64,
    #[serde(default = "forever", rename = "for")]
    time: Stall,
}

fn forever() -> Stall {
    Stall::Forever
}

impl<'de> Deserialize<'de> for Stall {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Time;
        impl Visitor<'_> for Time {
            type Value = Stall;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number of milliseconds, or \"forever\"")
            }

            fn visit_u64<E: de::Error>(self, milliseconds: u64) -> Result<Stall, E> {
                Ok(Stall::For(Duration::from_millis(milliseconds)))
            }

            fn visit_str<E: de::Error>(self, word: &str) -> Result<Stall, E> {
                match word {
                    "forever" => Ok(Stall::Forever),
                    _ => Err(E::invalid_value(de::Unexpected::Str(word), &self)),
                }
            }
        }
        deserializer.deserialize_any(Time)
    }
}

#[cfg(test)]
mod tests {
    use super::super::{BreakRecords, Breakage, RefuseForm};
    use super::*;

    fn read(text: &str) -> Result<Fault, String> {
        serde_json::from_str(text).map_err(|error| error.to_string())
    }

    #[test]
    fn every_fault_can_be_spelled() {
        let second = Stall::For(Duration::from_secs(1));
        let refusal = Refuse::new(429).with_retry_after(1).with_form(RefuseForm::Html);
        let refuse = |refuse: Refuse| FaultKind::Refuse(Box::new(refuse));
        let broken = BreakRecords::new([1, 5], Breakage::NoId);
        for (text, kind) in [
            (r#"{"refuse": 503}"#, refuse(Refuse::new(503))),
            (r#"{"refuse": {"status":429,"retry_after":1,"form":"html"}}"#, refuse(refusal)),
            (r#"{"redirect": "https://x/"}"#, FaultKind::Redirect("https://x/".to_owned())),
            (r#"{"stall_head": "forever"}"#, FaultKind::StallHead(Stall::Forever)),
            (r#"{"stall": {"at": 5, "for": 1000}}"#, FaultKind::Stall { at: 5, stall: second }),
            (r#"{"stall": {"at": 5}}"#, FaultKind::Stall { at: 5, stall: Stall::Forever }),
            (r#"{"trickle": 9}"#, FaultKind::Trickle(NonZeroU64::new(9).unwrap())),
            (r#"{"cut_at": 0}"#, FaultKind::CutAt(0)),
            (r#"{"hang_up": true}"#, FaultKind::HangUp),
            (r#"{"reset_at": 9}"#, FaultKind::ResetAt(9)),
            (r#"{"length_off": -3}"#, FaultKind::LengthOff(-3)),
            (r#"{"cut_encoding": 1}"#, FaultKind::CutEncoding(NonZeroU64::MIN)),
            (r#"{"bomb": 7}"#, FaultKind::Bomb(7)),
            (r#"{"error_after": 7}"#, FaultKind::ErrorAfter(7)),
            (r#"{"partial": true}"#, FaultKind::Partial),
            (r#"{"empty_pages": true}"#, FaultKind::EmptyPages),
            (r#"{"repeat_cursor": true}"#, FaultKind::RepeatCursor),
            (r#"{"refuse_cursor": true}"#, FaultKind::RefuseCursor),
            (r#"{"change_from_record": 2}"#, FaultKind::ChangeFromRecord(2)),
            (r#"{"change_count": 2}"#, FaultKind::ChangeCount(2)),
            (r#"{"change_from_byte": 2}"#, FaultKind::ChangeFromByte(2)),
            (
                r#"{"break_records": {"records":[1,5],"as":"no_id"}}"#,
                FaultKind::BreakRecords(broken),
            ),
        ] {
            assert_eq!(read(text), Ok(Fault::new(kind)), "{text}");
        }
        let when = r#"{"times":2,"after":1,"chance":0.5,"on":"capabilities","refuse":500}"#;
        let want = Fault::status(500).times(2).after(1).with_chance(0.5);
        assert_eq!(read(when), Ok(want.on(FaultEndpoint::Capabilities)));
    }

    #[test]
    fn mistakes_are_told_with_their_place() {
        for (text, want) in [
            (
                "{}",
                "nothing goes wrong: a fault has a member such as `refuse` or `cut_at` at line 1",
            ),
            (r#"{"cut_at":1,"partial":true}"#, "`partial` is a second thing that goes wrong"),
            (r#"{"cut":1}"#, "unknown field `cut`, expected one of `refuse`, "),
            (r#"{"partial":false}"#, "this is `true`"),
            (r#"{"refuse":99}"#, "status is a number from 200 to 599 at line 1 column"),
            (r#"{"refuse":{"stats":1}}"#, "unknown field `stats`, expected one of `status`"),
            (r#"{"refuse":{"headers":{"a":"b\r\n"}}}"#, "headers have values without control"),
            (r#"{"refuse":{"headers":{"a b":"c"}}}"#, "headers have names of letters"),
            (r#"{"refuse":"x"}"#, "invalid type: string \"x\", expected a status, or an object"),
            (r#"{"cut_at":1,"chance":2}"#, "a chance is a number from 0 to 1"),
            (r#"{"stall_head":"x"}"#, "invalid value: string \"x\", expected a number of milli"),
            (r#"{"redirect":"x\r\n"}"#, "a redirect is an http or https URL"),
            (r#"{"cut_at":1,"on":"x"}"#, "unknown variant `x`, expected one of `licenses`"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.starts_with(want), "{text}: {error}");
            assert!(error.contains(" at line 1 column "), "{text}: {error}");
        }
    }
}
