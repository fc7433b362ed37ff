//! Plots as SVG: lines over two linear axes, spans shaded behind them. Text and colours follow the
//! page they stand on, light or dark.

use std::fmt::Write as _;

const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 260.0;
const LEFT: f64 = 64.0;
const RIGHT: f64 = 16.0;
const TOP: f64 = 34.0;
const BOTTOM: f64 = 44.0;
/// About how many marks an axis has.
const MARKS: f64 = 6.0;

/// One line.
#[derive(Clone, Debug)]
pub struct Line {
    /// What it shows.
    pub name: String,
    /// Its points, from left to right.
    pub points: Vec<(f64, f64)>,
}

/// A plot.
#[derive(Clone, Debug)]
pub struct Plot {
    /// What it shows.
    pub title: String,
    /// The horizontal axis, with its unit.
    pub x: String,
    /// The vertical axis, with its unit.
    pub y: String,
    /// The lines; at most six can be told apart.
    pub lines: Vec<Line>,
    /// Spans of the horizontal axis that are shaded.
    pub spans: Vec<(f64, f64)>,
}

/// An axis from zero to a round number, and the distance of its marks.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Axis {
    end: f64,
    step: f64,
}

impl Axis {
    fn over(values: impl Iterator<Item = f64>) -> Self {
        let most = values.fold(0.0, f64::max).max(1e-9);
        let raw = most / MARKS;
        let power = 10f64.powf(raw.log10().floor());
        let step = [1.0, 2.0, 5.0, 10.0].into_iter().find(|factor| factor * power >= raw);
        let step = step.unwrap_or(10.0) * power;
        Self { end: (most / step).ceil() * step, step }
    }

    fn marks(self) -> impl Iterator<Item = f64> {
        (0..=20).map(move |index| f64::from(index) * self.step).filter(move |at| *at <= self.end)
    }
}

impl Plot {
    /// Draws the plot.
    #[must_use]
    pub fn svg(&self) -> String {
        let points = || self.lines.iter().flat_map(|line| &line.points);
        let x = Axis::over(points().map(|point| point.0));
        let y = Axis::over(points().map(|point| point.1));
        let at_x = |value: f64| LEFT + value.min(x.end) / x.end * (WIDTH - LEFT - RIGHT);
        let at_y = |value: f64| HEIGHT - BOTTOM - value / y.end * (HEIGHT - TOP - BOTTOM);
        let mut svg = format!(
            "<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{0}\">\n\
             <text class=\"title\" x=\"{LEFT}\" y=\"16\">{0}</text>\n",
            escape(&self.title)
        );
        for (from, to) in &self.spans {
            let (left, width) = (at_x(*from), at_x(*to) - at_x(*from));
            let height = HEIGHT - TOP - BOTTOM;
            put(
                &mut svg,
                format_args!(
                    "<rect class=\"span\" x=\"{left:.1}\" y=\"{TOP}\" width=\"{width:.1}\" \
                 height=\"{height}\"/>"
                ),
            );
        }
        self.draw_axes(&mut svg, (x, y), &at_x, &at_y);
        for (index, line) in self.lines.iter().enumerate() {
            let points =
                line.points.iter().map(|(x, y)| format!("{:.1},{:.1}", at_x(*x), at_y(*y)));
            let points: Vec<String> = points.collect();
            put(
                &mut svg,
                format_args!("<polyline class=\"line{index}\" points=\"{}\"/>", points.join(" ")),
            );
            let left = WIDTH - RIGHT - 150.0 * (self.lines.len() - index) as f64;
            put(
                &mut svg,
                format_args!(
                    "<text class=\"name{index}\" x=\"{left:.0}\" y=\"16\">{}</text>",
                    escape(&line.name)
                ),
            );
        }
        svg.push_str("</svg>\n");
        svg
    }

    fn draw_axes(
        &self,
        svg: &mut String,
        (x, y): (Axis, Axis),
        at_x: &dyn Fn(f64) -> f64,
        at_y: &dyn Fn(f64) -> f64,
    ) {
        let (bottom, right) = (HEIGHT - BOTTOM, WIDTH - RIGHT);
        for mark in y.marks() {
            let at = at_y(mark);
            put(
                svg,
                format_args!(
                    "<line class=\"grid\" x1=\"{LEFT}\" y1=\"{at:.1}\" x2=\"{right}\" \
                     y2=\"{at:.1}\"/>\
                 <text class=\"mark\" text-anchor=\"end\" x=\"{}\" y=\"{:.1}\">{}</text>",
                    LEFT - 6.0,
                    at + 4.0,
                    number(mark)
                ),
            );
        }
        for mark in x.marks() {
            put(
                svg,
                format_args!(
                    "<text class=\"mark\" text-anchor=\"middle\" x=\"{:.1}\" y=\"{}\">{}</text>",
                    at_x(mark),
                    bottom + 16.0,
                    number(mark)
                ),
            );
        }
        put(
            svg,
            format_args!(
                "<text class=\"mark\" text-anchor=\"end\" x=\"{right}\" y=\"{}\">{}</text>\
             <text class=\"mark\" x=\"4\" y=\"{}\">{}</text>",
                HEIGHT - 8.0,
                escape(&self.x),
                TOP - 8.0,
                escape(&self.y)
            ),
        );
    }
}

fn put(svg: &mut String, text: std::fmt::Arguments<'_>) {
    writeln!(svg, "{text}").expect("a string takes everything");
}

/// A number without needless digits.
fn number(value: f64) -> String {
    let text = format!("{value:.3}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// Text inside markup.
#[must_use]
pub(crate) fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_end_at_round_numbers() {
        for (most, end, step) in [(0.9, 1.0, 0.2), (7.0, 8.0, 2.0), (1234.0, 1500.0, 500.0)] {
            let axis = Axis::over([most].into_iter());
            assert!((axis.end - end).abs() < 1e-9, "{most}: {axis:?}");
            assert!((axis.step - step).abs() < 1e-9, "{most}: {axis:?}");
        }
        assert!(Axis::over(std::iter::empty()).end > 0.0, "an empty plot can be drawn");
    }

    #[test]
    fn every_line_and_span_is_drawn_inside_the_picture() {
        let line = |name: &str| Line { name: name.into(), points: vec![(0.0, 1.0), (10.0, 3.0)] };
        let plot = Plot {
            title: "a < b".into(),
            x: "s".into(),
            y: "n".into(),
            lines: vec![line("one"), line("two")],
            spans: vec![(2.0, 90.0)],
        };
        let svg = plot.svg();
        assert_eq!(svg.matches("<polyline").count(), 2);
        assert_eq!(svg.matches("<rect").count(), 1);
        assert!(svg.contains("a &lt; b") && !svg.contains("a < b"));
        assert!(!svg.contains("NaN") && !svg.contains("inf"));
    }
}
