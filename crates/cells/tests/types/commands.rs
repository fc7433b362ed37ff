//! Random commands on a random type, and what each of them meant.

use cells::types::list::{End, Side};
use cells::types::map::Path;
use cells::types::{Draft, TypeError, flag, key, list, map, set, sketch, string, zset};

use crate::world::{KEY, View, World};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Type {
    String,
    Set,
    Map,
    Zset,
    List,
    Flag,
    Sketch,
}

impl Type {
    pub(crate) const ALL: [Self; 7] =
        [Self::String, Self::Set, Self::Map, Self::Zset, Self::List, Self::Flag, Self::Sketch];
}

/// What a command meant, for a reference that knows nothing of cells.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Command {
    Write {
        element: u8,
        value: i64,
    },
    Count {
        element: u8,
        by: i64,
    },
    Remove {
        element: u8,
    },
    Delete,
    /// A change whose meaning depends on what the replica showed.
    Edit {
        choice: u8,
    },
}

/// A command with the operations it minted.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    pub(crate) command: Command,
    pub(crate) ops: std::ops::Range<usize>,
}

pub(crate) fn name(element: u8) -> Vec<u8> {
    vec![b'a' + element]
}

/// Lets random replicas do random commands, with random deliveries in between.
pub(crate) fn random_world(seed: u64, of: Type, step_count: usize) -> (World, Vec<Step>) {
    let mut rng = fastrand::Rng::with_seed(seed);
    let mut world = World::new(3);
    let mut steps = Vec::new();
    for _ in 0..step_count {
        let at = rng.usize(0..3);
        let command = random_command(&mut rng, of);
        let before = world.minted.len();
        let outcome = world.run(at, |view, draft| run(of, &command, view, draft));
        if outcome.is_ok() {
            steps.push(Step { command, ops: before..world.minted.len() });
        }
        let count = rng.usize(0..5);
        world.deliver(&mut rng, count);
    }
    (world, steps)
}

fn random_command(rng: &mut fastrand::Rng, of: Type) -> Command {
    let element = rng.u8(0..3);
    let counts = matches!(of, Type::String | Type::Map | Type::Zset);
    match rng.u8(0..20) {
        0 => Command::Delete,
        1..=3 => Command::Remove { element },
        4..=10 if counts => Command::Count { element, by: [-7, -1, 1, 5, 100][rng.usize(0..5)] },
        4..=10 if matches!(of, Type::List | Type::Sketch) => Command::Edit { choice: rng.u8(..) },
        _ => Command::Write { element, value: rng.i64(0..1_000) },
    }
}

pub(crate) fn run(
    of: Type,
    command: &Command,
    view: &mut View<'_>,
    draft: &mut Draft,
) -> Result<(), TypeError> {
    match command {
        Command::Write { element, value } => write(of, *element, *value, view, draft),
        Command::Count { element, by } => count(of, *element, *by, view, draft),
        Command::Remove { element } => remove(of, *element, view, draft),
        Command::Delete => key::delete(view, KEY, draft).map(drop),
        Command::Edit { choice } => edit(of, *choice, view, draft),
    }
}

fn write(
    of: Type,
    element: u8,
    value: i64,
    view: &mut View<'_>,
    draft: &mut Draft,
) -> Result<(), TypeError> {
    let (name, text) = (name(element), value.to_string().into_bytes());
    match of {
        Type::String => string::set(view, KEY, &text, None, draft),
        Type::Set => set::add(view, KEY, &name, draft).map(drop),
        Type::Map => map::set(view, KEY, &Path::field(&name), &text, draft).map(drop),
        Type::Zset => zset::add(view, KEY, &name, value as f64, draft).map(drop),
        Type::List => list::push(view, KEY, End::Back, &[&text, &name], draft),
        Type::Flag => {
            let switch = if value % 2 == 0 { flag::Switch::Off } else { flag::Switch::On };
            flag::set(view, KEY, switch, draft)
        }
        Type::Sketch => sketch::add(view, KEY, &[&text], draft).map(drop),
    }
}

fn count(
    of: Type,
    element: u8,
    by: i64,
    view: &mut View<'_>,
    draft: &mut Draft,
) -> Result<(), TypeError> {
    let name = name(element);
    match of {
        Type::Map => map::increment(view, KEY, &Path::field(&name), by, draft).map(drop),
        Type::Zset => zset::increment(view, KEY, &name, by as f64, draft).map(drop),
        _ => string::increment(view, KEY, by, draft).map(drop),
    }
}

fn remove(of: Type, element: u8, view: &mut View<'_>, draft: &mut Draft) -> Result<(), TypeError> {
    let name = name(element);
    match of {
        Type::String => string::remove(view, KEY, draft).map(drop),
        Type::Set => set::remove(view, KEY, &name, draft).map(drop),
        Type::Map => map::remove(view, KEY, &Path::field(&name), draft).map(drop),
        Type::Zset => zset::remove(view, KEY, &name, draft).map(drop),
        Type::List => list::pop(view, KEY, End::Front, 1 + element as usize, draft).map(drop),
        Type::Flag => flag::remove(view, KEY, draft).map(drop),
        Type::Sketch => key::delete(view, KEY, draft).map(drop),
    }
}

fn edit(of: Type, choice: u8, view: &mut View<'_>, draft: &mut Draft) -> Result<(), TypeError> {
    let value = [b'v', choice];
    match (of, choice % 5) {
        (Type::List, 0) => list::push(view, KEY, End::Front, &[&value, b"x"], draft),
        (Type::List, 1) => list::insert(view, KEY, Side::Behind, b"x", &value, draft).map(drop),
        (Type::List, 2) => list::insert(view, KEY, Side::Before, b"a", &value, draft).map(drop),
        (Type::List, 3) => list::remove(view, KEY, End::Back, 1, b"x", draft).map(drop),
        (Type::List, _) => list::set(view, KEY, -1, &value, draft),
        _ => sketch::add(view, KEY, &[&value, b"y"], draft).map(drop),
    }
}
