//! Which paths git does not keep, read from the `.gitignore` files themselves.
//!
//! Only simple patterns are understood, on purpose: `name`, `/name`, `name/`, `*.suffix`. A
//! pattern beyond these is refused, so that no file is skipped by a misreading.

/// One understood line of a `.gitignore`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pattern {
    /// Folder of the `.gitignore`, from the root, empty or ending in `/`.
    folder: String,
    /// Whether only entries directly in `folder` match.
    anchored: bool,
    name: String,
}

impl Pattern {
    /// Reads a `.gitignore` in `folder`.
    ///
    /// # Errors
    /// The first line that is more than a simple pattern.
    pub(crate) fn parse_file(folder: &str, text: &str) -> Result<Vec<Self>, String> {
        let lines = text.lines().map(str::trim);
        let lines = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
        lines.map(|line| Self::parse(folder, line)).collect()
    }

    fn parse(folder: &str, line: &str) -> Result<Self, String> {
        let name = line.strip_suffix('/').unwrap_or(line);
        let (anchored, name) = match name.strip_prefix('/') {
            Some(rest) => (true, rest),
            None => (false, name),
        };
        let literal = name.strip_prefix('*').unwrap_or(name);
        if literal.is_empty() || literal.contains(['*', '?', '[', '!', '/', '\\']) {
            return Err(format!("{folder}.gitignore: write `{line}` as /name, name or *.suffix"));
        }
        Ok(Self { folder: folder.to_owned(), anchored, name: name.to_owned() })
    }

    /// Whether the entry `name` in `folder` is ignored by this pattern.
    pub(crate) fn matches(&self, folder: &str, name: &str) -> bool {
        if !folder.starts_with(&self.folder) || (self.anchored && folder != self.folder) {
            return false;
        }
        match self.name.strip_prefix('*') {
            Some(suffix) => name.ends_with(suffix),
            None => name == self.name,
        }
    }
}

#[test]
fn simple_patterns_match_as_git_does() {
    let text = "# built\n/target\n*.tmp\n\ncache/\n";
    let patterns = Pattern::parse_file("", text).expect("all simple");
    let ignored = |folder: &str, name: &str| patterns.iter().any(|one| one.matches(folder, name));
    assert!(ignored("", "target"));
    assert!(!ignored("docs/", "target"), "anchored");
    assert!(ignored("docs/", "a.tmp"));
    assert!(ignored("docs/", "cache"));
    assert!(!ignored("", "targets"));
}

#[test]
fn clever_patterns_are_refused() {
    for line in ["!keep", "a/b", "a*b", "**/x", "*"] {
        assert!(Pattern::parse_file("", line).is_err(), "{line}");
    }
}
