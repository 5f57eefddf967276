//! The bodies of responses, made while they are sent.

use super::generator::LicenseGenerator;

/// A body that has been written up to some record: NDJSON, one license a line.
#[derive(Debug)]
pub(super) struct Body {
    licenses: LicenseGenerator,
    next: u64,
    end: u64,
}

impl Body {
    pub(super) fn new(licenses: LicenseGenerator, records: u64) -> Self {
        Body { licenses, next: 0, end: records }
    }

    /// Appends the next record; `false` if there is none.
    pub(super) fn append_next(&mut self, out: &mut Vec<u8>) -> bool {
        if self.next == self.end {
            return false;
        }
        self.licenses.append(self.next, out);
        out.push(b'\n');
        self.next += 1;
        true
    }

    /// How many records have been appended.
    pub(super) fn records(&self) -> u64 {
        self.next
    }
}
