//! Configuration: layers, misspelt keys, contradictions.

use super::*;

fn config(text: &str) -> Result<Config, ConfigError> {
    Settings::from_toml(text)?.into_config()
}

#[track_caller]
fn check_error(text: &str, expected: &str) {
    let error = config(text).expect_err("this configuration is wrong").to_string();
    assert!(error.contains(expected), "{error:?} does not say {expected:?}");
}

const THREE: &str = r#"
node_id = 2
members = [
    { id = 3, datacenter = "b", rack = "r1", redis = "127.0.0.1:7003", peers = "127.0.0.1:9003" },
    { id = 1, datacenter = "a", rack = "r1", redis = "127.0.0.1:7001", peers = "127.0.0.1:9001" },
    { id = 2, datacenter = "a", rack = "r2", redis = "127.0.0.1:7002", peers = "127.0.0.1:9002" },
]
"#;

#[test]
fn a_node_id_is_all_that_is_needed() {
    let config = config("node_id = 7").unwrap();
    assert_eq!(config.me, NodeId(7));
    assert_eq!(config.members.len(), 1);
    assert_eq!(config.redis_address().to_string(), "127.0.0.1:7001");
    assert_eq!(config.flush, Flush::Always);
}

#[test]
fn the_default_file_names_every_key_once() {
    let (keys, _fields_of_a_member) = DEFAULT_TOML.split_once("# id = 1").unwrap();
    for key in Settings::KEYS {
        let is_key = |line: &&str| {
            let line = line.trim_start_matches("# ");
            line.starts_with(&format!("{key} = ")) || line == format!("[[{key}]]")
        };
        assert_eq!(keys.lines().filter(is_key).count(), 1, "{key}");
    }
}

#[test]
fn the_default_file_can_be_served_once_its_comments_on_keys_are_taken_away() {
    let uncommented: Vec<&str> = DEFAULT_TOML
        .lines()
        .map(|line| match line.strip_prefix("# ") {
            // Files of secrets are there when a node starts, not here.
            Some(rest) if rest.contains("_file = ") => line,
            Some(rest) if rest.contains(" = ") || rest.starts_with("[[") => rest,
            _ => line,
        })
        .collect();
    let filled = config(&uncommented.join("\n")).unwrap();
    assert_eq!(filled.simulated_cuts, Some("cuts".into()));
    assert_eq!(filled.tls.as_ref().unwrap().ca.to_str(), Some("certs/ca.pem"));
    let plain = Config { simulated_cuts: None, tls: None, ..filled };
    assert_eq!(plain, config("node_id = 1").unwrap());
}

#[test]
fn members_are_sorted_and_say_where_this_node_is() {
    let config = config(THREE).unwrap();
    assert_eq!(config.members.iter().map(|member| member.id).collect::<Vec<_>>(), [1, 2, 3]);
    assert_eq!(config.own().rack, "r2");
    assert_eq!(config.peer_address().to_string(), "127.0.0.1:9002");
}

#[test]
fn later_layers_win() {
    let file = Settings::from_toml("node_id = 1\nreplication = 5\nrack = \"x\"").unwrap();
    let flags = Settings { replication: Some(2), ..Settings::default() };
    let config = flags.over(file).into_config().unwrap();
    assert_eq!(config.replication, 2);
    assert_eq!(config.own().rack, "x");
}

#[test]
fn clusters_are_told_apart_by_name() {
    let named = |name: &str| config(&format!("node_id = 1\ncluster_id = \"{name}\"")).unwrap();
    assert_eq!(named("a").cluster, named("a").cluster);
    assert_ne!(named("a").cluster, named("b").cluster);
}

#[test]
fn misspelt_keys_get_a_suggestion_and_a_line() {
    check_error("node_id = 1\n\nreplicatoin = 3", "line 3: unknown key `replicatoin`");
    check_error("replicatoin = 3", "did you mean `replication`?");
    check_error("node-id = 3", "did you mean `node_id`?");
    check_error("colour = 3", "`starling config default` prints all keys");
    let member = THREE.replace("rack = \"r2\"", "rakc = \"r2\"");
    check_error(&member, "did you mean `rack`?");
}

#[test]
fn values_that_make_no_sense_are_refused() {
    check_error("", "`node_id` is missing");
    check_error("node_id = \"one\"", "line 1: invalid type");
    check_error("node_id = ", "line 1: ");
    check_error("node_id = 1\nflush = \"often\"", "`flush` is `often`, but must be");
    check_error("node_id = 1\nlog_level = \"all\"", "`log_level` is `all`");
    check_error("node_id = 1\nshard_count = 48", "a power of two");
    check_error("node_id = 1\nshard_count = 32768", "a power of two");
    check_error("node_id = 1\nreplication = 0", "from 1 to 15");
    check_error("node_id = 1\ngossip_interval_ms = 0", "`gossip_interval_ms` is `0`");
    check_error("node_id = 1\ngossip_fanout = 0", "`gossip_fanout` is `0`");
    check_error("node_id = 1\nquorum = 'loose'", "`quorum` is `loose`");
    check_error("node_id = 1\nread_repair = 'some'", "`read_repair` is `some`");
    check_error("node_id = 1\nread_repair_per_mille = 1001", "from 0 to 1000");
    check_error("node_id = 1\nhint_bytes_per_second = 0", "`hint_bytes_per_second` is `0`");
    check_error("node_id = 1\nexchange_interval_ms = 0", "`exchange_interval_ms` is `0`");
    check_error("node_id = 1\nrequest_timeout_ms = 1", "`request_timeout_ms` is `1`");
    check_error("node_id = 1\nrequest_size_max = 1", "at least 1024");
    check_error("node_id = 1\npeer_queue_size_max = 1", "at least 65536");
    check_error("node_id = 1\nstore_memory_max = 1", "at least 16777216");
    check_error("node_id = 1\nredis_address = \"here\"", "an IP address and a port");
    check_error("node_id = 1\nhttp_address = \"on\"", "`http_address` is `on`");
}

#[test]
fn members_that_contradict_the_rest_are_refused() {
    check_error(&THREE.replace("node_id = 2", "node_id = 9"), "no member has that id");
    check_error(&THREE.replace("id = 3,", "id = 1,"), "two members have the id 1");
    check_error(
        &format!("rack = \"r9\"{THREE}"),
        "`rack` is `r9`, but the members' list says `r2`",
    );
}

#[test]
fn plain_traffic_stays_on_the_machine_unless_asked_for() {
    let exposed = "node_id = 1\npeer_address = \"0.0.0.0:9001\"\n";
    check_error(exposed, "not a loopback address");
    check_error(exposed, "insecure = true");
    let config = config(&format!("{exposed}insecure = true")).unwrap();
    assert_eq!(config.peer_address().to_string(), "0.0.0.0:9001");
    check_error(
        "node_id = 1\nredis_address = \"192.168.1.1:1\"",
        "`redis_address` is 192.168.1.1:1",
    );
}

#[test]
fn certificates_open_the_way_beyond_loopback() {
    let files = "tls_ca = \"a\"\ntls_certificate = \"c\"\ntls_key = \"k\"\n";
    let exposed = format!("node_id = 1\nauth = \"off\"\nredis_address = \"0.0.0.0:7001\"\n{files}");
    assert_eq!(config(&exposed).unwrap().clients_tls(), ClientsTls::On);
    let plain = format!("{exposed}tls_clients = \"off\"");
    check_error(&plain, "`redis_address` is 0.0.0.0:7001");
    check_error(&format!("{exposed}tls_clients = \"maybe\""), "\"off\", \"on\" or");
    check_error("node_id = 1\ntls_ca = \"a\"", "`tls_ca` is set but `tls_certificate` is not");
    check_error(&format!("{files}{THREE}"), "need a `cluster_secret`");
    let secret = format!("cluster_secret = \"s\"\n{files}{THREE}");
    assert!(explain(&config(&secret).unwrap()).contains("nodes speak TLS with each other"));
}

#[test]
fn beyond_loopback_clients_say_who_they_are() {
    let exposed = "node_id = 1\nhttp_address = \"0.0.0.0:8001\"\ninsecure = true\n";
    check_error(exposed, "`http_address` is 0.0.0.0:8001");
    check_error(exposed, "set `password_file`");
    assert!(config(&format!("{exposed}auth = \"off\"")).unwrap().password.is_none());
    check_error("node_id = 1\nauth = \"maybe\"", "\"on\" or \"off\"");
    let directory = tempfile::TempDir::new().unwrap();
    let path = directory.path().join("password");
    std::fs::write(&path, "correct horse\n").unwrap();
    let config = config(&format!("{exposed}password_file = {path:?}")).unwrap();
    assert_eq!(config.password.as_ref().unwrap().bytes(), b"correct horse");
    assert!(!format!("{config:?}").contains("horse"), "nobody prints it");
}

#[test]
fn the_secret_may_stand_in_a_file() {
    let directory = tempfile::TempDir::new().unwrap();
    let path = directory.path().join("secret");
    let text = format!("node_id = 1\ncluster_secret_file = {path:?}\n");
    check_error(&text, "cannot read");
    std::fs::write(&path, "\n").unwrap();
    check_error(&text, "not empty");
    std::fs::write(&path, "known to nodes\n").unwrap();
    assert_eq!(config(&text).unwrap().secret, "known to nodes");
    check_error(&format!("{text}cluster_secret = \"x\""), "both set");
}

#[test]
fn http_is_spoken_where_the_list_or_the_key_says() {
    assert_eq!(config("node_id = 1").unwrap().http_address().unwrap().port(), 8001);
    assert_eq!(config("node_id = 1\nhttp_address = \"off\"").unwrap().http_address(), None);
    assert_eq!(config(THREE).unwrap().http_address(), None);
    let key = format!("http_address = \"127.0.0.1:9\"{THREE}");
    assert_eq!(config(&key).unwrap().http_address().unwrap().port(), 9);
    check_error("node_id = 1\nhttp_address = \"0.0.0.0:1\"", "`http_address` is 0.0.0.0:1");
}

#[test]
fn members_may_have_names_if_the_node_says_where_it_listens() {
    let named = THREE.replace("127.0.0.1", "db2.example");
    check_error(&named, "reached at db2.example:7002: say with `redis_address` where it listens");
    let listening = "redis_address = \"127.0.0.1:1\"\npeer_address = \"127.0.0.1:2\"\n";
    let config = config(&format!("{listening}{named}")).unwrap();
    assert_eq!(config.redis_address().port(), 1);
    assert_eq!(config.own().redis.to_string(), "db2.example:7002", "others still go there");
}

#[test]
fn what_all_layers_come_to_is_shown_without_secrets() {
    let said = Settings::from_toml(&format!("cluster_secret = \"hidden\"\n{THREE}")).unwrap();
    let text = said.over(Settings::defaults()).show();
    assert!(text.contains("node_id = 2\n") && text.contains("replication = 3\n"), "{text}");
    assert!(text.contains("cluster_secret is set") && !text.contains("hidden"), "{text}");
    let read = Settings::from_toml(&text).unwrap();
    assert_eq!(read.members.as_ref().map(Vec::len), Some(3));
    assert_eq!(read.show(), text.replace("# cluster_secret is set, and not shown\n", ""));
}

#[test]
fn members_are_read_from_a_flag() {
    let member: Member = "4, dc2,r1,127.0.0.1:1,[::1]:2".parse().unwrap();
    assert_eq!((member.id, member.datacenter.as_str(), member.rack.as_str()), (4, "dc2", "r1"));
    assert_eq!(member.peers.to_string(), "[::1]:2");
    assert_eq!(member.http, None);
    let member: Member = "4,dc2,r1,127.0.0.1:1,[::1]:2,[::1]:3".parse().unwrap();
    assert_eq!(member.http.unwrap().to_string(), "[::1]:3");
    for wrong in ["", "1,a,b,127.0.0.1:1", "x,a,b,127.0.0.1:1,127.0.0.1:2", "1,a,b,c,d"] {
        assert!(wrong.parse::<Member>().is_err(), "{wrong}");
    }
}

#[test]
fn a_configuration_is_explained_with_its_warnings() {
    let text = explain(&config(THREE).unwrap());
    for part in [
        "node 2 stands in datacenter a, rack r2",
        "datacenter a has 2 node(s): 2 copies",
        "LOCAL_QUORUM is 2 and survives the loss of 0",
        "warning: replication is 3, but b has only 1 node(s)",
        "`cluster_secret` is empty",
    ] {
        assert!(text.contains(part), "{part:?} is missing in\n{text}");
    }
    assert!(!explain(&config("node_id = 1\nreplication = 1").unwrap()).contains("warning"));
}
