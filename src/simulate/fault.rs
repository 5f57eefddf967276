//! What goes wrong with an account, and how often.

mod broken;
mod read;
mod refuse;
mod stall;
mod strikes;

use std::num::NonZeroU64;

pub use broken::{BreakRecords, Breakage};
pub use refuse::{Refuse, RefuseForm};
pub use stall::Stall;

pub(super) use strikes::{Strikes, Struck, Visit};

/// One thing that goes wrong, and the requests that it strikes.
///
/// Each account counts its own requests. A fault strikes each request that reaches it, unless
/// [`times`](Self::times), [`after`](Self::after) or [`chance`](Self::with_chance) say less. The faults
/// of an account are tried in their order; one that takes the place of the answer
/// ([`Refuse`](FaultKind::Refuse), [`Redirect`](FaultKind::Redirect), a refused cursor) ends the row, and
/// those behind it neither see nor count the request.
///
/// ```
/// use license_stream::simulate::{Fault, FaultKind, Simulator};
///
/// // The first two requests find the provider down, the third is cut, the fourth is whole.
/// let simulator = Simulator::new()
///     .with_fault(Fault::status(502).times(2))
///     .with_fault(Fault::new(FaultKind::CutAt(5000)).times(1));
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Fault {
    kind: FaultKind,
    times: u64,
    after: u64,
    chance: Option<f64>,
    on: FaultEndpoint,
}

/// What goes wrong.
///
/// Bytes are those of the body as it is sent, behind compression; records are counted from the
/// account's first license, whatever page it is on.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum FaultKind {
    /// A status and an error in place of the answer.
    Refuse(Box<Refuse>),
    /// `307` to this URL; one without a path gets that of the request, and its query.
    Redirect(String),
    /// The connection is closed without an answer.
    HangUp,
    /// Nothing is sent for a while, not even the head.
    StallHead(Stall),
    /// Nothing more is sent for a while, when so many bytes of the body were.
    Stall {
        /// After how many bytes.
        at: u64,
        /// For how long.
        stall: Stall,
    },
    /// The body comes at so many bytes a second.
    Trickle(NonZeroU64),
    /// The connection is closed when so many bytes of a body were sent. A shorter body is whole.
    ///
    /// In a chunked body the chunk that they end in is announced in full and never completed; the
    /// terminator is not sent, not even if they are the whole body.
    CutAt(u64),
    /// The same, but the connection is reset: what was sent and not yet read may be lost with it.
    ResetAt(u64),
    /// The body is sent with a `Content-Length` that is off by so many bytes; then the connection is
    /// closed.
    LengthOff(i64),
    /// The compressed body lacks its last bytes, while the framing of HTTP is whole. Needs a
    /// compressed body.
    CutEncoding(NonZeroU64),
    /// So many bytes of white space come before the body: a compression bomb where it is compressed.
    Bomb(u64),
    /// An error of the API, with status 502, in the place of the license behind so many; then the body
    /// ends, properly closed. Among lines it is a line of its own.
    ErrorAfter(u64),
    /// The body says `is_partial_response: true`, where its shape has a place for it.
    Partial,
    /// A page without licenses, but with a cursor, comes before each page.
    EmptyPages,
    /// The last page leads back to the second one, so that whoever follows never ends; where there is
    /// only one page, back to itself.
    RepeatCursor,
    /// A cursor that was taken once is refused with 400 from then on.
    RefuseCursor,
    /// Whenever a page that was answered is asked for again, the licenses from this index on have changed by then, and
    /// stay so: see [`LicenseGenerator::changed`](super::LicenseGenerator::changed).
    ChangeFromRecord(u64),
    /// Whenever a page that was answered is asked for again, the account has so many licenses by then, and keeps them: more
    /// or fewer than before.
    ChangeCount(u64),
    /// When a page that was answered is asked for again, the first digit at or behind this byte of the body, before
    /// compression, is another one.
    ChangeFromByte(u64),
    /// Records that no reader can take.
    BreakRecords(BreakRecords),
}

/// Which requests about an account a fault is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum FaultEndpoint {
    /// Those for its licenses.
    #[default]
    Licenses,
    /// Those for the account itself.
    Account,
    /// Those for its capabilities.
    Capabilities,
    /// Those for its query schema.
    Meta,
}

impl Fault {
    /// A fault that strikes every request for licenses.
    pub fn new(kind: FaultKind) -> Self {
        let on = FaultEndpoint::default();
        Fault { kind, times: u64::MAX, after: 0, chance: None, on }
    }

    /// A refusal with that status, and nothing special about it.
    pub fn status(status: u16) -> Self {
        Self::new(FaultKind::Refuse(Box::new(Refuse::new(status))))
    }

    /// Strikes no more requests of each account than that: the first ones.
    #[must_use]
    pub fn times(self, times: u64) -> Self {
        Fault { times, ..self }
    }

    /// Lets the first so many requests of each account pass.
    #[must_use]
    pub fn after(self, requests: u64) -> Self {
        Fault { after: requests, ..self }
    }

    /// Strikes each request with this probability, from 0 to 1.
    ///
    /// Which ones follows from the simulator's seed, the account, the fault's place among its faults and
    /// the number of the request: the same requests in the same order meet the same faults.
    #[must_use]
    pub fn with_chance(self, chance: f64) -> Self {
        Fault { chance: Some(chance), ..self }
    }

    /// Strikes requests of another kind than those for licenses.
    ///
    /// Only what takes the place of the answer, stalls, trickles, cuts and wrong lengths do something
    /// there.
    #[must_use]
    pub fn on(self, endpoint: FaultEndpoint) -> Self {
        Fault { on: endpoint, ..self }
    }

    /// Which requests it is for.
    pub fn endpoint(&self) -> FaultEndpoint {
        self.on
    }

    /// What goes wrong.
    pub fn kind(&self) -> &FaultKind {
        &self.kind
    }
}

impl From<FaultKind> for Fault {
    fn from(kind: FaultKind) -> Self {
        Self::new(kind)
    }
}

impl From<Refuse> for Fault {
    fn from(refuse: Refuse) -> Self {
        Self::new(FaultKind::Refuse(Box::new(refuse)))
    }
}

impl FaultKind {
    /// Whether it takes the place of the answer.
    fn ends_row(&self) -> bool {
        matches!(self, Self::Refuse(_) | Self::Redirect(_) | Self::RefuseCursor)
    }

    /// Whether it can strike an answer that is no listing.
    fn is_about_any_answer(&self) -> bool {
        matches!(
            self,
            Self::Refuse(_)
                | Self::Redirect(_)
                | Self::HangUp
                | Self::StallHead(_)
                | Self::Stall { .. }
                | Self::Trickle(_)
                | Self::CutAt(_)
                | Self::ResetAt(_)
                | Self::LengthOff(_)
        )
    }

    /// Whether it is about what a body says of its page.
    pub(super) fn is_of_a_page(&self) -> bool {
        matches!(self, Self::Partial | Self::EmptyPages | Self::RepeatCursor | Self::RefuseCursor)
    }

    /// Whether it strikes only pages that were asked for before.
    fn is_about_repeats(&self) -> bool {
        self.lasts() || matches!(self, Self::RefuseCursor | Self::ChangeFromByte(_))
    }

    /// Whether the account stays as it has made it.
    fn lasts(&self) -> bool {
        matches!(self, Self::ChangeFromRecord(_) | Self::ChangeCount(_))
    }
}
