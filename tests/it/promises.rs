//! docs/guarantees.md and docs/values.md: each promise names tests, and they are there.

use crate::support::python::root;

/// What stands between backticks.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

/// The text of the file that tests are named by.
fn source(name: &str) -> Option<String> {
    ["tests/it", "src"]
        .into_iter()
        .find_map(|directory| std::fs::read_to_string(root().join(directory).join(name)).ok())
}

#[test]
fn each_promise_is_shown_by_tests_that_are_there() {
    for (document, at_least) in [("docs/guarantees.md", 11), ("docs/values.md", 9)] {
        let text = std::fs::read_to_string(root().join(document)).unwrap();
        let rows: Vec<_> = text.lines().filter(|line| line.starts_with("| **")).collect();
        assert!(rows.len() >= at_least, "{document}: {} promises", rows.len());
        check(&rows);
    }
}

fn check(rows: &[&str]) {
    for row in rows {
        let shown_by = row.trim_end_matches('|').rsplit('|').next().unwrap();
        let mut file = None;
        let mut tests = 0;
        for name in quoted(shown_by) {
            if name.ends_with(".rs") {
                file = Some((name, source(name).unwrap_or_else(|| panic!("there is no {name}"))));
            } else {
                let (file, text) = file.as_ref().expect("a file, and then its tests");
                assert!(text.contains(&format!("fn {name}()")), "{file} has no test {name}");
                tests += 1;
            }
        }
        assert!(tests > 0, "no test shows: {row}");
    }
}
