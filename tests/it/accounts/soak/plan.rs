//! What is drawn for a run: accounts, what becomes of each, and what the command is asked for.

use std::num::NonZeroU64;

use license_stream::simulate::{
    AccountGroup, Fault, FaultKind, Listing, SimulatedEncoding, SimulatedFraming, SimulatedShape,
    Simulator,
};

use super::arrived::Destination;
use super::faults;
use crate::support::random::Random;

/// Accounts of a run, and of each group of them, which have the same faults.
const ACCOUNTS: u64 = 200;
const GROUP: u64 = 5;

const SHAPES: [SimulatedShape; 7] = [
    SimulatedShape::Lines,
    SimulatedShape::Pages { records: 7 },
    SimulatedShape::Envelope,
    SimulatedShape::PrettyEnvelope,
    SimulatedShape::KeyedEnvelope,
    SimulatedShape::Array,
    SimulatedShape::Sequence,
];

/// A run, as its seed draws it.
#[derive(Debug)]
pub(super) struct Plan {
    seed: u64,
    groups: Vec<(AccountGroup, Fate)>,
    listing: Listing,
    pub(super) destination: Destination,
    pub(super) flags: Vec<String>,
    /// The field that the API is asked to leave out.
    pub(super) without: Option<&'static str>,
}

/// What must become of an account.
#[derive(Clone, Debug)]
pub(super) enum Fate {
    /// All that it holds arrives, whatever goes wrong.
    Whole,
    /// All of it but the licenses at these places, which are rejected.
    Broken(&'static [u64]),
    /// It is given up and begun anew; then all of it arrives.
    Renewed,
    /// It fails for good, with an error of this kind.
    Failed(&'static str),
    /// It is not read, for this reason.
    Skipped(&'static str),
}

impl Plan {
    pub(super) fn draw(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let destination = Destination::ALL[seed as usize % Destination::ALL.len()];
        let mut flags: Vec<String> = Vec::new();
        let mut flag = |name: &str, value: &dyn ToString| {
            flags.extend([name.to_owned(), value.to_string()]);
        };
        let format = random.pick(&["stream", "stream", "unified", "normalized"]);
        flag("--format", &format);
        flag("--concurrency", &random.pick(&[8, 32, 64]));
        if let Some(limit) = random.pick(&[None, None, Some(40), Some(500)]) {
            flag("--limit", &limit);
        }
        // Patient, in no time. What stands still is waited for as long as no busy machine takes for an answer:
        // each that it took for a stall would be a retry that no fault is to blame for.
        for (name, value) in [
            ("--retries", "30"),
            ("--retry-budget", "100000"),
            ("--max-wait", "0.01"),
            ("--first-byte-timeout", "4"),
            ("--idle-timeout", "4"),
        ] {
            flag(name, &value);
        }
        let without = random.pick(&[None, Some("remote_data"), Some("products")]);
        match without {
            Some("remote_data") => flags.push("--ignore-remote-data".to_owned()),
            Some(field) => flags.push(format!("--exclude-field={field}")),
            None => {}
        }
        let is_stream = format == "stream";
        let groups = (0..ACCOUNTS / GROUP).map(|_| group(&mut random, is_stream)).collect();
        let listing = listing(&mut random);
        Self { seed, groups, listing, destination, flags, without }
    }

    pub(super) fn simulator(&self) -> Simulator {
        let groups: Vec<_> = self.groups.iter().map(|(group, _)| group.clone()).collect();
        let simulator = Simulator::new().with_seed(self.seed);
        simulator.with_listing(self.listing.clone()).with_groups(groups)
    }

    /// How many licenses the account at `index` holds at first.
    pub(super) fn records(&self, index: usize) -> u64 {
        self.groups[index / GROUP as usize].0.records
    }

    /// What must become of the account at `index`.
    pub(super) fn fate(&self, index: usize) -> &Fate {
        &self.groups[index / GROUP as usize].1
    }

    /// The exit code: that of the worst account.
    pub(super) fn exit(&self, ids: &[String]) -> i32 {
        let codes = (0..ids.len()).map(|index| match self.fate(index).told(self.destination) {
            ("failed", Some("account_unauthorized" | "forbidden")) => 3,
            ("failed", _) => 1,
            ("rejected", _) => 4,
            _ => 0,
        });
        [3, 1, 4].into_iter().find(|code| codes.clone().any(|it| it == *code)).unwrap_or(0)
    }
}

/// A group of accounts, and what must become of each.
fn group(random: &mut Random, is_stream: bool) -> (AccountGroup, Fate) {
    let plain = AccountGroup { count: GROUP, ..AccountGroup::default() };
    match random.below(20) {
        0 | 1 => changing(random, plain),
        2 => refusing_a_cursor(random, plain),
        3 => broken(random, plain),
        4 | 5 => {
            let group = AccountGroup { records: random.pick(&[0, 5, 60]), ..mixed(random, plain) };
            failing(random, group, is_stream)
        }
        6 => match random.below(2) {
            0 => (AccountGroup { licenses: false, ..plain }, Fate::Skipped("it has no licenses")),
            _ => {
                let status = "needs_reauth".to_owned();
                let reason = "its status is needs_reauth";
                (AccountGroup { status, ..plain }, Fate::Skipped(reason))
            }
        },
        _ => {
            let mut group = mixed(random, plain);
            let count = random.below(5);
            group.faults = faults::passing(random, &group, count);
            (group, Fate::Whole)
        }
    }
}

/// Licenses in some shape, pages, codec and framing.
fn mixed(random: &mut Random, plain: AccountGroup) -> AccountGroup {
    let encoding = match random.below(10) {
        0 => SimulatedEncoding::Accepted,
        1 => SimulatedEncoding::Zstd,
        2 => SimulatedEncoding::Brotli,
        3 => SimulatedEncoding::Gzip,
        4 => SimulatedEncoding::Deflate,
        5 => SimulatedEncoding::RawDeflate,
        _ => SimulatedEncoding::Identity,
    };
    // Only such a body has an end of its own, which no connection must tell.
    let has_end = [SimulatedEncoding::Brotli, SimulatedEncoding::Deflate].contains(&encoding);
    AccountGroup {
        records: random.pick(&[0, 1, 7, 30, 90, 200]),
        shape: random.pick(&SHAPES),
        page_records: random.pick(&[None, NonZeroU64::new(1), NonZeroU64::new(25)]),
        cursor_first: random.below(2) == 0,
        results: random.below(4) == 0,
        unknown_members: random.below(4) == 0,
        unknown_fields: random.below(4) == 0,
        chunk_bytes: 1 << random.pick(&[6, 8, 10, 12, 16]),
        framing: match random.below(3) {
            0 if has_end => SimulatedFraming::Close,
            0 | 1 => SimulatedFraming::Length,
            _ => SimulatedFraming::Chunked,
        },
        encoding,
        ..plain
    }
}

/// Cut once, and others when they are asked for again.
fn changing(random: &mut Random, plain: AccountGroup) -> (AccountGroup, Fate) {
    let change = match random.below(3) {
        0 => FaultKind::ChangeFromRecord(0),
        // So few that less comes than had come before.
        1 => FaultKind::ChangeCount(3),
        _ => FaultKind::ChangeFromByte(100),
    };
    let faults = vec![Fault::new(FaultKind::CutAt(6_000)).times(1), Fault::new(change).times(1)];
    // One page: else what came of those before would be as it was.
    let group = AccountGroup { records: 39, shape: random.pick(&SHAPES), faults, ..plain };
    (group, Fate::Renewed)
}

/// Cut on the second page, whose cursor is refused then.
fn refusing_a_cursor(random: &mut Random, plain: AccountGroup) -> (AccountGroup, Fate) {
    let group = AccountGroup {
        records: 90,
        page_records: NonZeroU64::new(30),
        shape: random.pick(&SHAPES[..4]),
        faults: vec![
            Fault::new(FaultKind::CutAt(3_000)).after(1).times(1),
            Fault::new(FaultKind::RefuseCursor).times(1),
        ],
        ..plain
    };
    (group, Fate::Renewed)
}

/// With licenses that no reader can take, and cut by chance.
fn broken(random: &mut Random, plain: AccountGroup) -> (AccountGroup, Fate) {
    const PLACES: &[u64] = &[1, 5, 28];
    let group = AccountGroup {
        records: 30,
        faults: vec![faults::broken(random, PLACES), faults::cut(random)],
        ..mixed(random, plain)
    };
    // Not the first of a page: a body that begins with no license may be no listing.
    let page_records = NonZeroU64::new(25);
    (AccountGroup { page_records, ..group }, Fate::Broken(PLACES))
}

/// What asking again does not help against.
fn failing(random: &mut Random, group: AccountGroup, is_stream: bool) -> (AccountGroup, Fate) {
    // The first four have a place for `is_partial_response`; what is no stream is an envelope.
    let has_place = !is_stream || matches!(group.shape, SimulatedShape::Envelope);
    let (fault, kind) = faults::lasting(random, has_place && group.records > 0);
    (AccountGroup { faults: vec![fault], ..group }, Fate::Failed(kind))
}

/// Accounts are listed in spite of what goes wrong with that.
fn listing(random: &mut Random) -> Listing {
    let faults = vec![
        Fault::status(502).times(2),
        Fault::new(FaultKind::EmptyPages).with_chance(0.2),
        Fault::new(FaultKind::CutAt(300)).after(3).times(1),
    ];
    let count = random.below(4);
    Listing {
        page_records: random.pick(&[7, 100, 1000]),
        // Not drawn: what else comes of a seed stays as it was.
        overlap: count as u64 % 2 * 3,
        results: random.below(2) == 0,
        faults: random.some(count, faults),
    }
}
