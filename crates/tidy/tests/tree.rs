//! The repository as rules see it: every file git would keep, read once, in path order.
//!
//! Invariants: paths run from the repository root with `/` between the parts and are sorted;
//! links are not followed.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use crate::ignore::Pattern;
use crate::lexer;

/// One file.
pub(crate) struct File {
    /// Path from the repository root.
    pub(crate) path: String,
    /// Size on disk.
    pub(crate) byte_count: u64,
    /// Content, or `None` when it is not UTF-8.
    pub(crate) text: Option<String>,
}

/// All files.
pub(crate) struct Tree {
    files: Vec<File>,
}

/// The repository this test was built in.
pub(crate) static TREE: LazyLock<Tree> = LazyLock::new(|| {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    Tree::read(&root).expect("the repository is readable and its .gitignore files are simple")
});

impl Tree {
    fn read(root: &Path) -> Result<Self, String> {
        let mut files = Vec::new();
        let mut folders = vec![(String::new(), Vec::<Pattern>::new())];
        while let Some((folder, mut patterns)) = folders.pop() {
            if let Ok(text) = fs::read_to_string(root.join(&folder).join(".gitignore")) {
                patterns.extend(Pattern::parse_file(&folder, &text)?);
            }
            for entry in entries(&root.join(&folder))? {
                let name = entry.file_name().unwrap_or_default().to_string_lossy().into_owned();
                let is_ignored = patterns.iter().any(|one| one.matches(&folder, &name));
                if is_ignored || name == ".git" || entry.is_symlink() {
                    continue;
                }
                let path = format!("{folder}{name}");
                if entry.is_dir() {
                    folders.push((path + "/", patterns.clone()));
                } else if let Ok(bytes) = fs::read(&entry) {
                    // A file that vanished between listing and reading is somebody's scratch.
                    let byte_count = bytes.len() as u64;
                    files.push(File { path, byte_count, text: String::from_utf8(bytes).ok() });
                }
            }
        }
        files.sort_by(|left, right| left.path.cmp(&right.path));
        Ok(Self { files })
    }

    /// Every file.
    pub(crate) fn files(&self) -> impl Iterator<Item = &File> {
        self.files.iter()
    }

    /// Path and text of the files that end in `suffix`.
    pub(crate) fn texts(&self, suffix: &str) -> impl Iterator<Item = (&str, &str)> {
        let files = self.files.iter().filter(move |file| file.path.ends_with(suffix));
        files.filter_map(|file| Some((file.path.as_str(), file.text.as_deref()?)))
    }

    /// Path and text of the Rust sources that are shipped: not tests, benches, examples, fuzz.
    pub(crate) fn shipped(&self) -> impl Iterator<Item = (&str, &str)> {
        self.texts(".rs").filter(|(path, _)| !is_test(path))
    }

    /// The text of the file at `path`.
    pub(crate) fn text(&self, path: &str) -> Option<&str> {
        self.files.iter().find(|file| file.path == path)?.text.as_deref()
    }

    /// Whether `path` is a file, or a folder that holds one.
    pub(crate) fn has(&self, path: &str) -> bool {
        let folder = format!("{}/", path.trim_end_matches('/'));
        let is_it = |file: &File| file.path == path || file.path.starts_with(&folder);
        folder == "/" || self.files.iter().any(is_it)
    }

    /// Names of the crates under `crates/`, in order.
    pub(crate) fn crates(&self) -> Vec<&str> {
        let paths = self.files.iter().map(|file| file.path.as_str());
        let folders = paths.filter_map(|path| path.strip_prefix("crates/"));
        folders.filter_map(|path| path.strip_suffix("/Cargo.toml")).collect()
    }
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let listing = fs::read_dir(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    Ok(listing.filter_map(|entry| Some(entry.ok()?.path())).collect())
}

/// Whether the file at `path` serves tests only, so that length and purity do not bind it.
pub(crate) fn is_test(path: &str) -> bool {
    let mut parts = path.split('/').rev();
    let is_tests_file = parts.next() == Some("tests.rs");
    is_tests_file || parts.any(|part| ["tests", "benches", "examples", "fuzz"].contains(&part))
}

/// The code of a shipped file: comments, strings and inline tests blanked, lines kept.
pub(crate) fn shipped_code(text: &str) -> String {
    lexer::without_inline_tests(&lexer::code(text))
}

#[test]
fn the_tree_is_this_repository() {
    assert!(TREE.has("crates/tidy/tests/tree.rs"));
    assert!(TREE.has("crates/tidy"));
    assert!(TREE.crates().contains(&"tidy"));
    assert!(!TREE.has("target"));
    assert!(!TREE.has(".git"));
}

#[test]
fn test_files_are_told_from_shipped_ones() {
    for path in ["crates/a/tests/main.rs", "crates/a/src/b/tests.rs", "fuzz/x.rs"] {
        assert!(is_test(path), "{path}");
    }
    for path in ["crates/a/src/contests.rs", "crates/tests_of/src/lib.rs"] {
        assert!(!is_test(path), "{path}");
    }
}
