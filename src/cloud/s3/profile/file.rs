//! The files in which profiles stand, as AWS's own tools read them.
//!
//! ```text
//! [profile lake]              # a section; [lake] in the file of credentials
//! region = eu-central-1       ; a setting
//! s3 =
//!     max_queue_size = 10     what is indented deeper belongs to the setting above
//! ```

/// What separates a name from its value, and what an indented line begins with.
const BLANKS: [char; 2] = [' ', '\t'];

/// What a remark begins with.
const REMARKS: [char; 2] = ['#', ';'];

/// A setting of a section. It may be a secret, and so has no `Debug`.
pub(super) struct Setting {
    pub(super) line: usize,
    /// In small letters: they are the same in capitals.
    pub(super) name: String,
    pub(super) value: String,
}

/// Which line cannot be read, and why. No text of the file is repeated: it may be a secret.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Wrong {
    pub(super) line: usize,
    pub(super) what: &'static str,
}

/// The settings of all sections that are `wanted`, in their order; `None` if there is no such section. Of the others
/// nothing is looked at but where they end.
pub(super) fn settings(
    text: &str,
    wanted: impl Fn(&str) -> bool,
) -> Result<Option<Vec<Setting>>, Wrong> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut found: Option<Vec<Setting>> = None;
    let mut is_wanted = None;
    // How deep the setting above is indented.
    let mut above: Option<usize> = None;
    for (whole, line) in text.lines().zip(1..) {
        let text = whole.trim_matches(BLANKS);
        let indent = whole.len() - whole.trim_start_matches(BLANKS).len();
        if text.is_empty() || text.starts_with(REMARKS) {
            continue;
        }
        if above.is_some_and(|above| indent > above) {
            if let (Some(true), Some(setting)) = (is_wanted, found.iter_mut().flatten().last()) {
                setting.value.push('\n');
                setting.value.push_str(text);
            }
            continue;
        }
        if text.starts_with('[') {
            let name = section(text).ok_or(Wrong { line, what: "has a `[` without its `]`" })?;
            (is_wanted, above) = (Some(wanted(name)), None);
            if wanted(name) {
                found.get_or_insert_default();
            }
            continue;
        }
        above = Some(indent);
        match is_wanted {
            None => {
                return Err(Wrong {
                    line,
                    what: "stands before the first section, as [default] is one",
                });
            }
            Some(true) => found.get_or_insert_default().push(setting(text, line)?),
            Some(false) => {}
        }
    }
    Ok(found)
}

/// What stands between the brackets of `text`.
fn section(text: &str) -> Option<&str> {
    let text = text.split(REMARKS).next().unwrap_or_default().trim_matches(BLANKS);
    Some(text.strip_prefix('[')?.strip_suffix(']')?.trim_matches(BLANKS))
}

fn setting(text: &str, line: usize) -> Result<Setting, Wrong> {
    let none = Wrong { line, what: "is neither a section nor `NAME = VALUE`" };
    let (name, value) = text.split_once('=').ok_or(none)?;
    let name = name.trim_matches(BLANKS).to_ascii_lowercase();
    let value = without_remark(value).trim_matches(BLANKS).to_owned();
    Ok(Setting { line, name, value })
}

/// `value` up to a remark, before which there must be a blank: a secret may have a `#` in it.
fn without_remark(value: &str) -> &str {
    let begins = |(at, _): &(usize, &str)| value[..*at].ends_with(BLANKS);
    let remark = value.match_indices(REMARKS).find(begins);
    remark.map_or(value, |(at, _)| &value[..at])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Option<Vec<(usize, String, String)>> {
        let found = settings(text, |name| name == "a").map_err(|wrong| format!("{wrong:?}"));
        let shown = |setting: Setting| (setting.line, setting.name, setting.value);
        found.unwrap().map(|settings| settings.into_iter().map(shown).collect())
    }

    fn wrong(text: &str) -> Wrong {
        settings(text, |name| name == "a").map(drop).unwrap_err()
    }

    fn settings_of(set: &[(usize, &str, &str)]) -> Option<Vec<(usize, String, String)>> {
        let owned = |(line, name, value): &(usize, &str, &str)| {
            (*line, (*name).to_owned(), (*value).to_owned())
        };
        Some(set.iter().map(owned).collect())
    }

    #[test]
    fn blanks_remarks_line_ends_and_a_mark_at_the_beginning_change_nothing() {
        let plain = settings_of(&[(2, "x", "1=/+#;"), (3, "y", "2")]);
        for text in [
            "[a]\nx=1=/+#;\ny=2\n",
            "[a]\r\nx = 1=/+#;\r\ny = 2",
            "\u{feff}[a]\nx=1=/+#;\ny=2\n",
            "[ a ]  # it\n\tX \t=\t 1=/+#; # it\n\ty =2 ; it\n",
            "[a];\n  x = 1=/+#;\n  y = 2\n",
        ] {
            assert_eq!(of(text), plain, "{text:?}");
        }
        let far = settings_of(&[(4, "x", "1"), (7, "y", "")]);
        assert_eq!(of("# it\n\n[a]\nx=1\n ; it\n\ny=\n[b]\nx=3"), far);
    }

    #[test]
    fn sections_of_one_name_are_one_and_of_others_nothing_is_read() {
        assert_eq!(of(""), None);
        assert_eq!(of("[b]\nx=1"), None);
        assert_eq!(of("[a]"), settings_of(&[]));
        let both = settings_of(&[(2, "x", "1"), (6, "x", "2")]);
        assert_eq!(of("[a]\nx=1\n[b]\nnonsense\n[a]\nx=2"), both);
    }

    #[test]
    fn what_is_indented_deeper_belongs_to_the_setting_above() {
        let nested = settings_of(&[(2, "s3", "\nx = 2\n[c]"), (5, "x", "1")]);
        assert_eq!(of("[a]\ns3 =\n  x = 2\n\t[c]\nx = 1\n[b]\ny=\n  x = 3"), nested);
    }

    #[test]
    fn a_line_that_cannot_be_read_is_told_by_its_number() {
        assert_eq!(wrong("# it\nx=1\n[a]").line, 2);
        assert_eq!(wrong("[a]\nx=1\ns3cret\n").line, 3);
        assert_eq!(wrong("[a]\r\n[b\r\n").line, 2);
    }
}
