//! Data directories: who may use them, and when a new incarnation is taken.

use tempfile::TempDir;

use super::*;
use crate::config::Settings;

const NOW: Millis = Millis(1_800_000_000_000);

fn config(directory: &Path, text: &str) -> Config {
    let file = Settings::from_toml(text).unwrap();
    let settings = Settings { data_directory: Some(directory.into()), ..Settings::default() };
    settings.over(file).into_config().unwrap()
}

fn open(config: &Config) -> Result<Identity, DirectoryError> {
    Identity::open(config, NOW)
}

#[test]
fn an_incarnation_lasts_until_it_is_renewed() {
    let directory = TempDir::new().unwrap();
    let config = config(&directory.path().join("new/deep"), "node_id = 1");
    let first = open(&config).unwrap();
    assert!(first.is_new());
    let incarnation = first.incarnation();
    drop(first);
    let mut second = open(&config).unwrap();
    assert_eq!((second.is_new(), second.incarnation()), (false, incarnation));
    // The clock stands still, and still the life is another one.
    second.renew(NOW).unwrap();
    let renewed = second.incarnation();
    assert!(renewed > incarnation);
    drop(second);
    assert_eq!(open(&config).unwrap().incarnation(), renewed);
}

#[test]
fn a_lost_directory_is_not_repeated() {
    let directory = TempDir::new().unwrap();
    let config = config(&directory.path().join("a"), "node_id = 1");
    let first = open(&config).unwrap().incarnation();
    fs::remove_dir_all(&config.data).unwrap();
    let later = Millis(NOW.0 + 1000);
    assert!(Identity::open(&config, later).unwrap().incarnation() > first);
}

#[test]
fn only_one_process_at_a_time() {
    let directory = TempDir::new().unwrap();
    let config = config(directory.path(), "node_id = 1");
    let held = open(&config).unwrap();
    assert!(open(&config).unwrap_err().to_string().contains("in use by another process"));
    drop(held);
    open(&config).unwrap();
}

#[test]
fn directories_of_others_are_refused() {
    let directory = TempDir::new().unwrap();
    drop(open(&config(directory.path(), "node_id = 1")).unwrap());
    let error = open(&config(directory.path(), "node_id = 2")).unwrap_err().to_string();
    assert!(error.contains("belongs to node 1 of this cluster"), "{error}");
    let other = config(directory.path(), "node_id = 1\ncluster_id = \"x\"");
    let error = open(&other).unwrap_err().to_string();
    assert!(error.contains("belongs to node 1 of another cluster"), "{error}");
}

#[test]
fn directories_with_something_else_are_refused() {
    let directory = TempDir::new().unwrap();
    fs::write(directory.path().join("letter.txt"), "dear").unwrap();
    let error = open(&config(directory.path(), "node_id = 1")).unwrap_err().to_string();
    assert!(error.contains("is not empty and no data directory"), "{error}");
    let error = open(&config(&directory.path().join("letter.txt"), "node_id = 1")).unwrap_err();
    assert!(error.to_string().contains("cannot use the data directory"), "{error}");
}

#[test]
fn a_damaged_identity_is_not_guessed() {
    let directory = TempDir::new().unwrap();
    let config = config(directory.path(), "node_id = 1");
    drop(open(&config).unwrap());
    let path = directory.path().join("identity.toml");
    let sound = fs::read(&path).unwrap();
    for at in 0..sound.len() {
        for bit in 0..8 {
            let mut bytes = sound.clone();
            bytes[at] ^= 1 << bit;
            fs::write(&path, &bytes).unwrap();
            // Spaces and line ends may be others; everything that is said is covered.
            let Err(error) = open(&config) else {
                let text = String::from_utf8(bytes).unwrap();
                let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
                assert_eq!(words(&text), words(std::str::from_utf8(&sound).unwrap()));
                continue;
            };
            let error = error.to_string();
            assert!(error.contains("is damaged"), "bit {bit} of byte {at}: {error}");
            assert!(error.contains("remove the whole data directory"), "{error}");
        }
    }
}
