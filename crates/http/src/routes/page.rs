//! The dashboard: its files as bytes, a part of the program, so that it works without a network.

use crate::Step;
use crate::parameter::{Parameter, Place};
use crate::problem::{NOT_FOUND, Problem};
use crate::request::Method;
use crate::response::Response;
use crate::route::{Answer, Asked, Media, Route};

/// One file of the page.
struct File {
    name: &'static str,
    media: &'static str,
    bytes: &'static [u8],
}

macro_rules! files {
    ($($name:literal: $media:literal,)*) => {
        &[$(File {
            name: $name,
            media: $media,
            bytes: include_bytes!(concat!("../../../../dashboard/", $name)),
        }),*]
    };
}

const INDEX: &[File] = files! { "index.html": "text/html; charset=utf-8", };

/// What the page is made of.
const FILES: &[File] = files! {
    "style.css": "text/css; charset=utf-8",
    "app.js": "text/javascript; charset=utf-8",
    "chart.js": "text/javascript; charset=utf-8",
    "matrix.js": "text/javascript; charset=utf-8",
    "model.js": "text/javascript; charset=utf-8",
    "tables.js": "text/javascript; charset=utf-8",
    "trace.js": "text/javascript; charset=utf-8",
};

const NAME: Parameter = Parameter {
    name: "name",
    place: Place::Path,
    about: "The file's name",
    schema: || {
        let names: Vec<&str> = FILES.iter().map(|file| file.name).collect();
        serde_json::json!({ "enum": names })
    },
};

const PAGE: Route = Route {
    method: Method::Get,
    path: "/",
    id: "dashboard",
    tag: "Operations",
    summary: "The dashboard",
    parameters: &[],
    body: None,
    answers: &[Answer {
        status: 200,
        about: "A page for browsers",
        media: &[Media { name: "text/html", schema: Some("Text") }],
    }],
    problems: &[],
    run: |_| Ok(Step::Reply(serve(&INDEX[0]))),
};

pub(crate) const ROUTES: &[Route] = &[
    PAGE,
    Route {
        path: "/assets/{name}",
        id: "asset",
        summary: "A file of the dashboard",
        parameters: &[NAME],
        answers: &[Answer {
            status: 200,
            about: "The file",
            media: &[
                Media { name: "text/css", schema: Some("Text") },
                Media { name: "text/javascript", schema: Some("Text") },
            ],
        }],
        problems: &[NOT_FOUND],
        run: asset,
        ..PAGE
    },
];

fn asset(asked: &Asked<'_>) -> Result<Step, Problem> {
    let found = FILES.iter().find(|file| file.name.as_bytes() == asked.value(0));
    let file = found.ok_or_else(|| Problem::new(NOT_FOUND, "the page has no such file"))?;
    Ok(Step::Reply(serve(file)))
}

fn serve(file: &File) -> Response {
    Response::new(200, file.media, file.bytes).as_page()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What all of the page may weigh over the wire.
    const SIZE_MAX: usize = 150 * 1024;

    #[test]
    fn the_page_is_light_and_names_only_files_it_has() {
        let all = || INDEX.iter().chain(FILES);
        let size: usize = all().map(|file| file.bytes.len()).sum();
        assert!(size <= SIZE_MAX, "{size} bytes");
        for file in all() {
            let text = std::str::from_utf8(file.bytes).unwrap();
            let from_imports = text.split("from \"./").skip(1);
            let from_page = text.split("\"/assets/").skip(1);
            for rest in from_imports.chain(from_page) {
                let name = rest.split('"').next().unwrap();
                assert!(FILES.iter().any(|one| one.name == name), "{} wants {name}", file.name);
            }
            let is_outside = |scheme: &str| text.contains(&format!("{scheme}://"));
            let is_namespace = text.matches("http://www.w3.org/").count();
            assert!(!is_outside("https") && text.matches("http://").count() == is_namespace);
        }
    }
}
