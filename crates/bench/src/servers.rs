//! What a load cost the servers: the processor time of their processes, when they run here.

use std::fs;

use crate::connection::{Connection, LoadError};

/// Ticks of processor time a second; the kernel tells all times in hundredths.
const TICKS: f64 = 100.0;

/// The processes behind some connections, as far as they run on this machine.
pub(crate) struct Servers {
    processes: Vec<u64>,
}

impl Servers {
    /// Asks for the process at the other end of each connection.
    pub(crate) fn find(connections: &mut [Connection]) -> Result<Self, LoadError> {
        let mut processes = Vec::new();
        for connection in connections {
            let Ok(info) = connection.call(&[b"INFO", b"server"]) else { continue };
            let text = String::from_utf8_lossy(info.as_bytes().unwrap_or_default()).into_owned();
            let line = text.lines().find_map(|line| line.strip_prefix("process_id:"));
            let found = line.and_then(|number| number.trim().parse().ok());
            processes.extend(found.filter(|process| seconds(*process).is_some()));
        }
        processes.sort_unstable();
        processes.dedup();
        Ok(Self { processes })
    }

    /// The seconds that they have used up; nothing when none is known here.
    pub(crate) fn seconds(&self) -> Option<f64> {
        let used: Vec<f64> =
            self.processes.iter().filter_map(|process| seconds(*process)).collect();
        (!used.is_empty()).then(|| used.iter().sum())
    }
}

fn seconds(process: u64) -> Option<f64> {
    let text = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // Behind the name, which may hold anything: state, then ten numbers, then user and system.
    let (_, rest) = text.rsplit_once(')')?;
    let mut ticks = rest.split_whitespace().skip(11).map_while(|word| word.parse::<f64>().ok());
    Some((ticks.next()? + ticks.next()?) / TICKS)
}

#[cfg(test)]
mod tests {
    #[test]
    fn this_process_has_used_some_time() {
        if cfg!(target_os = "linux") {
            assert!(super::seconds(u64::from(std::process::id())).is_some());
        }
        assert_eq!(super::seconds(u64::MAX), None);
    }
}
