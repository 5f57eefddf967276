//! Addresses, made fit to be shown to anyone.

use std::borrow::Cow;

/// What stands in the place of a secret.
const MASK: &str = "***";

/// Schemes of addresses that begin with a container, which is no user: `abfss://container@account…`.
const OF_CONTAINERS: [&str; 5] = ["abfs", "abfss", "adl", "az", "azure"];

/// `text` with what may be a secret in addresses masked: a user, a password, and the values of a query. That is how
/// this crate tells of addresses.
///
/// ```
/// use license_stream::masked;
///
/// assert_eq!(masked("s3://key:word@bucket/a"), "s3://***@bucket/a");
/// assert_eq!(masked("https://host/a?sig=abc&se=1"), "https://host/a?sig=***&se=***");
/// assert_eq!(masked("s3://bucket/a"), "s3://bucket/a");
/// ```
pub fn masked(text: &str) -> Cow<'_, str> {
    if !text.contains("://") {
        return text.into();
    }
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("://") {
        let (before, address) = rest.split_at(at);
        let address = &address["://".len()..];
        shown += before;
        shown += "://";
        let scheme = before.rsplit(|char: char| !char.is_ascii_alphanumeric()).next();
        let is_of_container =
            scheme.is_some_and(|it| OF_CONTAINERS.iter().any(|one| it.eq_ignore_ascii_case(one)));
        let end = address.find(is_end).unwrap_or(address.len());
        // Another address may follow without a space, as in a list.
        let end = address[..end].find("://").map_or(end, |next| {
            let is_before = |char: char| !char.is_ascii_alphanumeric();
            next - address[..next].rsplit(is_before).next().map_or(0, str::len)
        });
        mask_one(&mut shown, &address[..end], is_of_container);
        rest = &address[end..];
    }
    shown += rest;
    if shown == text { text.into() } else { shown.into() }
}

/// Whether an address in a text ends before it.
fn is_end(character: char) -> bool {
    character.is_whitespace() || matches!(character, '\'' | '"' | '`' | '<' | '>')
}

/// Adds an address without its scheme.
fn mask_one(shown: &mut String, address: &str, is_of_container: bool) {
    let (user, place) = match user(address) {
        Some(at) => (Some(&address[..at]), &address[at + 1..]),
        None => (None, address),
    };
    match user {
        Some(container) if is_of_container && !container.contains(':') => {
            shown.push_str(container);
            shown.push('@');
        }
        Some(_) => {
            shown.push_str(MASK);
            shown.push('@');
        }
        None => {}
    }
    let Some((path, query)) = place.split_once('?') else { return shown.push_str(place) };
    let (query, fragment) = match query.split_once('#') {
        Some((query, fragment)) => (query, Some(fragment)),
        None => (query, None),
    };
    shown.push_str(path);
    for (index, part) in query.split('&').enumerate() {
        shown.push(if index == 0 { '?' } else { '&' });
        match part.split_once('=') {
            Some((name, _)) => {
                shown.push_str(name);
                shown.push('=');
                shown.push_str(MASK);
            }
            None if part.is_empty() => {}
            // Perhaps it is all value.
            None => shown.push_str(MASK),
        }
    }
    if fragment.is_some() {
        shown.push('#');
        shown.push_str(MASK);
    }
}

/// Where the user of an address ends, at an `@`, if it has one.
fn user(address: &str) -> Option<usize> {
    let end = address.find(['/', '?', '#']).unwrap_or(address.len());
    if let Some(at) = address[..end].rfind('@') {
        return Some(at);
    }
    // A password that was not escaped: what stands behind the colon is no port.
    let (_, port) = address[..end].split_once(':')?;
    match port.bytes().all(|byte| byte.is_ascii_digit()) {
        true => None,
        false => address.rfind('@'),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_and_queries_are_masked_and_nothing_else() {
        for (text, wanted) in [
            ("https://me:word@host/a@b", "https://***@host/a@b"),
            ("https://token@host", "https://***@host"),
            ("s3://AK:a/b+c@bucket/x", "s3://***@bucket/x"),
            ("s3://AK:a?b@bucket/x", "s3://***@bucket/x"),
            ("https://host:80/a:b@c", "https://host:80/a:b@c"),
            (
                "az://container@account.dfs.core.windows.net/a",
                "az://container@account.dfs.core.windows.net/a",
            ),
            ("abfss://user:word@account/a", "abfss://***@account/a"),
            ("az://c/p?sv=1&sig=a%2Fb=", "az://c/p?sv=***&sig=***"),
            ("https://host?secret", "https://host?***"),
            ("https://host/?", "https://host/?"),
            ("https://host/a?b=c#d", "https://host/a?b=***#***"),
            ("s3://bucket/a#b", "s3://bucket/a#b"),
            ("broker:9092", "broker:9092"),
            ("what?a=b", "what?a=b"),
            (
                "no 'https://a:b@c/d?e=f' and s3://x:y@z: no",
                "no 'https://***@c/d?e=***' and s3://***@z: no",
            ),
            ("name=https://a:b@c", "name=https://***@c"),
            ("https://a:b@c,https://d:e@f", "https://***@c,https://***@f"),
        ] {
            assert_eq!(masked(text), wanted);
        }
    }
}
