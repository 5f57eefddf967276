//! `${VARIABLE}` and `${VARIABLE:-default}` in the values of a file.

/// A value with what the environment has in it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Expanded {
    pub(crate) text: String,
    /// Whether any of it is of a variable that holds a secret, by its name.
    pub(crate) is_secret: bool,
    /// Whether all of it is one variable: its name.
    pub(crate) variable: Option<String>,
}

/// Puts what `variable` answers in the places of variables. `$${` stands for `${` itself. What comes in is text and
/// nothing else: no key, no list, and no further variable.
pub(crate) fn expand(
    text: &str,
    variable: impl Fn(&str) -> Result<Option<String>, String>,
) -> Result<Expanded, String> {
    let mut expanded = Expanded { text: String::new(), is_secret: false, variable: None };
    let mut rest = text;
    while let Some(start) = rest.find("${") {
        let (before, reference) = rest.split_at(start);
        if let Some(before) = before.strip_suffix('$') {
            expanded.text += before;
            expanded.text += "${";
            rest = &reference[2..];
            continue;
        }
        expanded.text += before;
        let Some(end) = reference.find('}') else {
            return Err("`${` has no `}`: write `$${` for the characters themselves".to_owned());
        };
        let inner = &reference[2..end];
        rest = &reference[end + 1..];
        let (name, default) = match inner.split_once(":-") {
            Some((name, default)) => (name, Some(default)),
            None => (inner, None),
        };
        if !is_name(name) {
            return Err(
                "a variable is ${NAME} or ${NAME:-default}, with letters, digits and `_` in its name; write \
                 `$${` for the characters themselves"
                    .to_owned(),
            );
        }
        let value = match (variable(name)?, default) {
            (Some(value), None) => value,
            (Some(value), Some(_)) if !value.is_empty() => value,
            (_, Some(default)) => default.to_owned(),
            (None, None) => {
                return Err(format!(
                    "the environment has no variable {name}: set it, or write ${{{name}:-default}}"
                ));
            }
        };
        expanded.is_secret |= may_be_secret(name);
        if before.is_empty() && rest.is_empty() && expanded.text.is_empty() && default.is_none() {
            expanded.variable = Some(name.to_owned());
        }
        expanded.text += &value;
    }
    expanded.text += rest;
    Ok(expanded)
}

/// Whether it is the name of a variable.
fn is_name(name: &str) -> bool {
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    !name.is_empty() && name.bytes().all(is_part) && !name.as_bytes()[0].is_ascii_digit()
}

/// Whether what is called so is a secret, as far as a name can tell.
pub(crate) fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let marks = [
        "token",
        "password",
        "passwd",
        "secret",
        "credential",
        "authorization",
        "api_key",
        "api-key",
    ];
    marks.iter().any(|mark| name.contains(mark))
}

/// Whether what a variable of this name holds may be a secret: what is masked in vain can be looked up.
fn may_be_secret(variable: &str) -> bool {
    let marks = ["apikey", "auth", "cookie", "key", "pass", "private", "pwd", "sas", "signature"];
    let name = variable.to_ascii_lowercase();
    is_secret(&name) || marks.iter().any(|mark| name.contains(mark))
}

/// Whether an address in it has a password.
pub(crate) fn has_password(text: &str) -> bool {
    let authority = || text.split_once("://")?.1.split(['/', '?', '#']).next();
    let user = authority().and_then(|authority| Some(authority.rsplit_once('@')?.0));
    let password = user.and_then(|user| user.split_once(':'));
    password.is_some_and(|(_, password)| !password.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expanded(text: &str) -> Result<Expanded, String> {
        expand(text, |name| {
            Ok(match name {
                "DIR" => Some("/lake".to_owned()),
                "MY_TOKEN" => Some("s3cret".to_owned()),
                "NESTED" => Some("${DIR}: [x]".to_owned()),
                "EMPTY" => Some(String::new()),
                _ => None,
            })
        })
    }

    #[test]
    fn variables_are_put_in_and_nothing_else_is_made_of_them() {
        for (text, wanted) in [
            ("plain $DIR {}", "plain $DIR {}"),
            ("${DIR}/a/${DIR}", "/lake/a//lake"),
            ("${NONE:-x y}", "x y"),
            ("${EMPTY:-x}", "x"),
            ("<${EMPTY}>", "<>"),
            ("${NONE:-}", ""),
            ("$${DIR}${DIR}", "${DIR}/lake"),
            ("${NESTED}", "${DIR}: [x]"),
            ("{integration}-{{x}}", "{integration}-{{x}}"),
        ] {
            assert_eq!(expanded(text).unwrap().text, wanted, "{text}");
        }
        for (text, message) in [
            ("${NONE}", "the environment has no variable NONE: set it, or write ${NONE:-default}"),
            ("${DIR", "`${` has no `}`"),
            ("${}", "a variable is ${NAME}"),
            ("${A-B}", "a variable is ${NAME}"),
            ("${1A}", "a variable is ${NAME}"),
        ] {
            assert!(expanded(text).unwrap_err().starts_with(message), "{text}");
        }
    }

    #[test]
    fn what_is_a_secret_is_known_by_its_variable() {
        assert!(
            expanded("x-${MY_TOKEN}").unwrap().is_secret && !expanded("${DIR}").unwrap().is_secret
        );
        for name in ["PASS", "SAS", "REGISTRY_APIKEY", "SIGNING_KEY", "X_AUTH"] {
            assert!(may_be_secret(name), "{name}");
        }
        assert_eq!(expanded("${MY_TOKEN}").unwrap().variable.as_deref(), Some("MY_TOKEN"));
        for text in ["x${MY_TOKEN}", "${MY_TOKEN}x", "${MY_TOKEN:-x}", "${DIR}${DIR}"] {
            assert_eq!(expanded(text).unwrap().variable, None, "{text}");
        }
    }

    #[test]
    fn a_password_in_an_address_is_found() {
        for (text, wanted) in [
            ("https://me:word@host/a@b", true),
            ("https://me@host", false),
            ("https://me:@host", false),
            ("https://host:80/a:b@c", false),
            ("broker:9092", false),
        ] {
            assert_eq!(has_password(text), wanted, "{text}");
        }
    }
}
