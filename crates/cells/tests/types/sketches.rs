//! The sketch counts as Redis does, within its error, and its two forms are one value.

use cells::types::sketch::Sketch;

fn sketch_of(elements: impl IntoIterator<Item = String>) -> Sketch {
    let mut sketch = Sketch::default();
    for element in elements {
        sketch.add(element.as_bytes());
    }
    sketch
}

/// Counts that Redis 7.0 answers to PFCOUNT after PFADD of the same elements.
#[test]
fn counts_are_those_of_redis() {
    let tails = ["", "a", "ab", "abc", "abcd", "abcde", "abcdef", "abcdefg", "abcdefgh"];
    assert_eq!(sketch_of(tails.map(str::to_owned)).count(), 9);
    for (size, expected) in [(7, 7), (100, 100), (1_000, 994), (10_000, 10_016), (100_000, 100_917)]
    {
        let sketch = sketch_of((0..size).map(|number| format!("element-{number}")));
        assert_eq!(sketch.count(), expected, "{size} elements");
    }
    assert_eq!(Sketch::default().count(), 0);
}

#[test]
fn the_error_is_about_0_81_percent() {
    let mut squares = 0.0;
    let runs = 60;
    for run in 0..runs {
        let size = 20_000u32;
        let sketch = sketch_of((0..size).map(|number| format!("{run}/{number}")));
        squares += (sketch.count() as f64 / f64::from(size) - 1.0).powi(2);
    }
    let error = (squares / f64::from(runs)).sqrt();
    assert!((0.004..0.0125).contains(&error), "standard error {error}");
}

#[test]
fn forms_round_trip_and_the_smaller_one_is_written() {
    for size in [0, 1, 50, 3_000, 8_000, 200_000] {
        let sketch = sketch_of((0..size).map(|number| number.to_string()));
        let bytes = sketch.encode();
        assert_eq!(Sketch::decode(&bytes), Ok(sketch), "{size} elements");
        assert!(bytes.len() <= 12_289, "{size} elements take {} bytes", bytes.len());
        assert!(bytes.len() <= 1 + 3 * size as usize, "{size} elements take {}", bytes.len());
    }
}

#[test]
fn joining_is_adding_the_elements_of_both_in_any_order() {
    let (left, right) = (0..3_000, 2_000..9_000);
    let of = |range: std::ops::Range<u32>| sketch_of(range.map(|number| number.to_string()));
    let mut one = of(left.clone());
    one.join(&of(right.clone()));
    let mut other = of(right);
    other.join(&of(left));
    assert_eq!(one, other);
    assert_eq!(one, of(0..9_000));
    let before = one.clone();
    one.join(&of(10..20));
    assert_eq!(one, before, "what is in it already changes nothing");
}

#[test]
fn any_bytes_are_a_sketch_or_an_error() {
    let mut rng = fastrand::Rng::with_seed(9);
    for _ in 0..5_000 {
        let mut bytes: Vec<u8> = (0..rng.usize(0..60)).map(|_| rng.u8(..)).collect();
        if let Some(first) = bytes.first_mut() {
            *first %= 3;
        }
        if let Ok(sketch) = Sketch::decode(&bytes) {
            assert_eq!(Sketch::decode(&sketch.encode()), Ok(sketch));
        }
    }
    assert!(Sketch::decode(&[0; 12_289]).is_ok());
    assert!(Sketch::decode(&[0; 12_288]).is_err());
    assert!(Sketch::decode(&[&[0][..], &[0xff; 12_288]].concat()).is_err());
}
