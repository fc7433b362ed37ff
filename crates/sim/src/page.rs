//! The report of runs as one page of HTML that needs nothing else.

use std::fmt::Write as _;

use crate::measures::{Measures, percentile};
use crate::plot::{Line, Plot, escape};

const STYLE: &str = "\
:root { color-scheme: light dark; --ink: #1c2430; --paper: #ffffff; --soft: #d9dee6;
  --shade: #f4c7c3; --a: #1f6feb; --b: #c2410c; --c: #15803d; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6eaf0; --paper: #12161c; --soft: #333c48;
  --shade: #5a2420; --a: #6ea8fe; --b: #fdba74; --c: #86efac; } }
body { color: var(--ink); background: var(--paper); font: 15px/1.5 system-ui, sans-serif;
  max-width: 760px; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; margin: 1rem 0; }
td, th { text-align: left; padding: .2rem 1rem .2rem 0; border-bottom: 1px solid var(--soft); }
td.number { text-align: right; font-variant-numeric: tabular-nums; }
code { font-size: 13px; }
svg { width: 100%; height: auto; margin: 1rem 0; }
svg text { fill: var(--ink); font: 11px system-ui, sans-serif; }
svg .title { font-size: 14px; font-weight: 600; }
svg .grid { stroke: var(--soft); }
svg .span { fill: var(--shade); }
svg polyline { fill: none; stroke-width: 1.8; }
svg .line0 { stroke: var(--a); } svg .line1 { stroke: var(--b); } svg .line2 { stroke: var(--c); }
svg .name0 { fill: var(--a); } svg .name1 { fill: var(--b); } svg .name2 { fill: var(--c); }
";

/// Writes the page: what was run, what it came to, and how it went.
#[must_use]
pub fn page(command: &str, facts: &[(String, String)], measures: &Measures) -> String {
    let mut page = format!(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<title>Starling, simulated\
         </title>\n<style>\n{STYLE}</style>\n<h1>Starling, simulated</h1>\n\
         <p><code>{}</code></p>\n",
        escape(command)
    );
    table(&mut page, ["", ""], facts.iter().map(|(name, fact)| [name.clone(), fact.clone()]));
    for plot in plots(measures) {
        page.push_str(&plot.svg());
    }
    let paths = measures.paths.iter();
    let paths = paths.map(|(path, count)| [path.name().to_owned(), count.to_string()]);
    table(&mut page, ["copies came by", "how many"], paths);
    let sent = measures.sent.iter();
    let sent = sent.map(|(kind, sent)| {
        [format!("{kind:?}"), format!("{} with {} bytes", sent.messages, sent.bytes)]
    });
    table(&mut page, ["messages", "how many"], sent);
    let failures = measures.failures.iter();
    let failures = failures.map(|(error, count)| [error.clone(), count.to_string()]);
    table(&mut page, ["failed commands", "how many"], failures);
    page.push_str("</html>\n");
    page
}

fn table(page: &mut String, titles: [&str; 2], rows: impl Iterator<Item = [String; 2]>) {
    let rows: Vec<_> = rows.collect();
    if rows.is_empty() {
        return;
    }
    let put = |page: &mut String, text: std::fmt::Arguments<'_>| {
        writeln!(page, "{text}").expect("a string takes everything");
    };
    put(page, format_args!("<table>\n<tr><th>{}</th><th>{}</th></tr>", titles[0], titles[1]));
    for [name, value] in rows {
        let (name, value) = (escape(&name), escape(&value));
        put(page, format_args!("<tr><td>{name}</td><td class=\"number\">{value}</td></tr>"));
    }
    put(page, format_args!("</table>"));
}

fn plots(measures: &Measures) -> Vec<Plot> {
    let seconds = |ms: u64| ms as f64 / 1000.0;
    let spans = measures.faults.iter();
    let spans: Vec<(f64, f64)> =
        spans.map(|(from, to, _)| (seconds(*from), seconds(*to))).collect();
    let over_time = |name: &str, of: &dyn Fn(&crate::measures::Moment) -> u64| Line {
        name: name.into(),
        points: measures
            .moments
            .iter()
            .map(|held| (seconds(held.at_ms), of(held) as f64))
            .collect(),
    };
    let x = "seconds since the start; shaded: faults".to_owned();
    vec![
        Plot {
            title: "Writes that every owner has, by time since the write".into(),
            x: "milliseconds".into(),
            y: "% of writes".into(),
            lines: vec![shares("writes", &measures.converged_ms)],
            spans: Vec::new(),
        },
        Plot {
            title: "Writes that some owner lacks".into(),
            x: x.clone(),
            y: "writes".into(),
            lines: vec![over_time("writes", &|held| held.open_writes as u64)],
            spans: spans.clone(),
        },
        Plot {
            title: "Commands".into(),
            x,
            y: "commands per sample".into(),
            lines: vec![
                over_time("answered", &|held| held.answered),
                over_time("failed", &|held| held.failed),
            ],
            spans,
        },
        Plot {
            title: "Answers, by time since the command".into(),
            x: "milliseconds".into(),
            y: "% of commands".into(),
            lines: vec![shares("reads", &measures.read_ms), shares("writes", &measures.write_ms)],
            spans: Vec::new(),
        },
    ]
}

/// Which share of the values is at most how large; the largest thousandth is left out.
fn shares(name: &str, sorted: &[u64]) -> Line {
    let point = |permille: u32| {
        let value = percentile(sorted, permille).unwrap_or(0);
        (value as f64, f64::from(permille) / 10.0)
    };
    Line { name: name.into(), points: (0..=999).step_by(3).map(point).collect() }
}
