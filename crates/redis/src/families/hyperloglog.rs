//! `HyperLogLog`s: how many different elements were added, about.

use api::{Operation, Outcome};
use cells::types::sketch::Sketch;

use crate::Step;
use crate::assembly::Assembly;
use crate::command::{Command, GROW, GROW_FAST, Group, READ};
use crate::keyspec::Keys;
use crate::refusal::Refusal;
use crate::rounds::{Next, Then, misfit};
use crate::turn::Turn;

const fn row(
    name: &'static str,
    arity: i32,
    since: &'static str,
    summary: &'static str,
) -> Command {
    Command::new(Group::HyperLogLog, name, arity, since, summary)
}

pub(crate) const COMMANDS: &[Command] = &[
    row("pfadd", -2, "2.8.9", "Adds the specified elements to the specified HyperLogLog")
        .flags(GROW_FAST)
        .key(&["RW", "insert"])
        .run(pfadd),
    row(
        "pfcount",
        -2,
        "2.8.9",
        "Return the approximated cardinality of the set(s) observed by the HyperLogLog at key(s)",
    )
    .flags(READ)
    .keys(Keys::rest(1, &["RO", "access"]))
    .run(pfcount),
    row("pfmerge", -2, "2.8.9", "Merge N different HyperLogLogs into a single one")
        .flags(GROW)
        .key(&["RW", "access", "insert"])
        .keys(Keys::rest(2, &["RO", "access"]))
        .run(pfmerge),
];

fn pfadd(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    let [_, key, elements @ ..] = turn.args else {
        return Err(Refusal::Arity);
    };
    let elements = elements.iter().map(|element| element.to_vec()).collect();
    turn.call(key, Operation::SketchAdd { elements }, Assembly::Integer)
}

fn pfcount(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    let asked = turn.args.iter().skip(1).map(|key| (key.to_vec(), Operation::SketchGet)).collect();
    turn.ask(
        asked,
        Then::write(|outcomes, writer| {
            let mut joined = Sketch::default();
            for bytes in sketches(outcomes)? {
                joined.join(&Sketch::decode(bytes).map_err(|_| misfit())?);
            }
            writer.integer(i64::try_from(joined.count()).unwrap_or(i64::MAX));
            Ok(())
        }),
    )
}

fn pfmerge(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    let [_, target, ..] = turn.args else {
        return Err(Refusal::Arity);
    };
    let target = target.to_vec();
    // The target takes part, so that its type is looked at before anything is written.
    let asked = turn.args.iter().skip(1).map(|key| (key.to_vec(), Operation::SketchGet)).collect();
    turn.ask(
        asked,
        Then::go(|outcomes, _| {
            let sketches = sketches(outcomes)?.into_iter().map(<[u8]>::to_vec).collect();
            let merge = Operation::SketchMerge { sketches };
            Ok(Next::Ask(vec![(target, merge)], Then::Assemble(Assembly::Ok)))
        }),
    )
}

fn sketches(outcomes: &[Outcome]) -> Result<Vec<&[u8]>, Refusal> {
    let mut found = Vec::new();
    for outcome in outcomes {
        match outcome {
            Outcome::Value(sketch) => found.push(sketch.as_slice()),
            Outcome::Nothing => {}
            _ => return Err(misfit()),
        }
    }
    Ok(found)
}
