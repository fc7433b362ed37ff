//! A configuration in sentences, for `starling config check`.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::{Config, Flush};
use crate::tls::ClientsTls;

/// Says in plain words what a node with this configuration will do.
#[must_use]
pub fn explain(config: &Config) -> String {
    let mut text = String::new();
    let own = config.own();
    let mut say = |line: String| {
        writeln!(text, "{line}").expect("writing to memory cannot fail");
    };
    say(format!("node {} stands in datacenter {}, rack {}", own.id, own.datacenter, own.rack));
    say(format!("clients connect to {}, peers to {}", own.redis, own.peers));
    say(encryption(config).into());
    say(match config.password {
        Some(_) => "clients say who they are: the user `default` has a password".into(),
        None => "clients need not say who they are, until ACL SETUSER default says so".into(),
    });
    say(format!("data is kept in {}, {}", config.data.display(), durability(config.flush)));
    let mut datacenters: BTreeMap<&str, usize> = BTreeMap::new();
    for member in &config.members {
        *datacenters.entry(&member.datacenter).or_default() += 1;
    }
    for (name, &count) in &datacenters {
        let copies = count.min(usize::from(config.replication));
        let quorum = copies / 2 + 1;
        say(format!(
            "datacenter {name} has {count} node(s): {copies} copies of every key there; \
             LOCAL_QUORUM is {quorum} and survives the loss of {}",
            copies - quorum
        ));
        if count < usize::from(config.replication) {
            let wanted = config.replication;
            say(format!("warning: replication is {wanted}, but {name} has only {count} node(s)"));
        }
    }
    if config.secret.is_empty() && config.members.len() > 1 {
        say("warning: `cluster_secret` is empty: whoever reaches the peer port is let in".into());
    }
    text
}

fn encryption(config: &Config) -> &'static str {
    match (&config.tls, config.clients_tls()) {
        (None, _) => "nothing is encrypted",
        (Some(_), ClientsTls::Off) => "nodes speak TLS with each other; clients speak plainly",
        (Some(_), ClientsTls::On) => "nodes speak TLS with each other, and clients with them",
        (Some(_), ClientsTls::Certificate) => {
            "nodes speak TLS with each other, and clients that show a certificate with them"
        }
    }
}

fn durability(flush: Flush) -> &'static str {
    match flush {
        Flush::Always => "durable before anything is promised",
        Flush::Periodic => "durable within a second; a power cut may forget that second",
        Flush::Never => "durable when the operating system likes; a power cut may forget a lot",
    }
}
