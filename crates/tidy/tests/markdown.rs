//! Just enough of Markdown: which lines are prose, which are fenced, where links point.

/// One line with its number, counted from 1.
pub(crate) type Line<'a> = (usize, &'a str);

/// Splits `text` into the lines outside and the lines inside of fenced blocks.
pub(crate) fn split(text: &str) -> (Vec<Line<'_>>, Vec<Line<'_>>) {
    let (mut prose, mut fenced) = (Vec::new(), Vec::new());
    let mut fence: Option<&str> = None;
    for (index, line) in text.lines().enumerate() {
        let trimmed = line.trim_start();
        let mark = ["```", "~~~"].into_iter().find(|mark| trimmed.starts_with(mark));
        match (fence, mark) {
            (None, Some(_)) => fence = mark,
            (Some(open), Some(shut)) if open == shut => fence = None,
            (None, None) => prose.push((index + 1, line)),
            (Some(_), _) => fenced.push((index + 1, line)),
        }
    }
    (prose, fenced)
}

/// The targets of the links in a line of prose: `[text](target)` and `[name]: target`.
pub(crate) fn targets(line: &str) -> Vec<String> {
    let line = without_code(line);
    let mut found = Vec::new();
    for (at, _) in line.match_indices("](") {
        let rest = &line[at + 2..];
        let target = rest.split([')', ' ']).next().unwrap_or_default();
        found.push(target.trim_matches(['<', '>']).to_owned());
    }
    if line.starts_with('[')
        && let Some((_, target)) = line.split_once("]: ")
    {
        found.extend(target.split_whitespace().next().map(ToOwned::to_owned));
    }
    found
}

/// The anchor a heading gets: lower case, spaces to dashes, other marks dropped.
pub(crate) fn anchor(heading: &str) -> String {
    let kept = heading.trim_start_matches('#').trim().chars().filter_map(|one| match one {
        ' ' => Some('-'),
        '-' | '_' => Some(one),
        _ => one.is_alphanumeric().then_some(one),
    });
    kept.collect::<String>().to_lowercase()
}

/// Drops every `code` span, whose brackets are no links.
fn without_code(line: &str) -> String {
    let parts: Vec<&str> = line.split('`').collect();
    // An odd number of marks leaves the last one open: what follows it is prose.
    let last = parts.len() - 1;
    let is_prose = |index: usize| index.is_multiple_of(2) || index == last;
    let kept = parts.iter().enumerate().filter(|(index, _)| is_prose(*index));
    kept.map(|(_, part)| *part).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fences_are_told_from_prose() {
        let (prose, fenced) = split("a\n```sh\nb\n~~~\n```\nc\n");
        assert_eq!(prose, [(1, "a"), (6, "c")]);
        assert_eq!(fenced, [(3, "b"), (4, "~~~")]);
    }

    #[test]
    fn links_are_found_and_code_is_not() {
        let line = "see [a](x.md) and ![b](y.svg \"title\"), not `[c](z.md)`";
        assert_eq!(targets(line), ["x.md", "y.svg"]);
        assert_eq!(targets("[name]: docs/a.md"), ["docs/a.md"]);
        assert_eq!(targets("[`a`](b.md)"), ["b.md"]);
    }

    #[test]
    fn anchors_are_made_as_readers_see_them() {
        assert_eq!(anchor("## What `it` is, and why"), "what-it-is-and-why");
    }
}
