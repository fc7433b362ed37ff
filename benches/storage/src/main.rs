//! Measures the store against its bars, and against fjall on the same workload in the same run.
//!
//! ```text
//! cargo run --release --manifest-path benches/storage/Cargo.toml -- [rounds] [rows]
//! ```
//!
//! Every round runs each engine in processes of their own, the engines in turn, so that load from
//! elsewhere meets both; what is told are medians over the rounds. CPU time is that of all threads
//! of the process. The directory is made where the program is started.

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

mod engine;
mod measure;
mod ours;
mod phases;
mod table;
mod theirs;
mod workload;

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use engine::Engine;
use ours::Ours;
use table::Table;
use theirs::Theirs;

const ENGINES: [&str; 2] = ["starling", "fjall"];

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if let [_, child, engine, phase, directory, rows] = &arguments[..] {
        assert_eq!(child, "child", "{arguments:?}");
        let (path, rows) = (Path::new(directory), rows.parse().unwrap());
        return match &engine[..] {
            "starling" => run::<Ours>(phase, path, rows),
            _ => run::<Theirs>(phase, path, rows),
        };
    }
    let number = |place: usize, default: u64| {
        arguments.get(place).map_or(default, |text| text.parse().unwrap())
    };
    compare(number(1, 5), number(2, 2_000_000));
}

/// One process's part of a round.
fn run<E: Engine>(phase: &str, path: &Path, rows: u64) {
    match phase {
        "work" => phases::work::<E>(path, rows),
        "open" => phases::open::<E>(path, rows),
        "grow" => phases::grow::<E>(path, rows),
        "open-killed" => phases::open_killed::<E>(path, rows),
        "turns" => phases::turns::<E>(path, rows),
        "flush" => phases::flush::<E>(path, rows),
        _ => panic!("no phase is called {phase}"),
    }
}

fn compare(rounds: u64, rows: u64) {
    let mut table = Table::default();
    for round in 0..rounds {
        for turn in 0..ENGINES.len() {
            let engine = ENGINES[(turn + usize::try_from(round).unwrap()) % ENGINES.len()];
            eprintln!("round {} of {rounds}: {engine}", round + 1);
            let directory = tempfile::tempdir_in(".").unwrap();
            for phase in ["work", "open", "grow", "open-killed"] {
                listen(engine, phase, directory.path(), rows, &mut table);
            }
            for phase in ["turns", "flush"] {
                let directory = tempfile::tempdir_in(".").unwrap();
                listen(engine, phase, directory.path(), rows, &mut table);
            }
        }
    }
    table.print();
}

/// Runs one phase in a process of its own and takes down what it tells.
fn listen(engine: &'static str, phase: &str, path: &Path, rows: u64, table: &mut Table) {
    let mut child = start(engine, phase, path, rows);
    let out = BufReader::new(child.stdout.take().unwrap());
    for line in out.lines() {
        let line = line.unwrap();
        if line == phases::KILL_ME {
            // As the kernel ends a process that is out of luck: nothing of it runs any more.
            child.kill().unwrap();
            break;
        }
        let (name, value) = line.rsplit_once(' ').unwrap();
        table.add(engine, name, value.parse().unwrap());
    }
    let status = child.wait().unwrap();
    assert!(status.success() || phase == "grow", "{engine} {phase}: {status}");
}

fn start(engine: &str, phase: &str, path: &Path, rows: u64) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["child", engine, phase])
        .arg(path)
        .arg(rows.to_string())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}
