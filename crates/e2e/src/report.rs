//! What came of the scenarios: for a terminal, for programs, for the documentation.

use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::Path;

use anyhow::Context as _;
use serde_json::{Value, json};

use crate::scenario::{self, Outcome, Scenario, Settings};

const BEGIN: &str = "<!-- faults: begin -->";
const END: &str = "<!-- faults: end -->";

/// A scenario and what came of it.
pub(crate) struct Report {
    scenario: &'static Scenario,
    outcome: anyhow::Result<Outcome>,
}

impl Report {
    pub(crate) fn of(scenario: &'static Scenario, settings: &Settings) -> Self {
        Self { scenario, outcome: scenario::play(scenario, settings) }
    }

    /// Whether every promise was kept.
    pub(crate) fn is_kept(&self) -> bool {
        self.outcome.as_ref().is_ok_and(|outcome| {
            let found = &outcome.findings;
            found.lost.is_empty() && found.resurrected.is_empty() && found.diverged.is_empty()
        })
    }

    fn json(&self) -> Value {
        let name = self.scenario.name;
        match &self.outcome {
            Err(error) => json!({ "scenario": name, "error": format!("{error:#}") }),
            Ok(outcome) => json!({
                "scenario": name,
                "acknowledged": outcome.acknowledged,
                "in_doubt": outcome.in_doubt,
                "lost": outcome.findings.lost,
                "resurrected": outcome.findings.resurrected,
                "diverged": outcome.findings.diverged,
                "unavailable_seconds": outcome.unavailable.as_secs_f64(),
                "converged_seconds": outcome.findings.converged_after.as_secs_f64(),
                "by_exchange": outcome.by_exchange,
                "shards_taken_over": outcome.shards_taken_over,
            }),
        }
    }

    fn row(&self) -> String {
        let what = self.scenario.what;
        match &self.outcome {
            Err(error) => format!("| {what} | did not end: {error:#} | | | | | | |"),
            Ok(outcome) => format!(
                "| {what} | {} | {} | {} | {} | {:.2} | {:.2} | {} |",
                outcome.acknowledged,
                outcome.findings.lost.len(),
                outcome.findings.resurrected.len(),
                outcome.findings.diverged.len(),
                outcome.unavailable.as_secs_f64(),
                outcome.findings.converged_after.as_secs_f64(),
                path(outcome),
            ),
        }
    }
}

/// How what was missing came to the nodes that missed it.
fn path(outcome: &Outcome) -> String {
    match (outcome.by_exchange, outcome.shards_taken_over) {
        (0, 0) => "writes alone".into(),
        (operations, 0) => format!("exchange of {operations} operations"),
        (operations, shards) => format!("{operations} operations, {shards} whole shards"),
    }
}

/// Prints the names of scenarios.
pub(crate) fn list(scenarios: &[&Scenario]) {
    let mut out = std::io::stdout().lock();
    for scenario in scenarios {
        // Whoever stops reading a list has seen enough.
        let _ = writeln!(out, "{:<18} {}", scenario.name, scenario.what);
    }
}

/// Prints a report as soon as it is there.
pub(crate) fn show(report: &Report, is_json: bool) {
    let mut out = std::io::stdout().lock();
    let line = if is_json { report.json().to_string() } else { text(report) };
    let _ = writeln!(out, "{line}");
    let _ = out.flush();
}

fn text(report: &Report) -> String {
    let verdict = if report.is_kept() { "ok" } else { "BROKEN" };
    let mut line = format!("{verdict:<6} {:<18} ", report.scenario.name);
    match &report.outcome {
        Err(error) => line += &format!("{error:#}"),
        Ok(outcome) => {
            let found = &outcome.findings;
            let _ = write!(
                line,
                "{} acknowledged, {} in doubt; {} lost, {} resurrected, {} differ; unavailable \
                 {:.2} s; converged after {:.2} s by {}",
                outcome.acknowledged,
                outcome.in_doubt,
                found.lost.len(),
                found.resurrected.len(),
                found.diverged.len(),
                outcome.unavailable.as_secs_f64(),
                found.converged_after.as_secs_f64(),
                path(outcome),
            );
            for (what, list) in [
                ("lost", &found.lost),
                ("resurrected", &found.resurrected),
                ("differs", &found.diverged),
            ] {
                list.iter().take(5).for_each(|one| line += &format!("\n       {what}: {one}"));
            }
        }
    }
    line
}

/// Replaces the table in a document.
pub(crate) fn write_table(path: &Path, reports: &[Report]) -> anyhow::Result<()> {
    let text = fs::read_to_string(path)?;
    let marks = || format!("{} lacks `{BEGIN}` and `{END}`", path.display());
    let (before, rest) = text.split_once(BEGIN).with_context(marks)?;
    let (_, after) = rest.split_once(END).with_context(marks)?;
    let mut table = String::from(
        "| what breaks | acknowledged | lost | resurrected | differ | unavailable s \
         | converged s | healed by |\n|---|--:|--:|--:|--:|--:|--:|---|\n",
    );
    reports.iter().for_each(|report| table += &(report.row() + "\n"));
    fs::write(path, format!("{before}{BEGIN}\n\n{table}\n{END}{after}"))?;
    Ok(())
}
