//! What goes wrong with accounts: what passes, and what lasts.

use std::num::NonZeroU64;
use std::time::Duration;

use license_stream::simulate::{
    AccountGroup, BreakRecords, Breakage, Fault, FaultEndpoint, FaultKind, Refuse, RefuseForm,
    SimulatedEncoding, Stall,
};

use crate::support::random::Random;

/// `count` kinds of faults that a run survives. None comes so often in a row that trying again is given up.
pub(super) fn passing(random: &mut Random, group: &AccountGroup, count: usize) -> Vec<Fault> {
    let by_chance = |fault: Fault| fault.with_chance(0.25);
    let kind = |kind| by_chance(Fault::new(kind));
    let refuse = |refuse: Refuse| by_chance(refuse.into());
    let at = random.below(20_000) as u64;
    let status = random.pick(&[408, 425, 500, 502, 504, 520, 530]);
    let rate = NonZeroU64::new(100_000 + random.below(1_000_000) as u64).unwrap();
    let mut all = vec![
        by_chance(Fault::status(status)),
        by_chance(Fault::status(429)),
        refuse(Refuse::new(429).with_retry_after(1)),
        refuse(Refuse::new(429).with_retry_after_date(2).remote()),
        refuse(Refuse::new(429).with_header("ratelimit-reset", "1")),
        refuse(Refuse::new(502).with_form(RefuseForm::Html)),
        refuse(Refuse::new(200).with_form(RefuseForm::Html)),
        refuse(Refuse::new(504).with_form(RefuseForm::Empty)),
        refuse(Refuse::new(500).with_message("").remote()),
        // Says the vendor: the account is blocked. It is asked for once more.
        Fault::status(503).times(1),
        kind(FaultKind::HangUp),
        kind(FaultKind::CutAt(at)),
        kind(FaultKind::ResetAt(at)),
        kind(FaultKind::LengthOff(1 + random.below(9) as i64)),
        kind(FaultKind::Stall { at, stall: Stall::For(Duration::from_millis(at / 1000)) }),
        // Until the time-out.
        Fault::new(FaultKind::StallHead(Stall::Forever)).times(1),
        Fault::new(FaultKind::Stall { at: at / 10, stall: Stall::Forever }).times(1),
        kind(FaultKind::Trickle(rate)),
        // Always: a page that is another one when it is asked for again has changed.
        Fault::new(FaultKind::EmptyPages),
        by_chance(Fault::status(status)).on(FaultEndpoint::Capabilities),
        cut(random),
    ];
    if group.encoding != SimulatedEncoding::Identity {
        let missing = NonZeroU64::new(1 + random.below(12) as u64).unwrap();
        all.push(kind(FaultKind::CutEncoding(missing)));
        // Less than what any body may unpack to.
        all.push(Fault::new(FaultKind::Bomb(1 << random.below(20))));
    }
    random.some(count, all)
}

/// Half of the bodies, cut.
pub(super) fn cut(random: &mut Random) -> Fault {
    Fault::new(FaultKind::CutAt(random.below(30_000) as u64)).with_chance(0.5)
}

/// Licenses at `places` that no reader can take, and that cost nothing but themselves in any shape.
pub(super) fn broken(random: &mut Random, places: &[u64]) -> Fault {
    let breakage = random.pick(&[Breakage::Value, Breakage::NoId, Breakage::Utf8]);
    Fault::new(FaultKind::BreakRecords(BreakRecords::new(places, breakage)))
}

/// What fails for good, and the kind of the error that it is. Some of it needs licenses, in an envelope.
pub(super) fn lasting(random: &mut Random, is_envelope: bool) -> (Fault, &'static str) {
    let refused = random.pick(&[400, 404, 405, 409, 410, 422]);
    let redirect = "http://127.0.0.1:9/".to_owned();
    let mut all = vec![
        (Refuse::new(401).remote().into(), "account_unauthorized"),
        (Fault::status(403), "forbidden"),
        (Fault::status(refused), "refused"),
        (Fault::new(FaultKind::Redirect(redirect)), "refused"),
        // Not even once more helps.
        (Fault::status(503), "upstream"),
        (Fault::status(501), "upstream"),
    ];
    if is_envelope {
        all.push((Fault::new(FaultKind::Partial), "upstream"));
        all.push((Fault::new(FaultKind::ErrorAfter(3)), "upstream"));
    }
    random.pick(&all)
}
