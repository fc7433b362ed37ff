//! Sorted sets and lists.

use api::{
    Counted, ListEnd, ListOperation, Operation, Order, Outcome, PushRule, Score, ScoreRule,
    ZsetOperation, ZsetRange,
};
use http::Step;
use serde_json::json;

use super::{begin, done, json as document};

const KEY: &str = "/v1/keyspaces/db0/keys/k";

fn score(number: f64) -> Score {
    Score::new(number).unwrap()
}

#[test]
fn a_sorted_set_is_read_by_rank_and_changed() {
    let range = ZsetRange::Rank { start: 2, stop: -2 };
    let (order, skip, limit) = (Order::Rising, 0, u64::MAX);
    let read = Operation::Zset(ZsetOperation::Range { range, order, skip, limit });
    let members = vec![(b"a".to_vec(), score(1.5)), (b"b".to_vec(), score(f64::INFINITY))];
    let (asked, answer) =
        done(&format!("GET {KEY}/zset?start=2&stop=-2"), "", vec![Outcome::Scored(members)]);
    assert_eq!(asked, [read]);
    let expected = json!({ "members": [
        { "member": "a", "score": 1.5 },
        { "member": "b", "score": "inf" },
    ] });
    assert_eq!(answer, expected);

    let body = r#"{"increment":{"member":"c","by":-2},"remove":["a"],
                   "add":[{"member":"b","score":"-inf"}]}"#;
    let outcomes =
        vec![Outcome::Integer(1), Outcome::Integer(0), Outcome::Scores(vec![Some(score(3.0))])];
    let (asked, answer) = done(&format!("POST {KEY}/zset"), body, outcomes);
    let (rule, counted) = (ScoreRule::default(), Counted::New);
    let members = vec![(score(f64::NEG_INFINITY), b"b".to_vec())];
    let expected = [
        ZsetOperation::Remove { members: vec![b"a".to_vec()] },
        ZsetOperation::Add { members, rule, counted },
        ZsetOperation::Increment { member: b"c".to_vec(), by: score(-2.0), rule },
    ];
    assert_eq!(asked, expected.map(Operation::Zset));
    assert_eq!(answer, json!({ "removed": 1, "added": 0, "score": 3.0 }));
}

#[test]
fn a_list_is_read_by_index_pushed_and_popped() {
    let values = || vec![b"x".to_vec(), b"y".to_vec()];
    let (asked, answer) = done(&format!("GET {KEY}/list"), "", vec![Outcome::Values(values())]);
    assert_eq!(asked, [Operation::List(ListOperation::Range { start: 0, stop: -1 })]);
    assert_eq!(answer, json!({ "elements": ["x", "y"] }));

    let (asked, answer) =
        done(&format!("POST {KEY}/list"), r#"{"push_back":["x","y"]}"#, vec![Outcome::Integer(2)]);
    let (end, rule) = (ListEnd::Back, PushRule::Always);
    assert_eq!(asked, [Operation::List(ListOperation::Push { end, values: values(), rule })]);
    assert_eq!(answer, json!({ "length": 2 }));

    let (asked, answer) =
        done(&format!("POST {KEY}/list/pop"), r#"{"end":"front"}"#, vec![Outcome::Nothing]);
    assert_eq!(asked, [Operation::List(ListOperation::Pop { end: ListEnd::Front, limit: 1 })]);
    assert_eq!(answer, json!({ "elements": [] }));
}

#[test]
fn bodies_that_make_no_sense_write_nothing() {
    for (path, body) in [
        ("zset", "{}"),
        ("zset", r#"{"add":[{"member":"a"}]}"#),
        ("zset", r#"{"add":[{"member":"a","score":"nan"}]}"#),
        ("zset", r#"{"increment":{"member":"a"}}"#),
        ("list", r#"{"push_back":"a"}"#),
        ("list", "{}"),
        ("list/pop", "{}"),
        ("list/pop", r#"{"end":"middle"}"#),
        ("list/pop", r#"{"end":"back","limit":-1}"#),
    ] {
        match begin(&format!("POST {KEY}/{path}"), &[], body.as_bytes()) {
            Step::Reply(response) => {
                assert_eq!(document(&response)["type"], "/problems/bad-body", "{path} {body}");
            }
            other => panic!("{path} {body}: {other:?}"),
        }
    }
    let refused = begin(&format!("GET {KEY}/zset?start=first"), &[], b"");
    assert!(matches!(refused, Step::Reply(response) if response.status == 400));
}
