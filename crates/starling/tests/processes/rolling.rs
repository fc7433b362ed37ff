//! Nodes are stopped and started one after the other while somebody writes.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use crate::client::Client;
use crate::cluster::{Cluster, PATIENCE};
use crate::waiting::until;

/// Somebody who writes without pause, each key through one node and, when that fails, once more
/// through the next.
#[derive(Default)]
struct Writer {
    count: AtomicUsize,
    is_told_to_stop: AtomicBool,
}

impl Writer {
    /// Writes until told to stop; returns the keys that were refused twice.
    fn run(&self, addresses: &[SocketAddr]) -> Vec<String> {
        let mut clients: Vec<Option<Client>> = addresses.iter().map(|_| None).collect();
        let mut refused = Vec::new();
        while !self.is_told_to_stop.load(Ordering::Relaxed) {
            let count = self.count.load(Ordering::Relaxed);
            let key = format!("rolling-{count}");
            let mut nodes = (count..count + 2).map(|index| index % addresses.len());
            if !nodes.any(|node| write_once(&mut clients[node], addresses[node], &key)) {
                refused.push(key);
            }
            self.count.store(count + 1, Ordering::Relaxed);
        }
        refused
    }

    /// Waits until so many more keys were written.
    fn wait_for_more(&self, more: usize) {
        let goal = self.count.load(Ordering::Relaxed) + more;
        until("writes go on", PATIENCE, || {
            (self.count.load(Ordering::Relaxed) >= goal).then_some(())
        });
    }
}

/// Ends the writing however the test ends.
struct TellToStop<'a>(&'a Writer);

impl Drop for TellToStop<'_> {
    fn drop(&mut self) {
        self.0.is_told_to_stop.store(true, Ordering::Relaxed);
    }
}

fn write_once(client: &mut Option<Client>, address: SocketAddr, key: &str) -> bool {
    let connected = client.take().or_else(|| Client::connect(address).ok());
    let Some(mut connected) = connected else { return false };
    let is_written = connected.set(key, key);
    *client = is_written.then_some(connected);
    is_written
}

#[test]
fn a_rolling_restart_fails_no_request_that_is_tried_twice_and_loses_none() {
    let mut cluster = Cluster::start();
    let addresses = cluster.addresses();
    let writer = Writer::default();
    let refused = thread::scope(|scope| {
        let writing = scope.spawn(|| writer.run(&addresses));
        let telling = TellToStop(&writer);
        for node in 1..=3 {
            writer.wait_for_more(50);
            cluster.stop(node);
            writer.wait_for_more(50);
            cluster.start_node(node);
            cluster.wait_for_links();
        }
        drop(telling);
        writing.join().unwrap()
    });
    assert_eq!(refused, Vec::<String>::new());
    let mut client = cluster.client(2);
    client.call(&["STARLING", "LEVEL", "READ", "ALL"]).unwrap();
    for index in 0..writer.count.into_inner() {
        let key = format!("rolling-{index}");
        assert_eq!(client.get(&key), Some(key));
    }
}
