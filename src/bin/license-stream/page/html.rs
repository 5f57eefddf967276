//! Markup, which only this program writes, and text, which may be anyone's.

use std::fmt::Display;

use license_stream::printable;

/// Characters of a text that are shown.
const LONGEST_TEXT: usize = 400;

/// A part of a page. There are two ways into it: markup that was compiled in, and text that is escaped. So nothing
/// that was read can become markup.
#[derive(Debug, Default)]
pub(crate) struct Html(String);

impl Html {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Adds markup.
    pub(crate) fn markup(&mut self, markup: &'static str) -> &mut Self {
        self.0.push_str(markup);
        self
    }

    /// Adds text, which is fit to stand between tags and in a quoted attribute.
    pub(crate) fn text(&mut self, text: impl Display) -> &mut Self {
        let text = text.to_string();
        // It makes one line of it, without what shows in another order or not at all.
        for character in printable(&text, LONGEST_TEXT).chars() {
            match character {
                '&' => self.0.push_str("&amp;"),
                '<' => self.0.push_str("&lt;"),
                '>' => self.0.push_str("&gt;"),
                '"' => self.0.push_str("&quot;"),
                '\'' => self.0.push_str("&#39;"),
                _ => self.0.push(character),
            }
        }
        if text.chars().nth(LONGEST_TEXT).is_some() {
            self.0.push('…');
        }
        self
    }

    /// Adds a share of a whole as a percentage, for a length in SVG.
    pub(crate) fn percent(&mut self, share: f64) -> &mut Self {
        let share = if share.is_finite() { share.clamp(0.0, 1.0) } else { 0.0 };
        self.0.push_str(&format!("{:.2}%", share * 100.0));
        self
    }

    /// Adds a part.
    pub(crate) fn part(&mut self, part: &Self) -> &mut Self {
        self.0.push_str(&part.0);
        self
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_becomes_markup() {
        let mut html = Html::new();
        html.markup("<i title=\"").text("\"'><script>alert(1)</script>&amp;");
        html.markup("\">").text("a\u{202e}b\nc").markup("</i>");
        assert_eq!(
            html.as_str(),
            "<i title=\"&quot;&#39;&gt;&lt;script&gt;alert(1)&lt;/script&gt;&amp;amp;\">a b c</i>"
        );
        let mut html = Html::new();
        html.text("<".repeat(1000));
        assert_eq!(html.as_str(), format!("{}…", "&lt;".repeat(400)));
    }

    #[test]
    fn a_length_is_within_its_whole() {
        let cases = [(0.5, "50.00%"), (-1.0, "0.00%"), (7.0, "100.00%"), (f64::NAN, "0.00%")];
        for (share, text) in cases {
            assert_eq!(Html::new().percent(share).as_str(), text);
        }
    }
}
