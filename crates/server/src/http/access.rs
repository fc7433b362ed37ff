//! Who may ask what over HTTP: the users of the cluster, and the rules they have over Redis.
//!
//! A request is as free as the commands that do the same. Invariant: what is looked at is what will
//! be done, calls and questions, so that no path leads around it. Only health, and pages that hold
//! no data, are for everyone.

use api::{Call, ListEnd, ListOperation, Operation, StringOperation, ZsetOperation};
use http::{Problem, Question, Request, Step};
use redis::{User, Wish};

use super::Http;
use crate::accounts::Answer;

impl Http {
    /// Lets a request pass that its user may make.
    pub(super) async fn admit(
        &self,
        request: &Request,
        step: &Step,
        certified: Option<&str>,
    ) -> Result<(), Problem> {
        if matches!(step, Step::Reply(_) | Step::Ask(Question::Live | Question::Ready)) {
            return Ok(());
        }
        let name = self.user_of(request, certified).await?;
        let user = self.accounts.guard().active(&name);
        let user = user.ok_or_else(|| Problem::unauthorized("the user is disabled"))?;
        let check = |user: &User, wish: Wish<'_>| {
            let checked = user.check_wish(wish);
            checked.map_err(|denial| Problem::forbidden(&denial.text(&name)))
        };
        match step {
            Step::Calls { calls, .. } => calls.iter().try_for_each(|call| check(&user, wish(call))),
            Step::Ask(Question::Trace { keyspace, key }) => {
                let database = keyspace.0.saturating_sub(1);
                let command = "starling|siblings";
                check(&user, Wish { command, database, key: Some(key), is_write: false })
            }
            Step::Ask(Question::Keys { keyspace, .. }) => {
                let database = keyspace.0.saturating_sub(1);
                check(&user, Wish { command: "scan", database, key: None, is_write: false })
            }
            Step::Ask(Question::BeginRepair { .. } | Question::AcceptLosses { .. }) => {
                check(&user, about_the_node("starling|node"))
            }
            Step::Ask(_) => check(&user, about_the_node("starling|status")),
            Step::Reply(_) => Ok(()),
        }
    }

    /// Whose request it is: as its header says, as its certificate says, or whom nobody is.
    async fn user_of(&self, request: &Request, certified: Option<&str>) -> Result<String, Problem> {
        if let Some(header) = request.header("authorization") {
            let wrong = || Problem::unauthorized("the credentials are wrong");
            let (name, password) = http::credentials(header).ok_or_else(wrong)?;
            return match self.accounts.log_in(&name, &password).await {
                Answer::Login(true) => Ok(name),
                Answer::Refused(_) => Err(Problem::busy("too many passwords wait for comparison")),
                _ => Err(wrong()),
            };
        }
        let guard = self.accounts.guard();
        let certified = certified.filter(|name| guard.active(name).is_some());
        let name = certified.map(str::to_owned).or_else(|| guard.nobody());
        name.ok_or_else(|| Problem::unauthorized("say who asks: a user and a password"))
    }
}

/// A wish about the node and no key: to look, or to give an order.
fn about_the_node(command: &'static str) -> Wish<'static> {
    Wish { command, database: 0, key: None, is_write: false }
}

/// What a call wants, in words of the rules.
fn wish(call: &Call) -> Wish<'_> {
    let is_write = call.operation.is_write();
    let is_on_shard = matches!(call.operation, Operation::OnShard { .. });
    Wish {
        command: command(&call.operation),
        database: call.keyspace.0.saturating_sub(1),
        key: (!is_on_shard).then_some(&call.key[..]),
        is_write,
    }
}

/// The command of Redis that does the same.
fn command(operation: &Operation) -> &'static str {
    match operation {
        Operation::Get => "get",
        Operation::Siblings => "starling|siblings",
        Operation::Set { .. } => "set",
        Operation::Increment { .. } => "incrby",
        Operation::Delete => "del",
        Operation::SetAdd { .. } => "sadd",
        Operation::SetRemove { .. } => "srem",
        Operation::SetMembers => "smembers",
        Operation::MapSet { .. } => "hset",
        Operation::MapRemove { .. } => "hdel",
        Operation::MapAll => "hgetall",
        Operation::OnShard { .. } => "scan",
        Operation::List(ListOperation::Range { .. }) => "lrange",
        Operation::List(ListOperation::Push { end: ListEnd::Front, .. }) => "lpush",
        Operation::List(ListOperation::Push { end: ListEnd::Back, .. }) => "rpush",
        Operation::List(ListOperation::Pop { end: ListEnd::Front, .. }) => "lpop",
        Operation::List(ListOperation::Pop { end: ListEnd::Back, .. }) => "rpop",
        Operation::Zset(ZsetOperation::Range { .. }) => "zrange",
        Operation::Zset(ZsetOperation::Add { .. }) => "zadd",
        Operation::Zset(ZsetOperation::Remove { .. }) => "zrem",
        Operation::Zset(ZsetOperation::Increment { .. }) => "zincrby",
        Operation::String(StringOperation::Resolve { .. }) => "starling|resolve",
        Operation::String(StringOperation::Range { .. }) => "getrange",
        // What no route does yet is as free as changing keys wholesale, or looking at them.
        other if other.is_write() => "flushdb",
        _ => "keys",
    }
}
