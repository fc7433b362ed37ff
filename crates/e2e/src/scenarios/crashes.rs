//! Processes that end, stop and stand still.

use crate::cluster::Shape;
use crate::scenario::{Scenario, Stage};

pub(crate) const CALM: Scenario = Scenario {
    name: "calm",
    what: "nothing breaks",
    shape: Shape::THREE,
    during: |stage| {
        stage.wait(1.0);
        Ok(())
    },
};

pub(crate) const KILL_ONE: Scenario = Scenario {
    name: "kill-one",
    what: "kill -9 of one node, started again",
    shape: Shape::THREE,
    during: |stage| {
        stage.wait(0.3);
        let node = stage.any_node();
        stage.cluster.kill(node)?;
        stage.wait(0.4);
        stage.cluster.start_one(node)?;
        stage.wait(0.3);
        stage.cluster.wait_for_links()
    },
};

pub(crate) const KILL_TWO: Scenario = Scenario {
    name: "kill-two",
    what: "kill -9 of two nodes of three, started again",
    shape: Shape::THREE,
    during: |stage| {
        stage.wait(0.3);
        let spared = stage.any_node();
        let killed = [(spared + 1) % 3, (spared + 2) % 3];
        killed.iter().try_for_each(|node| stage.cluster.kill(*node))?;
        stage.wait(0.3);
        killed.iter().try_for_each(|node| stage.cluster.start_one(*node))?;
        stage.wait(0.4);
        stage.cluster.wait_for_links()
    },
};

pub(crate) const KILL_ALL: Scenario = Scenario {
    name: "kill-all",
    what: "kill -9 of all nodes at once, started again",
    shape: Shape::THREE,
    during: |stage| {
        stage.wait(0.4);
        (0..3).try_for_each(|node| stage.cluster.kill(node))?;
        stage.cluster.start_all()?;
        stage.wait(0.4);
        Ok(())
    },
};

pub(crate) const KILL_OFTEN: Scenario = Scenario {
    name: "kill-often",
    what: "kill -9 of a random node, ten times over",
    shape: Shape::THREE,
    during: |stage| {
        for _ in 0..10 {
            let node = stage.any_node();
            stage.cluster.kill(node)?;
            stage.wait(0.05);
            stage.cluster.start_one(node)?;
            stage.wait(0.05);
        }
        stage.cluster.wait_for_links()
    },
};

pub(crate) const ROLLING: Scenario = Scenario {
    name: "rolling-restart",
    what: "every node stopped and started in turn",
    shape: Shape::THREE,
    during: |stage| {
        for node in 0..3 {
            stage.wait(0.2);
            stage.cluster.stop(node)?;
            stage.cluster.start_one(node)?;
            stage.cluster.wait_for_links()?;
        }
        stage.wait(0.2);
        Ok(())
    },
};

pub(crate) const PAUSE: Scenario = Scenario {
    name: "pause-one",
    what: "one node frozen (SIGSTOP) and thawed",
    shape: Shape::THREE,
    during: pause,
};

fn pause(stage: &mut Stage<'_>) -> anyhow::Result<()> {
    stage.wait(0.2);
    let node = stage.any_node();
    stage.cluster.pause(node)?;
    stage.wait(0.6);
    stage.cluster.resume(node)?;
    stage.wait(0.2);
    stage.cluster.wait_for_links()
}
