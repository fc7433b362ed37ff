//! A page of the keys of a keyspace: shard after shard, within a bound on how many are asked.

use api::{Call, Level, Operation, Outcome, Position, ShardOperation};
use cells::Keyspace;
use http::{Problem, Response, cursor, text};
use serde_json::json;

use super::Http;

/// The most shards that one page asks: a page of an empty keyspace ends, too.
const SHARDS_COUNT_MAX: usize = 256;

/// What a page is of.
#[derive(Clone, Copy, Debug)]
pub(super) struct Walk {
    pub(super) keyspace: Keyspace,
    pub(super) level: Level,
    pub(super) from: (u16, Position),
    pub(super) limit: u32,
}

impl Http {
    /// Answers a page of keys and where the next one begins.
    pub(super) async fn walk(&self, walk: Walk) -> Response {
        let (mut found, mut next) = (Vec::new(), Some(walk.from));
        let mut asked_count = 0;
        while let Some((shard, from)) = next
            && asked_count < SHARDS_COUNT_MAX
            && found.len() < walk.limit as usize
        {
            if shard >= self.describer.config.shard_count {
                next = None;
                break;
            }
            let count_max = walk.limit - u32::try_from(found.len()).unwrap_or(walk.limit);
            match self.keys_of(&walk, shard, ShardOperation::Keys { from, count_max }).await {
                Outcome::Keys { keys, next: rest } => {
                    found.extend(keys);
                    next = Some(rest.map_or((shard + 1, Position::START), |rest| (shard, rest)));
                }
                Outcome::Failed(error) => return Problem::from(error).response(),
                _ => return Problem::not_ready("the node stops").response(),
            }
            asked_count += 1;
        }
        let next = next.filter(|(shard, _)| *shard < self.describer.config.shard_count);
        let keys = found.iter().map(|(key, kind)| json!({ "key": text::show(key), "type": kind }));
        let page = json!({ "keys": keys.collect::<Vec<_>>(), "next": next.map(cursor) });
        Response::json(200, &page)
    }

    async fn keys_of(&self, walk: &Walk, shard: u16, operation: ShardOperation) -> Outcome {
        let call = Call {
            keyspace: walk.keyspace,
            key: Vec::new(),
            read: walk.level,
            write: Level::One,
            session: None,
            staleness: None,
            operation: Operation::OnShard { shard, operation },
        };
        self.caller.call(call).await.map_or(Outcome::Nothing, |answered| answered.outcome)
    }
}
