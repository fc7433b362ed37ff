//! Rule: shipped files stop at 500 lines and shipped functions at 70; tests are apart.

use crate::finding::{Finding, verdict};
use crate::lexer;
use crate::tree::{TREE, shipped_code};

const FILE_LINE_COUNT_MAX: usize = 500;
const FUNCTION_LINE_COUNT_MAX: usize = 70;

fn check(path: &str, text: &str) -> Vec<Finding> {
    let mut found = Vec::new();
    let count = text.lines().count();
    if count > FILE_LINE_COUNT_MAX {
        let advice = format!(
            "split the file by concept, or move its tests to a sibling `tests.rs`: \
             {count} lines, {FILE_LINE_COUNT_MAX} fit"
        );
        found.push(Finding::new(path, count, advice));
    }
    for (name, line, count) in functions(&shipped_code(text)) {
        if count > FUNCTION_LINE_COUNT_MAX {
            let advice = format!("split `{name}`: {count} lines, {FUNCTION_LINE_COUNT_MAX} fit");
            found.push(Finding::new(path, line, advice));
        }
    }
    found
}

/// Name, first line and line count of every function in `code`, comments blanked.
fn functions(code: &str) -> Vec<(&str, usize, usize)> {
    let heads = lexer::words(code, "fn");
    let named = heads.map(|at| (at, lexer::identifier(code, at + 2)));
    // A function pointer type has no name.
    let named = named.filter(|(_, name)| !name.is_empty());
    named
        .map(|(at, name)| {
            let first = lexer::line_of(code, at);
            let last = lexer::line_of(code, lexer::item_end(code, at) - 1);
            (name, first, last - first + 1)
        })
        .collect()
}

#[test]
fn the_repository() {
    let found: Vec<_> = TREE.shipped().flat_map(|(path, text)| check(path, text)).collect();
    verdict("lengths", &found);
}

#[test]
fn catches_a_long_file() {
    let fits = "// x\n".repeat(FILE_LINE_COUNT_MAX);
    assert_eq!(check("a.rs", &fits), []);
    assert_eq!(check("a.rs", &(fits + "// y\n")).len(), 1);
}

#[test]
fn catches_a_long_function_and_names_it() {
    let body = |count: usize| "    x();\n".repeat(count);
    let fits = format!("fn fits() {{\n{}}}\n", body(FUNCTION_LINE_COUNT_MAX - 2));
    assert_eq!(check("a.rs", &fits), []);
    let long = format!("{fits}pub fn long<'a>(x: &'a str) {{\n{}}}\n", body(69));
    let found = check("a.rs", &long);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].line, FUNCTION_LINE_COUNT_MAX + 1);
    assert!(found[0].advice.contains("`long`: 71 lines"), "{found:?}");
}

#[test]
fn test_functions_are_apart() {
    let body = "        x();\n".repeat(80);
    let text = format!("#[cfg(test)]\nmod tests {{\n    fn long() {{\n{body}    }}\n}}\n");
    assert_eq!(check("a.rs", &text), []);
}

#[test]
fn braces_in_text_and_pointer_types_do_not_mislead() {
    let text = "fn a() {\n    f(\"{\"); // {\n    g('{', '}');\n}\ntype F = fn(u8);\nfn b();\n";
    assert_eq!(functions(&lexer::code(text)), [("a", 1, 4), ("b", 6, 1)]);
}
