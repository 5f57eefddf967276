//! Query strings.

/// Splits a query into decoded names and values; `None` if an escape or its UTF-8 is broken.
pub(super) fn parse(query: &str) -> Option<Vec<(String, String)>> {
    query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            Some((decode(name)?, decode(value)?))
        })
        .collect()
}

fn decode(text: &str) -> Option<String> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'+' => b' ',
            b'%' => (digit(bytes.next()?)? << 4) | digit(bytes.next()?)?,
            byte => byte,
        });
    }
    String::from_utf8(decoded).ok()
}

fn digit(hexadecimal: u8) -> Option<u8> {
    char::from(hexadecimal).to_digit(16).map(|digit| digit as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_values_are_decoded() {
        let pairs = parse("a%5B%5D=b+c&&d&remote_query[e]=%E9%96%8B=1").unwrap();
        let want = [("a[]", "b c"), ("d", ""), ("remote_query[e]", "開=1")];
        assert_eq!(pairs, want.map(|(name, value)| (name.to_owned(), value.to_owned())));
        assert!(parse("").unwrap().is_empty());
    }

    #[test]
    fn broken_escapes_are_refused() {
        for query in ["a=%", "a=%4", "a=%zz", "%ff=1"] {
            assert_eq!(parse(query), None, "{query}");
        }
    }
}
