//! What the system says of this process: CPU time, bytes written, memory.

use std::time::Instant;

/// CPU time of all threads, in microseconds.
pub fn cpu_micros() -> f64 {
    const MICROS_PER_TICK: f64 = 10_000.0;
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    let ticks = fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap();
    ticks * MICROS_PER_TICK
}

/// CPU time of this thread, in microseconds.
pub fn thread_cpu_micros() -> f64 {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    stat.split(' ').next().unwrap().parse::<f64>().unwrap() / 1e3
}

/// Bytes handed to the system in writes.
pub fn written_bytes() -> f64 {
    field("/proc/self/io", "wchar:")
}

/// Memory of our own in use, without mapped and cached files.
pub fn resident_bytes() -> f64 {
    field("/proc/self/status", "RssAnon:") * 1024.0
}

fn field(file: &str, name: &str) -> f64 {
    let text = std::fs::read_to_string(file).unwrap();
    let line = text.lines().find(|line| line.starts_with(name)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// Measures from here to `per`.
pub struct Measured {
    start: Instant,
    cpu: f64,
}

impl Measured {
    pub fn start() -> Self {
        Self { start: Instant::now(), cpu: cpu_micros() }
    }

    pub fn seconds(&self) -> f64 {
        self.start.elapsed().as_secs_f64()
    }

    /// Tells the CPU time and the rate of so many operations.
    pub fn per(self, name: &str, count: u64) {
        let seconds = self.seconds();
        tell(&format!("{name}, us CPU"), (cpu_micros() - self.cpu) / count as f64);
        tell(&format!("{name}, k/s"), count as f64 / seconds / 1e3);
    }
}

/// Hands one figure to the parent process.
pub fn tell(name: &str, value: f64) {
    println!("{name} {value}");
}
