//! The transcripts against a real `redis-server`, when there is one and `STARLING_REDIS=1`.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};

use resp::{ParsedReply, Protocol, ReplyLimits, ReplyParser};

use crate::client::{Client, escape, words};
use crate::transcript;

/// A server of its own for one test, stopped at its end.
pub(crate) struct Server {
    process: Child,
    port: u16,
}

impl Server {
    /// Starts a server that keeps nothing, on a port that was free a moment ago.
    pub(crate) fn start() -> Self {
        let probe = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = probe.local_addr().expect("it is bound").port();
        drop(probe);
        let mut process = Command::new("redis-server")
            .args(["--bind", "127.0.0.1", "--save", "", "--appendonly", "no"])
            .args(["--daemonize", "no", "--port", &port.to_string()])
            .stdout(Stdio::piped())
            .spawn()
            .expect("redis-server starts");
        let output = BufReader::new(process.stdout.take().expect("it is piped"));
        let is_ready = |line: &String| line.contains("Ready to accept connections");
        let ready = output.lines().map_while(Result::ok).find(is_ready);
        let server = Self { process, port };
        assert!(ready.is_some(), "redis-server ended before it was ready");
        server
    }

    pub(crate) fn connect(&self) -> Connection {
        let socket = TcpStream::connect(("127.0.0.1", self.port)).expect("it listens");
        Connection { socket }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It is our own child; both fail only when it has ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

pub(crate) struct Connection {
    socket: TcpStream,
}

impl Connection {
    pub(crate) fn answer(&mut self, line: &str) -> String {
        let mut request = Vec::new();
        resp::encode_command(&mut request, words(line));
        self.socket.write_all(&request).expect("the server reads");
        let mut parser = ReplyParser::new(ReplyLimits::default());
        let (mut buffer, mut parsed_size) = (Vec::new(), 0);
        loop {
            let mut chunk = [0; 65_536];
            let size = self.socket.read(&mut chunk).expect("the server answers");
            assert!(size > 0, "the server hung up on {line}");
            buffer.extend_from_slice(&chunk[..size]);
            match parser.parse(&buffer[parsed_size..]).expect("a valid reply") {
                ParsedReply::Incomplete { consumed, .. } => parsed_size += consumed,
                ParsedReply::Complete { consumed, .. } => {
                    assert_eq!(parsed_size + consumed, buffer.len(), "one reply to {line}");
                    return escape(&buffer);
                }
            }
        }
    }
}

#[expect(clippy::print_stderr, reason = "whoever runs the tests is to know what they skip")]
pub(crate) fn is_wanted() -> bool {
    let is_asked = std::env::var_os("STARLING_REDIS").is_some_and(|value| value == "1");
    let is_there = Command::new("redis-server").arg("--version").output().is_ok();
    if is_asked && !is_there {
        eprintln!("redis-server is not installed: nothing was compared with it");
    }
    is_asked && is_there
}

#[test]
fn the_transcripts_are_true() {
    if !is_wanted() {
        return;
    }
    let server = Server::start();
    let mut found = String::new();
    for (protocol, greeting) in [(Protocol::Resp2, "HELLO 2"), (Protocol::Resp3, "HELLO 3")] {
        for (name, text) in transcript::ALL {
            let mut connection = server.connect();
            connection.answer("FLUSHALL");
            connection.answer(greeting);
            let exchanges = transcript::read(text, protocol);
            found += &transcript::differences(name, &exchanges, |line| connection.answer(line));
        }
    }
    assert!(found.is_empty(), "Redis answers otherwise:\n{found}");
}

/// Every command of Redis is either there or known to be absent: none is called a typo.
#[test]
fn every_command_of_redis_is_known() {
    if !is_wanted() {
        return;
    }
    let listed = Server::start().connect().answer("COMMAND LIST");
    // Names alternate with their sizes; container subcommands are not checked.
    let names = listed.split("\\r\\n").filter(|one| one.starts_with(char::is_lowercase));
    let mut client = Client::new();
    let (mut count, mut absent) = (0, 0);
    for name in names.filter(|name| !name.contains('|')) {
        if client.local(&format!("COMMAND INFO {name}")) == "*1\\r\\n$-1\\r\\n" {
            let refused = client.local(name);
            assert!(refused.contains("Redis has it"), "{name}: {refused}");
            absent += 1;
        }
        count += 1;
    }
    assert!(count > 200, "COMMAND LIST was read wrongly");
    assert!(absent > 20, "COMMAND INFO was read wrongly");
}
