//! What a lake has that is laid out in another way than what a run writes there.

use license_stream::printable;
use license_stream::sink::parquet::OtherLayout;

/// What people are told of `others` in `lake`, and what they can do; nothing where there are none.
pub(crate) fn words(lake: &str, others: &[OtherLayout]) -> Option<String> {
    let mut ways: Vec<&OtherLayout> = Vec::new();
    for other in others {
        if !ways.iter().any(|it| it.differences == other.differences) {
            ways.push(other);
        }
    }
    let told = ways.into_iter().map(|other| {
        let (account, id) = (printable(&other.account, 100), &other.snapshot_id);
        format!("snapshot {id} of {account} {}", other.differences.join(", "))
    });
    let told = told.collect::<Vec<_>>().join("; ");
    (!others.is_empty()).then(|| {
        format!(
            "{lake} has complete snapshots that are laid out in another way, and who reads all files there may get \
             fewer rows or columns and no error: {told}. Write into another directory, or have files read by name, and \
             those in directories by themselves (in DuckDB union_by_name = true, and union all by name)"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_way_is_told_with_a_snapshot_of_it() {
        assert_eq!(words("lake", &[]), None);
        let other = |what: &str| OtherLayout {
            account: "a".to_owned(),
            snapshot_id: "s".to_owned(),
            differences: vec![what.to_owned(), "is old".to_owned()],
        };
        let told = words("lake", &[other("is x"), other("is y"), other("is x")]).unwrap();
        assert!(told.starts_with("lake has complete snapshots"), "{told}");
        assert!(
            told.contains(": snapshot s of a is x, is old; snapshot s of a is y, is old. "),
            "{told}"
        );
    }
}
