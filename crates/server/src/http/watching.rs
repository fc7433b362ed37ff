//! A stream of what is going on, for as long as somebody watches: server-sent events.
//!
//! Bound: one event is on its way at a time; who does not take it in time is left. A watcher that
//! is slow misses reports and never delays anybody.

use std::io;
use std::time::Duration;

use http::{Ending, Request, Response, Shape};
use serde_json::Value;
use tokio::time::Instant;

use super::Http;
use super::connection::write_all;
use crate::socket::Socket;

/// How long an event may wait to be taken.
const EVENT_PATIENCE: Duration = Duration::from_secs(10);

/// Streams to one watcher until it leaves or the node stops.
pub(super) async fn stream(http: &Http, socket: &Socket, request: &Request) -> io::Result<()> {
    let is_chunked = request.is_modern;
    let shape = if is_chunked { Shape::Stream } else { Shape::Endless };
    let mut head = Vec::new();
    Response::new(200, "text/event-stream", Vec::new()).encode(shape, Ending::Close, &mut head);
    write_all(socket, &head, Instant::now() + EVENT_PATIENCE).await?;
    let send = async |name: &str, data: &Value| {
        let event = format!("event: {name}\ndata: {data}\n\n");
        let bytes = match is_chunked {
            true => format!("{:x}\r\n{event}\r\n", event.len()),
            false => event,
        };
        write_all(socket, bytes.as_bytes(), Instant::now() + EVENT_PATIENCE).await
    };
    let watcher = http.neighbours.watch();
    send("history", &http.history.tell()).await?;
    send("cluster", &http.now()).await?;
    loop {
        let closing = http.closing.notified();
        if http.is_closing.get() {
            break;
        }
        tokio::select! {
            () = watcher.changed() => send("cluster", &http.now()).await?,
            () = closing => break,
            gone = is_gone(socket) => return gone,
        }
    }
    let end = if is_chunked { b"0\r\n\r\n".as_slice() } else { b"" };
    write_all(socket, end, Instant::now() + EVENT_PATIENCE).await
}

/// Waits until the watcher closes; what it says is not listened to.
async fn is_gone(socket: &Socket) -> io::Result<()> {
    loop {
        socket.readable().await?;
        match socket.try_read_buf(&mut Vec::new()) {
            Ok(0) => return Ok(()),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
}

impl Http {
    /// The cluster now, with the last second of this node's history.
    fn now(&self) -> Value {
        let mut now = self.neighbours.snapshot();
        now["last"] = self.history.last();
        now
    }

    /// The cluster after asking everyone, with all of this node's history.
    pub(super) async fn convergence(&self) -> Value {
        self.neighbours.gather().await;
        let mut now = self.neighbours.snapshot();
        now["history"] = self.history.tell();
        now
    }

    /// The cluster after asking everyone.
    pub(super) async fn cluster(&self) -> Value {
        self.neighbours.gather().await;
        self.neighbours.snapshot()
    }
}
