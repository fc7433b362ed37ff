//! The table of routes: what is offered, once, for matching and for the OpenAPI document.

use causality::Millis;

use crate::Step;
use crate::parameter::Parameter;
use crate::problem::{METHOD_NOT_ALLOWED, NOT_FOUND, Problem, ProblemKind};
use crate::request::{Method, Request};
use crate::routes;

/// One thing that can be asked.
pub(crate) struct Route {
    /// How to ask; HEAD goes where GET goes.
    pub(crate) method: Method,
    /// The path; a part in braces takes any text that is not empty.
    pub(crate) path: &'static str,
    /// Its name in the OpenAPI document.
    pub(crate) id: &'static str,
    /// Its group there.
    pub(crate) tag: &'static str,
    /// What it does, in one line.
    pub(crate) summary: &'static str,
    /// What may be said beside the path and the body.
    pub(crate) parameters: &'static [Parameter],
    /// What the body is.
    pub(crate) body: Option<Media>,
    /// What is answered when all is well.
    pub(crate) answers: &'static [Answer],
    /// What is answered otherwise.
    pub(crate) problems: &'static [&'static ProblemKind],
    /// Begins to answer.
    pub(crate) run: fn(&Asked<'_>) -> Result<Step, Problem>,
}

/// A good answer.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) about: &'static str,
    pub(crate) media: &'static [Media],
}

/// A kind of body.
#[derive(Clone, Copy)]
pub(crate) struct Media {
    pub(crate) name: &'static str,
    /// The name of its schema in the OpenAPI document; absent for plain bytes.
    pub(crate) schema: Option<&'static str>,
}

/// A request that found its route.
pub(crate) struct Asked<'a> {
    pub(crate) request: &'a Request,
    /// What stands in the path where the route has braces, in order.
    pub(crate) values: &'a [Vec<u8>],
    pub(crate) now: Millis,
}

/// A route and what stands in its braces.
#[derive(Debug)]
pub(crate) struct Matched {
    pub(crate) route: &'static Route,
    pub(crate) values: Vec<Vec<u8>>,
}

impl std::fmt::Debug for Route {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.id)
    }
}

impl Asked<'_> {
    /// What stands in the braces of this number.
    pub(crate) fn value(&self, index: usize) -> &[u8] {
        self.values.get(index).map_or(&[], Vec::as_slice)
    }
}

/// Every route.
pub(crate) fn all() -> impl Iterator<Item = &'static Route> {
    routes::TABLES.iter().flat_map(|table| table.iter())
}

/// Finds the route of a request.
pub(crate) fn find(request: &Request) -> Result<Matched, Problem> {
    let wanted = if request.method == Method::Head { Method::Get } else { request.method };
    let mut allowed = Vec::new();
    for route in all() {
        let Some(values) = fit(route.path, &request.path) else { continue };
        if route.method == wanted {
            return Ok(Matched { route, values });
        }
        allowed.push(route.method.name());
    }
    if allowed.is_empty() {
        return Err(Problem::new(NOT_FOUND, "no route has this path"));
    }
    if allowed.contains(&"GET") {
        allowed.push("HEAD");
    }
    let detail = format!("this path takes {}", allowed.join(", "));
    Err(Problem::new(METHOD_NOT_ALLOWED, detail).with_header("Allow", allowed.join(", ")))
}

/// What stands in the braces when a path fits a template.
fn fit(template: &str, path: &[Vec<u8>]) -> Option<Vec<Vec<u8>>> {
    let parts = template.strip_prefix('/').unwrap_or(template);
    let parts: Vec<&str> = if parts.is_empty() { Vec::new() } else { parts.split('/').collect() };
    if parts.len() != path.len() {
        return None;
    }
    let mut values = Vec::new();
    for (part, given) in parts.iter().zip(path) {
        if part.starts_with('{') && !given.is_empty() {
            values.push(given.clone());
        } else if part.as_bytes() != given {
            return None;
        }
    }
    Some(values)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_take_exactly_their_paths() {
        let path = |text: &str| -> Vec<Vec<u8>> {
            text.split('/').map(|part| part.as_bytes().to_vec()).collect()
        };
        assert_eq!(fit("/", &[]), Some(vec![]));
        assert_eq!(fit("/a/{b}", &path("a/x")), Some(vec![b"x".to_vec()]));
        assert_eq!(fit("/a/{b}", &path("a/")), None);
        assert_eq!(fit("/a/{b}", &path("a/x/y")), None);
        assert_eq!(fit("/a/{b}", &path("b/x")), None);
    }
}
