//! Clients that mean harm, or do it without meaning to.

use std::io::{ErrorKind, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::ensure;

use crate::client::Client;
use crate::clock::seconds;
use crate::cluster::Shape;
use crate::scenario::{Scenario, Stage};

/// What a node may hold in memory whatever clients do; idle it holds a twentieth.
const MEMORY_MAX: u64 = 400 << 20;
const IDLE_COUNT: usize = 1_000;
const DEAF_COUNT: usize = 20;

pub(crate) const HOSTILE: Scenario = Scenario {
    name: "hostile-clients",
    what: "garbage on every port, 1,000 idle clients, 20 that never read",
    shape: Shape::THREE,
    during: hostile,
};

fn hostile(stage: &mut Stage<'_>) -> anyhow::Result<()> {
    stage.wait(0.2);
    let victim = stage.any_node();
    let address = stage.cluster.addresses()[victim];
    let idle: Vec<TcpStream> =
        (0..IDLE_COUNT).map(|_| TcpStream::connect(address)).collect::<Result<_, _>>()?;
    let deaf = deaf_clients(address)?;
    refuse_too_much(address)?;
    for port in [address, stage.cluster.peer_address(victim)] {
        for _ in 0..40 {
            send_garbage(port, &mut stage.rng)?;
        }
    }
    stage.wait(0.6);
    let memory = stage.cluster.memory(victim)?;
    ensure!(memory <= MEMORY_MAX, "node {victim} holds {} MiB", memory >> 20);
    drop((idle, deaf));
    stage.wait(0.2);
    stage.cluster.wait_for_links()
}

/// Clients that ask for a lot, again and again, and never read a reply.
fn deaf_clients(address: SocketAddr) -> anyhow::Result<Vec<TcpStream>> {
    let value = "x".repeat(100_000);
    Client::connect(address, seconds(5))?.call(&["SET", "large", &value])?;
    let deaf = || {
        let mut socket = TcpStream::connect(address)?;
        socket.set_write_timeout(Some(Duration::from_millis(100)))?;
        let mut request = Vec::new();
        (0..1_000).for_each(|_| resp::encode_command(&mut request, ["GET", "large"]));
        match socket.write_all(&request) {
            // The node stops reading from whoever does not read: as it should be.
            Err(error) if error.kind() != ErrorKind::WouldBlock => Err(error),
            _ => Ok(socket),
        }
    };
    Ok((0..DEAF_COUNT).map(|_| deaf()).collect::<Result<_, _>>()?)
}

/// A request far over any limit is refused by its header alone.
fn refuse_too_much(address: SocketAddr) -> anyhow::Result<()> {
    let mut client = Client::connect(address, seconds(5))?;
    client.send(b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1099511627776\r\n")?;
    let reply = client.receive();
    ensure!(
        matches!(&reply, Ok(resp::Reply::Error(_)) | Err(_)),
        "a terabyte is not refused: {reply:?}"
    );
    Ok(())
}

fn send_garbage(address: SocketAddr, rng: &mut fastrand::Rng) -> anyhow::Result<()> {
    let mut socket = TcpStream::connect(address)?;
    let mut bytes = vec![0; rng.usize(1..20_000)];
    rng.fill(&mut bytes);
    if rng.bool() {
        // Half a frame that looks right, then nothing.
        bytes.splice(..0, *b"*2\r\n$3\r\nGET\r\n$5\r\nab");
        bytes.truncate(24);
    }
    match socket.write_all(&bytes) {
        // The node hangs up as soon as it has seen enough.
        Err(error)
            if !matches!(error.kind(), ErrorKind::BrokenPipe | ErrorKind::ConnectionReset) =>
        {
            Err(error.into())
        }
        _ => Ok(()),
    }
}
