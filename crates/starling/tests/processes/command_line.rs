//! Exit codes and complaints: what scripts and people rely on.

use std::fs;
use std::net::TcpListener;
use std::process::Output;

use tempfile::TempDir;

use crate::cluster::starling;

fn run(words: &[&str]) -> Output {
    starling().args(words).output().unwrap()
}

#[track_caller]
fn check_refused(words: &[&str], code: i32, expected: &str) {
    let output = run(words);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{words:?}: {said}");
    assert!(said.contains(expected), "{words:?}: {said}");
}

#[test]
fn wrong_usage_is_told_from_failure() {
    check_refused(&["dance"], 2, "unrecognized subcommand");
    check_refused(&["get", "k", "--level", "most"], 2, "is not a level");
    check_refused(&["get", "k", "--node", "127.0.0.1:1"], 1, "no node can be reached");
    check_refused(&["up", "kill", "1", "--data", "nowhere"], 1, "no cluster is running in");
    check_refused(&["up", "--nodes", "0"], 1, "--nodes must be");
}

#[test]
fn what_is_printed_can_be_read_back() {
    let directory = TempDir::new().unwrap();
    let file = directory.path().join("starling.toml");
    let output = run(&["config", "default"]);
    let text = String::from_utf8(output.stdout).unwrap().replace("# node_id", "node_id");
    fs::write(&file, text).unwrap();
    let output = run(&["config", "check", file.to_str().unwrap()]);
    assert!(output.status.success());
    assert!(String::from_utf8_lossy(&output.stdout).contains("node 1 stands in datacenter dc1"));
    assert!(run(&["version"]).stdout.starts_with(b"starling "));
    assert!(String::from_utf8_lossy(&run(&["completions", "bash"]).stdout).contains("starling"));
}

#[test]
fn a_node_that_cannot_serve_says_why_in_one_sentence() {
    let directory = TempDir::new().unwrap();
    let file = directory.path().join("starling.toml");
    fs::write(&file, "node_id = 1\nreplicatoin = 3\n").unwrap();
    let config = file.to_str().unwrap();
    check_refused(&["serve", "--config", config], 1, "did you mean `replication`?");

    let data = directory.path().join("data");
    let serve = |more: &[&str]| {
        let mut words = vec!["serve", "--node-id", "1", "--data-directory", data.to_str().unwrap()];
        words.extend(more);
        let output = run(&words);
        assert_eq!(output.status.code(), Some(1));
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    let said = serve(&["--redis-address", "0.0.0.0:7001"]);
    assert!(said.contains("insecure = true"), "{said}");
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let said = serve(&["--redis-address", &address]);
    assert!(said.contains("is taken"), "{said}");
    let said = serve(&["--redis-address", &address, "--cluster-id", "another"]);
    assert!(said.contains("belongs to node 1 of another cluster"), "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");
}
