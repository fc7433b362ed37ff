//! The repository checks itself: what `docs/style.md` asks for and a program can see.
//!
//! One module per rule. Each rule is a function over text that returns findings; beside it stand
//! a test that runs it over the repository and a test that feeds it a bad input it must catch.
//! A finding reads `file:line: what to do`. Exceptions are a table with reasons (`exceptions`).
//!
//! Left to others: formatting (`cargo fmt`), lints (`cargo clippy`), licences (`cargo deny`).

// What every rule stands on.
mod exceptions;
mod finding;
mod ignore;
mod lexer;
mod manifest;
mod markdown;
mod std_paths;
mod tree;

// The rules about sources.
mod dead_files;
mod lengths;
mod lines;
mod module_docs;
mod names;
mod purity;
mod words;

// The rules about the house.
mod dependencies;
mod reasons;
mod sizes;

// The rules about documents.
mod links;
mod readme;
mod titles;
