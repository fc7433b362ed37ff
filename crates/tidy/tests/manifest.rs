//! Just enough of Cargo manifests: sections, keys and values by line.
//!
//! Left to cargo: whether the manifest is valid TOML at all.

/// One `key = value` line of a manifest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Row<'a> {
    /// The section it stands in, without brackets.
    pub(crate) section: &'a str,
    pub(crate) key: &'a str,
    pub(crate) value: &'a str,
    /// Line, counted from 1.
    pub(crate) line: usize,
}

/// One dependency as a manifest names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Dependency<'a> {
    pub(crate) name: &'a str,
    /// Line, counted from 1.
    pub(crate) line: usize,
    /// Whether version and path come from the root manifest.
    pub(crate) is_inherited: bool,
}

/// Every `key = value` line, in order.
pub(crate) fn rows(text: &str) -> Vec<Row<'_>> {
    let mut section = "";
    let mut rows = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.starts_with('[') && line.ends_with(']') && !line.contains('=') {
            section = line.trim_matches(['[', ']']).trim();
        } else if let Some((key, value)) = line.split_once('=')
            && !line.starts_with('#')
        {
            rows.push(Row { section, key: key.trim(), value: value.trim(), line: index + 1 });
        }
    }
    rows
}

/// What the crate is built from: dependencies and build-dependencies of every target, not those
/// of its tests.
pub(crate) fn dependencies(text: &str) -> Vec<Dependency<'_>> {
    let mut found: Vec<Dependency<'_>> = Vec::new();
    for row in rows(text) {
        let Some((name, setting)) = dependency_name(&row) else { continue };
        let is_inherited = setting == "workspace" || row.value.contains("workspace = true");
        match found.iter_mut().find(|one| one.name == name) {
            Some(known) => known.is_inherited |= is_inherited,
            None => found.push(Dependency { name, line: row.line, is_inherited }),
        }
    }
    found
}

/// The dependency a row speaks of and the setting it gives, if it stands in such a section.
fn dependency_name<'a>(row: &Row<'a>) -> Option<(&'a str, &'a str)> {
    const SECTION: &str = "dependencies";
    if row.section.starts_with("workspace") || row.section.contains("dev-dependencies") {
        return None;
    }
    let after = row.section.find(SECTION)? + SECTION.len();
    let (name, setting) = match row.section[after..].strip_prefix('.') {
        Some(name) => (name, row.key),
        None => row.key.split_once('.').unwrap_or((row.key, "")),
    };
    Some((name.trim_matches('"'), setting))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MANIFEST: &str = "\
[package]
name = \"a\"
# old = \"1\"

[dependencies]
one.workspace = true
two = { workspace = true, features = [\"x\"] }
three = \"3\"

[dependencies.four]
version = \"4\"
features = []

[target.'cfg(unix)'.dependencies]
five.workspace = true

[build-dependencies]
six.workspace = true

[dev-dependencies]
seven.workspace = true
";

    #[test]
    fn every_kind_of_dependency_is_seen_once() {
        let found = dependencies(MANIFEST);
        let names: Vec<_> = found.iter().map(|one| (one.name, one.is_inherited)).collect();
        let expected = [
            ("one", true),
            ("two", true),
            ("three", false),
            ("four", false),
            ("five", true),
            ("six", true),
        ];
        assert_eq!(names, expected);
        assert_eq!(found[2].line, 8);
    }

    #[test]
    fn comments_are_no_rows() {
        let package: Vec<_> =
            rows(MANIFEST).into_iter().filter(|row| row.section == "package").collect();
        assert_eq!(package.len(), 1);
        assert_eq!((package[0].key, package[0].value, package[0].line), ("name", "\"a\"", 2));
    }
}
