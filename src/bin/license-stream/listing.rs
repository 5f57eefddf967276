//! Standard output, for what is listed.

use std::io::{self, ErrorKind, Stdout, Write};

/// Standard output of a command that only shows what there is. Whoever reads it may leave when they have seen enough,
/// as `head` does: the rest is then written to nobody, and nothing has failed.
#[derive(Debug)]
pub(crate) struct Listing {
    out: Stdout,
    is_left: bool,
}

impl Listing {
    pub(crate) fn begin() -> Self {
        Self { out: io::stdout(), is_left: false }
    }

    /// Whether nobody reads it any more.
    pub(crate) fn is_left(&self) -> bool {
        self.is_left
    }

    fn unless_left<T>(&mut self, written: io::Result<T>, left: T) -> io::Result<T> {
        match written {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => {
                self.is_left = true;
                Ok(left)
            }
            written => written,
        }
    }
}

impl Write for Listing {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.out.write(bytes);
        self.unless_left(written, bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        let flushed = self.out.flush();
        self.unless_left(flushed, ())
    }
}
