//! Members come and go under writes: one joins, one leaves, one is killed and replaced.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use resp::Reply;
use serde_json::Value;

use crate::client::Client;
use crate::cluster::{Cluster, starling};
use crate::waiting::until;

/// Rounds of gossip ten times as fast as usual: what takes half a minute takes three seconds.
const LINES: &str = "gossip_interval_ms = 100\nflush = \"periodic\"";

const PATIENCE: Duration = Duration::from_secs(60);

const COUNTERS: usize = 8;

/// What one counter was promised, and what may have been done besides.
#[derive(Clone, Copy, Debug, Default)]
struct Count {
    acknowledged: u64,
    unknown: u64,
}

/// Somebody who increments counters and adds members to sets at the level quorum.
struct Writer {
    addresses: Mutex<Vec<SocketAddr>>,
    is_told_to_stop: AtomicBool,
}

#[derive(Debug, Default)]
struct Written {
    counts: BTreeMap<usize, Count>,
    members: Vec<String>,
}

impl Writer {
    fn run(&self, name: &str) -> Written {
        let mut written = Written::default();
        let mut client: Option<Client> = None;
        for round in 0usize.. {
            if self.is_told_to_stop.load(Ordering::Relaxed) {
                break;
            }
            let address = {
                let addresses = self.addresses.lock().unwrap();
                addresses[round / 50 % addresses.len()]
            };
            if round % 50 == 0 || client.is_none() {
                client = connect(address);
            }
            let Some(connected) = &mut client else { continue };
            let counter = round % COUNTERS;
            let count = written.counts.entry(counter).or_default();
            match connected.call(&["INCR", &format!("counter-{counter}")]) {
                Ok(Reply::Integer(_)) => count.acknowledged += 1,
                Ok(_) => count.unknown += 1,
                Err(_) => {
                    count.unknown += 1;
                    client = None;
                    continue;
                }
            }
            let member = format!("{name}-{round}");
            match connected.call(&["SADD", &format!("set-{counter}"), &member]) {
                Ok(Reply::Integer(1)) => written.members.push(format!("set-{counter} {member}")),
                Ok(_) => {}
                Err(_) => client = None,
            }
        }
        written
    }
}

/// Connects for writing at the level quorum.
fn connect(address: SocketAddr) -> Option<Client> {
    let mut client = Client::connect(address).ok()?;
    client.call(&["STARLING", "LEVEL", "WRITE", "QUORUM"]).ok()?;
    Some(client)
}

fn node_command(address: SocketAddr, words: &[&str]) -> (bool, String) {
    let ended = starling().arg("node").args(words).args(["--node", &address.to_string()]).output();
    let ended = ended.unwrap();
    let text = String::from_utf8(ended.stdout).unwrap() + &String::from_utf8_lossy(&ended.stderr);
    (ended.status.success(), text)
}

/// The members as node 1 sees them.
fn list(address: SocketAddr) -> Value {
    let (_, text) = node_command(address, &["list", "--all", "--json"]);
    serde_json::from_str(&text).unwrap_or_default()
}

fn state_of(list: &Value, node: usize) -> Option<String> {
    let members = list["members"].as_array()?;
    let member = members.iter().find(|member| member["node"] == node)?;
    Some(member["state"].as_str()?.to_owned())
}

/// Waits until nobody is on the way and a node is in a state.
fn wait_for(address: SocketAddr, node: usize, state: &str) {
    until(&format!("node {node} is {state}"), PATIENCE, || {
        let list = list(address);
        let is_there = state_of(&list, node).as_deref() == Some(state);
        (is_there && list["at_rest"] == true).then_some(())
    });
}

fn churn(cluster: &mut Cluster, writer: &Writer) {
    let first = cluster.addresses()[0];
    let joined = cluster.join(LINES, &[]);
    wait_for(first, joined, "active");
    let with_joined = [first, cluster.addresses()[joined - 1]];
    writer.addresses.lock().unwrap().extend(&with_joined[1..]);

    let (_, plan) = node_command(first, &["leave", "2"]);
    assert!(plan.contains("node 2 leaves") && plan.contains("nothing was changed"), "{plan}");
    assert_eq!(state_of(&list(first), 2).as_deref(), Some("active"), "a plan changes nothing");
    *writer.addresses.lock().unwrap() = with_joined.to_vec();
    let (is_done, text) = node_command(first, &["leave", "2", "--yes", "--wait"]);
    assert!(is_done && text.contains("node 2 is out"), "{text}");
    cluster.stop(2);

    let (is_done, text) = node_command(first, &["remove", "3", "--yes"]);
    assert!(!is_done && text.contains("node 3 is up"), "{text}");
    cluster.kill(3);
    let replacing = cluster.join(LINES, &["--replace", "3"]);
    wait_for(first, replacing, "active");
    assert_eq!(state_of(&list(first), 3).as_deref(), Some("removed"));
}

/// Each node answers for itself, and at the level quorum, with everything that was promised.
fn check(cluster: &Cluster, nodes: &[usize], written: &[Written]) {
    for node in nodes {
        let mut client = cluster.client(*node);
        client.call(&["STARLING", "LEVEL", "READ", "QUORUM"]).unwrap();
        for counter in 0..COUNTERS {
            let counts = written.iter().filter_map(|one| one.counts.get(&counter));
            let (mut low, mut high) = (0, 0);
            for count in counts {
                low += count.acknowledged;
                high += count.acknowledged + count.unknown;
            }
            let shown: u64 = client.get(&format!("counter-{counter}")).unwrap().parse().unwrap();
            assert!((low..=high).contains(&shown), "counter {counter} at {node}: {low}, {shown}");
        }
        for member in written.iter().flat_map(|one| &one.members) {
            let (set, member) = member.split_once(' ').unwrap();
            let reply = client.call(&["SISMEMBER", set, member]).unwrap();
            assert_eq!(reply, Reply::Integer(1), "{member} of {set} at node {node}");
        }
    }
}

#[test]
fn members_come_and_go_and_nothing_acknowledged_is_lost() {
    let mut cluster = Cluster::start_with(LINES);
    let writer = Writer {
        addresses: Mutex::new(cluster.addresses()),
        is_told_to_stop: AtomicBool::new(false),
    };
    let written: Vec<Written> = thread::scope(|scope| {
        let writers = ["a", "b"].map(|name| scope.spawn(|| writer.run(name)));
        let churned = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            churn(&mut cluster, &writer);
        }));
        writer.is_told_to_stop.store(true, Ordering::Relaxed);
        let written = writers.into_iter().map(|writer| writer.join().unwrap()).collect();
        churned.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        written
    });
    let members: usize = written.iter().map(|one| one.members.len()).sum();
    assert!(members > 100, "only {members} were acknowledged");
    check(&cluster, &[1, 4, 5], &written);
}
