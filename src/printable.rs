//! Words from the world, made fit to be shown.

/// `words` on one line, without what a terminal would act on, show in another order, or not show at all,
/// and no longer than `most` characters.
///
/// Messages of this crate that repeat what a server said have been through it. Names of fields that
/// are unknown have not: they are data.
///
/// ```
/// use license_stream::printable;
///
/// assert_eq!(printable(" a\u{1b}[31mb\nc ", 100), "a [31mb c");
/// assert_eq!(printable("abcdef", 3), "abc");
/// ```
pub fn printable(words: &str, most: usize) -> String {
    let shown = words.trim().chars().map(|c| if disturbs(c) { ' ' } else { c }).take(most);
    shown.collect::<String>().trim().to_owned()
}

fn disturbs(character: char) -> bool {
    let is_invisible = matches!(
        character,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e007f}'
    );
    character.is_control() || is_invisible
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_cannot_disturb_a_terminal() {
        assert_eq!(printable("a\u{202e}b\u{9b}c\u{2066}d\u{feff}", 100), "a b c d");
        assert_eq!(printable("a\rb\u{7}c\u{ad}d\u{e0041}e", 100), "a b c d e");
        assert_eq!(printable("Größe – 許可 😀", 100), "Größe – 許可 😀");
        assert_eq!(printable(&"x".repeat(1000), 300).len(), 300);
        assert_eq!(printable(" \u{1b} ", 300), "");
    }
}
