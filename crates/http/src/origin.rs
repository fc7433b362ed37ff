//! Who may ask: requests that a page of another site sends through somebody's browser may not.
//!
//! A node on loopback has no users to tell apart, so the browser of the person in front of it is
//! the way in for any page on the web: by sending what needs no permission (a form's POST), or by
//! pointing a name of its own at 127.0.0.1. The first says its `Origin`; the second has a `Host`
//! that is no address.

use crate::problem::{FORBIDDEN_ORIGIN, Problem};
use crate::request::Request;

/// Where the node listens, which decides what a request's `Host` may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Guard {
    /// On this machine only: it is asked by an address or as `localhost`.
    Loopback,
    /// On a network, where nodes may have names.
    Network,
}

impl Guard {
    /// Lets a request in, or says why not.
    pub(crate) fn admit(self, request: &Request) -> Result<(), Problem> {
        let host = request.header("host").unwrap_or_default();
        if self == Self::Loopback && !host.is_empty() && !is_local_name(host) {
            return Err(Problem::new(
                FORBIDDEN_ORIGIN,
                "a node on loopback is asked by an address or as localhost, not by another name",
            ));
        }
        let Some(origin) = request.header("origin") else { return Ok(()) };
        let is_own = origin.split_once("://").is_some_and(|(_, own)| own == host);
        match is_own {
            true => Ok(()),
            false => Err(Problem::new(FORBIDDEN_ORIGIN, format!("the page is of {origin}"))),
        }
    }
}

/// Whether a host, with or without a port, is an address or `localhost`. No name on the web has
/// brackets, or ends in a part of digits only.
fn is_local_name(host: &str) -> bool {
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    let is_digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    name.starts_with('[')
        || name.eq_ignore_ascii_case("localhost")
        || name.rsplit('.').next().is_some_and(is_digits)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::Method;

    fn admits(guard: Guard, headers: &[(&str, &str)]) -> bool {
        let header = |(name, value): &(&str, &str)| ((*name).into(), value.as_bytes().to_vec());
        let request = Request {
            method: Method::Post,
            path: Vec::new(),
            query: Vec::new(),
            headers: headers.iter().map(header).collect(),
            body: Vec::new(),
            is_modern: true,
        };
        guard.admit(&request).is_ok()
    }

    #[test]
    fn pages_of_other_sites_are_kept_out() {
        let local = Guard::Loopback;
        for host in ["127.0.0.1:8001", "localhost:8001", "[::1]:8001", "LOCALHOST", ""] {
            assert!(admits(local, &[("host", host)]), "{host}");
        }
        assert!(!admits(local, &[("host", "rebound.example:8001")]));
        assert!(admits(Guard::Network, &[("host", "node1.example:8001")]));

        let origin = |origin| admits(local, &[("host", "127.0.0.1:8001"), ("origin", origin)]);
        assert!(origin("http://127.0.0.1:8001"));
        for other in ["http://evil.example", "http://127.0.0.1:9999", "null", ""] {
            assert!(!origin(other), "{other}");
        }
    }
}
