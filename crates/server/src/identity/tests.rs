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
fn a_durable_life_goes_on_after_a_crash() {
    let directory = TempDir::new().unwrap();
    let config = config(&directory.path().join("new/deep"), "node_id = 1");
    let first = open(&config).unwrap().incarnation();
    assert_eq!(open(&config).unwrap().incarnation(), first);
}

#[test]
fn a_life_in_doubt_does_not() {
    let directory = TempDir::new().unwrap();
    let always = config(directory.path(), "node_id = 1");
    let periodic = config(directory.path(), "node_id = 1\nflush = \"periodic\"");
    let first = open(&periodic).unwrap().incarnation();
    // The flush of the crashed life counts, which a changed configuration must not hide.
    let second = open(&periodic).unwrap();
    assert!(second.incarnation() > first);
    let incarnation = second.incarnation();
    second.close().unwrap();
    assert_eq!(open(&periodic).unwrap().incarnation(), incarnation);
    assert!(open(&always).unwrap().incarnation() > incarnation);
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
    fs::write(directory.path().join("identity.toml"), "node = ").unwrap();
    let error = open(&config(directory.path(), "node_id = 1")).unwrap_err().to_string();
    assert!(error.contains("is damaged"), "{error}");
}
