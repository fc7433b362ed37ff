//! Metrics as text: the format of Prometheus, and OpenMetrics where it is asked for.
//!
//! Invariants: each family is begun once and its samples follow it; a counter's samples end in
//! `_total`, a family with a unit ends in it. Which families there are is the driver's business.

use std::fmt::Write as _;

/// Which text is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TextFormat {
    /// The text of Prometheus, version 0.0.4.
    Prometheus,
    /// OpenMetrics, version 1.0.0.
    OpenMetrics,
}

/// What a family's numbers do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// They only grow.
    Counter,
    /// They go up and down.
    Gauge,
    /// They count what fell into buckets.
    Histogram,
}

/// A named group of numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Family {
    /// Its name, with its unit and without `_total`.
    pub name: &'static str,
    /// What its numbers do.
    pub kind: Kind,
    /// Its unit, or nothing for plain counts.
    pub unit: &'static str,
    /// What it tells.
    pub help: &'static str,
}

/// The text as it grows.
#[derive(Debug)]
pub struct Exposition {
    format: TextFormat,
    text: String,
}

impl Kind {
    /// Returns the word that both formats use.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

impl TextFormat {
    /// Returns the media type.
    #[must_use]
    pub const fn media(self) -> &'static str {
        match self {
            Self::Prometheus => "text/plain; version=0.0.4; charset=utf-8",
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }
}

impl Exposition {
    /// Starts an empty text.
    #[must_use]
    pub const fn new(format: TextFormat) -> Self {
        Self { format, text: String::new() }
    }

    /// Writes one family with all of its samples: label names and values, and the number.
    pub fn family<'a, L>(&mut self, family: &Family, samples: impl IntoIterator<Item = (L, f64)>)
    where
        L: AsRef<[(&'a str, &'a str)]>,
    {
        self.begin(family);
        let suffix = if family.kind == Kind::Counter { "_total" } else { "" };
        for (labels, value) in samples {
            self.sample(family.name, suffix, labels.as_ref(), value);
        }
    }

    /// Writes one family of histograms: labels, upper bounds with how many fell in each bucket
    /// (one more than bounds, the last without a bound), and the sum of all values.
    pub fn histograms<'a, L>(
        &mut self,
        family: &Family,
        bounds: &[f64],
        samples: impl IntoIterator<Item = (L, Vec<u64>, f64)>,
    ) where
        L: AsRef<[(&'a str, &'a str)]>,
    {
        self.begin(family);
        for (labels, counts, sum) in samples {
            let labels = labels.as_ref();
            let mut total = 0;
            for (index, count) in counts.iter().enumerate() {
                total += count;
                let bound = bounds.get(index).map_or("+Inf".into(), |bound| show(*bound));
                let with_bound: Vec<(&str, &str)> =
                    labels.iter().copied().chain([("le", bound.as_str())]).collect();
                self.sample(family.name, "_bucket", &with_bound, count_as_f64(total));
            }
            self.sample(family.name, "_count", labels, count_as_f64(total));
            self.sample(family.name, "_sum", labels, sum);
        }
    }

    /// Ends the text.
    #[must_use]
    pub fn finish(mut self) -> String {
        if self.format == TextFormat::OpenMetrics {
            self.text.push_str("# EOF\n");
        }
        self.text
    }

    fn begin(&mut self, family: &Family) {
        let Family { name, kind, unit, help } = family;
        debug_assert!(!name.ends_with("_total"), "{name}: the suffix is written here");
        let name = match (self.format, kind) {
            (TextFormat::Prometheus, Kind::Counter) => format!("{name}_total"),
            _ => (*name).to_owned(),
        };
        let help = help.replace('\\', "\\\\").replace('\n', "\\n");
        let mut put = |line: std::fmt::Arguments<'_>| {
            self.text.write_fmt(line).expect("writing to memory cannot fail");
        };
        put(format_args!("# HELP {name} {help}\n# TYPE {name} {}\n", kind.name()));
        if self.format == TextFormat::OpenMetrics && !unit.is_empty() {
            put(format_args!("# UNIT {name} {unit}\n"));
        }
    }

    fn sample(&mut self, name: &str, suffix: &str, labels: &[(&str, &str)], value: f64) {
        self.text.push_str(name);
        self.text.push_str(suffix);
        for (index, (label, text)) in labels.iter().enumerate() {
            self.text.push(if index == 0 { '{' } else { ',' });
            self.text.push_str(label);
            self.text.push_str("=\"");
            self.text
                .push_str(&text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n"));
            self.text.push('"');
        }
        if !labels.is_empty() {
            self.text.push('}');
        }
        self.text.push(' ');
        self.text.push_str(&show(value));
        self.text.push('\n');
    }
}

/// A number as both formats read it.
fn show(value: f64) -> String {
    if value == f64::INFINITY { "+Inf".into() } else { format!("{value}") }
}

/// Counts beyond 2^53 lose their last digit, which no graph shows.
#[expect(clippy::cast_precision_loss, reason = "said above")]
fn count_as_f64(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    const CALLS: Family =
        Family { name: "calls", kind: Kind::Counter, unit: "", help: "A \\ and\nmore." };
    const SPAN: Family =
        Family { name: "span_seconds", kind: Kind::Histogram, unit: "seconds", help: "How long." };

    fn write(format: TextFormat) -> String {
        let mut text = Exposition::new(format);
        text.family(&CALLS, [([("kind", "a\"b")], 3.0)]);
        text.histograms(&SPAN, &[0.5, 1.0], [([("dc", "x")], vec![1, 0, 2], 7.25)]);
        text.finish()
    }

    #[test]
    fn both_formats_differ_only_in_their_headings() {
        let samples = "calls_total{kind=\"a\\\"b\"} 3\n";
        let buckets = "span_seconds_bucket{dc=\"x\",le=\"0.5\"} 1\n\
                       span_seconds_bucket{dc=\"x\",le=\"1\"} 1\n\
                       span_seconds_bucket{dc=\"x\",le=\"+Inf\"} 3\n\
                       span_seconds_count{dc=\"x\"} 3\nspan_seconds_sum{dc=\"x\"} 7.25\n";
        assert_eq!(
            write(TextFormat::Prometheus),
            format!(
                "# HELP calls_total A \\\\ and\\nmore.\n# TYPE calls_total counter\n{samples}\
                 # HELP span_seconds How long.\n# TYPE span_seconds histogram\n{buckets}"
            )
        );
        assert_eq!(
            write(TextFormat::OpenMetrics),
            format!(
                "# HELP calls A \\\\ and\\nmore.\n# TYPE calls counter\n{samples}\
                 # HELP span_seconds How long.\n# TYPE span_seconds histogram\n\
                 # UNIT span_seconds seconds\n{buckets}# EOF\n"
            )
        );
    }

    #[test]
    fn families_without_labels_have_no_braces() {
        let mut text = Exposition::new(TextFormat::Prometheus);
        let none: [(&str, &str); 0] = [];
        text.family(&Family { kind: Kind::Gauge, ..CALLS }, [(none, f64::INFINITY)]);
        assert!(text.finish().ends_with("\ncalls +Inf\n"));
    }
}
