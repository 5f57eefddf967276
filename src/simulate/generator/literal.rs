//! Text that is copied as it is.

/// Copies of this size are a few instructions, those of any other size a call.
const PADDED: usize = 32;

/// A text, with room behind it so that a short one can be copied in one size.
#[derive(Debug)]
pub(super) struct Literal {
    padded: Box<[u8]>,
    length: usize,
}

impl Literal {
    pub(super) fn new(text: &str) -> Self {
        let mut padded = text.as_bytes().to_vec();
        padded.resize(text.len().max(PADDED), b' ');
        Literal { padded: padded.into(), length: text.len() }
    }

    #[inline]
    pub(super) fn append(&self, out: &mut Vec<u8>) {
        match self.padded.first_chunk::<PADDED>() {
            Some(padded) if self.length <= PADDED => {
                let end = out.len() + self.length;
                out.extend_from_slice(padded);
                out.truncate(end);
            }
            _ => out.extend_from_slice(&self.padded),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_every_length_stay_as_they_are() {
        for length in 0..2 * PADDED {
            let text = "x".repeat(length);
            let mut out = b"y".to_vec();
            Literal::new(&text).append(&mut out);
            assert_eq!(out, format!("y{text}").into_bytes());
        }
    }
}
