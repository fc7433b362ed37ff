//! Directories that are lost, old, damaged, or somebody else's.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};

use crate::cluster::Shape;
use crate::scenario::{Scenario, Stage};

pub(crate) const WIPE: Scenario = Scenario {
    name: "wipe-one",
    what: "one node's directory removed; it comes back empty",
    shape: Shape::THREE,
    during: |stage| {
        stage.wait(0.3);
        let node = stage.any_node();
        stage.cluster.kill(node)?;
        fs::remove_dir_all(stage.cluster.data(node))?;
        stage.wait(0.2);
        stage.cluster.start_one(node)?;
        stage.wait(0.5);
        stage.cluster.wait_for_links()
    },
};

pub(crate) const RESTORE: Scenario = Scenario {
    name: "restore-old",
    what: "one node's directory replaced by a copy made earlier",
    shape: Shape::THREE,
    during: |stage| {
        stage.wait(0.2);
        let node = stage.any_node();
        let (data, copy) = (stage.cluster.data(node), stage.cluster.scratch("copy")?);
        stage.cluster.stop(node)?;
        copy_directory(&data, &copy)?;
        stage.cluster.start_one(node)?;
        stage.wait(0.3);
        stage.cluster.kill(node)?;
        fs::remove_dir_all(&data)?;
        copy_directory(&copy, &data)?;
        stage.cluster.start_one(node)?;
        stage.wait(0.5);
        stage.cluster.wait_for_links()
    },
};

pub(crate) const DAMAGE: Scenario = Scenario {
    name: "damage-files",
    what: "a byte flipped in every file of one node",
    shape: Shape::THREE,
    during: damage,
};

fn damage(stage: &mut Stage<'_>) -> anyhow::Result<()> {
    stage.wait(0.3);
    let node = stage.any_node();
    stage.cluster.kill(node)?;
    let data = stage.cluster.data(node);
    for file in files(&data)? {
        flip(&file, &mut stage.rng)?;
    }
    if let Err(said) = stage.cluster.try_start(node)? {
        // It refuses, says what is wrong, and what to do: what an operator would do then.
        ensure!(said.contains("damaged"), "the node does not say what is wrong: {said}");
        fs::remove_dir_all(&data)?;
        stage.cluster.start_one(node)?;
    }
    stage.wait(0.5);
    stage.cluster.wait_for_links()
}

pub(crate) const DOUBLE: Scenario = Scenario {
    name: "start-twice",
    what: "a second process over the same directory",
    shape: Shape::THREE,
    during: |stage| {
        stage.wait(0.3);
        let node = stage.any_node();
        let (status, said) = stage.cluster.start_again(node)?;
        ensure!(!status.success(), "the second process ended as if all were well: {said}");
        stage.wait(0.4);
        stage.cluster.wait_for_links()
    },
};

pub(crate) const FOREIGN: Scenario = Scenario {
    name: "foreign-files",
    what: "one node started over another node's files",
    shape: Shape::THREE,
    during: |stage| {
        stage.wait(0.2);
        let (node, other) = (stage.any_node(), stage.any_node());
        let other = if node == other { (other + 1) % 3 } else { other };
        let (own, foreign) = (stage.cluster.data(node), stage.cluster.data(other));
        let aside = stage.cluster.scratch("aside")?;
        stage.cluster.stop(other)?;
        stage.cluster.stop(node)?;
        fs::rename(&own, &aside)?;
        copy_directory(&foreign, &own)?;
        let started = stage.cluster.try_start(node)?;
        ensure!(started.is_err(), "node {node} serves the files of node {other}");
        fs::remove_dir_all(&own)?;
        fs::rename(&aside, &own)?;
        stage.cluster.start_all()?;
        stage.wait(0.4);
        Ok(())
    },
};

fn copy_directory(from: &Path, to: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_directory(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}

/// Every file below a directory that holds anything.
fn files(directory: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            found.extend(files(&entry.path())?);
        } else if entry.metadata()?.len() > 0 {
            found.push(entry.path());
        }
    }
    found.sort();
    Ok(found)
}

fn flip(file: &Path, rng: &mut fastrand::Rng) -> anyhow::Result<()> {
    let mut bytes = fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
    let at = rng.usize(..bytes.len());
    bytes[at] ^= 1 << rng.u32(..8);
    Ok(fs::write(file, bytes)?)
}
