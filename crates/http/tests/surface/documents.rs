//! The OpenAPI document and the kinds of problems.

use http::PROBLEMS;

use super::{json, reply};

#[test]
fn the_document_is_served_and_names_every_path() {
    let document = json(&reply("GET /openapi.json"));
    assert_eq!(document, http::openapi());
    assert_eq!(document["openapi"], "3.1.0");
    let key = &document["paths"]["/v1/keyspaces/{keyspace}/keys/{key}"];
    for method in ["get", "put", "delete"] {
        let responses = key[method]["responses"].as_object().unwrap();
        assert!(responses.contains_key("503"), "{method}");
    }
    let levels = key["get"]["parameters"][2]["schema"]["enum"].as_array().unwrap();
    assert!(levels.contains(&"each_quorum".into()) && !levels.contains(&"any".into()));
}

#[test]
fn every_kind_of_problem_is_described_where_its_type_says() {
    for kind in PROBLEMS {
        let response = reply(&format!("GET /problems/{}", kind.name));
        assert_eq!(response.status, 200);
        assert_eq!(json(&response)["title"], kind.title);
    }
    assert_eq!(reply("GET /problems/none").status, 404);
}
