//! Directories of a partitioned lake, by the names that Hive gives them: `key=value`.

use std::borrow::Cow;
use std::collections::BTreeMap;

/// The value of a directory of rows that have none.
pub(super) const NULL: &str = "__HIVE_DEFAULT_PARTITION__";

/// The longest value that a directory is named for, escaped: a name has 255 bytes at most, and in an object
/// store all of them together 1024.
const MAX_VALUE_BYTES: usize = 120;

/// `value` as a directory has it; `None` if no directory can be named for it. An empty name is one that
/// Spark refuses to read, so that Hive has none either, and [`NULL`] would be taken for null. U+FFFE and U+FFFF are in
/// no XML, so that an object store could not list what lies in their directories.
pub(super) fn escaped(value: &str) -> Option<Cow<'_, str>> {
    if value.is_empty() || value == NULL || value.contains(['\u{fffe}', '\u{ffff}']) {
        return None;
    }
    let escaped = if value.bytes().any(is_escaped) {
        let mut text = String::with_capacity(value.len() + 8);
        for character in value.chars() {
            match u8::try_from(character) {
                Ok(byte) if is_escaped(byte) => text.push_str(&format!("%{byte:02X}")),
                _ => text.push(character),
            }
        }
        Cow::Owned(text)
    } else {
        Cow::Borrowed(value)
    };
    (escaped.len() <= MAX_VALUE_BYTES).then_some(escaped)
}

/// The characters of Hive's `FileUtils.escapePathName`, and NUL, which no file system takes.
fn is_escaped(byte: u8) -> bool {
    byte.is_ascii_control() || br##""#%'*/:=?\{[]^"##.contains(&byte)
}

/// The keys and values of the directories that file `name` lies in.
pub(super) fn partition(name: &str) -> BTreeMap<String, Option<String>> {
    let mut directories: Vec<_> = name.split('/').collect();
    directories.pop();
    let pair = |directory: &str| {
        let (key, value) = directory.split_once('=')?;
        Some((unescaped(key), (value != NULL).then(|| unescaped(value))))
    };
    directories.into_iter().filter_map(pair).collect()
}

fn unescaped(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, more @ ..] = rest {
        let code = more
            .get(..2)
            .filter(|_| *first == b'%')
            .and_then(|digits| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok());
        bytes.push(code.unwrap_or(*first));
        rest = if code.is_some() { &more[2..] } else { more };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Whether a folder of this name may hold files of a lake. Engines pass over those that begin so.
pub(super) fn is_directory(name: &str) -> bool {
    name.contains('=') && !name.starts_with(['.', '_'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_escaped_is_what_hive_escapes_and_is_read_back() {
        for (value, directory) in [
            ("active", "active"),
            ("a b", "a b"),
            ("é日本", "é日本"),
            ("a/b=c%d", "a%2Fb%3Dc%25d"),
            ("\"#'*:?\\{[]^", "%22%23%27%2A%3A%3F%5C%7B%5B%5D%5E"),
            ("}<>|&+~`!$,;@()-._", "}<>|&+~`!$,;@()-._"),
            ("\0\t\n\u{7f}", "%00%09%0A%7F"),
            ("..", ".."),
            ("\u{fffd}\u{10ffff}", "\u{fffd}\u{10ffff}"),
            ("a%2Fb", "a%252Fb"),
        ] {
            assert_eq!(escaped(value).as_deref(), Some(directory), "{value:?}");
            let read = partition(&format!("status={directory}/a.parquet"));
            assert_eq!(read["status"].as_deref(), Some(value));
        }
    }

    #[test]
    fn what_no_directory_can_be_named_for_is_told() {
        let longest = "é".repeat(60);
        assert!(escaped(&longest).is_some());
        let no_xml = ["a\u{fffe}", "\u{ffff}b"];
        for value in ["", NULL, &format!("{longest}a"), &"/".repeat(41)].into_iter().chain(no_xml) {
            assert_eq!(escaped(value), None, "{value:?}");
        }
    }

    #[test]
    fn directories_are_those_of_the_file_and_null_is_none() {
        let read = partition("account=a/status=__HIVE_DEFAULT_PARTITION__/x=y.parquet");
        let wanted = [("account", Some("a")), ("status", None)];
        let wanted = wanted.map(|(key, value)| (key.to_owned(), value.map(str::to_owned)));
        assert_eq!(read, wanted.into());
        assert!(partition("a.parquet").is_empty());
        assert_eq!(partition("a=%zz%4/b.parquet")["a"].as_deref(), Some("%zz%4"));
    }
}
