//! How a body is sent: framing, encoding, speed, and what goes wrong on the way.

use std::num::NonZeroU64;

use serde::Deserialize;

use super::encoding::Encoding;
use super::fault::{FaultKind, Stall, Struck};
use super::hold::HoldPoint;

/// How the end of a body is told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum SimulatedFraming {
    /// By the last of its chunks.
    #[default]
    Chunked,
    /// By a `Content-Length`. The body is made twice, to be measured first.
    Length,
    /// By the end of the connection only: whether it came whole cannot be told.
    Close,
}

/// How the end of a body is told, once it is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Framing {
    Chunked,
    /// What is announced, which need not be true.
    Length(u64),
    Close,
}

/// How one body is sent.
#[derive(Clone, Debug)]
pub(super) struct Delivery {
    pub(super) framing: SimulatedFraming,
    pub(super) encoding: Option<Encoding>,
    pub(super) chunk_bytes: usize,
    pub(super) bytes_per_second: Option<NonZeroU64>,
    pub(super) hold: Option<HoldPoint>,
    /// Whether the connection is closed before the head.
    pub(super) hang_up: bool,
    /// Before the head.
    pub(super) stall_head: Option<Stall>,
    pub(super) stall: Option<(u64, Stall)>,
    /// After how many bytes the connection is to be dropped.
    pub(super) cut: Option<u64>,
    /// Whether it is to be reset then.
    pub(super) reset: bool,
    /// How far the announced length is off.
    pub(super) length_off: i64,
    /// How many bytes the encoded body lacks at its end.
    pub(super) cut_encoding: u64,
    /// How many bytes of white space come first.
    pub(super) bomb: u64,
    /// Behind how many bytes a digit is changed.
    pub(super) change_at: Option<u64>,
}

impl Delivery {
    /// A body that is there already, and nothing wrong with it.
    pub(super) fn whole() -> Self {
        Delivery {
            framing: SimulatedFraming::Length,
            encoding: None,
            chunk_bytes: 64 * 1024,
            bytes_per_second: None,
            hold: None,
            hang_up: false,
            stall_head: None,
            stall: None,
            cut: None,
            reset: false,
            length_off: 0,
            cut_encoding: 0,
            bomb: 0,
            change_at: None,
        }
    }

    /// The same with those of the faults that are about the delivery.
    pub(super) fn with_faults(mut self, struck: &[Struck<'_>]) -> Self {
        for fault in struck {
            match *fault.kind {
                FaultKind::HangUp => self.hang_up = true,
                FaultKind::StallHead(stall) => self.stall_head = Some(stall),
                FaultKind::Stall { at, stall } => self.stall = Some((at, stall)),
                FaultKind::Trickle(rate) => self.bytes_per_second = Some(rate),
                FaultKind::CutAt(bytes) => (self.cut, self.reset) = (Some(bytes), false),
                FaultKind::ResetAt(bytes) => (self.cut, self.reset) = (Some(bytes), true),
                FaultKind::LengthOff(bytes) => {
                    self.framing = SimulatedFraming::Length;
                    self.length_off = bytes;
                }
                FaultKind::CutEncoding(bytes) => self.cut_encoding = bytes.get(),
                FaultKind::Bomb(bytes) => self.bomb = bytes,
                FaultKind::ChangeFromByte(byte) => self.change_at = Some(byte),
                _ => {}
            }
        }
        self
    }
}
