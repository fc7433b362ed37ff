//! Every path into `std` that code names, with `use` groups spread out.
//!
//! `use std::{fs, io::{self, Read}}` names `fs`, `io` and `io::Read`.

use crate::lexer;

/// Offset and path below `std::` of everything `code` names there; comments must be blanked.
pub(crate) fn std_paths(code: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for at in lexer::words(code, "std") {
        if let Some(rest) = code[at + 3..].trim_start().strip_prefix("::") {
            let paths = spread(rest);
            found.extend(paths.into_iter().map(|path| (at, path)));
        }
    }
    found
}

/// The paths of the use tree, or the one path, that `text` starts with.
fn spread(text: &str) -> Vec<String> {
    let mut paths = Vec::new();
    // What stands before each brace that is open, and the path being read.
    let mut open: Vec<String> = Vec::new();
    let mut path = String::new();
    for one in text.chars() {
        match one {
            '{' if path.is_empty() || path.ends_with("::") => {
                open.push(path.clone());
            }
            ',' | '}' if !open.is_empty() => {
                paths.push(path);
                if one == '}' {
                    open.pop();
                }
                path = open.last().cloned().unwrap_or_default();
                if open.is_empty() {
                    path.clear();
                    break;
                }
            }
            ':' | '_' | '*' => path.push(one),
            _ if one.is_alphanumeric() => path.push(one),
            _ if one.is_whitespace() && !open.is_empty() => {}
            _ => break,
        }
    }
    paths.push(path);
    paths.retain(|path| !path.is_empty() && !path.ends_with("::"));
    paths
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(code: &str, expected: &[&str]) {
        let paths: Vec<_> = std_paths(code).into_iter().map(|(_, path)| path).collect();
        assert_eq!(paths, expected, "{code}");
    }

    #[test]
    fn single_paths() {
        check("let x = std::time::Instant::now();", &["time::Instant::now"]);
        check("fn f(x: std::fs::File, y: u8)", &["fs::File"]);
        check("use ::std::env;\nuse crate::std_like::fs;", &["env"]);
        check("use std::net::*;", &["net::*"]);
    }

    #[test]
    fn groups_are_spread() {
        check("use std::{fs, net::TcpStream};", &["fs", "net::TcpStream"]);
        check("use std::time::{Duration, Instant};", &["time::Duration", "time::Instant"]);
        let nested = "use std::{\n    collections::{BTreeMap, BTreeSet},\n    thread,\n};";
        check(nested, &["collections::BTreeMap", "collections::BTreeSet", "thread"]);
    }
}
