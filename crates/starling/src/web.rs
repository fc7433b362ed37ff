//! A small HTTP client: one request, one JSON document, one connection.
//!
//! Bound: a document ends within a time and a size; a node that does not answer is an error.

use std::io::{Read as _, Write as _};
use std::time::Duration;

use anyhow::{Context as _, bail};
use serde_json::Value;

use crate::address::{Credentials, Endpoint, NodeAddress};
use crate::client::connect;
use crate::status;

const PATIENCE: Duration = Duration::from_secs(5);
const SIZE_MAX: u64 = 64 * 1024 * 1024;

/// Finds where a node speaks HTTP, by asking where it speaks with Redis clients.
pub(crate) fn address_of(node: &NodeAddress) -> anyhow::Result<Endpoint> {
    http_of(&node.endpoint()?)
}

/// The same of a node that is known already.
pub(crate) fn http_of(node: &Endpoint) -> anyhow::Result<Endpoint> {
    let status = status::ask(node)?;
    let address = status["http"].as_str();
    node.at(address.with_context(|| format!("{node} speaks no HTTP: see http_address"))?)
}

/// Gets a document; a refusal is an error in the node's own words.
pub(crate) fn get(address: &Endpoint, path: &str) -> anyhow::Result<Value> {
    ask(address, "GET", path)
}

/// Has something begun; a refusal is an error in the node's own words.
pub(crate) fn post(address: &Endpoint, path: &str) -> anyhow::Result<Value> {
    ask(address, "POST", path)
}

fn ask(address: &Endpoint, method: &str, path: &str) -> anyhow::Result<Value> {
    let (status, body) =
        exchange(address, method, path).with_context(|| format!("{address} does not answer"))?;
    let document: Value = serde_json::from_slice(&body).context("the answer is no JSON")?;
    if !(200..300).contains(&status) {
        let part = |name: &str| document[name].as_str().unwrap_or_default().to_owned();
        bail!("{}: {}. {}", part("title"), part("detail"), part("advice"));
    }
    Ok(document)
}

/// Writes bytes so that they are one part of a path.
pub(crate) fn path_part(bytes: &[u8]) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_~".contains(&byte);
    let code = |byte: &u8| match is_plain(*byte) {
        true => char::from(*byte).to_string(),
        false => format!("%{byte:02X}"),
    };
    bytes.iter().map(code).collect()
}

fn exchange(address: &Endpoint, method: &str, path: &str) -> anyhow::Result<(u16, Vec<u8>)> {
    let mut socket = connect(address, PATIENCE)?;
    // HTTP/1.0: the body ends with the connection.
    let who = match &address.access.credentials {
        Some(Credentials { user, password }) => {
            format!("Authorization: Bearer {user}:{password}\r\n")
        }
        None => String::new(),
    };
    let request = format!(
        "{method} {path} HTTP/1.0\r\nHost: {address}\r\nAccept: application/json\r\n{who}\
         Content-Length: 0\r\n\r\n"
    );
    socket.write_all(request.as_bytes())?;
    socket.flush()?;
    let mut answer = Vec::new();
    socket.take(SIZE_MAX).read_to_end(&mut answer)?;
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n").context("no head")?;
    let head = String::from_utf8_lossy(&answer[..end]);
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
    Ok((status.context("no status")?, answer[end + 4..].to_vec()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_bytes_are_one_part_of_a_path() {
        assert_eq!(path_part(b"plain-1"), "plain-1");
        assert_eq!(path_part(b"a/b c\xff.."), "a%2Fb%20c%FF%2E%2E");
    }
}
