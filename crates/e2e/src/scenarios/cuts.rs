//! Links that are cut, and mended.

use crate::cluster::Shape;
use crate::scenario::Scenario;

pub(crate) const CUT_ONE: Scenario = Scenario {
    name: "cut-one",
    what: "one node cut off from the two others",
    shape: Shape::THREE,
    during: |stage| {
        stage.wait(0.2);
        let alone = stage.any_node();
        stage.cluster.cut(&[alone], &[(alone + 1) % 3, (alone + 2) % 3])?;
        stage.wait(0.6);
        stage.cluster.heal()?;
        stage.cluster.wait_for_links()
    },
};

pub(crate) const CUT_FLAPPING: Scenario = Scenario {
    name: "cut-flapping",
    what: "links cut and mended at random, twenty times",
    shape: Shape::THREE,
    during: |stage| {
        for _ in 0..20 {
            let alone = stage.any_node();
            stage.cluster.cut(&[alone], &[(alone + 1) % 3])?;
            stage.wait(0.03);
            stage.cluster.heal()?;
            stage.wait(0.02);
        }
        stage.cluster.wait_for_links()
    },
};

pub(crate) const CUT_DATACENTERS: Scenario = Scenario {
    name: "cut-datacenters",
    what: "two datacenters cut apart, both written to",
    shape: Shape::TWO_BY_TWO,
    during: |stage| {
        stage.wait(0.2);
        stage.cluster.cut(&[0, 1], &[2, 3])?;
        stage.wait(0.6);
        stage.cluster.heal()?;
        stage.cluster.wait_for_links()
    },
};
