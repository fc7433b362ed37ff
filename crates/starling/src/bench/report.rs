//! Figures of a load, for people, and two loads side by side.

use ::bench::{Figures, Measured};
use serde_json::{Value, json};

use crate::table::Table;

/// The latencies that are shown, by name.
const PARTS: [(&str, f64); 5] =
    [("p50", 0.5), ("p95", 0.95), ("p99", 0.99), ("p99.9", 0.999), ("max", 1.0)];

pub(crate) fn text(measured: &Measured) -> String {
    let mut table = Table::new(&["", "requests/s", "p50", "p95", "p99", "p99.9", "max", "errors"]);
    for figures in &measured.figures {
        let latencies = PARTS.map(|(_, part)| json!(span(figures.latency_us(part))));
        let mut cells = vec![json!(figures.what), json!(format!("{:.0}", figures.per_second))];
        cells.extend(latencies);
        cells.push(json!(figures.errors));
        table.row(&cells);
    }
    let mut text = format!("{}; {:.1} s\n{}", measured.plan, measured.seconds, table.text());
    if let Some(cpu) = measured.server_cpu_us {
        text.push_str(&format!("\n{cpu:.2} us of the servers' processors for each request"));
    }
    let refused = measured.figures.iter().skip(usize::from(measured.figures.len() > 1));
    for (what, example) in refused.filter_map(|one| Some((&one.what, one.example.as_ref()?))) {
        text.push_str(&format!("\n{what} was refused: {example}"));
    }
    text
}

/// A latency in the unit that suits it.
fn span(us: f64) -> String {
    match us {
        us if us < 1_000.0 => format!("{us:.0} us"),
        us if us < 1_000_000.0 => format!("{:.2} ms", us / 1_000.0),
        us => format!("{:.2} s", us / 1_000_000.0),
    }
}

/// Two runs side by side.
pub(crate) struct Compared {
    plans: [String; 2],
    rows: Vec<Row>,
}

/// One figure before, after, and the second as a part of the first.
struct Row {
    what: String,
    before: f64,
    after: f64,
}

pub(crate) fn compared(before: &Measured, after: &Measured) -> Compared {
    let mut rows = Vec::new();
    let mut row = |what: String, before, after| rows.push(Row { what, before, after });
    for one in &before.figures {
        let Some(other) = after.figures.iter().find(|other| other.what == one.what) else {
            continue;
        };
        row(format!("{}: requests/s", one.what), one.per_second, other.per_second);
        for (name, part) in PARTS {
            let latency = |figures: &Figures| figures.latency_us(part);
            row(format!("{}: {name}, us", one.what), latency(one), latency(other));
        }
    }
    if let Some((one, other)) = before.server_cpu_us.zip(after.server_cpu_us) {
        row("server CPU per request, us".into(), one, other);
    }
    Compared { plans: [before.plan.clone(), after.plan.clone()], rows }
}

impl Row {
    fn ratio(&self) -> Option<f64> {
        (self.before > 0.0).then(|| self.after / self.before)
    }
}

impl Compared {
    pub(crate) fn text(&self) -> String {
        let mut table = Table::new(&["", "before", "after", "after / before"]);
        for row in &self.rows {
            let number = |value: f64| json!(format!("{value:.1}"));
            let ratio = row.ratio().map_or(Value::Null, |ratio| json!(format!("{ratio:.2}")));
            table.row(&[json!(row.what), number(row.before), number(row.after), ratio]);
        }
        let [before, after] = &self.plans;
        let note = if before == after {
            before.clone()
        } else {
            format!("different loads:\n  {before}\n  {after}")
        };
        format!("{note}\n{}", table.text())
    }

    pub(crate) fn json(&self) -> String {
        let row = |row: &Row| {
            json!({
                "what": row.what,
                "before": row.before,
                "after": row.after,
                "ratio": row.ratio(),
            })
        };
        let rows: Vec<Value> = self.rows.iter().map(row).collect();
        json!({ "before": self.plans[0], "after": self.plans[1], "rows": rows }).to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measured(per_second: f64) -> Measured {
        serde_json::from_value(json!({
            "plan": "get:1; 50 connections",
            "seconds": 2.0,
            "server_cpu_us": 3.5,
            "figures": [{
                "what": "all", "count": 100, "errors": 1, "example": "ERR no",
                "per_second": per_second, "mean_us": 10.0,
                "latencies": [
                    { "part": 0.5, "us": 80.0 }, { "part": 0.99, "us": 2_500.0 },
                    { "part": 1.0, "us": 1_500_000.0 },
                ],
            }],
        }))
        .unwrap()
    }

    #[test]
    fn figures_are_told_in_units_that_suit_them() {
        let text = text(&measured(50.0));
        assert!(text.contains("80 us") && text.contains("2.50 ms") && text.contains("1.50 s"));
        assert!(text.contains("3.50 us of the servers") && text.contains("refused: ERR no"));
    }

    #[test]
    fn two_runs_are_compared_by_ratio() {
        let compared = compared(&measured(50.0), &measured(100.0));
        assert!(compared.text().contains("2.00"), "{}", compared.text());
        let json: Value = serde_json::from_str(&compared.json()).unwrap();
        assert_eq!(json["rows"][0]["ratio"], json!(2.0));
    }
}
