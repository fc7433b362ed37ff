//! Commands that are answered without a node.

use api::Level;
use redis::{ClientId, Levels, Question, Session};

use crate::client::{Begun, Client, NOW, escape};

const NODE_1: &str = "0000000100000001000000010000000100000001";
const NODE_2: &str = "0000000200000002000000020000000200000002";
const NODE_3: &str = "0000000300000003000000030000000300000003";

fn check(line: &str, resp2: &str, resp3: &str) {
    let mut client = Client::new();
    assert_eq!(client.local(line), resp2, "{line}");
    client.local("HELLO 3");
    assert_eq!(client.local(line), resp3, "{line}");
}

fn check_same(line: &str, expected: &str) {
    check(line, expected, expected);
}

/// Wraps text as a bulk string and as a verbatim one.
fn check_text(line: &str, text: &str) {
    let shown = escape(text.as_bytes());
    check(
        line,
        &format!("${}\\r\\n{shown}\\r\\n", text.len()),
        &format!("={}\\r\\ntxt:{shown}\\r\\n", text.len() + 4),
    );
}

#[test]
fn hello_greets_in_the_protocol_it_settles() {
    let facts = |protocol: u8| {
        format!(
            "$6\\r\\nserver\\r\\n$5\\r\\nredis\\r\\n$7\\r\\nversion\\r\\n$5\\r\\n7.2.4\\r\\n\
             $5\\r\\nproto\\r\\n:{protocol}\\r\\n$2\\r\\nid\\r\\n:7\\r\\n\
             $4\\r\\nmode\\r\\n$7\\r\\ncluster\\r\\n$4\\r\\nrole\\r\\n$6\\r\\nmaster\\r\\n\
             $7\\r\\nmodules\\r\\n*0\\r\\n"
        )
    };
    let mut client = Client::new();
    assert_eq!(client.local("HELLO"), format!("*14\\r\\n{}", facts(2)));
    assert_eq!(client.local("HELLO 3"), format!("%7\\r\\n{}", facts(3)));
    assert_eq!(client.local("HELLO"), format!("%7\\r\\n{}", facts(3)));
    let whole = "HELLO 2 AUTH default any SETNAME me";
    assert_eq!(client.local(whole), format!("*14\\r\\n{}", facts(2)));
    assert_eq!(client.local("CLIENT GETNAME"), "$2\\r\\nme\\r\\n");
}

#[test]
fn a_refused_hello_changes_nothing() {
    let mut client = Client::new();
    for line in ["HELLO 3 AUTH nobody x", "HELLO 3 SETNAME \"a b\"", "HELLO 3 SETNAME me FOO"] {
        assert!(client.local(line).starts_with('-'), "{line}");
        assert_eq!(client.local("CLIENT GETNAME"), "$-1\\r\\n", "{line}");
    }
}

#[test]
fn quit_closes_and_reset_forgets() {
    let mut client = Client::new();
    client.local("HELLO 3 SETNAME me");
    client.local("SELECT 3");
    client.local("STARLING LEVEL READ ALL");
    assert_eq!(client.local("RESET"), "+RESET\\r\\n");
    assert_eq!(client.local("CLIENT GETNAME"), "$-1\\r\\n");
    assert!(client.local("STARLING LEVEL").contains("local_one"));
    let Begun::Closed(out) = client.begin("QUIT") else { panic!("closes") };
    assert_eq!(escape(&out), "+OK\\r\\n");
}

#[test]
fn client_info_tells_what_is_known() {
    let mut client = Client::new();
    client.local("CLIENT SETNAME me");
    client.local("SELECT 2");
    assert_eq!(client.local("CLIENT SETINFO LIB-NAME redis-py"), "+OK\\r\\n");
    assert_eq!(client.local("client setinfo lib-ver 5.0.1"), "+OK\\r\\n");
    let line = "id=7 addr=10.0.0.9:5000 laddr=10.0.0.1:7001 name=me age=9 idle=0 flags=N db=2 \
                sub=0 psub=0 ssub=0 multi=-1 cmd=client|info user=default resp=2 \
                lib-name=redis-py lib-ver=5.0.1\n";
    assert_eq!(
        client.local("CLIENT INFO"),
        format!("${}\\r\\n{}\\r\\n", line.len(), escape(line.as_bytes()))
    );
    assert_eq!(client.local("CLIENT ID"), ":7\\r\\n");
}

#[test]
fn client_setinfo_refuses_what_redis_refuses() {
    check_same("CLIENT SETINFO lib x", "-ERR Unrecognized option 'lib'\\r\\n");
    check_same(
        "CLIENT SETINFO lib-name \"a b\"",
        "-ERR lib-name cannot contain spaces, newlines or special characters.\\r\\n",
    );
    check_same(
        "CLIENT SETINFO lib-name",
        "-ERR wrong number of arguments for 'client|setinfo' command\\r\\n",
    );
}

/// What clients try at their start and are used to being refused.
#[test]
fn handshakes_survive_what_is_not_there() {
    check_same(
        "CLIENT MAINT_NOTIFICATIONS ON",
        "-ERR unknown subcommand 'MAINT_NOTIFICATIONS'. Try CLIENT HELP.\\r\\n",
    );
    check_same(
        "CLIENT TRACKING ON",
        "-ERR this release of Starling has no client side caching\\r\\n",
    );
}

#[test]
fn what_redis_has_and_this_release_has_not_is_no_typo() {
    for name in ["XADD", "eval", "Fcall", "xread", "XADD"] {
        let expected = format!(
            "-ERR unknown command '{name}': Redis has it, this release of Starling does not"
        );
        check_same(&format!("{name} a b"), &format!("{expected}\\r\\n"));
    }
}

#[test]
fn slots_are_told_in_three_ways() {
    let node = |id: &str, host: u8| {
        format!("*4\\r\\n$8\\r\\n10.0.0.{host}\\r\\n:7001\\r\\n$40\\r\\n{id}\\r\\n")
    };
    let range = |first: u16, last: u16, owners: [String; 2], empty: &str| {
        let [one, other] = owners;
        format!("*4\\r\\n:{first}\\r\\n:{last}\\r\\n{one}{empty}{other}{empty}")
    };
    let slots = |empty: &str| {
        let left = || [node(NODE_1, 1), node(NODE_2, 2)];
        // The one that is down comes last.
        let middle = [node(NODE_1, 1), node(NODE_3, 3)];
        [
            "*3\\r\\n".to_owned(),
            range(0, 8191, left(), empty),
            range(8192, 8192, middle, empty),
            range(8193, 16383, left(), empty),
        ]
        .concat()
    };
    check("CLUSTER SLOTS", &slots("*0\\r\\n"), &slots("%0\\r\\n"));
    check_text(
        "CLUSTER NODES",
        &format!(
            "{NODE_1} 10.0.0.1:7001@9001 myself,master - 0 0 0 connected \
             0-8191 8192 8193-16383\n\
             {NODE_2} 10.0.0.2:7001@9001 master - 0 0 0 connected\n\
             {NODE_3} 10.0.0.3:7001@9001 master,fail - 0 0 0 disconnected\n"
        ),
    );
    let mut client = Client::new();
    let shards = client.local("CLUSTER SHARDS");
    let slots = ":0\\r\\n:8191\\r\\n:8193\\r\\n:16383\\r\\n";
    let left = format!(
        "*2\\r\\n*4\\r\\n$5\\r\\nslots\\r\\n*4\\r\\n{slots}\
         $5\\r\\nnodes\\r\\n*2\\r\\n*14\\r\\n$2\\r\\nid\\r\\n$40\\r\\n"
    );
    assert!(shards.starts_with(&format!("{left}{NODE_1}")), "{shards}");
    assert_eq!(shards.matches("$6\\r\\nmaster").count(), 2);
    assert_eq!(shards.matches("$7\\r\\nreplica").count(), 2);
    assert_eq!(shards.matches("$4\\r\\nfail").count(), 1);
}

#[test]
fn the_cluster_tells_whether_every_slot_has_an_owner_at_hand() {
    let text = |state: &str, ok: u32| {
        format!(
            "cluster_state:{state}\r\ncluster_slots_assigned:16384\r\ncluster_slots_ok:{ok}\r\n\
             cluster_slots_pfail:0\r\ncluster_slots_fail:{}\r\ncluster_known_nodes:3\r\n\
             cluster_size:2\r\ncluster_current_epoch:0\r\ncluster_my_epoch:0\r\n",
            16384 - ok
        )
    };
    check_text("CLUSTER INFO", &text("ok", 16384));
    let mut client = Client::new();
    client.view.ranges[1].owners.truncate(1);
    let expected = escape(text("fail", 16383).as_bytes());
    assert!(client.local("CLUSTER INFO").contains(&expected));
    check_same("CLUSTER MYID", &format!("$40\\r\\n{NODE_1}\\r\\n"));
    for line in ["READONLY", "READWRITE", "ASKING"] {
        check_same(line, "+OK\\r\\n");
    }
}

/// Clients compute slots themselves, and placement computes them again.
#[test]
fn slots_of_keys_are_those_of_placement() {
    let mut client = Client::new();
    let mut rng = fastrand::Rng::with_seed(2);
    for seed in 0..5_000 {
        let pick = |rng: &mut fastrand::Rng| char::from(b"{}abc0"[rng.usize(..6)]);
        let key: String = (0..rng.usize(1..12)).map(|_| pick(&mut rng)).collect();
        let expected = placement::Slot::of(key.as_bytes()).number();
        let reply = client.local(&format!("CLUSTER KEYSLOT {key}"));
        assert_eq!(reply, format!(":{expected}\\r\\n"), "seed {seed}: {key}");
    }
    // From the Redis Cluster specification and its clients' tests.
    check_same("CLUSTER KEYSLOT foo", ":12182\\r\\n");
    check_same("CLUSTER KEYSLOT {user1000}.following", ":3443\\r\\n");
    check_same("CLUSTER KEYSLOT {user1000}.followers", ":3443\\r\\n");
}

#[test]
fn levels_are_shown_and_set() {
    let mut client = Client::new();
    let shown = "*4\\r\\n$4\\r\\nread\\r\\n$9\\r\\nlocal_one\\r\\n\
                 $5\\r\\nwrite\\r\\n$12\\r\\nlocal_quorum\\r\\n";
    assert_eq!(client.local("STARLING LEVEL"), shown);
    for (line, expected) in [
        (
            "starling level read most",
            "-ERR 'most' is not a level; levels are any, one, two, three, \
          quorum, local_one, local_quorum, each_quorum, all\\r\\n",
        ),
        ("STARLING LEVEL WRITE ALL READ ANY", "-ERR level any is for writes only\\r\\n"),
        ("STARLING LEVEL WRITE ALL READ", "-ERR syntax error\\r\\n"),
        ("STARLING LEVEL BOTH ALL", "-ERR syntax error\\r\\n"),
    ] {
        assert_eq!(client.local(line), expected);
        assert_eq!(client.local("STARLING LEVEL"), shown, "{line} changed something");
    }
    assert_eq!(client.local("STARLING LEVEL write any"), "+OK\\r\\n");
    assert!(client.local("STARLING LEVEL").ends_with("$5\\r\\nwrite\\r\\n$3\\r\\nany\\r\\n"));
}

#[test]
fn reset_returns_to_the_levels_of_the_server() {
    let levels = Levels { read: Level::Quorum, write: Level::All };
    let mut client = Client::new();
    client.session = Session::new(ClientId(1), String::new(), String::new(), levels, NOW);
    client.local("STARLING LEVEL READ one WRITE one");
    client.local("RESET");
    let shown = client.local("STARLING LEVEL");
    assert!(shown.contains("quorum") && shown.contains("all"), "{shown}");
}

#[test]
fn info_tells_sections_as_asked() {
    let mut client = Client::new();
    let server = format!(
        "# Server\r\nredis_version:7.2.4\r\nredis_mode:cluster\r\nstarling_version:{}\r\n\
         arch_bits:{}\r\nprocess_id:4711\r\nrun_id:{NODE_1}\r\ntcp_port:7001\r\n\
         server_time_usec:1700000000000000\r\nuptime_in_seconds:90061\r\nuptime_in_days:1\r\n",
        env!("CARGO_PKG_VERSION"),
        usize::BITS
    );
    let rest = "\r\n# Clients\r\nconnected_clients:0\r\nmaxclients:10000\r\n\
                blocked_clients:0\r\n\r\n# Persistence\r\nloading:0\r\n\r\n\
                # Replication\r\nrole:master\r\n\
                connected_slaves:0\r\n\r\n# Cluster\r\ncluster_enabled:1\r\n";
    let most = "INFO server clients persistence replication cluster";
    check_text(most, &format!("{server}{rest}"));
    for all in ["INFO", "INFO everything"] {
        let told = client.local(all);
        for section in ["Server", "Clients", "Persistence", "Stats", "Replication", "Cluster"] {
            assert!(told.contains(&format!("# {section}\\r\\n")), "{all}: {section}");
        }
    }
    assert!(client.local("INFO stats").contains("total_commands_processed:3\\r\\n"));
    check_text("INFO SERVER", &server);
    check_text(
        "INFO cluster persistence",
        "# Persistence\r\nloading:0\r\n\r\n# Cluster\r\n\
        cluster_enabled:1\r\n",
    );
    assert_eq!(client.local("INFO keyspace"), "$0\\r\\n\\r\\n");
}

#[test]
fn time_is_the_time_given() {
    check_same("TIME", "*2\\r\\n$10\\r\\n1700000000\\r\\n$1\\r\\n0\\r\\n");
}

#[test]
fn config_answers_patterns() {
    let mut client = Client::new();
    client.local("HELLO 3");
    assert!(client.local("CONFIG GET *").starts_with("%192\\r\\n"));
    assert_eq!(
        client.local("CONFIG GET save appendonly"),
        "%2\\r\\n$10\\r\\nappendonly\\r\\n$2\\r\\nno\\r\\n$4\\r\\nsave\\r\\n$0\\r\\n\\r\\n"
    );
}

#[test]
fn the_table_documents_itself() {
    let mut client = Client::new();
    let count = client.local("COMMAND LIST");
    let count = count.split("\\r\\n").next().and_then(|header| header.strip_prefix('*'));
    let count: usize = count.and_then(|text| text.parse().ok()).expect("an array");
    assert_eq!(client.local("COMMAND COUNT"), format!(":{count}\\r\\n"));
    assert!(client.local("COMMAND").starts_with(&format!("*{count}\\r\\n")));
    assert!(client.local("COMMAND INFO").starts_with(&format!("*{count}\\r\\n")));
    assert!(client.local("COMMAND DOCS").starts_with(&format!("*{}\\r\\n", 2 * count)));
    check(
        "COMMAND DOCS ttl",
        "*2\\r\\n$3\\r\\nttl\\r\\n*6\\r\\n$7\\r\\nsummary\\r\\n$41\\r\\n\
         Get the time to live for a key in seconds\\r\\n$5\\r\\nsince\\r\\n$5\\r\\n1.0.0\\r\\n\
         $5\\r\\ngroup\\r\\n$7\\r\\ngeneric\\r\\n",
        "%1\\r\\n$3\\r\\nttl\\r\\n%3\\r\\n$7\\r\\nsummary\\r\\n$41\\r\\n\
         Get the time to live for a key in seconds\\r\\n$5\\r\\nsince\\r\\n$5\\r\\n1.0.0\\r\\n\
         $5\\r\\ngroup\\r\\n$7\\r\\ngeneric\\r\\n",
    );
    let config = client.local("COMMAND DOCS config");
    assert!(config.contains("subcommands\\r\\n*10\\r\\n$10\\r\\nconfig|get\\r\\n"), "{config}");
    check_same("COMMAND GETKEYS STARLING SIBLINGS k", "*1\\r\\n$1\\r\\nk\\r\\n");
    check_same("STARLING RESOLVE k zz v", "-ERR this is not a context\\r\\n");
    check_same(
        "COMMAND LIST FILTERBY ACLCAT admin",
        "*2\\r\\n$5\\r\\ndebug\\r\\n$7\\r\\nmonitor\\r\\n",
    );
}

#[test]
fn containers_explain_themselves() {
    check_same(
        "SCRIPT HELP",
        "*5\\r\\n+SCRIPT <subcommand> [<arg> ...]. Subcommands are:\\r\\n+FLUSH\\r\\n\
         +    Remove all the scripts from the script cache.\\r\\n+HELP\\r\\n\
         +    Show helpful text about the different subcommands\\r\\n",
    );
    for container in ["CLIENT", "COMMAND", "CLUSTER", "STARLING"] {
        let help = Client::new().local(&format!("{container} HELP"));
        assert!(help.contains(&format!("+{container} <subcommand>")), "{help}");
    }
}

#[test]
fn what_only_the_driver_knows_is_asked_of_it() {
    let mut client = Client::new();
    let mut asked = |line: &str| match client.begin(line) {
        Begun::Asked(question) => question,
        other => panic!("{line} asks the driver, not {other:?}"),
    };
    assert_eq!(asked("STARLING STATUS"), Question::Status);
    assert_eq!(asked("starling token"), Question::Token);
    assert_eq!(asked("STARLING TOKEN GET"), Question::Token);
    let token = api::Token(vec![0, 255]);
    assert_eq!(asked("STARLING TOKEN SET 00FF"), Question::AdoptToken(token));
    assert_eq!(client.local("STARLING TOKEN SET 0"), "-ERR this is not a session token\\r\\n");
    assert_eq!(client.local("STARLING TOKEN FORGET"), "-ERR syntax error\\r\\n");
}

#[test]
fn a_bound_on_staleness_is_set_shown_and_taken_away() {
    let mut client = Client::new();
    assert_eq!(client.local("STARLING STALENESS"), "$3\\r\\noff\\r\\n");
    assert_eq!(client.local("STARLING STALENESS 1500"), "+OK\\r\\n");
    assert_eq!(client.local("STARLING STALENESS"), "$4\\r\\n1500\\r\\n");
    let Begun::Called(calls, _) = client.begin("GET k") else { panic!("GET asks the node") };
    assert_eq!(calls[0].staleness, Some(api::Staleness(1500)));
    for odd in ["-1", "soon", "1.5"] {
        let reply = client.local(&format!("STARLING STALENESS {odd}"));
        assert_eq!(reply, "-ERR value is not an integer or out of range\\r\\n");
    }
    assert_eq!(client.local("STARLING STALENESS off"), "+OK\\r\\n");
    assert_eq!(client.local("STARLING STALENESS"), "$3\\r\\noff\\r\\n");
}
