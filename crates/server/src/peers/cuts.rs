//! Pretended cuts: a file of node ids, read while the node runs, for trying out what a partition
//! of the network does.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use tokio::time::sleep;

use super::Peers;

/// How often the file is read; it is tiny and its reader is only started where it is asked for.
const INTERVAL: Duration = Duration::from_millis(200);

/// Cuts the links to the nodes that the file names and mends the others, for ever. A file that
/// cannot be read cuts nothing.
pub(super) async fn watch(path: PathBuf, peers: Rc<Peers>) {
    loop {
        let cut = parse(&std::fs::read_to_string(&path).unwrap_or_default());
        for link in peers.links() {
            link.set_cut(cut.contains(&link.peer.0));
        }
        sleep(INTERVAL).await;
    }
}

/// The ids in a text; anything else is passed over.
fn parse(text: &str) -> BTreeSet<u32> {
    text.split_whitespace().filter_map(|word| word.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_separated_by_blanks_or_lines() {
        assert_eq!(parse("1\n3 2\n\n"), BTreeSet::from([1, 2, 3]));
        assert_eq!(parse("x 4 -1"), BTreeSet::from([4]));
        assert_eq!(parse(""), BTreeSet::new());
    }
}
