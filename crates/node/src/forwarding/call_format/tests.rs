//! Every call there is, through its bytes and back.

use api::{
    Batch, Bit, BitOverflow, BitRange, BitUnit, Bound, Check, Comparison, Counted, Field,
    FieldStep, LexBound, ListEnd, ListOperation, ListSide, Order, Part, Position, Presence,
    PushRule, ScoreRule, SealedContext, ShardOperation, Sign, StringOperation, ZsetOperation,
    ZsetRange,
};

use super::*;

fn on_shard(operation: ShardOperation) -> Operation {
    Operation::OnShard { shard: 1023, operation }
}

fn operations() -> Vec<Operation> {
    let bytes = |text: &str| text.as_bytes().to_vec();
    let members = vec![bytes("a"), Vec::new(), vec![0; 300]];
    let set = |lifetime, condition| Operation::Set { value: bytes("v"), lifetime, condition };
    vec![
        Operation::Get,
        set(Lifetime::Forever, SetCondition::Always),
        set(Lifetime::Keep, SetCondition::IfPresent),
        set(Lifetime::Until(Millis(1 << 40)), SetCondition::IfAbsent),
        Operation::Increment { by: i64::MIN },
        Operation::Delete,
        Operation::Exists,
        Operation::Type,
        Operation::ExpireAt { at: Millis(7) },
        Operation::Persist,
        Operation::ExpiryOf,
        Operation::SetAdd { members: members.clone() },
        Operation::SetRemove { members: members.clone() },
        Operation::SetMembers,
        Operation::SetContains { members: members.clone() },
        Operation::SetCount,
        Operation::MapSet { fields: vec![(bytes("f"), bytes("v")), (bytes(""), bytes(""))] },
        Operation::MapGet { fields: members.clone() },
        Operation::MapAll,
        Operation::MapRemove { fields: members },
        Operation::MapCount,
        Operation::MapIncrement { field: bytes("f"), by: -3 },
        Operation::Siblings,
        Operation::Version,
        Operation::Batch(Batch {
            checks: vec![Check { keyspace: Keyspace(2), key: bytes("c"), version: -7 }],
            parts: vec![
                Part { keyspace: Keyspace(1), key: bytes("k"), operation: Operation::Delete },
                Part { keyspace: Keyspace(9), key: bytes(""), operation: Operation::MapAll },
            ],
        }),
        on_shard(ShardOperation::Keys { from: Position::default(), count_max: 10 }),
        on_shard(ShardOperation::Count { from: Position::of_hash(u64::MAX), count_max: 0 }),
        on_shard(ShardOperation::Clear { keyspaces: vec![Keyspace(1), Keyspace(300)] }),
        Operation::SetReplace { members: Vec::new() },
        Operation::SetPick { pick: Pick { amount: Amount::Distinct(3), seed: u64::MAX } },
        Operation::SetPop { limit: 2, seed: 9 },
    ]
    .into_iter()
    .chain(others())
    .chain(strings().into_iter().map(Operation::String))
    .chain(lists().into_iter().map(Operation::List))
    .chain(zsets().into_iter().map(Operation::Zset))
    .collect()
}

#[test]
fn every_call_round_trips_and_no_prefix_is_one() {
    for (at, operation) in operations().into_iter().enumerate() {
        let (read, write) = (LEVELS[at % 9], LEVELS[(at + 4) % 9]);
        let key = b"key".to_vec();
        let (session, staleness) = (None, None);
        let call = Call { keyspace: Keyspace(9), key, read, write, session, staleness, operation };
        let bytes = encode(&call);
        assert_eq!(decode(&bytes), Ok(call));
        for length in 0..bytes.len() {
            assert!(decode(&bytes[..length]).is_err());
        }
    }
}

#[test]
fn garbage_is_an_error_and_never_a_panic() {
    let mut rng = fastrand::Rng::with_seed(1);
    for _ in 0..20_000 {
        let bytes: Vec<u8> = (0..rng.usize(0..40)).map(|_| rng.u8(..)).collect();
        let _ = decode(&bytes);
    }
}

fn zsets() -> Vec<ZsetOperation> {
    let score = |value: f64| Score::new(value).unwrap();
    let by_score = ZsetRange::Score {
        min: Bound::Excluded(score(f64::NEG_INFINITY)),
        max: Bound::Included(score(1.5)),
    };
    let by_lex = ZsetRange::Lex { min: LexBound::Lowest, max: LexBound::Highest };
    let at = |bound| LexBound::At(bound);
    let between =
        ZsetRange::Lex { min: at(Bound::Included(vec![1])), max: at(Bound::Excluded(vec![])) };
    let rule = ScoreRule { presence: Presence::Absent, comparison: Comparison::Any };
    let greater = ScoreRule { presence: Presence::Present, comparison: Comparison::Greater };
    let less = ScoreRule { presence: Presence::Any, comparison: Comparison::Less };
    let members = vec![(score(-0.5), b"m".to_vec()), (score(f64::INFINITY), Vec::new())];
    let names = vec![b"m".to_vec()];
    let member = b"m".to_vec();
    let ranks = ZsetRange::Rank { start: 0, stop: -1 };
    let pick = Pick { amount: Amount::Repeated(4), seed: 0 };
    vec![
        ZsetOperation::Add { members: members.clone(), rule, counted: Counted::New },
        ZsetOperation::Add { members: vec![], rule: less, counted: Counted::Changed },
        ZsetOperation::Increment { member: member.clone(), by: score(2.0), rule: greater },
        ZsetOperation::Remove { members: names.clone() },
        ZsetOperation::Replace { members },
        ZsetOperation::Scores { members: names },
        ZsetOperation::Count,
        ZsetOperation::CountIn { range: by_score.clone() },
        ZsetOperation::Rank { member, order: Order::Falling },
        ZsetOperation::Range { range: ranks, order: Order::Rising, skip: 0, limit: u64::MAX },
        ZsetOperation::Ranges { ranges: vec![(score(1.0), score(2.0))] },
        ZsetOperation::RemoveIn { range: by_lex },
        ZsetOperation::RemoveIn { range: between },
        ZsetOperation::Pop { order: Order::Falling, limit: 3 },
        ZsetOperation::Pick { pick },
        ZsetOperation::All,
    ]
}

fn others() -> Vec<Operation> {
    let (presence, comparison) = (Presence::Absent, Comparison::Greater);
    let (field, value) = (b"f".to_vec(), b"v".to_vec());
    let sketches = vec![vec![1], Vec::new()];
    vec![
        Operation::ExpireIf { at: Millis(9), presence, comparison },
        Operation::MapSetAbsent { field: field.clone(), value },
        Operation::MapIncrementDecimal { field, by: b"1.5".to_vec() },
        Operation::MapPick { pick: Pick { amount: Amount::Repeated(1), seed: 7 } },
        Operation::SketchAdd { elements: sketches.clone() },
        Operation::SketchGet,
        Operation::Page { of: Paged::Set, after: None, limit: 10 },
        Operation::Page { of: Paged::Map, after: Some(Vec::new()), limit: u64::MAX },
        Operation::Page { of: Paged::Zset, after: Some(b"m".to_vec()), limit: 0 },
        Operation::SketchMerge { sketches },
    ]
}

fn strings() -> Vec<StringOperation> {
    let (lifetime, condition) = (Lifetime::Keep, SetCondition::IfAbsent);
    let bytes = b"v".to_vec();
    let signed = Field { sign: Sign::Signed, width: 64, offset: u64::from(u32::MAX) };
    let unsigned = Field { sign: Sign::Unsigned, width: 1, offset: 0 };
    let range = BitRange { start: -1, end: 7, unit: BitUnit::Bit };
    let find = |start, end, unit| StringOperation::FindBit { bit: Bit::Clear, start, end, unit };
    vec![
        StringOperation::Exchange { value: bytes.clone(), lifetime, condition },
        StringOperation::Take,
        StringOperation::Resolve {
            value: Some(b"v".to_vec()),
            lifetime: Lifetime::Keep,
            context: SealedContext(vec![1, 2, 3]),
        },
        StringOperation::Resolve {
            value: None,
            lifetime: Lifetime::Forever,
            context: SealedContext::default(),
        },
        StringOperation::Touch { lifetime: Lifetime::Until(Millis(3)) },
        StringOperation::Range { start: -3, end: 2 },
        StringOperation::Append { bytes: bytes.clone() },
        StringOperation::Overwrite { offset: 70_000, bytes: bytes.clone() },
        StringOperation::IncrementDecimal { by: bytes },
        StringOperation::GetBit { offset: 9 },
        StringOperation::SetBit { offset: 9, bit: Bit::Set },
        StringOperation::CountBits { range: None },
        StringOperation::CountBits { range: Some(range) },
        find(None, None, BitUnit::Byte),
        find(Some(1), Some(-1), BitUnit::Bit),
        StringOperation::BitFields {
            steps: vec![
                FieldStep::Get(unsigned),
                FieldStep::Set(signed, i64::MIN, BitOverflow::Fail),
                FieldStep::Add(unsigned, -1, BitOverflow::Saturate),
                FieldStep::Add(unsigned, 1, BitOverflow::Wrap),
            ],
        },
    ]
}

fn lists() -> Vec<ListOperation> {
    let (end, value) = (ListEnd::Back, b"v".to_vec());
    let values = vec![value.clone(), Vec::new()];
    let find = ListOperation::Find {
        value: value.clone(),
        end,
        skip: 1,
        limit: 2,
        looked_at_max: u64::MAX,
    };
    vec![
        ListOperation::Push { end, values: values.clone(), rule: PushRule::IfPresent },
        ListOperation::Pop { end: ListEnd::Front, limit: 4 },
        ListOperation::Rotate { from: end, to: ListEnd::Front },
        ListOperation::Count,
        ListOperation::Range { start: 0, stop: -1 },
        ListOperation::Get { index: -5 },
        ListOperation::Set { index: 3, value: value.clone() },
        ListOperation::Remove { end, limit: u64::MAX, value: value.clone() },
        ListOperation::Insert { side: ListSide::Behind, pivot: value.clone(), value },
        ListOperation::Trim { start: 1, stop: 2 },
        find,
        ListOperation::Replace { values },
    ]
}
