//! What users may do, command by command: texts as Redis's clients know them.

use std::rc::Rc;

use causality::Millis;
use redis::{
    ClientId, Guard, Kind, Levels, Push, Question, Said, Session, User, Users, UsersChange,
};
use resp::Writer;

use crate::client::{Begun, Client, NOW, escape};

const HASH: &str = "2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b";

/// A connection to a node with users, of which the default one has a password.
fn client(users: &[(&str, &str)]) -> (Client, Rc<Guard>) {
    let users = users
        .iter()
        .map(|(name, rules)| ((*name).to_owned(), User::parse(rules).expect("rules of a test")));
    let guard = Guard::new(Users::new(users, User::with_password(HASH.into())));
    let (guard, mut client) = (Rc::new(guard), Client::new());
    let session = Session::new(
        ClientId(7),
        "10.0.0.9:5000".into(),
        "10.0.0.1:7001".into(),
        Levels::default(),
        Millis(NOW.0),
    );
    client.session = session.guarded(Rc::clone(&guard), None);
    (client, guard)
}

/// The same, logged in.
fn speaking_as(name: &str, rules: &str) -> Client {
    let (mut client, _) = client(&[(name, rules)]);
    assert_eq!(log_in(&mut client, &format!("AUTH {name} x"), true), "+OK\\r\\n");
    client
}

/// Says a password, and what the driver finds.
fn log_in(client: &mut Client, line: &str, is_right: bool) -> String {
    match client.begin(line) {
        Begun::Asked(Question::Login { .. }) => {
            let mut out = Vec::new();
            let mut writer = Writer::new(&mut out, resp::Protocol::Resp2);
            redis::finish_login(&mut client.session, is_right, NOW, &mut writer);
            escape(&out)
        }
        Begun::Replied(out) => escape(&out),
        other => panic!("{line}: {other:?}"),
    }
}

#[test]
fn nobody_gets_in_without_a_password() {
    let (mut client, _) = client(&[]);
    let noauth = "-NOAUTH Authentication required.\\r\\n";
    for line in
        ["GET k", "MULTI", "ACL WHOAMI", "CLIENT ID", "CLIENT LIST", "STARLING NODE LEAVE 1"]
    {
        assert_eq!(client.local(line), noauth, "{line}");
    }
    assert!(client.local("HELLO 3").starts_with("-NOAUTH HELLO must be called with"));
    let wrong = "-WRONGPASS invalid username-password pair or user is disabled.\\r\\n";
    assert_eq!(log_in(&mut client, "AUTH x", false), wrong);
    assert_eq!(log_in(&mut client, "AUTH nobody x", false), wrong);
    assert_eq!(log_in(&mut client, "AUTH nobody x", true), wrong, "there is no such user");
    assert_eq!(client.local("GET k"), noauth);
    let greeting = log_in(&mut client, "HELLO 3 AUTH default x SETNAME me", true);
    assert!(greeting.starts_with("%7\\r\\n"), "{greeting}");
    assert!(matches!(client.begin("GET k"), Begun::Called(..)));
    assert_eq!(client.local("CLIENT GETNAME"), "$2\\r\\nme\\r\\n");
    assert_eq!(client.local("RESET"), "+RESET\\r\\n");
    assert_eq!(client.local("GET k"), noauth);
    let Begun::Asked(Question::Members(_)) = client.begin("STARLING NODE ADMIT {} 00") else {
        panic!("a node that joins has its own proof");
    };
}

/// Checks which of the lines are denied, and by which part of the text.
#[track_caller]
fn check(rules: &str, lines: &[(&str, Option<&str>)]) {
    let mut client = speaking_as("u", rules);
    for (line, denied) in lines {
        let reply = match client.begin(line) {
            Begun::Replied(out) => escape(&out),
            _ => String::new(),
        };
        match denied {
            Some(text) => {
                assert!(reply.starts_with("-NOPERM ") && reply.contains(text), "{line}: {reply}");
            }
            None => assert!(!reply.starts_with("-NO"), "{line}: {reply}"),
        }
    }
}

#[test]
fn commands_are_allowed_by_name_category_and_order() {
    let denied = |name| Some(name);
    check(
        "on #HASH ~* +@read -get".replace("HASH", HASH).as_str(),
        &[
            ("GET k", denied("User u has no permissions to run the 'get' command")),
            ("STRLEN k", None),
            ("SET k v", denied("'set'")),
            ("PING", denied("'ping'")),
            ("AUTH", None),
        ],
    );
    check(
        &format!("on #{HASH} ~* +@all -@write +set -client +client|id"),
        &[
            ("SET k v", None),
            ("DEL k", denied("'del'")),
            ("CLIENT ID", None),
            ("CLIENT GETNAME", denied("'client|getname'")),
        ],
    );
    check(
        &format!("on #{HASH} ~* -@all +get +@string -get"),
        &[("GET k", denied("'get'")), ("APPEND k v", None)],
    );
}

#[test]
fn keys_are_allowed_by_what_is_done_with_them() {
    let key = Some("No permissions to access a key");
    check(
        &format!("on #{HASH} +@all ~both:* %R~read:* %W~write:*"),
        &[
            ("GET both:1", None),
            ("GET read:1", None),
            ("GET write:1", key),
            ("SET write:1 v", None),
            ("SET read:1 v", key),
            ("SET write:1 v GET", key),
            ("INCR write:1", key),
            ("INCR both:1", None),
            ("MGET read:1 read:2 other", key),
            ("MSET both:1 v other v", key),
            ("SUNIONSTORE write:1 read:1 both:1", None),
            ("SUNIONSTORE read:2 read:1", key),
            ("RENAME both:1 other", key),
            ("EXISTS write:1", None),
            ("EXISTS other", key),
            ("STARLING SIBLINGS other", key),
            ("WATCH other", key),
        ],
    );
}

#[test]
fn databases_are_allowed_by_number() {
    let database = Some("No permissions to access database");
    check(
        &format!("on #{HASH} +@all ~* db=0,2"),
        &[
            ("GET k", None),
            ("SELECT 1", database),
            ("FLUSHALL", Some("'flushall'")),
            ("SELECT 2", None),
            ("DBSIZE", None),
        ],
    );
    check(
        &format!("on #{HASH} +@all ~* db=3"),
        &[
            ("GET k", database),
            ("SCAN 0", database),
            ("PING", None),
            ("SELECT 3", None),
            ("GET k", None),
        ],
    );
}

#[test]
fn channels_are_allowed_by_name_and_patterns_by_letter() {
    let channel = Some("No permissions to access a channel");
    check(
        &format!("on #{HASH} +@all ~* resetchannels &news:*"),
        &[
            ("PUBLISH news:1 x", None),
            ("PUBLISH other x", channel),
            ("SPUBLISH news:1 x", None),
            ("SPUBLISH other x", channel),
            ("SUBSCRIBE news:1 news:2", None),
            ("SUBSCRIBE news:1 other", channel),
            ("SSUBSCRIBE other", channel),
            ("PSUBSCRIBE news:*", None),
            ("PSUBSCRIBE news:1*", channel),
            ("PSUBSCRIBE *", channel),
            ("UNSUBSCRIBE other", None),
        ],
    );
    check(&format!("on #{HASH} -@all +publish &*"), &[("SUBSCRIBE c", Some("'subscribe'"))]);
}

#[test]
fn commands_that_wait_are_looked_at_as_others_are() {
    let key = Some("No permissions to access a key");
    check(
        &format!("on #{HASH} +@all ~both:* %R~read:* %W~write:*"),
        &[
            ("BLPOP both:1 both:2 0", None),
            ("BLPOP both:1 other 0", key),
            ("BRPOP read:1 0", key),
            ("BZPOPMIN other 0", key),
            ("BLMPOP 0 2 both:1 other LEFT", key),
            ("BZMPOP 0 1 both:1 MIN", None),
            ("BLMOVE both:1 write:1 LEFT LEFT 0", None),
            ("BLMOVE both:1 read:1 LEFT LEFT 0", key),
            ("BRPOPLPUSH write:1 both:1 0", key),
        ],
    );
    check(&format!("on #{HASH} +@all -@blocking ~*"), &[("BLPOP k 0", Some("'blpop'"))]);
}

#[test]
fn whoever_listens_is_told_nothing_any_more_that_it_may_not_hear() {
    let (mut client, guard) = client(&[("u", &format!("on #{HASH} +@all ~* &news &n*"))]);
    log_in(&mut client, "AUTH u x", true);
    let said = |channel: &str| {
        let (channel, payload) = (channel.as_bytes().to_vec(), b"x".to_vec());
        Said { kind: Kind::Channel, channel, payload }
    };
    let direct = Push::Message { said: said("news"), pattern: None };
    let fitting = Push::Message { said: said("news"), pattern: Some(b"n*".to_vec()) };
    let monitored = Push::Command(b"1.0 get".to_vec());
    let may_hear =
        |client: &Client| [&direct, &fitting, &monitored].map(|push| client.session.may_hear(push));
    assert_eq!(may_hear(&client), [true; 3]);
    let less = User::parse(&format!("on #{HASH} +@all -@dangerous ~* &n*")).unwrap();
    guard.set(Users::new([("u".to_owned(), less)], User::unbound()));
    assert_eq!(may_hear(&client), [true, true, false]);
    let less = User::parse(&format!("on #{HASH} +@all ~* &news")).unwrap();
    guard.set(Users::new([("u".to_owned(), less)], User::unbound()));
    assert_eq!(may_hear(&client), [true, false, true]);
    guard.set(Users::open());
    assert_eq!(may_hear(&client), [false; 3], "the user is gone");
}

#[test]
fn clients_are_listed_and_ended_by_user() {
    let mut client = speaking_as("u", &format!("on #{HASH} +@all ~*"));
    client.session.enter(Rc::default());
    assert!(client.local("CLIENT LIST").contains(" user=u "));
    assert!(client.local("CLIENT INFO").contains(" user=u "));
    assert_eq!(client.local("CLIENT KILL USER default"), ":0\\r\\n");
    assert_eq!(client.local("CLIENT KILL USER u SKIPME no"), ":1\\r\\n");
    assert!(client.local("CLIENT KILL USER nobody").contains("No such user 'nobody'"));
    assert_eq!(client.local("RESET"), "+RESET\\r\\n");
    let (mut other, _) = self::client(&[]);
    assert_eq!(log_in(&mut other, "AUTH default x", true), "+OK\\r\\n");
    assert!(other.local("CLIENT INFO").contains(" user=default "));
}

#[test]
fn transactions_are_looked_at_twice() {
    let (mut client, guard) = client(&[("u", &format!("on #{HASH} +@all ~*"))]);
    log_in(&mut client, "AUTH u x", true);
    assert_eq!(client.local("MULTI"), "+OK\\r\\n");
    assert_eq!(client.local("SET k v"), "+QUEUED\\r\\n");
    let less = User::parse(&format!("on #{HASH} +@all -set ~*")).unwrap();
    guard.set(Users::new([("u".to_owned(), less)], User::unbound()));
    let reply = client.local("EXEC");
    assert!(
        reply.starts_with("*1\\r\\n-NOPERM User u has no permissions to run the 'set'"),
        "{reply}"
    );
    guard.set(Users::open());
    assert_eq!(client.local("PING"), "-NOAUTH Authentication required.\\r\\n", "removed");
}

#[test]
fn what_is_denied_is_remembered() {
    let mut client = speaking_as("u", &format!("on #{HASH} +@all -get ~a"));
    client.local("GET a");
    client.local("GET a");
    client.local("SET b v");
    let log = client.local("ACL LOG");
    assert!(log.starts_with("*2\\r\\n*20\\r\\n$5\\r\\ncount\\r\\n:1\\r\\n"), "{log}");
    for part in ["$3\\r\\nkey\\r\\n", "$1\\r\\nb\\r\\n", ":2\\r\\n", "$3\\r\\nget\\r\\n", "user=u"]
    {
        assert!(log.contains(part), "{part:?} in {log}");
    }
    assert_eq!(client.local("ACL LOG RESET"), "+OK\\r\\n");
    assert_eq!(client.local("ACL LOG"), "*0\\r\\n");
}

#[test]
fn users_are_shown_and_changes_are_checked() {
    let mut client = Client::new();
    assert_eq!(client.local("ACL WHOAMI"), "$7\\r\\ndefault\\r\\n");
    assert_eq!(client.local("ACL USERS"), "*1\\r\\n$7\\r\\ndefault\\r\\n");
    let list = client.local("ACL LIST");
    assert!(list.contains("user default on nopass sanitize-payload ~* &* +@all"), "{list}");
    assert!(
        client.local("ACL GETUSER default").starts_with("*12\\r\\n$5\\r\\nflags\\r\\n*3\\r\\n")
    );
    assert_eq!(client.local("ACL GETUSER nobody"), "$-1\\r\\n");
    let error = client.local("ACL SETUSER a +what");
    assert!(
        error.contains("ERR Error in ACL SETUSER modifier '+what': Unknown command"),
        "{error}"
    );
    assert!(client.local("ACL SETUSER \"a b\"").contains("Usernames can't contain spaces"));
    assert!(client.local("ACL DELUSER default").contains("cannot be removed"));
    assert!(client.local("ACL CAT nothing").contains("Unknown category"));
    assert!(client.local("ACL CAT hash").contains("hget\\r\\n"));
    assert!(client.local("ACL GENPASS 0").contains("ACL GENPASS argument"));
    assert_eq!(client.local("ACL DRYRUN default GET k"), "+OK\\r\\n");
    assert!(client.local("ACL DRYRUN nobody GET k").contains("ERR User 'nobody' not found"));
    let setuser = "ACL SETUSER a >secret +get";
    let Begun::Asked(Question::ChangeUsers(change)) = client.begin(setuser) else {
        panic!("the driver keeps users");
    };
    assert!(!format!("{change:?}").contains("secret"), "nobody prints passwords");
    let UsersChange::Set { words, .. } = change else { panic!("a change") };
    assert_eq!(words, [">secret", "+get"]);
}
