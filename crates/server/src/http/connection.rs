//! One HTTP connection: requests in, one at a time, each with its response.
//!
//! Bounds: a head, a body and a response each have a time; an idle connection ends after a while;
//! no more than one request and one response are held.

use std::cell::Cell;
use std::io;
use std::time::Duration;

use http::{Ending, Limits, Method, Parsed, Parser, Problem, Request, Response, Shape};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};

use super::{Http, INPUT_SIZE_MAX, watching};
use crate::socket::Socket;

/// How long a connection may have nothing to say.
const IDLE_MAX: Duration = Duration::from_secs(75);
/// How long a head may take from its first byte on.
const HEAD_PATIENCE: Duration = Duration::from_secs(10);
/// How long a body may take.
const BODY_PATIENCE: Duration = Duration::from_secs(60);
/// How long a response may wait to be taken.
const WRITE_PATIENCE: Duration = Duration::from_secs(30);
/// A request line with all headers; keys stand in it, three bytes for one.
const HEAD_SIZE_MAX: usize = 256 * 1024;
/// How long, and how many reads, a refused client is listened to.
const LINGER_PATIENCE: Duration = Duration::from_secs(2);
const LINGER_READS_COUNT_MAX: usize = 1024;
/// Room made for one read.
const READ_SIZE: usize = 16 * 1024;

/// What came next on a connection.
enum Next {
    Request(Box<Request>),
    /// The client is done, or was idle for too long, or the node is about to stop.
    End,
    /// There is a response, but no way to go on.
    Refusal(Problem),
}

/// The bytes that one connection holds of a request, counted against those of all.
struct Input<'a> {
    bytes: Vec<u8>,
    counted: usize,
    total: &'a Cell<usize>,
}

/// Serves a connection to its end.
pub(super) async fn serve(http: &Http, socket: TcpStream) -> io::Result<()> {
    socket.set_nodelay(true)?;
    let config = http.tls.as_ref().and_then(|tls| tls.clients());
    let socket =
        timeout_at(Instant::now() + HEAD_PATIENCE, Socket::accept(socket, config)).await??;
    let certified = socket.certified_name();
    let limits = Limits { head_size_max: HEAD_SIZE_MAX, body_size_max: http.request_size_max };
    let mut parser = Parser::new(limits);
    let mut input = Input { bytes: Vec::new(), counted: 0, total: &http.input_size };
    loop {
        let request = match next(http, &socket, &mut parser, &mut input).await? {
            Next::Request(request) => request,
            Next::End => return Ok(()),
            Next::Refusal(problem) => {
                write(&socket, &problem.response(), Shape::Whole, Ending::Close).await?;
                return linger(socket, &mut input).await;
            }
        };
        let keeps = request.keeps_alive() && !http.is_closing.get();
        let ending = if keeps { Ending::Keep } else { Ending::Close };
        let shape = if request.method == Method::Head { Shape::Head } else { Shape::Whole };
        let Some(response) = http.respond(&request, certified.as_deref()).await else {
            return watching::stream(http, &socket, &request).await;
        };
        write(&socket, &response, shape, ending).await?;
        if ending == Ending::Close {
            return Ok(());
        }
    }
}

/// Tells a connection that is one too many, if that is possible without waiting.
pub(super) fn turn_away(socket: &TcpStream) {
    let mut out = Vec::new();
    let problem = Problem::busy("too many connections are open");
    problem.response().encode(Shape::Whole, Ending::Close, &mut out);
    // It may have left already.
    let _ = socket.try_write(&out);
}

/// Drops what a refused client still sends: closing at once would take the refusal from it.
async fn linger(socket: Socket, input: &mut Input<'_>) -> io::Result<()> {
    socket.shut_down()?;
    let deadline = Instant::now() + LINGER_PATIENCE;
    for _ in 0..LINGER_READS_COUNT_MAX {
        input.drop_front(input.bytes.len());
        let is_readable = matches!(timeout_at(deadline, socket.readable()).await, Ok(Ok(())));
        if !is_readable || !input.read(&socket)? {
            break;
        }
    }
    Ok(())
}

/// Reads up to the end of the next request.
async fn next(
    http: &Http,
    socket: &Socket,
    parser: &mut Parser,
    input: &mut Input<'_>,
) -> io::Result<Next> {
    let mut patience = if input.bytes.is_empty() { IDLE_MAX } else { HEAD_PATIENCE };
    let mut deadline = Instant::now() + patience;
    loop {
        match parser.parse(&input.bytes) {
            Ok(Parsed::Complete { request, consumed }) => {
                input.drop_front(consumed);
                return Ok(Next::Request(request));
            }
            Ok(Parsed::Incomplete { consumed, is_waiting }) => {
                input.drop_front(consumed);
                if is_waiting {
                    let go_on = b"HTTP/1.1 100 Continue\r\n\r\n";
                    write_all(socket, go_on, Instant::now() + WRITE_PATIENCE).await?;
                }
            }
            Err(error) => return Ok(Next::Refusal(error.into())),
        }
        // A longer time begins with each stage, not with each byte.
        let stage = match (parser.is_inside(), input.bytes.is_empty()) {
            (true, _) => BODY_PATIENCE,
            (false, false) => HEAD_PATIENCE,
            (false, true) => IDLE_MAX,
        };
        if stage != patience {
            patience = stage;
            deadline = Instant::now() + patience;
        }
        if !input.has_room() {
            return Ok(Next::Refusal(Problem::busy("too many requests are being read")));
        }
        let is_idle = stage == IDLE_MAX;
        let closing = http.closing.notified();
        if is_idle && http.is_closing.get() {
            return Ok(Next::End);
        }
        tokio::select! {
            ready = timeout_at(deadline, socket.readable()) => match ready {
                Ok(ready) => ready?,
                Err(_) if is_idle => return Ok(Next::End),
                Err(_) => return Ok(Next::Refusal(Problem::too_slow())),
            },
            () = closing, if is_idle => return Ok(Next::End),
        }
        if !input.read(socket)? {
            return Ok(Next::End);
        }
    }
}

async fn write(
    socket: &Socket,
    response: &Response,
    shape: Shape,
    ending: Ending,
) -> io::Result<()> {
    let mut out = Vec::new();
    response.encode(shape, ending, &mut out);
    write_all(socket, &out, Instant::now() + WRITE_PATIENCE).await
}

/// Writes everything, or fails when the client does not take it in time.
pub(super) async fn write_all(socket: &Socket, bytes: &[u8], deadline: Instant) -> io::Result<()> {
    timeout_at(deadline, socket.write_all(bytes)).await?
}

impl Input<'_> {
    /// Reads once; false when the client sends no more.
    fn read(&mut self, socket: &Socket) -> io::Result<bool> {
        self.bytes.reserve(READ_SIZE);
        let read = socket.try_read_buf(&mut self.bytes);
        self.count();
        match read {
            Ok(count) => Ok(count > 0),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(true),
            Err(error) => Err(error),
        }
    }

    fn drop_front(&mut self, count: usize) {
        self.bytes.drain(..count);
        if self.bytes.is_empty() {
            self.bytes = Vec::new();
        }
        self.count();
    }

    fn has_room(&self) -> bool {
        self.total.get() < INPUT_SIZE_MAX
    }

    fn count(&mut self) {
        let held = self.bytes.capacity();
        self.total.set(self.total.get() + held - self.counted);
        self.counted = held;
    }
}

impl Drop for Input<'_> {
    fn drop(&mut self) {
        self.total.set(self.total.get() - self.counted);
    }
}
