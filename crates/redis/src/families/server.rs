//! The server as a whole: `INFO`, `TIME`.
//!
//! Only what is known here is told: figures of the machine and counts of requests belong to the
//! metrics, and a line that would be made up is left out.

use std::fmt::Write as _;

use crate::Step;
use crate::command::{ANYTIME, ANYTIME_FAST, Category, Command, Group};
use crate::lobby::Kind;
use crate::refusal::Refusal;
use crate::turn::{Turn, is_word};
use crate::view::NodeName;

/// The release of Redis whose commands and replies are spoken; clients choose features by it.
pub(crate) const REDIS_VERSION: &str = "7.2.4";

pub(crate) const COMMANDS: &[Command] = &[
    Command::new(
        Group::Server,
        "info",
        -1,
        "1.0.0",
        "Get information and statistics about the server",
    )
    .flags(ANYTIME)
    .categories(&[Category::Dangerous])
    .tips(&["nondeterministic_output", "request_policy:all_shards", "response_policy:special"])
    .run(info),
    Command::new(Group::Server, "time", 1, "2.6.0", "Return the current server time")
        .flags(ANYTIME_FAST)
        .tips(&["nondeterministic_output"])
        .run(time),
];

/// Sections of `INFO` that have something to tell, in order.
const SECTIONS: [Section; 6] = [
    Section::Server,
    Section::Clients,
    Section::Persistence,
    Section::Stats,
    Section::Replication,
    Section::Cluster,
];

#[derive(Clone, Copy)]
enum Section {
    Server,
    Clients,
    Persistence,
    Stats,
    Replication,
    Cluster,
}

impl Section {
    const fn name(self) -> &'static str {
        match self {
            Self::Server => "Server",
            Self::Clients => "Clients",
            Self::Persistence => "Persistence",
            Self::Stats => "Stats",
            Self::Replication => "Replication",
            Self::Cluster => "Cluster",
        }
    }

    fn lines(self, turn: &Turn<'_, '_>) -> Vec<(&'static str, String)> {
        let port = turn.view.node(turn.view.me).map_or(0, |node| node.port);
        let uptime_seconds = turn.now.minus(turn.view.started.0).0 / 1000;
        match self {
            Self::Server => vec![
                ("redis_version", REDIS_VERSION.to_owned()),
                ("redis_mode", "cluster".to_owned()),
                ("starling_version", env!("CARGO_PKG_VERSION").to_owned()),
                ("arch_bits", usize::BITS.to_string()),
                ("process_id", turn.view.process.to_string()),
                ("run_id", NodeName(turn.view.me).to_string()),
                ("tcp_port", port.to_string()),
                ("server_time_usec", (u128::from(turn.now.0) * 1000).to_string()),
                ("uptime_in_seconds", uptime_seconds.to_string()),
                ("uptime_in_days", (uptime_seconds / 86_400).to_string()),
            ],
            Self::Clients => {
                let (clients, blocked) = {
                    let lobby = &turn.session.lobby;
                    (lobby.clients.borrow().len(), lobby.blocked_count())
                };
                let maximum = turn.session.lobby.settings.borrow().number("maxclients");
                vec![
                    ("connected_clients", clients.to_string()),
                    ("maxclients", maximum.to_string()),
                    ("blocked_clients", blocked.to_string()),
                ]
            }
            Self::Stats => {
                let lobby = &turn.session.lobby;
                let count = |kind| lobby.channels.borrow().active(kind).count().to_string();
                vec![
                    ("total_connections_received", lobby.connections_count.get().to_string()),
                    ("total_commands_processed", lobby.commands_count.get().to_string()),
                    ("pubsub_channels", count(Kind::Channel)),
                    ("pubsub_patterns", count(Kind::Pattern)),
                    ("pubsubshard_channels", count(Kind::Shard)),
                ]
            }
            // A node serves once its recovery is done, so no client ever meets it loading.
            Self::Persistence => vec![("loading", "0".to_owned())],
            Self::Replication => {
                vec![("role", "master".to_owned()), ("connected_slaves", "0".to_owned())]
            }
            Self::Cluster => vec![("cluster_enabled", "1".to_owned())],
        }
    }
}

fn info(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    let names = turn.args.get(1..).unwrap_or_default();
    let is_asked = |section: &Section| {
        let all = [section.name(), "default", "all", "everything"];
        names.is_empty() || names.iter().any(|name| all.iter().any(|one| is_word(name, one)))
    };
    let mut text = String::new();
    for section in SECTIONS.into_iter().filter(is_asked) {
        let gap = if text.is_empty() { "" } else { "\r\n" };
        write!(text, "{gap}# {}\r\n", section.name()).expect("writing to memory cannot fail");
        for (name, value) in section.lines(turn) {
            write!(text, "{name}:{value}\r\n").expect("writing to memory cannot fail");
        }
    }
    turn.writer.verbatim(*b"txt", text.as_bytes());
    Ok(Step::Reply)
}

/// Seconds, and microseconds beyond them; the clock given here counts milliseconds.
fn time(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    let millis = turn.now.0;
    turn.writer.array(2);
    turn.writer.bulk((millis / 1000).to_string().as_bytes());
    turn.writer.bulk((millis % 1000 * 1000).to_string().as_bytes());
    Ok(Step::Reply)
}
