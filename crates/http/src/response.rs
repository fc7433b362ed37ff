//! A response, and how it is written.
//!
//! Every response forbids a browser to guess its type and, unless it is a part of the page, to do
//! anything with it but show it: what is stored here may be anyone's.

use std::borrow::Cow;

use serde_json::Value;

/// What a response is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// Headers beside those that [`Response::encode`] writes.
    pub headers: Vec<(&'static str, String)>,
    /// The body.
    pub body: Cow<'static, [u8]>,
}

/// What becomes of the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The next request may follow.
    Keep,
    /// It is closed.
    Close,
}

/// How much of a response is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// All of it.
    Whole,
    /// Everything but the body: the answer to HEAD.
    Head,
    /// Status and headers; the body follows in chunks, for as long as it likes.
    Stream,
    /// The same for clients that know no chunks: the body ends with the connection.
    Endless,
}

/// What a browser may do with what is not the page.
const INERT: &str = "default-src 'none'; frame-ancestors 'none'; sandbox";
/// What the page may do: use its own files and talk to its own node, nothing else.
const PAGE: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
                    img-src 'self' data:; base-uri 'none'; form-action 'none'; \
                    frame-ancestors 'none'";

impl Response {
    /// A response without a body.
    #[must_use]
    pub const fn empty(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: Cow::Borrowed(&[]) }
    }

    /// A response with a body of a media type.
    #[must_use]
    pub fn new(status: u16, media: &str, body: impl Into<Cow<'static, [u8]>>) -> Self {
        let headers = vec![("Content-Type", media.to_owned())];
        Self { status, headers, body: body.into() }
    }

    /// A JSON document.
    #[must_use]
    pub fn json(status: u16, value: &Value) -> Self {
        Self::new(status, "application/json", value.to_string().into_bytes())
    }

    /// Adds a header.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// Makes the response a part of the page, which may do more than data.
    #[must_use]
    pub fn as_page(self) -> Self {
        self.with("Content-Security-Policy", PAGE)
    }

    /// Appends the response as bytes.
    ///
    /// # Panics
    /// A header of ours has more than one line.
    pub fn encode(&self, shape: Shape, ending: Ending, out: &mut Vec<u8>) {
        let status = format!("HTTP/1.1 {} {}\r\n", self.status, reason(self.status));
        out.extend_from_slice(status.as_bytes());
        for (name, value) in &self.headers {
            put_header(out, name, value);
        }
        put_header(out, "X-Content-Type-Options", "nosniff");
        put_header(out, "Referrer-Policy", "no-referrer");
        if !self.headers.iter().any(|(name, _)| *name == "Content-Security-Policy") {
            put_header(out, "Content-Security-Policy", INERT);
        }
        if !self.headers.iter().any(|(name, _)| *name == "Cache-Control") {
            put_header(out, "Cache-Control", "no-store");
        }
        match shape {
            Shape::Stream => put_header(out, "Transfer-Encoding", "chunked"),
            Shape::Whole | Shape::Head if self.has_body() => {
                put_header(out, "Content-Length", &self.body.len().to_string());
            }
            Shape::Whole | Shape::Head | Shape::Endless => {}
        }
        if ending == Ending::Close {
            put_header(out, "Connection", "close");
        }
        out.extend_from_slice(b"\r\n");
        if shape == Shape::Whole && self.has_body() {
            out.extend_from_slice(&self.body);
        }
    }

    /// Whether the status allows a body, even an empty one.
    const fn has_body(&self) -> bool {
        !matches!(self.status, 100..=199 | 204 | 304)
    }
}

fn put_header(out: &mut Vec<u8>, name: &str, value: &str) {
    let is_one_line = !value.bytes().any(|byte| matches!(byte, b'\r' | b'\n' | 0));
    assert!(is_one_line, "the header {name} would end early");
    for part in [name, ": ", value, "\r\n"] {
        out.extend_from_slice(part.as_bytes());
    }
}

/// The words that people know a status by.
const fn reason(status: u16) -> &'static str {
    match status {
        100 => "Continue",
        200 => "OK",
        201 => "Created",
        202 => "Accepted",
        204 => "No Content",
        304 => "Not Modified",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        406 => "Not Acceptable",
        408 => "Request Timeout",
        409 => "Conflict",
        412 => "Precondition Failed",
        413 => "Content Too Large",
        415 => "Unsupported Media Type",
        422 => "Unprocessable Content",
        431 => "Request Header Fields Too Large",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        505 => "HTTP Version Not Supported",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(response: &Response, shape: Shape, ending: Ending) -> String {
        let mut out = Vec::new();
        response.encode(shape, ending, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_response_says_its_length_once_and_forbids_guessing() {
        let response = Response::new(200, "text/plain", b"hello".as_slice()).with("ETag", "\"1\"");
        let whole = text(&response, Shape::Whole, Ending::Keep);
        assert!(
            whole.starts_with("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nETag: \"1\"\r\n")
        );
        assert!(whole.ends_with("\r\nContent-Length: 5\r\n\r\nhello"), "{whole}");
        assert!(whole.contains("nosniff") && whole.contains("sandbox") && !whole.contains("close"));
        let head = text(&response, Shape::Head, Ending::Close);
        assert!(head.ends_with("Content-Length: 5\r\nConnection: close\r\n\r\n"), "{head}");
        let stream = text(&response, Shape::Stream, Ending::Keep);
        assert!(stream.ends_with("Transfer-Encoding: chunked\r\n\r\n"), "{stream}");
        let nothing = text(&Response::empty(204), Shape::Whole, Ending::Keep);
        assert!(!nothing.contains("Content-Length"), "{nothing}");
        assert!(!text(&response.as_page(), Shape::Whole, Ending::Keep).contains("sandbox"));
    }

    #[test]
    #[should_panic(expected = "would end early")]
    fn a_header_cannot_smuggle_another() {
        text(&Response::empty(200).with("ETag", "a\r\nb: c"), Shape::Whole, Ending::Keep);
    }
}
