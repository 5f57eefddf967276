//! What others have left unfinished where a run has written to.

use license_stream::printable;

use crate::checkpoints::{COMPACTED, quoted};
use crate::report::{counted, human_count};

/// Accounts that people are told the ids of.
const NAMED: usize = 10;

/// What keeps a run that is complete from writing `_SUCCESS`.
#[derive(Debug, Default)]
pub(crate) struct Unfinished {
    /// The lake, as it was typed.
    out: String,
    /// What is pending in it: accounts, `compacted`, and `run.<id>` for a run over several accounts.
    names: Vec<String>,
}

impl Unfinished {
    pub(crate) fn new(out: String, names: Vec<String>) -> Self {
        Self { out, names }
    }

    pub(crate) fn names(&self) -> &[String] {
        &self.names
    }

    /// What people are told of it, and what they can do; nothing where there is nothing.
    pub(crate) fn words(&self) -> Option<String> {
        let is_run = |name: &&String| name.starts_with("run.");
        let is_compaction = |name: &&String| *name == COMPACTED;
        let names = self.names.iter();
        let accounts: Vec<_> = names.filter(|name| !is_run(name) && !is_compaction(name)).collect();
        let mut words = Vec::new();
        if let Some(first) = accounts.first() {
            let (count, noun) = counted(accounts.len() as u64, "account", "accounts");
            let named = accounts.iter().take(NAMED).map(|name| printable(name, 100));
            let named = named.collect::<Vec<_>>().join(", ");
            let more = match accounts.len().saturating_sub(NAMED) {
                0 => String::new(),
                more => format!(", and {} more", human_count(more as u64)),
            };
            words.push(format!(
                "the last snapshot of {count} other {noun} is unfinished, or being read ({named}{more}): read such an \
                 account, or, if it is there no more, remove what there is of it by `license-stream checkpoint reset \
                 --out {} --account {}`",
                quoted(&self.out),
                printable(first, 100)
            ));
        }
        if self.names.iter().any(|name| is_run(&name)) {
            words.push(
                "another run over several accounts is under way, or was killed: the next such run that is complete \
                 writes it"
                    .to_owned(),
            );
        }
        if self.names.iter().any(|name| is_compaction(&name)) {
            let out = quoted(&self.out);
            words.push(format!(
                "a compaction is under way, or was killed: `license-stream compact {out}` completes it"
            ));
        }
        (!words.is_empty())
            .then(|| format!("there is no _SUCCESS in {}: {}", self.out, words.join("; ")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_are_told_which_they_are_and_what_to_do() {
        let words = |names: &[&str]| {
            let names = names.iter().map(|name| (*name).to_owned()).collect();
            Unfinished::new("my lake".to_owned(), names).words()
        };
        assert_eq!(words(&[]), None);
        assert_eq!(
            words(&["a"]).unwrap(),
            "there is no _SUCCESS in my lake: the last snapshot of 1 other account is unfinished, or being read (a): \
             read such an account, or, if it is there no more, remove what there is of it by `license-stream \
             checkpoint reset --out 'my lake' --account a`"
        );
        let many: Vec<_> = (10..22).map(|number| number.to_string()).collect();
        let many: Vec<_> = many.iter().map(String::as_str).collect();
        let told = words(&many).unwrap();
        assert!(told.contains("of 12 other accounts is") && told.contains("18, 19, and 2 more): "));
        let others = words(&["compacted", "run.x"]).unwrap();
        assert_eq!(
            others,
            "there is no _SUCCESS in my lake: another run over several accounts is under way, or was killed: the next \
             such run that is complete writes it; a compaction is under way, or was killed: `license-stream compact \
             'my lake'` completes it"
        );
    }
}
