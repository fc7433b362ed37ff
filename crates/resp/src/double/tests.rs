//! The spellings of Redis, and that every double reads back.

use super::*;

fn text(value: f64) -> String {
    DoubleText::new(value).as_str().to_owned()
}

fn plain(value: f64) -> String {
    let mut out = b"before".to_vec();
    append_plain_double(&mut out, value);
    String::from_utf8(out).unwrap().strip_prefix("before").unwrap().to_owned()
}

#[test]
fn scores_are_spelled_as_in_redis() {
    for (value, expected) in [
        (0.0, "0"),
        (-0.0, "-0"),
        (3.0, "3"),
        (-3.0, "-3"),
        (3.1, "3.1"),
        (0.1, "0.1"),
        (-0.25, "-0.25"),
        (0.1 + 0.2, "0.30000000000000004"),
        (1.0 / 3.0, "0.3333333333333333"),
        (123_456.789, "123456.789"),
        (0.001, "0.001"),
        (0.000_001, "0.000001"),
        (0.000_123_4, "1.234e-4"),
        (0.000_012, "0.000012"),
        (1e-7, "1e-7"),
        (1.5e-10, "1.5e-10"),
        (1e15, "1000000000000000"),
        (1e18, "1000000000000000000"),
        (4_611_686_018_427_387_904.0, "4611686018427387904"),
        (4_611_686_018_427_388_928.0, "4611686018427389000"),
        (1e19, "1e+19"),
        (1e20, "1e+20"),
        (-1e21, "-1e+21"),
        (1.234_567_890_123_456_8e22, "12345678901234568000000"),
        (1e100, "1e+100"),
        (1e101, "1e+101"),
        (1.5e300, "1.5e+300"),
        (f64::MAX, "1.7976931348623157e+308"),
        (f64::MIN_POSITIVE, "2.2250738585072014e-308"),
        (5e-324, "5e-324"),
        (f64::INFINITY, "inf"),
        (f64::NEG_INFINITY, "-inf"),
        (f64::NAN, "nan"),
        (-f64::NAN, "nan"),
    ] {
        assert_eq!(text(value), expected, "{value:e}");
    }
}

/// Answers of redis-server 7.0.15 to `INCRBYFLOAT` from zero; the last line is 10.5 and 0.1.
#[test]
fn increments_are_spelled_as_in_redis() {
    for (value, expected) in [
        (3.0, "3"),
        (3.1, "3.1"),
        (0.1, "0.1"),
        (1e16, "10000000000000000"),
        (1e17, "100000000000000000"),
        (1e20, "100000000000000000000"),
        (1e21, "1000000000000000000000"),
        (1e-5, "0.00001"),
        (1e-7, "0.0000001"),
        (-0.0, "0"),
        (4_503_599_627_370_497.0, "4503599627370497"),
        (0.0001, "0.0001"),
        (5e-324, "0"),
        (-5e-324, "0"),
        (10.5 + 0.1, "10.6"),
    ] {
        assert_eq!(plain(value), expected, "{value:e}");
    }
}

#[test]
fn increments_show_no_exponent_and_few_decimals() {
    assert_eq!(plain(1e-17), "0.00000000000000001");
    assert_eq!(plain(-1e-18), "0");
    assert_eq!(plain(1.5e-17), "0.00000000000000002");
    assert_eq!(plain(f64::INFINITY), "inf");
    assert_eq!(plain(f64::NAN), "nan");
    assert_eq!(plain(1.5e300).len(), 301);
}

#[test]
fn every_double_reads_back() {
    let mut rng = fastrand::Rng::with_seed(1);
    for _ in 0..200_000 {
        let value = f64::from_bits(rng.u64(..));
        if value.is_nan() {
            continue;
        }
        let shown = text(value);
        assert_eq!(shown.parse::<f64>().unwrap().to_bits(), value.to_bits(), "{shown}");
        assert!(shown.len() <= 25, "{shown}");
    }
}

#[test]
fn doubles_of_every_shape_read_back() {
    let mut rng = fastrand::Rng::with_seed(2);
    for _ in 0..200_000 {
        let digits = rng.i64(-(1 << 53)..1 << 53) >> rng.u32(0..53);
        let shown = format!("{digits}e{}", rng.i32(-40..40));
        let value: f64 = shown.parse().unwrap();
        assert_eq!(text(value).parse::<f64>().unwrap().to_bits(), value.to_bits(), "{shown}");
    }
}
