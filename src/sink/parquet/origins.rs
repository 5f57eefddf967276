//! Whose rows are in files that others were merged into.

use std::collections::{BTreeSet, HashSet};

use super::claim::{COMPACTED, owner};
use super::manifest::Manifest;

/// Snapshots that are named in a message.
const NAMED: usize = 3;

/// The snapshots whose files the compaction `id` has put others in the place of, be it by way of other compactions, as
/// people are told of them.
pub(super) fn named(id: &str, manifests: &[Manifest]) -> String {
    let mut names: Vec<&str> = replaced(id, manifests);
    let (mut seen, mut snapshots) = (HashSet::from([id]), BTreeSet::new());
    while let Some(name) = names.pop() {
        match owner(name) {
            Some((COMPACTED, id)) if seen.insert(id) => names.extend(replaced(id, manifests)),
            Some((COMPACTED, _)) | None => {}
            Some(of) => {
                snapshots.insert(of);
            }
        }
    }
    let more = snapshots.len().saturating_sub(NAMED);
    let first = snapshots.iter().take(NAMED);
    let mut text: Vec<_> =
        first.map(|(account, id)| format!("snapshot {id} of {account}")).collect();
    if more > 0 {
        text.push(format!("{more} more"));
    }
    text.join(", ")
}

fn replaced<'a>(id: &str, manifests: &'a [Manifest]) -> Vec<&'a str> {
    let of =
        |manifest: &&Manifest| manifest.account_name() == COMPACTED && manifest.snapshot_id == id;
    let replaces = manifests.iter().filter(of).flat_map(|manifest| &manifest.replaces);
    replaces.map(String::as_str).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const COMPACTIONS: [&str; 2] =
        ["01a20c7e-5167-7459-84d1-21cf61690001", "01a20c7e-5167-7459-84d1-21cf61690002"];

    fn compaction(id: &str, replaces: &[String]) -> Manifest {
        let mut manifest = Manifest::new(Some(COMPACTED), id);
        manifest.replaces = replaces.to_vec();
        manifest
    }

    #[test]
    fn they_are_found_by_way_of_other_compactions() {
        let id = |number: usize| format!("01a20c7e-5167-7459-84d1-21cf616900a{number}");
        let file = |account: &str, id: &str| format!("{account}-{id}-00000.parquet");
        let [first, second] = COMPACTIONS;
        let of_first = ["a", "b"].map(|account| file(account, &id(1)));
        let mut of_second = vec![file(COMPACTED, first), file(COMPACTED, second)];
        let manifests =
            |of_second: &[String]| [compaction(first, &of_first), compaction(second, of_second)];
        let both = format!("snapshot {0} of a, snapshot {0} of b", id(1));
        assert_eq!(named(second, &manifests(&of_second)), both);
        of_second.extend([file("c", &id(2)), file("d", &id(3)), file("d", &id(4))]);
        let all = named(second, &manifests(&of_second));
        assert_eq!(all, format!("{both}, snapshot {} of c, 2 more", id(2)));
    }
}
