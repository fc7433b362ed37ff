//! A request as its parts, decoded once: everything behind the parser works on these.

use crate::percent;

/// What a request wants done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// Read.
    Get,
    /// Read, and answer without the body.
    Head,
    /// Write a whole thing.
    Put,
    /// Do something to a thing.
    Post,
    /// Remove.
    Delete,
    /// Anything else: no route takes it.
    Other,
}

/// A complete request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// What to do.
    pub method: Method,
    /// The decoded parts of the path between slashes; none for `/`.
    pub path: Vec<Vec<u8>>,
    /// The decoded query, in the order it was written.
    pub query: Vec<(Vec<u8>, Vec<u8>)>,
    /// The headers, names in lower case.
    pub headers: Vec<(String, Vec<u8>)>,
    /// The body.
    pub body: Vec<u8>,
    /// Whether the client speaks HTTP/1.1 and not 1.0.
    pub is_modern: bool,
}

impl Method {
    /// Reads a method's name.
    #[must_use]
    pub fn parse(name: &str) -> Self {
        match name {
            "GET" => Self::Get,
            "HEAD" => Self::Head,
            "PUT" => Self::Put,
            "POST" => Self::Post,
            "DELETE" => Self::Delete,
            _ => Self::Other,
        }
    }

    /// Returns the name as it is written in requests.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Head => "HEAD",
            Self::Put => "PUT",
            Self::Post => "POST",
            Self::Delete => "DELETE",
            Self::Other => "OTHER",
        }
    }
}

impl Request {
    /// Makes a request for a target with these headers; nothing when it is none.
    pub(crate) fn new(
        (method, target): (Method, &str),
        headers: Vec<(String, Vec<u8>)>,
        body: Vec<u8>,
    ) -> Option<Self> {
        let (path, query) = parse_target(target)?;
        Some(Self { method, path, query, headers, body, is_modern: true })
    }

    /// Returns the value of a header that is there once, if it is text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(known, _)| known == name);
        found.and_then(|(_, value)| std::str::from_utf8(value).ok())
    }

    /// Returns the last value of a name in the query.
    #[must_use]
    pub fn query(&self, name: &str) -> Option<&[u8]> {
        let mut named = self.query.iter().rev().filter(|(known, _)| known == name.as_bytes());
        named.next().map(|(_, value)| &value[..])
    }

    /// Says whether the client takes the media type rather than plain bytes.
    #[must_use]
    pub fn prefers(&self, media: &str) -> bool {
        let ranges = self.header("accept").unwrap_or_default().split(',');
        let mut names = ranges.map(|range| range.split(';').next().unwrap_or_default().trim());
        names.any(|name| name.eq_ignore_ascii_case(media))
    }

    /// Says whether the connection is to be kept after the response.
    #[must_use]
    pub fn keeps_alive(&self) -> bool {
        let said = self.header("connection").unwrap_or_default().to_ascii_lowercase();
        let mut words = said.split(',').map(str::trim);
        if self.is_modern { !words.any(|word| word == "close") } else { said == "keep-alive" }
    }
}

/// The decoded parts of a path and its query.
pub(crate) type Target = (Vec<Vec<u8>>, Vec<(Vec<u8>, Vec<u8>)>);

/// Takes a request's target apart; `None` when it is none.
pub(crate) fn parse_target(target: &str) -> Option<Target> {
    let local = match target.strip_prefix("http://") {
        // The absolute form, which proxies send: what stands before the path is the host again.
        Some(rest) => &rest[rest.find('/')?..],
        None => target,
    };
    let local = local.split('#').next()?;
    let (path, query) = local.split_once('?').unwrap_or((local, ""));
    let parts = path.strip_prefix('/')?;
    let path = match parts {
        "" => Vec::new(),
        parts => parts
            .split('/')
            .map(|part| percent::decode(part.as_bytes()))
            .collect::<Option<Vec<_>>>()?,
    };
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    let query = pairs
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let (name, value) = (name.as_bytes(), value.as_bytes());
            Some((percent::decode_query(name)?, percent::decode_query(value)?))
        })
        .collect::<Option<Vec<_>>>()?;
    Some((path, query))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(target: &str) -> Option<Vec<Vec<u8>>> {
        parse_target(target).map(|(path, _)| path)
    }

    #[test]
    fn targets_are_taken_apart() {
        assert_eq!(path("/"), Some(vec![]));
        assert_eq!(path("/a/b%2Fc"), Some(vec![b"a".to_vec(), b"b/c".to_vec()]));
        assert_eq!(path("/a/"), Some(vec![b"a".to_vec(), b"".to_vec()]));
        assert_eq!(path("http://host:1/a"), Some(vec![b"a".to_vec()]));
        for wrong in ["", "*", "a", "host:1", "http://host", "/%"] {
            assert_eq!(path(wrong), None, "{wrong}");
        }
        let (_, query) = parse_target("/a?x=1&y&z=a+b%26&x=2#part").unwrap();
        let pair = |name: &str, value: &str| (name.as_bytes().to_vec(), value.as_bytes().to_vec());
        assert_eq!(query, [pair("x", "1"), pair("y", ""), pair("z", "a b&"), pair("x", "2")]);
    }
}
