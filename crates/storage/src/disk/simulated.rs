//! The simulated body: files in memory, with what was written apart from what is durable.
//!
//! Every handle made by [`SimDisk::process`] sees the same files. A crash ends all handles made
//! before it (they fail from then on, the next process needs a new one); it keeps what was synced
//! and, of the rest, whatever the generator picks: whole writes, none, or single sectors of them,
//! in any order. Given the same calls and the same seed it does the same things.

mod sync_task;

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard};

use super::{Disk, LockOutcome, SyncTask};

/// A torn write loses or keeps units of this many bytes.
const SECTOR_BYTES: usize = 512;

/// How a process ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Crash {
    /// The process is killed: the kernel still has all that was written.
    Process,
    /// The power fails: what was not synced is kept, lost or torn as the generator picks.
    Power,
    /// The power fails and nothing that was not synced survives.
    PowerLosesAll,
}

/// How `sync` behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SyncFault {
    /// It does what it says.
    Honest,
    /// It returns an error and makes nothing durable.
    Failing,
    /// It returns success and makes nothing durable.
    Lying,
}

/// One process's handle on a simulated directory.
#[derive(Debug)]
pub struct SimDisk {
    state: Arc<Mutex<State>>,
    process: u64,
}

#[derive(Debug)]
struct State {
    rng: fastrand::Rng,
    files: Vec<File>,
    names: BTreeMap<String, usize>,
    names_durable: BTreeMap<String, usize>,
    names_pending: Vec<NameChange>,
    process_count: u64,
    processes_dead: u64,
    locked_by: Option<u64>,
    change_count: u64,
    read_count: u64,
    dies_at: Option<u64>,
    capacity: u64,
    sync_fault: SyncFault,
    failing_reads: Option<String>,
    misdirected: Option<u64>,
}

#[derive(Clone, Debug, Default)]
struct File {
    live: Vec<u8>,
    durable: Vec<u8>,
    pending: Vec<Change>,
}

#[derive(Clone, Debug)]
enum Change {
    Write { offset: usize, bytes: Vec<u8> },
    Cut { len: usize },
}

#[derive(Clone, Debug)]
enum NameChange {
    Link { name: String, file: usize },
    Unlink { name: String },
    Rename { from: String, to: String },
}

impl SimDisk {
    /// Creates an empty directory whose crashes follow a seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let state = State {
            rng: fastrand::Rng::with_seed(seed),
            files: Vec::new(),
            names: BTreeMap::new(),
            names_durable: BTreeMap::new(),
            names_pending: Vec::new(),
            process_count: 1,
            processes_dead: 0,
            locked_by: None,
            change_count: 0,
            read_count: 0,
            dies_at: None,
            capacity: u64::MAX,
            sync_fault: SyncFault::Honest,
            failing_reads: None,
            misdirected: None,
        };
        Self { state: Arc::new(Mutex::new(state)), process: 0 }
    }

    /// Returns the handle of another process on the same directory.
    #[must_use]
    pub fn process(&self) -> Self {
        let mut state = self.state();
        let process = state.process_count;
        state.process_count += 1;
        drop(state);
        Self { state: Arc::clone(&self.state), process }
    }

    /// Copies the directory as it is now, as a backup or a cloned volume does.
    #[must_use]
    pub fn copy(&self, seed: u64) -> Self {
        let copy = Self::new(seed);
        let state = self.state();
        let mut target = copy.state();
        target.files.clone_from(&state.files);
        target.names.clone_from(&state.names);
        target.names_durable.clone_from(&state.names_durable);
        target.names_pending.clone_from(&state.names_pending);
        drop(target);
        drop(state);
        copy
    }

    /// Ends every process on the directory; the next one finds what survived.
    pub fn crash(&self, crash: Crash) {
        let mut state = self.state();
        let State { rng, files, names, names_durable, names_pending, .. } = &mut *state;
        if crash != Crash::Process {
            for file in files.iter_mut() {
                file.lose_power(crash, rng);
            }
            let kept = if crash == Crash::Power { rng.usize(..=names_pending.len()) } else { 0 };
            for change in names_pending.drain(..).take(kept) {
                change.apply(names_durable);
            }
            names_pending.clear();
            names.clone_from(names_durable);
        }
        state.locked_by = None;
        state.dies_at = None;
        state.processes_dead = state.process_count;
    }

    /// Counts the reads asked for so far.
    #[must_use]
    pub fn read_count(&self) -> u64 {
        self.state().read_count
    }

    /// Counts the changes asked for so far: appends, cuts, syncs, renamings and removals.
    #[must_use]
    pub fn change_count(&self) -> u64 {
        self.state().change_count
    }

    /// Lets the change with this number fail half done, and every call after it fail altogether.
    pub fn die_at(&self, change: u64) {
        self.state().dies_at = Some(change);
    }

    /// Limits the bytes of all files together; appends beyond are written in part and fail.
    pub fn set_capacity(&self, bytes: u64) {
        self.state().capacity = bytes;
    }

    /// Counts the bytes of all files together.
    #[must_use]
    pub fn used(&self) -> u64 {
        self.state().used()
    }

    /// Chooses how syncs behave from now on.
    pub fn set_sync_fault(&self, fault: SyncFault) {
        self.state().sync_fault = fault;
    }

    /// Lets every read of one file fail, or none.
    pub fn fail_reads(&self, name: Option<&str>) {
        self.state().failing_reads = name.map(str::to_owned);
    }

    /// Lets the next writing of bytes go to this offset; what it should have written stays, or is
    /// zeros when the file grows.
    pub fn misdirect_next_append(&self, offset: u64) {
        self.state().misdirected = Some(offset);
    }

    /// Changes one stored byte, as a decaying medium does. False when there is no such byte.
    pub fn flip(&self, name: &str, offset: usize, mask: u8) -> bool {
        let mut state = self.state();
        let Some(&file) = state.names.get(name) else { return false };
        let file = &mut state.files[file];
        if let Some(byte) = file.durable.get_mut(offset) {
            *byte ^= mask;
        }
        let found = file.live.get_mut(offset).map(|byte| *byte ^= mask);
        found.is_some()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no holder of the lock panics")
    }
}

impl Drop for SimDisk {
    fn drop(&mut self) {
        let mut state = self.state();
        if state.locked_by == Some(self.process) {
            state.locked_by = None;
        }
    }
}

impl File {
    fn lose_power(&mut self, crash: Crash, rng: &mut fastrand::Rng) {
        for change in self.pending.drain(..) {
            if crash == Crash::PowerLosesAll || rng.u8(..3) == 0 {
                continue;
            }
            match change {
                Change::Cut { len } => self.durable.truncate(len),
                Change::Write { offset, bytes } if rng.bool() => {
                    write_at(&mut self.durable, offset, &bytes);
                }
                Change::Write { offset, bytes } => {
                    write_sectors(&mut self.durable, offset, &bytes, rng);
                }
            }
        }
        self.live.clone_from(&self.durable);
    }

    fn write(&mut self, offset: usize, bytes: &[u8]) {
        write_at(&mut self.live, offset, bytes);
        self.pending.push(Change::Write { offset, bytes: bytes.to_vec() });
    }
}

/// Writes some sectors of a torn write; the file may have grown without the bytes being there.
fn write_sectors(file: &mut Vec<u8>, offset: usize, bytes: &[u8], rng: &mut fastrand::Rng) {
    let mut at = 0;
    while at < bytes.len() {
        let sector_end = (offset + at) / SECTOR_BYTES * SECTOR_BYTES + SECTOR_BYTES - offset;
        let end = sector_end.min(bytes.len());
        if rng.bool() {
            write_at(file, offset + at, &bytes[at..end]);
        }
        at = end;
    }
}

fn write_at(file: &mut Vec<u8>, offset: usize, bytes: &[u8]) {
    let end = offset + bytes.len();
    if file.len() < end {
        file.resize(end, 0);
    }
    file[offset..end].copy_from_slice(bytes);
}

impl NameChange {
    fn apply(self, names: &mut BTreeMap<String, usize>) {
        match self {
            Self::Link { name, file } => {
                names.insert(name, file);
            }
            Self::Unlink { name } => {
                names.remove(&name);
            }
            Self::Rename { from, to } => {
                if let Some(file) = names.remove(&from) {
                    names.insert(to, file);
                }
            }
        }
    }
}

/// What becomes of a change that is about to be made.
enum Fate {
    Lives,
    DiesHalfway,
}

impl State {
    fn begin_change(&mut self, process: u64) -> io::Result<Fate> {
        self.alive(process)?;
        self.change_count += 1;
        if self.dies_at == Some(self.change_count) {
            self.processes_dead = self.process_count;
            return Ok(Fate::DiesHalfway);
        }
        Ok(Fate::Lives)
    }

    fn alive(&self, process: u64) -> io::Result<()> {
        if process < self.processes_dead { Err(Self::dead()) } else { Ok(()) }
    }

    fn file(&self, name: &str) -> io::Result<usize> {
        self.names.get(name).copied().ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))
    }

    fn used(&self) -> u64 {
        self.names.values().map(|file| self.files[*file].live.len() as u64).sum()
    }

    fn change_names(&mut self, change: NameChange) {
        change.clone().apply(&mut self.names);
        self.names_pending.push(change);
    }

    fn dead() -> io::Error {
        io::Error::other("the machine is down")
    }
}

impl Disk for SimDisk {
    fn append(&mut self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let mut state = self.state();
        let fate = state.begin_change(self.process)?;
        if !state.names.contains_key(name) {
            let file = state.files.len();
            state.files.push(File::default());
            state.change_names(NameChange::Link { name: name.to_owned(), file });
        }
        let end = state.file_mut(name).live.len();
        state.write(name, end, bytes, &fate)
    }

    fn write_at(&mut self, name: &str, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let mut state = self.state();
        let fate = state.begin_change(self.process)?;
        let file = state.file(name)?;
        let offset = usize::try_from(offset).expect("files in memory are short");
        assert!(offset <= state.files[file].live.len(), "{name} would get a gap");
        state.write(name, offset, bytes, &fate)
    }

    fn read_at(&mut self, name: &str, offset: u64, into: &mut [u8]) -> io::Result<usize> {
        let mut state = self.state();
        state.alive(self.process)?;
        state.read_count += 1;
        let file = state.file(name)?;
        if state.failing_reads.as_deref() == Some(name) {
            return Err(io::Error::other("the medium cannot be read"));
        }
        let live = &state.files[file].live;
        let start = usize::try_from(offset).unwrap_or(usize::MAX).min(live.len());
        let count = into.len().min(live.len() - start);
        into[..count].copy_from_slice(&live[start..start + count]);
        Ok(count)
    }

    fn len(&mut self, name: &str) -> io::Result<u64> {
        let state = self.state();
        state.alive(self.process)?;
        let file = state.file(name)?;
        Ok(state.files[file].live.len() as u64)
    }

    fn cut(&mut self, name: &str, len: u64) -> io::Result<()> {
        let mut state = self.state();
        let fate = state.begin_change(self.process)?;
        state.file(name)?;
        let len = usize::try_from(len).expect("files in memory are short");
        let file = state.file_mut(name);
        file.live.truncate(len);
        file.pending.push(Change::Cut { len });
        if matches!(fate, Fate::DiesHalfway) { Err(State::dead()) } else { Ok(()) }
    }

    fn sync(&mut self, name: &str) -> io::Result<()> {
        let mut state = self.state();
        if matches!(state.begin_change(self.process)?, Fate::DiesHalfway) {
            return Err(State::dead());
        }
        state.file(name)?;
        match state.sync_fault {
            SyncFault::Failing => return Err(io::Error::other("the flush failed")),
            SyncFault::Lying => return Ok(()),
            SyncFault::Honest => {}
        }
        let file = state.file_mut(name);
        file.pending.clear();
        file.durable.clone_from(&file.live);
        Ok(())
    }

    fn sync_task(&mut self, name: &str) -> io::Result<SyncTask> {
        sync_task::make(self, name)
    }

    fn sync_names(&mut self) -> io::Result<()> {
        let mut state = self.state();
        if matches!(state.begin_change(self.process)?, Fate::DiesHalfway) {
            return Err(State::dead());
        }
        match state.sync_fault {
            SyncFault::Failing => return Err(io::Error::other("the flush failed")),
            SyncFault::Lying => return Ok(()),
            SyncFault::Honest => {}
        }
        state.names_pending.clear();
        state.names_durable = state.names.clone();
        Ok(())
    }

    fn rename(&mut self, from: &str, to: &str) -> io::Result<()> {
        let mut state = self.state();
        let fate = state.begin_change(self.process)?;
        state.file(from)?;
        state.change_names(NameChange::Rename { from: from.to_owned(), to: to.to_owned() });
        if matches!(fate, Fate::DiesHalfway) { Err(State::dead()) } else { Ok(()) }
    }

    fn remove(&mut self, name: &str) -> io::Result<()> {
        let mut state = self.state();
        let fate = state.begin_change(self.process)?;
        state.file(name)?;
        state.change_names(NameChange::Unlink { name: name.to_owned() });
        if matches!(fate, Fate::DiesHalfway) { Err(State::dead()) } else { Ok(()) }
    }

    fn list(&mut self) -> io::Result<Vec<String>> {
        let state = self.state();
        state.alive(self.process)?;
        Ok(state.names.keys().cloned().collect())
    }

    fn lock(&mut self) -> io::Result<LockOutcome> {
        let mut state = self.state();
        state.alive(self.process)?;
        if state.locked_by.is_some() {
            return Ok(LockOutcome::Taken);
        }
        state.locked_by = Some(self.process);
        Ok(LockOutcome::Held)
    }

    fn free_bytes(&mut self) -> io::Result<u64> {
        let state = self.state();
        state.alive(self.process)?;
        Ok(state.capacity.saturating_sub(state.used()))
    }
}

impl State {
    /// Writes to a file that is there, as far as the process lives and there is space.
    fn write(&mut self, name: &str, offset: usize, bytes: &[u8], fate: &Fate) -> io::Result<()> {
        let room = self.capacity.saturating_sub(self.used());
        let misdirected = self.misdirected.take();
        let written = self.rng.usize(..=bytes.len());
        let file = self.file_mut(name);
        let end = file.live.len();
        let grows = (offset + bytes.len()).saturating_sub(end);
        match fate {
            Fate::DiesHalfway => {
                file.write(offset, &bytes[..written]);
                return Err(Self::dead());
            }
            Fate::Lives if room < grows as u64 => {
                let missing = grows - usize::try_from(room).expect("less than a slice's length");
                file.write(offset, &bytes[..bytes.len() - missing]);
                return Err(io::Error::from(io::ErrorKind::StorageFull));
            }
            Fate::Lives => {}
        }
        match misdirected {
            Some(elsewhere) => {
                file.write(end, &vec![0; grows]);
                file.write(usize::try_from(elsewhere).unwrap_or(0), bytes);
            }
            None => file.write(offset, bytes),
        }
        Ok(())
    }

    /// The live file of a name that is known to be there.
    fn file_mut(&mut self, name: &str) -> &mut File {
        let file = self.names[name];
        &mut self.files[file]
    }
}
