//! Requests made from the OpenAPI document with values that nobody would choose.

use api::Outcome;
use fastrand::Rng;
use http::{Guard, Step};
use serde_json::Value;

use super::{NOW, request};

/// A text for a parameter: what the document allows, or anything.
fn text(rng: &mut Rng, schema: &Value) -> String {
    let allowed: Vec<&str> =
        schema["enum"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let odd = ["", "0", "-1", "%", "%00", "%ff", "db0", "9s", "a%2Fb", "..", "1e9", "%F0%9F", "~"];
    match rng.u8(..3) {
        0 if !allowed.is_empty() => (*rng.choice(allowed.iter()).unwrap()).to_owned(),
        1 => schema["example"].as_str().unwrap_or("db1").to_owned(),
        _ => (*rng.choice(odd.iter()).unwrap()).to_owned(),
    }
}

/// A request line for an operation of the document.
fn line(rng: &mut Rng, path: &str, method: &str, operation: &Value) -> String {
    let (mut path, mut query) = (path.to_owned(), Vec::new());
    for parameter in operation["parameters"].as_array().into_iter().flatten() {
        let name = parameter["name"].as_str().unwrap();
        let value = text(rng, &parameter["schema"]);
        match parameter["in"].as_str().unwrap() {
            "path" => path = path.replace(&format!("{{{name}}}"), &value.replace('%', "%25")),
            _ if rng.bool() => query.push(format!("{name}={}", value.replace('%', "%25"))),
            _ => {}
        }
    }
    format!("{} {path}?{}", method.to_uppercase(), query.join("&"))
}

#[test]
fn no_request_that_can_be_written_fails_the_node() {
    let document = http::openapi();
    for seed in 0..3000 {
        let mut rng = Rng::with_seed(seed);
        let paths = document["paths"].as_object().unwrap();
        let (path, methods) = rng.choice(paths.iter()).unwrap();
        let (method, operation) = rng.choice(methods.as_object().unwrap().iter()).unwrap();
        let line = line(&mut rng, path, method, operation);
        let body: Vec<u8> = (0..rng.usize(..20)).map(|_| rng.u8(..)).collect();
        let response = match http::begin(&request(&line, &[], &body), Guard::Loopback, NOW) {
            Step::Reply(response) => response,
            Step::Ask(_) => continue,
            Step::Calls { calls, pending, .. } => {
                let none = calls.iter().map(|_| Outcome::Nothing).collect();
                http::finish(pending, none)
            }
        };
        assert!(response.status < 500, "seed {seed}: {line} gives {}", response.status);
        let status = response.status.to_string();
        let is_told = operation["responses"].get(&status).is_some();
        // A path whose braces were filled with nothing is another path.
        assert!(is_told || response.status == 404, "seed {seed}: {line} gives {status}, untold");
    }
}
