//! Reading everything back from every node, at level ONE: what this node itself has.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context as _, bail};
use resp::Reply;

use crate::client::Client;
use crate::clock::{self, seconds, until};
use crate::promises::{COUNTERS_COUNT, Ending, Number, Promises, counter_key};

/// How long nodes may take to agree before it is called divergence.
const CONVERGE_PATIENCE: Duration = Duration::from_secs(60);
/// Keys asked for in one go.
const BATCH: usize = 500;

/// What was found.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    pub(crate) lost: Vec<String>,
    pub(crate) resurrected: Vec<String>,
    /// Nodes still disagree.
    pub(crate) diverged: Vec<String>,
    /// How long it took until all nodes said the same.
    pub(crate) converged_after: Duration,
}

/// What one node says about every key.
type Said = BTreeMap<String, Reply>;

/// Waits until all nodes say the same, and holds that against the promises.
pub(crate) fn check(nodes: &[SocketAddr], promises: &[Promises]) -> anyhow::Result<Findings> {
    let commands = commands(promises);
    let start = clock::now();
    let agreed = until("all nodes say the same", CONVERGE_PATIENCE, || {
        let all: Option<Vec<Said>> = nodes.iter().map(|node| ask(*node, &commands).ok()).collect();
        let all = all?;
        all.iter().all(|one| *one == all[0]).then_some(())
    });
    let mut findings = Findings { converged_after: start.elapsed(), ..Findings::default() };
    let all: Vec<Said> =
        nodes.iter().map(|node| ask(*node, &commands)).collect::<anyhow::Result<_>>()?;
    if agreed.is_err() {
        let differs = |key: &&String| all.iter().any(|one| one.get(*key) != all[0].get(*key));
        findings.diverged = all[0].keys().filter(differs).cloned().collect();
    }
    for said in &all {
        promises.iter().try_for_each(|one| hold(one, said, &mut findings))?;
        hold_counters(promises, said, &mut findings)?;
    }
    for list in [&mut findings.lost, &mut findings.resurrected] {
        list.sort();
        list.dedup();
    }
    Ok(findings)
}

/// What to ask, by key.
fn commands(promises: &[Promises]) -> Vec<[String; 2]> {
    let mut commands = Vec::new();
    let mut push = |name: &str, key: String| commands.push([name.to_owned(), key]);
    for one in promises {
        one.strings.keys().for_each(|key| push("GET", one.string_key(*key)));
        one.members.keys().for_each(|key| push("SMEMBERS", one.set_key(*key)));
        one.deleted.iter().for_each(|key| push("GET", one.brief_key(*key)));
    }
    (0..COUNTERS_COUNT).for_each(|key| push("GET", counter_key(key)));
    commands
}

fn ask(node: SocketAddr, commands: &[[String; 2]]) -> anyhow::Result<Said> {
    let mut client = Client::connect(node, seconds(10))?;
    client.call(&["STARLING", "LEVEL", "READ", "one"])?;
    let mut said = Said::new();
    for batch in commands.chunks(BATCH) {
        let words: Vec<[&str; 2]> =
            batch.iter().map(|pair| pair.each_ref().map(|w| &**w)).collect();
        let slices: Vec<&[&str]> = words.iter().map(<[&str; 2]>::as_slice).collect();
        for ([_, key], reply) in batch.iter().zip(client.pipeline(&slices)?) {
            if let Reply::Error(text) = &reply {
                bail!("{key}: {}", String::from_utf8_lossy(text));
            }
            said.insert(key.clone(), sorted(reply));
        }
    }
    Ok(said)
}

/// Members come in any order.
fn sorted(reply: Reply) -> Reply {
    match reply {
        Reply::Array(mut items) => {
            items.sort_by(|a, b| a.as_bytes().cmp(&b.as_bytes()));
            Reply::Array(items)
        }
        other => other,
    }
}

fn hold(one: &Promises, said: &Said, findings: &mut Findings) -> anyhow::Result<()> {
    for (key, number) in &one.strings {
        let name = one.string_key(*key);
        let held = number_of(said, &name)?;
        if held < number.acknowledged {
            findings.lost.push(format!("{name}: {held} of {}", number.acknowledged));
        }
        anyhow::ensure!(held <= number.attempted, "{name} holds {held}, which nobody wrote");
    }
    for (key, members) in &one.members {
        let name = one.set_key(*key);
        let held = members_of(said, &name)?;
        for (member, ending) in members {
            if *ending == Ending::Acknowledged && !held.contains(member) {
                findings.lost.push(format!("{name}: member {member}"));
            }
        }
        let stranger = held.iter().find(|member| !members.contains_key(member));
        anyhow::ensure!(stranger.is_none(), "{name} holds {stranger:?}, which nobody added");
    }
    for key in &one.deleted {
        let name = one.brief_key(*key);
        if said.get(&name) != Some(&Reply::Null) {
            findings.resurrected.push(name);
        }
    }
    Ok(())
}

fn hold_counters(
    promises: &[Promises],
    said: &Said,
    findings: &mut Findings,
) -> anyhow::Result<()> {
    for key in 0..COUNTERS_COUNT {
        let name = counter_key(key);
        let mut sum = Number::default();
        for held in promises.iter().filter_map(|one| one.counters.get(&key)) {
            sum.acknowledged += held.acknowledged;
            sum.attempted += held.attempted;
        }
        let held = number_of(said, &name)?;
        if held < sum.acknowledged {
            findings.lost.push(format!("{name}: {held} of {}", sum.acknowledged));
        }
        anyhow::ensure!(held <= sum.attempted, "{name} is {held}: an increment counted twice");
    }
    Ok(())
}

fn number_of(said: &Said, key: &str) -> anyhow::Result<u64> {
    match said.get(key) {
        None | Some(Reply::Null) => Ok(0),
        Some(reply) => {
            let bytes = reply.as_bytes().with_context(|| format!("{key} is no string"))?;
            Ok(String::from_utf8_lossy(bytes).parse()?)
        }
    }
}

fn members_of(said: &Said, key: &str) -> anyhow::Result<Vec<u64>> {
    let Some(Reply::Array(items)) = said.get(key) else { bail!("{key} is no set") };
    let member = |item: &Reply| {
        let bytes = item.as_bytes().context("members are strings")?;
        Ok(String::from_utf8_lossy(bytes).parse()?)
    };
    items.iter().map(member).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::promises::Deed;

    /// A writer that was promised one of everything.
    fn promised() -> Promises {
        let mut one = Promises::new(0);
        one.strings.insert(1, Number { acknowledged: 7, attempted: 9 });
        one.ended(&Deed::Add { key: 2, member: 5 }, Ending::Acknowledged);
        one.ended(&Deed::Add { key: 2, member: 6 }, Ending::InDoubt);
        one.ended(&Deed::Count { key: 0 }, Ending::Acknowledged);
        one.ended(&Deed::Count { key: 0 }, Ending::InDoubt);
        one.ended(&Deed::Raise { key: 3 }, Ending::Acknowledged);
        one.ended(&Deed::Delete { key: 3 }, Ending::Acknowledged);
        one
    }

    fn bulk(text: &str) -> Reply {
        Reply::Bulk(text.into())
    }

    /// What a node says that kept everything, with one answer replaced.
    fn said(key: &str, reply: Reply) -> Said {
        let mut said = Said::from([
            ("w0:string1".to_owned(), bulk("7")),
            ("w0:set2".to_owned(), Reply::Array(vec![bulk("5")])),
            ("w0:brief3".to_owned(), Reply::Null),
            ("counter0".to_owned(), bulk("1")),
        ]);
        said.insert(key.to_owned(), reply);
        said
    }

    fn check(key: &str, reply: Reply) -> anyhow::Result<Findings> {
        let (promises, said) = ([promised()], said(key, reply));
        let mut findings = Findings::default();
        hold(&promises[0], &said, &mut findings)?;
        hold_counters(&promises, &said, &mut findings)?;
        Ok(findings)
    }

    #[test]
    fn a_node_that_kept_its_promises_passes() {
        let kept = [("w0:string1", bulk("9")), ("counter0", bulk("2"))];
        for (key, reply) in kept {
            let findings = check(key, reply).unwrap();
            assert!(findings.lost.is_empty() && findings.resurrected.is_empty(), "{key}");
        }
    }

    #[test]
    fn what_is_lost_is_found() {
        let losses = [
            ("w0:string1", bulk("6")),
            ("w0:string1", Reply::Null),
            ("w0:set2", Reply::Array(vec![bulk("6")])),
            ("counter0", Reply::Null),
        ];
        for (key, reply) in losses {
            assert_eq!(check(key, reply.clone()).unwrap().lost.len(), 1, "{key} {reply:?}");
        }
    }

    #[test]
    fn what_comes_back_from_the_dead_is_found() {
        let findings = check("w0:brief3", bulk("brief")).unwrap();
        assert_eq!(findings.resurrected, ["w0:brief3"]);
    }

    #[test]
    fn what_nobody_wrote_is_found() {
        let strange = [
            ("w0:string1", bulk("10")),
            ("w0:set2", Reply::Array(vec![bulk("5"), bulk("7")])),
            ("counter0", bulk("3")),
        ];
        for (key, reply) in strange {
            assert!(check(key, reply.clone()).is_err(), "{key} {reply:?}");
        }
    }
}
