//! Flushes that run apart from the process that asked for them, while it goes on.

use std::io;
use std::sync::Arc;

use super::{Fate, File, SimDisk, State, SyncFault};
use crate::disk::SyncTask;

/// Returns the task for a file as it is now.
pub(super) fn make(disk: &SimDisk, name: &str) -> io::Result<SyncTask> {
    let state = disk.state();
    state.alive(disk.process)?;
    let file = state.file(name)?;
    drop(state);
    let (state, process) = (Arc::clone(&disk.state), disk.process);
    Ok(Box::new(move || {
        let mut state = state.lock().expect("no holder of the lock panics");
        state.sync_file(process, file)
    }))
}

impl State {
    fn sync_file(&mut self, process: u64, file: usize) -> io::Result<()> {
        if matches!(self.begin_change(process)?, Fate::DiesHalfway) {
            return Err(Self::dead());
        }
        match self.sync_fault {
            SyncFault::Failing => Err(io::Error::other("the flush failed")),
            SyncFault::Lying => Ok(()),
            SyncFault::Honest => {
                self.files[file].settle();
                Ok(())
            }
        }
    }
}

impl File {
    /// Makes everything written so far durable, even when the file has lost its name meanwhile.
    fn settle(&mut self) {
        self.pending.clear();
        self.durable.clone_from(&self.live);
    }
}
