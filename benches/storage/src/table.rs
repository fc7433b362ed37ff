//! Medians of all rounds, side by side, with the bars.

use std::collections::BTreeMap;

use crate::ENGINES;

/// A bar on our figure, or on the ratio of ours to theirs.
enum Bar {
    AtMost(f64),
    AtLeast(f64),
    RatioAtLeast(f64),
}

const BARS: [(&str, Bar); 11] = [
    ("read-modify-write of cell and log, us CPU", Bar::AtMost(5.0)),
    ("read-modify-write of cell and log, k/s", Bar::RatioAtLeast(3.0)),
    ("upsert, batch 16, us CPU", Bar::AtMost(1.7)),
    ("flush each, 16 writers, k/s", Bar::RatioAtLeast(10.0)),
    ("bytes written / user bytes, random upserts", Bar::AtMost(3.5)),
    ("get of a hot cell, us CPU", Bar::AtMost(0.4)),
    ("scan, per row, k/s", Bar::AtLeast(2000.0)),
    ("scan of tables, per row, k/s", Bar::AtLeast(2000.0)),
    ("open after a clean close, s", Bar::AtMost(0.3)),
    ("open after kill -9 and apply, s per 256 MB of log", Bar::AtMost(1.0)),
    ("resident memory / budget", Bar::AtMost(1.15)),
];

/// All figures of all rounds.
#[derive(Default)]
pub struct Table {
    names: Vec<String>,
    figures: BTreeMap<(&'static str, String), Vec<f64>>,
}

impl Table {
    pub fn add(&mut self, engine: &'static str, name: &str, value: f64) {
        if !self.names.iter().any(|held| held == name) {
            self.names.push(name.to_owned());
        }
        self.figures.entry((engine, name.to_owned())).or_default().push(value);
    }

    /// Prints a table in Markdown: medians, their ratio, and whether bars are held.
    pub fn print(&self) {
        println!("load now: {}", std::fs::read_to_string("/proc/loadavg").unwrap().trim());
        println!("| measure | starling (least to most) | fjall | starling / fjall | bar |");
        println!("|---|---:|---:|---:|---|");
        for name in &self.names {
            let [ours, theirs] = ENGINES.map(|engine| self.sorted(engine, name));
            let spread = match (ours.first(), ours.last()) {
                (Some(least), Some(most)) => format!(" ({} to {})", short(*least), short(*most)),
                _ => String::new(),
            };
            let (ours, theirs) = (median(&ours), median(&theirs));
            let ratio = ours.zip(theirs).map(|(ours, theirs)| ours / theirs);
            let verdict = verdict(name, ours, ratio);
            let text = |value: Option<f64>| value.map_or("-".to_owned(), short);
            println!(
                "| {name} | {}{spread} | {} | {} | {verdict} |",
                text(ours),
                text(theirs),
                text(ratio)
            );
        }
    }

    fn sorted(&self, engine: &'static str, name: &str) -> Vec<f64> {
        let mut figures = self.figures.get(&(engine, name.to_owned())).cloned().unwrap_or_default();
        figures.sort_by(f64::total_cmp);
        figures
    }
}

fn verdict(name: &str, ours: Option<f64>, ratio: Option<f64>) -> String {
    let bars = BARS.iter().filter(|(held, _)| *held == name);
    let texts = bars.map(|(_, bar)| {
        let (text, is_held) = match bar {
            Bar::AtMost(most) => (format!("<= {most}"), ours.is_some_and(|value| value <= *most)),
            Bar::AtLeast(least) => (format!(">= {least}"), ours.is_some_and(|v| v >= *least)),
            Bar::RatioAtLeast(least) => {
                (format!(">= {least}x"), ratio.is_some_and(|v| v >= *least))
            }
        };
        format!("{text}: {}", if is_held { "held" } else { "MISSED" })
    });
    texts.collect::<Vec<_>>().join(", ")
}

fn median(sorted: &[f64]) -> Option<f64> {
    sorted.get(sorted.len() / 2).copied()
}

fn short(value: f64) -> String {
    if value >= 100.0 { format!("{value:.0}") } else { format!("{value:.2}") }
}
