//! What is done with `HyperLogLog`s: elements are added, registers are handed out and merged.

use api::{Operation, Outcome};
use cells::types::key::{self, Kind};
use cells::types::sketch::{self, Sketch};
use cells::types::{Draft, TypeError};
use cells::{Family, KeyAddress, ReadCells};

use super::{Ran, Stop, integer};

pub(super) fn run<R: ReadCells>(
    cells: &mut R,
    key: KeyAddress<'_>,
    operation: &Operation,
    draft: &mut Draft,
) -> Ran {
    match key::kinds(cells, key)?.map(|kinds| kinds.shown) {
        None | Some(Kind::Sketch) => {}
        Some(Kind::String) => return Err(Stop::NotASketch),
        Some(_) => return Err(Stop::WrongType),
    }
    match operation {
        Operation::SketchAdd { elements } => {
            let elements: Vec<&[u8]> = elements.iter().map(Vec::as_slice).collect();
            Ok(integer(sketch::add(cells, key, &elements, draft)?))
        }
        Operation::SketchMerge { sketches } => {
            let decoded = sketches.iter().map(|bytes| Sketch::decode(bytes));
            let decoded: Result<Vec<_>, _> = decoded.collect();
            let decoded = decoded.map_err(|_| TypeError::Malformed(Family::Sketch))?;
            sketch::merge(cells, key, &decoded, draft)?;
            Ok(Outcome::Done)
        }
        _ => {
            let sketch = sketch::get(cells, key)?;
            Ok(sketch.map_or(Outcome::Nothing, |sketch| Outcome::Value(sketch.encode())))
        }
    }
}
