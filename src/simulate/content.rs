//! What a body says, piece by piece.

use super::body::Body;

/// A body before it is encoded and framed.
#[derive(Clone, Debug)]
pub(super) enum Content {
    /// One that is made while it is sent.
    Licenses(Box<Body>),
    /// One that is there already.
    Whole(Vec<u8>),
}

impl Default for Content {
    fn default() -> Self {
        Self::Whole(Vec::new())
    }
}

impl Content {
    pub(super) fn whole(bytes: Vec<u8>) -> Self {
        Self::Whole(bytes)
    }

    /// How many records have been appended.
    pub(super) fn records(&self) -> u64 {
        match self {
            Self::Licenses(body) => body.records(),
            Self::Whole(_) => 0,
        }
    }

    /// Appends the next piece, which may be empty; `false` if there is none.
    #[inline]
    pub(super) fn append_next(&mut self, out: &mut Vec<u8>) -> bool {
        match self {
            Self::Licenses(body) => body.append_next(out),
            Self::Whole(bytes) => {
                let is_there = !bytes.is_empty();
                out.append(bytes);
                is_there
            }
        }
    }
}
