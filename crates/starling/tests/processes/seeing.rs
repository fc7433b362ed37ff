//! The commands that show how far the nodes of a cluster are apart.

use std::process::Output;

use serde_json::{Value, json};

use crate::cluster::{Cluster, PATIENCE, starling};
use crate::waiting::until;

fn run(cluster: &Cluster, words: &[&str]) -> Output {
    let node = cluster.addresses()[0].to_string();
    starling().args(words).args(["--node", &node]).output().unwrap()
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn a_key_is_traced_and_the_lag_is_shown() {
    let mut cluster = Cluster::start();
    assert!(cluster.client(2).set("a/b", "value"));
    let traced = until("every owner has it", PATIENCE, || {
        let traced = run(&cluster, &["trace", "a/b"]);
        (text(&traced).matches("has it").count() == 3).then_some(traced)
    });
    assert!(traced.status.success() && text(&traced).contains("value"), "{}", text(&traced));
    assert_eq!(run(&cluster, &["trace", "nothing"]).status.code(), Some(3));

    let whole = until("the lag of every pair is known", PATIENCE, || {
        let lag = run(&cluster, &["lag"]);
        lag.status.success().then(|| text(&lag))
    });
    assert!(whole.starts_with("sees") && whole.lines().count() == 4, "{whole}");
    let predicted = until("writes were measured", PATIENCE, || {
        let predicted = run(&cluster, &["predict"]);
        if !predicted.status.success() {
            assert!(cluster.client(1).set("k", "more"));
        }
        predicted.status.success().then(|| text(&predicted))
    });
    assert!(predicted.contains("quorum") && predicted.contains("measured over"), "{predicted}");
    let repaired = run(&cluster, &["repair", "--json"]);
    let report: Value = serde_json::from_slice(&repaired.stdout).unwrap();
    assert!(repaired.status.success(), "{report}");
    let repairs = report["repairs"].as_array().unwrap();
    assert_eq!(repairs.len(), 3, "{report}");
    for repair in repairs {
        assert_eq!(repair["shards_done"], repair["shards_total"], "{report}");
        assert_eq!((&repair["mended"], &repair["given"]), (&json!(0), &json!(0)), "{report}");
    }
    let refused = run(&cluster, &["repair", "--only", "--shards", "60000"]);
    assert_eq!(refused.status.code(), Some(4), "{}", text(&refused));
    let top = run(&cluster, &["top", "--once"]);
    assert!(text(&top).contains("of 3 nodes answer node 1"), "{}", text(&top));
    cluster.kill(3);
    until("the lag of node 3 is not known", PATIENCE, || {
        let lag = run(&cluster, &["lag"]);
        (lag.status.code() == Some(4) && text(&lag).contains('?')).then_some(())
    });
}

#[test]
fn a_healthy_cluster_passes_the_check_and_its_history_can_be_judged_again() {
    let cluster = Cluster::start();
    let folder = tempfile::TempDir::new().unwrap();
    let path = folder.path().join("history.jsonl");
    let path = path.to_str().unwrap();
    let words = ["check", "--duration", "500ms", "--json", "--within", "20s", "--save", path];
    let output = run(&cluster, &words);
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(output.status.success(), "{report}");
    assert!(report["spread"]["writes"].as_u64() > Some(10), "{report}");
    for verdict in report["guarantees"].as_array().unwrap() {
        assert!(verdict["checked"].as_u64() > Some(2), "{verdict}");
    }
    let again = run(&cluster, &["check", "--history", path, "--within", "20s"]);
    assert!(again.status.success(), "{}", text(&again));
    assert_eq!(
        run(&cluster, &["check", "--history", path, "--within", "0ms"]).status.code(),
        Some(5)
    );

    // A session that loses its own write.
    let history = std::fs::read_to_string(path).unwrap();
    let lost = r#"{"process":"session 0","endpoint":"x","op":"read","key":"KEY","value":null,
        "start_us":99000000,"end_us":99000001,"outcome":"ok"}"#;
    let key = history.split("\"key\":\"").nth(1).unwrap().split('"').next().unwrap();
    let lost = lost.replace("KEY", &format!("{}:0", key.rsplit_once(':').unwrap().0));
    std::fs::write(path, format!("{history}{}\n", lost.replace('\n', ""))).unwrap();
    let broken = run(&cluster, &["check", "--history", path, "--within", "20s"]);
    assert_eq!(broken.status.code(), Some(5));
    assert!(text(&broken).contains("broken: session 0 wrote"), "{}", text(&broken));
}
