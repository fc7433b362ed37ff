//! The connection itself: which protocol it speaks, which keyspace it means, when it ends.
//!
//! Who it is for: `AUTH` and `HELLO` say who speaks. The driver compares the password, which takes
//! a while on purpose, and then [`finish_login`] goes on.

use causality::Millis;
use resp::{Protocol, Writer};

use crate::command::{ANYTIME_FAST, Command, Flag, Group};
use crate::families::client::check_name;
use crate::families::server::REDIS_VERSION;
use crate::refusal::Refusal;
use crate::session::{DATABASE_COUNT, Database, Session};
use crate::turn::{Turn, is_word, parse_integer};
use crate::users::DEFAULT_USER;
use crate::{Question, Secret, Step};

const HANDSHAKE: &[Flag] =
    &[Flag::NoScript, Flag::Loading, Flag::Stale, Flag::Fast, Flag::NoAuth, Flag::AllowBusy];

const fn row(
    name: &'static str,
    arity: i32,
    since: &'static str,
    summary: &'static str,
) -> Command {
    Command::new(Group::Connection, name, arity, since, summary)
}

pub(crate) const COMMANDS: &[Command] = &[
    row("ping", -1, "1.0.0", "Ping the server")
        .flags(&[Flag::Fast])
        .tips(&["request_policy:all_shards", "response_policy:all_succeeded"])
        .run(ping),
    row("echo", 2, "1.0.0", "Echo the given string").flags(ANYTIME_FAST).run(echo),
    row("hello", -1, "6.0.0", "Handshake with Redis").flags(HANDSHAKE).run(hello),
    row("auth", -2, "1.0.0", "Authenticate to the server").flags(HANDSHAKE).run(auth),
    row("select", 2, "1.0.0", "Change the selected database for the current connection")
        .flags(ANYTIME_FAST)
        .run(select),
    row("quit", -1, "1.0.0", "Close the connection").flags(HANDSHAKE).run(quit),
    row("reset", 1, "6.2.0", "Reset the connection").flags(HANDSHAKE).run(reset),
];

fn ping(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    // In the old protocol a client that listens is sent messages only.
    if turn.session.is_listening_only() {
        let [_, text @ ..] = turn.args else { return Err(Refusal::Arity) };
        turn.writer.array(2);
        turn.writer.bulk(b"pong");
        turn.writer.bulk(text.first().copied().unwrap_or_default());
        return Ok(Step::Reply);
    }
    match turn.args {
        [_] => turn.writer.simple("PONG"),
        [_, text] => turn.writer.bulk(text),
        _ => return Err(Refusal::Arity),
    }
    Ok(Step::Reply)
}

fn echo(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    let text = turn.only()?;
    turn.writer.bulk(text);
    Ok(Step::Reply)
}

fn hello(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    let wish = Hello::parse(turn.args.get(1..).unwrap_or_default())?;
    if let Some(name) = wish.name {
        check_name(name)?;
    }
    let rest = Greeting { protocol: wish.protocol, name: wish.name.map(<[u8]>::to_vec) };
    match wish.credentials {
        Some((user, password)) => log_in(turn, user, password, Some(rest)),
        None if turn.session.user().is_none() => Err(Refusal::text(
            "NOAUTH HELLO must be called with the client already authenticated, otherwise the \
             HELLO <proto> AUTH <user> <pass> option can be used to authenticate the client and \
             select the RESP protocol version at the same time",
        )),
        None => {
            rest.carry_out(turn.session, turn.writer);
            Ok(Step::Reply)
        }
    }
}

/// What `HELLO` does once it is known who speaks.
#[derive(Debug)]
struct Greeting {
    protocol: Option<Protocol>,
    name: Option<Vec<u8>>,
}

impl Greeting {
    fn carry_out(self, session: &mut Session, writer: &mut Writer<'_>) {
        if let Some(name) = self.name {
            session.set_name(&name);
        }
        if let Some(protocol) = self.protocol {
            session.protocol = protocol;
            writer.set_protocol(protocol);
        }
        write_greeting(session, writer);
    }
}

/// Somebody who has said a password that is being compared.
#[derive(Debug)]
pub(crate) struct Login {
    user: String,
    greeting: Option<Greeting>,
}

const WRONG: Refusal =
    Refusal::text("WRONGPASS invalid username-password pair or user is disabled.");

/// Asks the driver whether a password is a user's.
fn log_in(
    turn: &mut Turn<'_, '_>,
    user: &[u8],
    password: &[u8],
    greeting: Option<Greeting>,
) -> Result<Step, Refusal> {
    // A name that is no text is nobody's.
    let user = String::from_utf8_lossy(user).into_owned();
    let login = Login { user: user.clone(), greeting };
    let users = turn.session.guard.users();
    if users.get(&user).is_some_and(|user| user.needs_no_password()) {
        login.accept(turn.session, turn.writer);
        return Ok(Step::Reply);
    }
    if users.iter().all(|(_, user)| user.passwords().is_empty()) {
        return Err(WRONG);
    }
    // Names that nobody has take as long as others: who guesses learns nothing.
    turn.session.login = Some(login);
    Ok(Step::Ask(Question::Login { user, password: Secret::new(password) }))
}

impl Login {
    fn accept(self, session: &mut Session, writer: &mut Writer<'_>) {
        session.set_user(self.user);
        match self.greeting {
            Some(greeting) => greeting.carry_out(session, writer),
            None => writer.ok(),
        }
        session.note_settled();
    }
}

/// Goes on with a session of which the password was compared: lets the user in, or refuses.
pub fn finish_login(
    session: &mut Session,
    is_accepted: bool,
    now: Millis,
    writer: &mut Writer<'_>,
) {
    writer.set_protocol(session.protocol);
    let Some(login) = session.login.take() else { return };
    // It may have been disabled while the password was compared.
    if is_accepted && session.guard.active(&login.user).is_some() {
        return login.accept(session, writer);
    }
    let name = if login.greeting.is_some() { "hello" } else { "auth" };
    let denied = (("auth", name.as_bytes().to_vec()), login.user);
    crate::note_denial(session, denied, now);
    WRONG.write(name, writer);
}

/// The arguments of `HELLO`, as typed.
#[derive(Default)]
struct Hello<'a> {
    protocol: Option<Protocol>,
    credentials: Option<(&'a [u8], &'a [u8])>,
    name: Option<&'a [u8]>,
}

impl<'a> Hello<'a> {
    fn parse(args: &[&'a [u8]]) -> Result<Self, Refusal> {
        let mut hello = Self::default();
        let Some((version, mut words)) = args.split_first() else {
            return Ok(hello);
        };
        hello.protocol = Some(parse_protocol(version)?);
        while let [word, rest @ ..] = words {
            words = match rest {
                [user, password, rest @ ..] if is_word(word, "auth") => {
                    hello.credentials = Some((user, password));
                    rest
                }
                [name, rest @ ..] if is_word(word, "setname") => {
                    hello.name = Some(name);
                    rest
                }
                _ => return Err(Refusal::quoting("ERR Syntax error in HELLO option '", word, "'")),
            };
        }
        Ok(hello)
    }
}

fn parse_protocol(text: &[u8]) -> Result<Protocol, Refusal> {
    match resp::parse_integer(text) {
        Some(2) => Ok(Protocol::Resp2),
        Some(3) => Ok(Protocol::Resp3),
        Some(_) => Err(Refusal::text("NOPROTO unsupported protocol version")),
        None => Err(Refusal::text("ERR Protocol version is not an integer or out of range")),
    }
}

fn write_greeting(session: &Session, writer: &mut Writer<'_>) {
    let id = i64::try_from(session.id.0).unwrap_or(i64::MAX);
    let protocol = protocol_number(session.protocol);
    writer.map(7);
    writer.bulk(b"server");
    writer.bulk(b"redis");
    writer.bulk(b"version");
    writer.bulk(REDIS_VERSION.as_bytes());
    writer.bulk(b"proto");
    writer.integer(protocol);
    writer.bulk(b"id");
    writer.integer(id);
    writer.bulk(b"mode");
    writer.bulk(b"cluster");
    writer.bulk(b"role");
    writer.bulk(b"master");
    writer.bulk(b"modules");
    writer.array(0);
}

/// Returns the number that `HELLO` knows a protocol by.
pub(crate) const fn protocol_number(protocol: Protocol) -> i64 {
    match protocol {
        Protocol::Resp2 => 2,
        Protocol::Resp3 => 3,
    }
}

fn auth(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    match turn.args {
        [_, password] => {
            let users = turn.session.guard.users();
            if users.get(DEFAULT_USER).is_some_and(|user| user.needs_no_password()) {
                return Err(Refusal::text(
                    "ERR AUTH <password> called without any password configured for the default \
                     user. Are you sure your configuration is correct?",
                ));
            }
            log_in(turn, DEFAULT_USER.as_bytes(), password, None)
        }
        [_, user, password] => log_in(turn, user, password, None),
        _ => Err(Refusal::Syntax),
    }
}

fn select(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    let number = i32::try_from(parse_integer(turn.only()?)?).map_err(|_| {
        Refusal::text("ERR value is out of range, value must between -2147483648 and 2147483647")
    })?;
    let index = u32::try_from(number).ok().filter(|index| *index < DATABASE_COUNT);
    let index = index.ok_or(Refusal::text("ERR DB index is out of range"))?;
    turn.session.database = Database(index);
    turn.ok()
}

fn quit(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    turn.writer.ok();
    Ok(Step::Close)
}

fn reset(turn: &mut Turn<'_, '_>) -> Result<Step, Refusal> {
    turn.session.reset();
    turn.writer.set_protocol(turn.session.protocol);
    turn.writer.simple("RESET");
    Ok(Step::Reply)
}
