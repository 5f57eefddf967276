//! A request as it was received.

use super::answer::Refusal;
use super::query;

/// The most bytes that a request's head may have.
pub(super) const HEAD_LIMIT: usize = 16 * 1024;

const HEADER_LIMIT: usize = 100;

/// What the simulator looks at in a request.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) method: String,
    /// Path and query as they came.
    pub(super) target: String,
    pub(super) path: String,
    pub(super) query: Vec<(String, String)>,
    /// The token of an `Authorization: Bearer` header.
    pub(super) bearer: Option<String>,
    /// Whether another request may follow on the connection.
    pub(super) keep_alive: bool,
    /// Names in lower case; of `authorization`, only the scheme.
    pub(super) headers: Vec<(String, String)>,
}

impl Request {
    /// Parses the head at the beginning of `received`, and says how long it is; `None` if it has not
    /// been received whole.
    pub(super) fn parse(received: &[u8]) -> Result<Option<(Self, usize)>, Refusal> {
        let mut headers = [httparse::EMPTY_HEADER; HEADER_LIMIT];
        let mut head = httparse::Request::new(&mut headers);
        let length = match head.parse(received) {
            Ok(httparse::Status::Complete(length)) if length <= HEAD_LIMIT => length,
            Ok(httparse::Status::Partial) if received.len() < HEAD_LIMIT => return Ok(None),
            Ok(_) => return Err(Refusal::new(431, "the request's head exceeds 16 KiB")),
            Err(httparse::Error::TooManyHeaders) => {
                return Err(Refusal::new(431, "the request has more than 100 headers"));
            }
            Err(error) => return Err(Refusal::new(400, format!("not an HTTP request: {error}"))),
        };
        if head.version != Some(1) {
            return Err(Refusal::new(
                505,
                "bodies are sent in chunks, which HTTP/1.0 does not know",
            ));
        }
        let target = head.path.unwrap_or_default();
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let query = query::parse(query)
            .ok_or_else(|| Refusal::new(400, "the query is not percent-encoded UTF-8"))?;
        let mut request = Request {
            method: head.method.unwrap_or_default().to_owned(),
            target: target.to_owned(),
            path: path.to_owned(),
            query,
            bearer: None,
            keep_alive: true,
            headers: Vec::with_capacity(head.headers.len()),
        };
        for header in head.headers {
            request.read_header(header.name, header.value);
        }
        Ok(Some((request, length)))
    }

    fn read_header(&mut self, name: &str, value: &[u8]) {
        let value = str::from_utf8(value).unwrap_or_default().trim();
        if name.eq_ignore_ascii_case("authorization") {
            self.bearer = value
                .split_once(' ')
                .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
                .map(|(_, token)| token.trim_start().to_owned());
        } else if name.eq_ignore_ascii_case("connection") {
            let mut options = value.split(',').map(str::trim);
            self.keep_alive &= !options.any(|option| option.eq_ignore_ascii_case("close"));
        } else if name.eq_ignore_ascii_case("transfer-encoding")
            || (name.eq_ignore_ascii_case("content-length") && value != "0")
        {
            // Nothing here takes a body: it is not read, and no request can be found behind it.
            self.keep_alive = false;
        }
        let name = name.to_ascii_lowercase();
        let value = if name == "authorization" {
            value.split(' ').next().unwrap_or_default()
        } else {
            value
        };
        self.headers.push((name, value.to_owned()));
    }

    /// The value of the first header of that name, which is in lower case.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let header = self.headers.iter().find(|(given, _)| given == name);
        header.map(|(_, value)| value.as_str())
    }

    /// The value of the first parameter of that name.
    pub(super) fn parameter(&self, name: &str) -> Option<&str> {
        let pair = self.query.iter().find(|(given, _)| given == name);
        pair.map(|(_, value)| value.as_str())
    }

    /// The same, if it is not empty.
    pub(super) fn given(&self, name: &str) -> Option<&str> {
        self.parameter(name).filter(|value| !value.is_empty())
    }

    /// The values of an array, as `name[]=a&name[]=b` gives them.
    pub(super) fn array<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let is_item = move |given: &str| {
            given
                .strip_prefix(name)
                .is_some_and(|rest| rest.starts_with('[') && rest.ends_with(']'))
        };
        self.query.iter().filter(move |(given, _)| is_item(given)).map(|(_, value)| value.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(head: &str) -> Request {
        let (request, length) = Request::parse(head.as_bytes()).unwrap().unwrap();
        assert_eq!(length, head.len());
        request
    }

    #[test]
    fn a_head_is_read_once_it_is_whole() {
        let head = "GET /a?b=c&d%5B%5D=e&d[]=f HTTP/1.1\r\nauthorization:  bearer  x \r\n\r\n";
        for length in 0..head.len() {
            assert!(Request::parse(&head.as_bytes()[..length]).unwrap().is_none());
        }
        let request = parse(head);
        assert_eq!((&*request.method, &*request.path), ("GET", "/a"));
        assert_eq!(
            (request.bearer.as_deref(), request.header("authorization")),
            (Some("x"), Some("bearer"))
        );
        assert_eq!(request.parameter("b"), Some("c"));
        assert_eq!(request.parameter("d"), None);
        assert_eq!(request.array("d").collect::<Vec<_>>(), ["e", "f"]);
        assert!(request.keep_alive);
    }

    #[test]
    fn what_ends_the_connection_is_seen() {
        for header in ["Connection: x, Close", "Content-Length: 5", "Transfer-Encoding: chunked"] {
            assert!(!parse(&format!("GET / HTTP/1.1\r\n{header}\r\n\r\n")).keep_alive, "{header}");
        }
        assert!(parse("GET / HTTP/1.1\r\nContent-Length: 0\r\n\r\n").keep_alive);
    }

    #[test]
    fn what_is_no_request_is_refused() {
        let long = format!("GET / HTTP/1.1\r\nx: {}", "x".repeat(HEAD_LIMIT));
        let whole = format!("{long}\r\n\r\n");
        let many = format!("GET / HTTP/1.1\r\n{}\r\n", "x: y\r\n".repeat(HEADER_LIMIT + 1));
        for (head, status) in [
            ("{}\n", 400),
            ("GET /?%zz HTTP/1.1\r\n\r\n", 400),
            ("GET / HTTP/1.0\r\n\r\n", 505),
            (&long, 431),
            (&whole, 431),
            (&many, 431),
        ] {
            assert_eq!(Request::parse(head.as_bytes()).unwrap_err().status(), status, "{head}");
        }
    }
}
