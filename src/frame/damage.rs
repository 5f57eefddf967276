//! Bodies with bytes that are missing, changed or too many: no license goes uncounted.

use std::io;
use std::ops::Range;

use bytes::Bytes;
use futures_util::{FutureExt, StreamExt, stream};
use proptest::prelude::*;
use serde_json::Value;

use super::{FrameExt, Record};
use crate::error::{Error, Result};
use crate::license::License;

/// All that comes of a body.
fn read(body: &[u8]) -> Vec<Result<Record<License>>> {
    let chunks = stream::iter([Ok::<_, io::Error>(Bytes::copy_from_slice(body))]);
    chunks.frames().json::<License>().collect().now_or_never().expect("nothing waits")
}

/// What stands before, between and behind the licenses of a page.
const PAGES: [(&str, &str, &str); 7] = [
    ("[", ",", "]"),
    ("{\"result\":[", ",", "],\"next_cursor\":null}"),
    ("{\"next_cursor\":null,\"result\":[", ",", "]}\n{\"result\":[{\"id\":\"z\"}]}"),
    ("{\"id\":\"r\",\"meta\":1,\"result\":[", ",", "],\"next_cursor\":null}"),
    ("{\"result\":{\"k\":", ",\"k\":", "},\"next_cursor\":null}"),
    ("{\"next_cursor\":\"c\",\"results\":{\"k\":", ", \"k\" : ", "}}"),
    ("", "\n", "\n"),
];

/// A license of which some texts have in them what JSON is made of, as text.
fn license(number: usize) -> impl Strategy<Value = String> {
    let text = || r#"[a-c ]{0,3}([,:{}\[\]]|\\"|\\\\){0,2}[a-c ]{0,3}"#;
    let products = proptest::collection::vec(text(), 0..3);
    let members = (text(), text(), products, any::<bool>(), any::<bool>());
    members.prop_map(move |(name, status, products, is_spaced, is_first)| {
        let products: Vec<_> =
            products.iter().map(|name| format!(r#"{{"id":"p","name":"{name}"}}"#)).collect();
        let rest = format!(
            r#""name":"{name}","products":[{}],"unit_amount":1.5,"status":"{status}""#,
            products.join(",")
        );
        let id = format!(r#""id":"l{number}""#);
        let members = if is_first { format!("{id},{rest}") } else { format!("{rest},{id}") };
        if is_spaced { format!("{{ {members} }}") } else { format!("{{{members}}}") }
    })
}

#[derive(Clone, Copy, Debug)]
enum Change {
    /// This byte is put there.
    Put(u8),
    /// The next one of these is taken away.
    Take(u8),
}

fn change() -> impl Strategy<Value = Change> {
    let byte = || prop::sample::select(&br#"""{}[],:"#[..]);
    prop_oneof![byte().prop_map(Change::Put), byte().prop_map(Change::Take)]
}

/// A body, and where in it each license stands, as long as nothing in it was changed.
struct Damaged {
    body: Vec<u8>,
    places: Vec<Option<Range<usize>>>,
    is_of_lines: bool,
}

impl Damaged {
    fn new(licenses: &[String], (before, between, behind): (&str, &str, &str)) -> Self {
        let mut body = before.to_owned();
        let mut places = Vec::new();
        for (number, license) in licenses.iter().enumerate() {
            body.push_str(if number == 0 { "" } else { between });
            places.push(Some(body.len()..body.len() + license.len()));
            body.push_str(license);
        }
        body.push_str(behind);
        Self { body: body.into_bytes(), places, is_of_lines: between == "\n" }
    }

    /// Makes a change at a place in a thousand of the body.
    fn change(&mut self, place: usize, change: Change) {
        let at = place * self.body.len() / 1000;
        let (at, is_put) = match change {
            Change::Put(_) => (Some(at), true),
            Change::Take(byte) => (memchr::memchr(byte, &self.body[at..]).map(|to| at + to), false),
        };
        let Some(at) = at else { return };
        match change {
            Change::Put(byte) => self.body.insert(at, byte),
            Change::Take(_) => drop(self.body.remove(at)),
        }
        for whole in &mut self.places {
            let Some(range) = whole else { continue };
            // On a line, what stands right beside a record is a part of it.
            let is_beside = is_put && (at == range.start || (self.is_of_lines && at == range.end));
            if range.contains(&at) && !is_beside || self.is_of_lines && is_beside {
                *whole = None;
            } else if range.start >= at {
                let moved = |end: usize| if is_put { end + 1 } else { end - 1 };
                *range = moved(range.start)..moved(range.end);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4096))]

    /// A quote that is missing or too many turns the reading of all behind it inside out, up to the next one; a
    /// bracket makes of what is behind it a part of the record, up to the next one.
    #[test]
    fn no_license_is_lost_between_two_that_are_broken(
        licenses in (0..6).map(license).collect::<Vec<_>>(),
        changes in proptest::collection::vec((0..1000_usize, change()), 1..5),
        page in prop::sample::select(&PAGES[..]),
    ) {
        let mut damaged = Damaged::new(&licenses, page);
        changes.into_iter().for_each(|(place, change)| damaged.change(place, change));
        // What is JSON again says what it then says.
        let mut values = serde_json::Deserializer::from_slice(&damaged.body).into_iter::<Value>();
        if !damaged.is_of_lines && values.all(|value| value.is_ok()) {
            return Ok(());
        }
        let found = read(&damaged.body);
        if found.iter().any(|record| record.as_ref().is_err_and(|error| !error.is_record())) {
            return Ok(());
        }
        for (number, whole) in damaged.places.iter().enumerate() {
            // A record that is JSON again has the license in it.
            let id = format!("\"id\":\"l{number}\"");
            let is_within = |record: &Record<License>| memchr::memmem::find(&record.raw, id.as_bytes()).is_some();
            prop_assert!(
                whole.is_none() || found.iter().flatten().any(is_within),
                "l{number} is lost: {}",
                damaged.body.escape_ascii()
            );
        }
    }
}

/// Whether a body ends well, and how many of its records were given out or refused.
fn counted(body: &[u8]) -> (bool, usize) {
    let found = read(body);
    let is_whole =
        found.iter().all(|record| record.as_ref().map_or_else(Error::is_record, |_| true));
    (is_whole, found.len())
}

/// One byte that is another, is missing or is too many, anywhere in a page: either it ends with an error, or
/// each license was given out or counts as refused. Where it is JSON after that, it says what it says.
#[test]
fn whatever_byte_of_a_page_is_changed_no_license_goes_uncounted() {
    let licenses = [
        r#"{"id":"a","name":"A"}"#,
        r#"{"id":"b","products":[{"id":"p"}]}"#,
        r#"{"id":"c","name":"C"}"#,
    ];
    for page in PAGES.into_iter().filter(|(before, ..)| !before.is_empty()) {
        let body = Damaged::new(&licenses.map(str::to_owned), page).body;
        let whole = counted(&body);
        assert!(whole.0 && whole.1 >= 3, "{page:?}");
        for at in 0..body.len() {
            for byte in *b"\"\\{}[],: x0\x01\xff" {
                let (head, rest) = body.split_at(at);
                for changed in [
                    [head, &[byte], &rest[1..]].concat(),
                    [head, &[byte], rest].concat(),
                    [head, &rest[1..]].concat(),
                ] {
                    if serde_json::from_slice::<Value>(&changed).is_ok() {
                        continue;
                    }
                    let (is_whole, count) = counted(&changed);
                    assert!(!is_whole || count >= whole.1, "{count}: {}", changed.escape_ascii());
                }
            }
        }
    }
}
