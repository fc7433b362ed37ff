//! Opening a directory: who is it, what does the manifest say, what does the log add, what is
//! wrong.

use std::cmp::Ordering;
use std::sync::Arc;

use super::DurableStore;
use crate::disk::{Disk, LockOutcome};
use crate::identity::{self, Identity};
use crate::log::{Log, Opened, Position, Run};
use crate::manifest::{self, Manifest};
use crate::options::{FlushPolicy, Options};
use crate::report::{Affected, Damage, Report};
use crate::rows::{Below, HashSeed, Rows};
use crate::sealed::Copies;
use crate::store::StoreError;
use crate::table::{self, Cache, Table};

/// What an opened store brings back. The entries after the checkpoint follow through
/// [`DurableStore::replay`].
#[derive(Clone, Debug)]
pub struct Recovery {
    /// The state blob of each shard at the last checkpoint, by shard. A shard that was dropped
    /// since is not among them.
    pub states: Vec<(u16, Vec<u8>)>,
    /// Everything unusual.
    pub report: Report,
}

impl<D: Disk> DurableStore<D> {
    /// Opens a directory, or makes a new one of an empty one. The identity lies in a directory of
    /// its own, at best on another disk; it may be the same directory.
    ///
    /// # Errors
    /// `Locked` when another process has it, `Foreign` when it is another cluster's or its parts do
    /// not belong together, `Disk` when it cannot be read or written. Damage is no error: it is
    /// told in the report.
    pub fn open(
        mut disk: D,
        mut identity_disk: D,
        options: Options,
    ) -> Result<(Self, Recovery), StoreError> {
        let mut report = Report::default();
        let (mut identity, mut manifest) =
            take_over(&mut disk, &mut identity_disk, &options, &mut report)?;
        let last = LastLife::end(&mut identity, &manifest, &options);
        identity.write(&mut identity_disk)?;
        if report.is_new {
            manifest.run = identity.run;
            manifest.write(&mut disk)?;
        }
        let mut tables = Vec::new();
        for info in &manifest.tables {
            open_table(&mut disk, *info, &mut tables, &mut report)?;
        }
        let opened = Log::open(
            &mut disk,
            &options,
            Run { number: identity.run, nonce: options.nonce },
            &manifest.log,
            identity.durable,
            &mut report,
        )?;
        last.judge(&opened, &identity, &manifest, &mut report);
        identity.run_in_data = opened.run;
        identity.run = opened.run.number;
        let is_empty = tables.is_empty() && manifest.tables.is_empty();
        let below = if is_empty { Below::Absent } else { Below::Possible };
        let hash_seed = HashSeed(seed_of(identity.store));
        let mut store = Self {
            hash_seed,
            floors: manifest.floors.clone(),
            states: manifest.states.clone(),
            next_table: manifest.next_table,
            next_age: manifest.next_age,
            cache: Cache::new(0),
            rows_bytes_max: options.memory_bytes,
            scratch: Vec::new(),
            paid_bytes: 0,
            owed_bytes: 0,
            disk,
            identity_disk,
            options,
            identity,
            is_identity_changed: false,
            log: opened.log,
            replay: opened.replay,
            rows: Rows::new(hash_seed, below),
            tables,
            manifest,
            checkpointing: None,
            merging: None,
            leftovers: Vec::new(),
            table_bytes_written: 0,
            void_bytes: None,
            turns_since_look: 0,
            disk_free_bytes: u64::MAX,
        };
        for shard in opened.dropped {
            store.states.remove(&shard);
            store.floors.drop_shard(shard, store.next_age);
        }
        store.settle()?;
        let states = store.states.iter().map(|(shard, state)| (*shard, state.to_vec()));
        let recovery = Recovery { states: states.collect(), report };
        Ok((store, recovery))
    }

    /// Notes that the data knows of this run.
    fn settle(&mut self) -> Result<(), StoreError> {
        self.identity.durable = self.log.synced();
        self.identity.write(&mut self.identity_disk)?;
        self.look_at_disk()
    }
}

/// Locks the directory and reads who it is and what it holds.
fn take_over<D: Disk>(
    disk: &mut D,
    identity_disk: &mut D,
    options: &Options,
    report: &mut Report,
) -> Result<(Identity, Manifest), StoreError> {
    let failed = |source| StoreError::Disk { doing: "locking the directory", source };
    if disk.lock().map_err(failed)? == LockOutcome::Taken {
        return Err(StoreError::Locked);
    }
    let manifest = Manifest::read(disk)?;
    let found = Identity::read(identity_disk)?;
    let names = disk.list().map_err(failed)?;
    let has_data = names.iter().any(|name| name.starts_with("log-"))
        || !matches!(manifest, manifest::Found::Nothing);
    let mut identity = known_identity(found, options, has_data, report)?;
    let manifest = known_manifest(manifest, &identity, has_data, report)?;
    identity.store = manifest.store;
    remove_leftovers(disk, &names, &manifest)?;
    Ok((identity, manifest))
}

/// What the identity said about the life before this one.
struct LastLife {
    closed_at: Option<Position>,
    was_weak: bool,
    known_run: u64,
}

impl LastLife {
    /// Takes down how the last life ended, and begins the next.
    fn end(identity: &mut Identity, manifest: &Manifest, options: &Options) -> Self {
        let last = Self {
            closed_at: identity.closed_at.take(),
            was_weak: identity.is_weak,
            known_run: identity.run,
        };
        identity.is_weak = options.flush != FlushPolicy::Always;
        identity.run = last.known_run.max(manifest.run) + 1;
        last
    }

    /// Compares what the last life left with what is found.
    fn judge(
        &self,
        opened: &Opened,
        identity: &Identity,
        manifest: &Manifest,
        report: &mut Report,
    ) {
        let is_at_end = self.closed_at == Some(opened.end);
        let in_data = identity.run_in_data;
        let is_other_run = match opened.last_run.number.cmp(&in_data.number) {
            Ordering::Less => manifest.run < in_data.number || opened.last_run.number > 0,
            Ordering::Equal => opened.last_run != in_data,
            Ordering::Greater => false,
        };
        let closed_before = self.closed_at.is_some_and(|closed| closed < opened.end);
        report.is_restored |= is_other_run || closed_before;
        report.is_identity_lost |= opened.last_run.number > self.known_run;
        report.is_tail_lost |= self.closed_at.is_some_and(|closed| closed > opened.end);
        report.is_clean = is_at_end && report.cut.is_none() && report.damage.is_empty();
        report.is_unclean_and_weak = !report.is_new && self.was_weak && !is_at_end;
    }
}

fn known_identity(
    found: identity::Found,
    options: &Options,
    has_data: bool,
    report: &mut Report,
) -> Result<Identity, StoreError> {
    let fresh = Identity { store: options.store, cluster: options.cluster, ..Identity::default() };
    let identity = match found {
        identity::Found::Identity(identity, copies) => {
            if copies == Copies::One {
                report.healed.push("identity".to_owned());
            }
            identity
        }
        identity::Found::Damaged => {
            report.is_identity_lost = true;
            fresh
        }
        identity::Found::Nothing => {
            report.is_identity_lost = has_data;
            fresh
        }
    };
    if identity.cluster != options.cluster {
        return Err(StoreError::Foreign { what: "it belongs to another cluster" });
    }
    Ok(identity)
}

fn known_manifest(
    found: manifest::Found,
    identity: &Identity,
    has_data: bool,
    report: &mut Report,
) -> Result<Manifest, StoreError> {
    let fresh = Manifest { store: identity.store, next_age: 1, ..Manifest::default() };
    let is_lost = match found {
        manifest::Found::Manifest(manifest, copies) => {
            if copies == Copies::One {
                report.healed.push("manifest".to_owned());
            }
            if manifest.store != identity.store && !report.is_identity_lost {
                return Err(StoreError::Foreign { what: "identity and data are not of one store" });
            }
            return Ok(*manifest);
        }
        manifest::Found::Damaged => true,
        manifest::Found::Nothing => has_data || identity.run_in_data.number > 0,
    };
    report.is_new = !is_lost;
    if is_lost {
        report.damage.push(Damage {
            what: "manifest".to_owned(),
            affected: Affected::All,
            is_covered: false,
        });
    }
    Ok(fresh)
}

/// Removes drafts and tables that no manifest names.
fn remove_leftovers(
    disk: &mut impl Disk,
    names: &[String],
    manifest: &Manifest,
) -> Result<(), StoreError> {
    let tables = manifest.tables.iter().map(|info| table::file_name(info.number));
    let kept: std::collections::BTreeSet<String> = tables.collect();
    for name in names {
        let is_leftover = table::is_file_name(name) || name == "manifest.draft";
        if is_leftover && !kept.contains(name) {
            disk.remove(name)
                .map_err(|source| StoreError::Disk { doing: "removing leftovers", source })?;
        }
    }
    Ok(())
}

fn open_table(
    disk: &mut impl Disk,
    info: table::TableInfo,
    tables: &mut Vec<Arc<Table>>,
    report: &mut Report,
) -> Result<(), StoreError> {
    let name = table::file_name(info.number);
    match Table::open(disk, info)? {
        Some((table, copies)) => {
            if copies == Copies::One {
                report.healed.push(name);
            }
            tables.push(Arc::new(table));
        }
        None => report.damage.push(Damage {
            what: format!("{name}: its index"),
            affected: Affected::All,
            is_covered: false,
        }),
    }
    Ok(())
}

#[expect(clippy::cast_possible_truncation, reason = "half of a random number is random")]
fn seed_of(store: u128) -> u64 {
    (store >> 64) as u64 ^ store as u64
}
