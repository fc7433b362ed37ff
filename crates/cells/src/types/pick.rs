//! Elements at random, without reading them all.
//!
//! Of up to `UNIFORM_COUNT_MAX` elements each has the same chance. In larger collections the
//! choice goes down the tree of common prefixes, taking a random next byte at each branch: a few
//! seeks, however large the collection is. Elements that share their beginning with few others
//! then come up more often.

use std::collections::BTreeSet;

use fastrand::Rng;

use super::TypeError;

/// Up to so many elements, or when a good part of all is wanted, the choice is uniform.
const UNIFORM_COUNT_MAX: u64 = 1024;
/// How often a choice that was made already is made again before the rest is taken in order.
const TRIES: usize = 8;

/// A collection with an order, by what it can be asked.
pub trait Ordered {
    /// Returns the first element at a place or behind it.
    ///
    /// # Errors
    /// Reading failed.
    fn first_from(&mut self, place: &[u8]) -> Result<Option<Vec<u8>>, TypeError>;

    /// Returns the last element before a place, or of all.
    ///
    /// # Errors
    /// Reading failed.
    fn last_before(&mut self, place: Option<&[u8]>) -> Result<Option<Vec<u8>>, TypeError>;

    /// Visits every element in order until told to stop.
    ///
    /// # Errors
    /// Reading failed.
    fn walk(&mut self, visit: &mut dyn FnMut(&[u8]) -> bool) -> Result<(), TypeError>;
}

/// Returns `wanted` different elements of a collection of `total`, or all; in a random order.
///
/// # Errors
/// Reading failed.
pub fn distinct(
    from: &mut impl Ordered,
    total: u64,
    wanted: u64,
    rng: &mut Rng,
) -> Result<Vec<Vec<u8>>, TypeError> {
    let wanted = wanted.min(total);
    let mut found = if total <= UNIFORM_COUNT_MAX || wanted >= total / 4 {
        at_indices(from, &indices(total, wanted, rng))?
    } else {
        scattered(from, wanted, rng)?
    };
    rng.shuffle(&mut found);
    Ok(found)
}

/// Returns `wanted` elements of a collection of `total`, each chosen on its own.
///
/// # Errors
/// Reading failed.
pub fn repeated(
    from: &mut impl Ordered,
    total: u64,
    wanted: u64,
    rng: &mut Rng,
) -> Result<Vec<Vec<u8>>, TypeError> {
    if total == 0 {
        return Ok(Vec::new());
    }
    if total > UNIFORM_COUNT_MAX {
        let one = |_| descend(from, rng).transpose();
        return (0..wanted).filter_map(one).collect();
    }
    let all = at_indices(from, &(0..total).collect())?;
    let one = |_| all.get(rng.usize(..all.len().max(1))).cloned();
    Ok((0..wanted).filter_map(one).collect())
}

/// Chooses `wanted` of the numbers below `total`.
fn indices(total: u64, wanted: u64, rng: &mut Rng) -> BTreeSet<u64> {
    // Robert Floyd's sample: every subset has the same chance, and nothing is drawn twice.
    let mut chosen = BTreeSet::new();
    for last in total - wanted..total {
        let one = rng.u64(..=last);
        if !chosen.insert(one) {
            chosen.insert(last);
        }
    }
    chosen
}

fn at_indices(from: &mut impl Ordered, indices: &BTreeSet<u64>) -> Result<Vec<Vec<u8>>, TypeError> {
    let mut found = Vec::new();
    let mut wanted = indices.iter().peekable();
    let mut index = 0;
    if wanted.peek().is_none() {
        return Ok(found);
    }
    from.walk(&mut |element| {
        if wanted.next_if_eq(&&index).is_some() {
            found.push(element.to_vec());
        }
        index += 1;
        wanted.peek().is_some()
    })?;
    Ok(found)
}

fn scattered(
    from: &mut impl Ordered,
    wanted: u64,
    rng: &mut Rng,
) -> Result<Vec<Vec<u8>>, TypeError> {
    let wanted = usize::try_from(wanted).unwrap_or(usize::MAX);
    let mut found = BTreeSet::new();
    for _ in 0..wanted.saturating_mul(TRIES) {
        if found.len() == wanted {
            break;
        }
        found.extend(descend(from, rng)?);
    }
    if found.len() < wanted {
        from.walk(&mut |element| {
            found.insert(element.to_vec());
            found.len() < wanted
        })?;
    }
    Ok(found.into_iter().collect())
}

/// Goes from the root of the common prefixes to one element.
fn descend(from: &mut impl Ordered, rng: &mut Rng) -> Result<Option<Vec<u8>>, TypeError> {
    let mut prefix = Vec::new();
    loop {
        let Some(first) = from.first_from(&prefix)? else { return Ok(None) };
        let last = from.last_before(behind(&prefix).as_deref())?;
        let Some(last) = last.filter(|last| *last > first) else { return Ok(Some(first)) };
        let common = first.iter().zip(&last).take_while(|(a, b)| a == b).count();
        let mut low = first.get(common).copied();
        if low.is_none() {
            // The first element is the common prefix itself.
            if rng.u8(..8) == 0 {
                return Ok(Some(first));
            }
            let second = from.first_from(&[&first[..], &[0]].concat())?;
            low = second.and_then(|second| second.get(common).copied());
        }
        let low = low.unwrap_or_default();
        let high = last.get(common).copied().unwrap_or(u8::MAX);
        let mut place = first[..common].to_vec();
        place.push(rng.u8(low..=high.max(low)));
        let Some(next) = from.first_from(&place)? else { return Ok(Some(last)) };
        if next.len() <= common {
            return Ok(Some(next));
        }
        prefix = next[..=common].to_vec();
    }
}

/// The first place behind everything that begins with a prefix, if there is one.
fn behind(prefix: &[u8]) -> Option<Vec<u8>> {
    let kept = prefix.iter().rposition(|byte| *byte < u8::MAX)?;
    let mut place = prefix[..=kept].to_vec();
    place[kept] += 1;
    Some(place)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    struct Names(BTreeSet<Vec<u8>>);

    impl Ordered for Names {
        fn first_from(&mut self, place: &[u8]) -> Result<Option<Vec<u8>>, TypeError> {
            Ok(self.0.range(place.to_vec()..).next().cloned())
        }

        fn last_before(&mut self, place: Option<&[u8]>) -> Result<Option<Vec<u8>>, TypeError> {
            Ok(match place {
                Some(place) => self.0.range(..place.to_vec()).next_back().cloned(),
                None => self.0.last().cloned(),
            })
        }

        fn walk(&mut self, visit: &mut dyn FnMut(&[u8]) -> bool) -> Result<(), TypeError> {
            self.0.iter().all(|name| visit(name));
            Ok(())
        }
    }

    fn names(count: usize) -> Names {
        Names((0..count).map(|n| format!("name:{n}").into_bytes()).collect())
    }

    #[test]
    fn distinct_elements_are_as_many_as_wanted_and_of_the_collection() {
        let mut rng = Rng::with_seed(3);
        for total in [0, 1, 2, 10, 1_024, 1_025, 5_000] {
            let mut from = names(total);
            for wanted in [0, 1, 3, 100, 4_999, 10_000] {
                let found = distinct(&mut from, total as u64, wanted, &mut rng).unwrap();
                let set: BTreeSet<_> = found.iter().cloned().collect();
                assert_eq!(set.len(), found.len());
                assert_eq!(found.len(), total.min(usize::try_from(wanted).unwrap()));
                assert!(set.is_subset(&from.0));
            }
        }
    }

    #[test]
    fn small_collections_are_chosen_from_evenly() {
        let (mut from, mut rng) = (names(10), Rng::with_seed(4));
        let mut counts: BTreeMap<Vec<u8>, u32> = BTreeMap::new();
        for _ in 0..2_000 {
            for name in distinct(&mut from, 10, 3, &mut rng).unwrap() {
                *counts.entry(name).or_default() += 1;
            }
        }
        assert_eq!(counts.len(), 10);
        assert!(counts.values().all(|count| (500..700).contains(count)), "{counts:?}");
    }

    #[test]
    fn in_large_collections_every_element_comes_up() {
        let (mut from, mut rng) = (names(2_000), Rng::with_seed(5));
        let found = repeated(&mut from, 2_000, 200_000, &mut rng).unwrap();
        assert_eq!(found.len(), 200_000);
        assert_eq!(found.into_iter().collect::<BTreeSet<_>>().len(), 2_000);
    }

    #[test]
    fn odd_names_do_not_lead_astray() {
        let odd = [&b""[..], b"\0", b"\xff", b"\xff\xff", b"\xff\xff\xff", b"a", b"a\0", b"a\xff"];
        let mut from = Names(odd.iter().map(|name| name.to_vec()).collect());
        let mut rng = Rng::with_seed(6);
        let mut seen = BTreeSet::new();
        for _ in 0..500 {
            seen.extend(descend(&mut from, &mut rng).unwrap());
        }
        assert_eq!(seen.len(), odd.len());
    }
}
