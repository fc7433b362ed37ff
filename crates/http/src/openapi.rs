//! The OpenAPI document, made from the table of routes and the schemas beside this file.

use serde_json::{Map, Value, json};

use crate::parameter::{Parameter, Place};
use crate::problem::ProblemKind;
use crate::route::{self, Answer, Media, Route};

/// The schemas that routes name.
const SCHEMAS: &str = include_str!("openapi/schemas.json");

const ABOUT: &str = "Keys and values of a Starling cluster, and how far its replicas are apart. \
                     Any node answers for any key. Errors are problem documents (RFC 9457).";

/// Makes the document.
pub(crate) fn document() -> Value {
    let schemas: Value = serde_json::from_str(SCHEMAS).expect("a file of ours, read by a test");
    let mut paths = Map::new();
    for route in route::all() {
        let path = paths.entry(route.path).or_insert_with(|| json!({}));
        if let Some(methods) = path.as_object_mut() {
            methods.insert(route.method.name().to_ascii_lowercase(), operation(route));
        }
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Starling",
            "description": ABOUT,
            "version": env!("CARGO_PKG_VERSION"),
            "license": { "name": "Apache-2.0 OR MIT" },
        },
        "servers": [{ "url": "/" }],
        "tags": [
            { "name": "Data", "description": "Keys and their values" },
            { "name": "Operations", "description": "The node and its cluster" },
        ],
        "paths": paths,
        "components": { "schemas": schemas },
    })
}

fn operation(route: &Route) -> Value {
    let mut operation = json!({
        "operationId": route.id,
        "tags": [route.tag],
        "summary": route.summary,
        "responses": responses(route),
    });
    let parameters: Vec<Value> = route.parameters.iter().map(parameter).collect();
    if !parameters.is_empty() {
        operation["parameters"] = json!(parameters);
    }
    if let Some(body) = &route.body {
        operation["requestBody"] = json!({ "required": true, "content": content(&[*body]) });
    }
    operation
}

fn parameter(parameter: &Parameter) -> Value {
    let place = match parameter.place {
        Place::Path => "path",
        Place::Query => "query",
        Place::Header => "header",
    };
    json!({
        "name": parameter.name,
        "in": place,
        "required": parameter.place == Place::Path,
        "description": parameter.about,
        "schema": (parameter.schema)(),
    })
}

fn responses(route: &Route) -> Value {
    let mut responses = Map::new();
    for Answer { status, about, media } in route.answers {
        let mut response = json!({ "description": about });
        if !media.is_empty() {
            response["content"] = content(media);
        }
        responses.insert(status.to_string(), response);
    }
    let mut statuses: Vec<u16> = route.problems.iter().map(|kind| kind.status).collect();
    // Any request may be malformed, or come from a page of another site.
    statuses.extend([400, 403]);
    statuses.sort_unstable();
    statuses.dedup();
    for status in statuses {
        let of_status = |kind: &&&ProblemKind| kind.status == status;
        let titles: Vec<&str> =
            route.problems.iter().filter(of_status).map(|kind| kind.title).collect();
        let about = match (titles.is_empty(), status) {
            (true, 403) => "The request comes from a page of another site".to_owned(),
            (true, _) => "The request cannot be understood".to_owned(),
            (false, _) => titles.join("; "),
        };
        let problem = Media { name: "application/problem+json", schema: Some("Problem") };
        responses.insert(
            status.to_string(),
            json!({ "description": about, "content": content(&[problem]) }),
        );
    }
    Value::Object(responses)
}

fn content(media: &[Media]) -> Value {
    let mut content = Map::new();
    for Media { name, schema } in media {
        let body = match schema {
            Some(schema) => {
                json!({ "schema": { "$ref": format!("#/components/schemas/{schema}") } })
            }
            None => json!({}),
        };
        content.insert((*name).to_owned(), body);
    }
    Value::Object(content)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// Every `$ref` below a value.
    fn references(value: &Value, found: &mut BTreeSet<String>) {
        match value {
            Value::Object(members) => {
                for (name, member) in members {
                    match member.as_str() {
                        Some(target) if name == "$ref" => {
                            found.insert(target.to_owned());
                        }
                        _ => references(member, found),
                    }
                }
            }
            Value::Array(items) => items.iter().for_each(|item| references(item, found)),
            _ => {}
        }
    }

    #[test]
    fn every_reference_leads_somewhere_and_every_schema_is_used() {
        let document = document();
        let mut found = BTreeSet::new();
        references(&document, &mut found);
        for target in &found {
            let pointer = target.strip_prefix('#').unwrap();
            assert!(document.pointer(pointer).is_some(), "{target}");
        }
        for name in document["components"]["schemas"].as_object().unwrap().keys() {
            assert!(found.contains(&format!("#/components/schemas/{name}")), "{name} is unused");
        }
    }

    #[test]
    fn every_part_in_braces_is_a_parameter_and_every_name_is_unique() {
        let mut ids = BTreeSet::new();
        for route in route::all() {
            assert!(ids.insert(route.id), "{} twice", route.id);
            let in_path = route.parameters.iter().filter(|one| one.place == Place::Path);
            let named: Vec<String> = in_path.map(|one| format!("{{{}}}", one.name)).collect();
            let braces = route.path.split('/').filter(|part| part.starts_with('{'));
            assert_eq!(braces.collect::<Vec<_>>(), named, "{}", route.id);
        }
    }
}
