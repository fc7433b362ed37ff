//! Rule: no file is larger than one megabyte; history keeps every one of them for ever.

use crate::finding::{Finding, verdict};
use crate::tree::TREE;

const BYTE_COUNT_MAX: u64 = 1_000_000;

fn check(path: &str, byte_count: u64) -> Option<Finding> {
    let advice = "generate it, or fetch it where it is used: over one megabyte";
    (byte_count > BYTE_COUNT_MAX).then(|| Finding::new(path, 1, advice))
}

#[test]
fn the_repository() {
    let found: Vec<_> =
        TREE.files().filter_map(|file| check(&file.path, file.byte_count)).collect();
    verdict("sizes", &found);
}

#[test]
fn catches_a_large_file() {
    assert_eq!(check("a.png", BYTE_COUNT_MAX), None);
    assert!(check("a.png", BYTE_COUNT_MAX + 1).is_some());
}
