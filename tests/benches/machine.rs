//! What a process costs, and on what machine. Needs Linux.

use std::process::Command;

/// Processor time of a process so far in microseconds: without the journal's threads, and theirs.
pub fn processor_time(process: u32) -> (f64, f64) {
    let mut times = (0.0, 0.0);
    for task in std::fs::read_dir(format!("/proc/{process}/task")).unwrap() {
        let task = task.unwrap().path();
        let (Ok(name), Ok(spent)) = (
            std::fs::read_to_string(task.join("comm")),
            std::fs::read_to_string(task.join("schedstat")),
        ) else {
            continue;
        };
        let nanoseconds: f64 = spent.split(' ').next().unwrap().parse().unwrap();
        if name.starts_with("journal") || name.starts_with("sqlx") {
            times.1 += nanoseconds / 1e3;
        } else {
            times.0 += nanoseconds / 1e3;
        }
    }
    times
}

/// Resident memory of a process in MiB.
pub fn resident(process: u32) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kibibytes: f64 = line.unwrap().trim().trim_end_matches(" kB").parse().unwrap();
    kibibytes / 1_024.0
}

/// Which cores are whose: replicas from the first on, the rest for what calls them and for the database. On two
/// cores a second replica shares with the caller; on one, all share.
pub struct Cores {
    number: usize,
}

impl Cores {
    /// Those of this machine.
    pub fn of_this_machine() -> Self {
        let number = std::thread::available_parallelism().unwrap().get();
        Self { number }
    }

    /// The core of a replica.
    pub fn replica(&self, number: usize) -> usize {
        number % self.number
    }

    /// Moves this process, and what it will start, off the cores of so many replicas; two cores at most are left to
    /// replicas. The list, for people.
    pub fn keep_off(&self, replicas: usize) -> String {
        let first = replicas.min(2).min(self.number - 1);
        let list = match self.number - first {
            1 => first.to_string(),
            _ => format!("{first}-{}", self.number - 1),
        };
        let own = std::process::id().to_string();
        let moved = Command::new("taskset")
            .args(["--all-tasks", "--cpu-list", "--pid", &list, &own])
            .output()
            .unwrap();
        assert!(
            moved.status.success(),
            "{}",
            String::from_utf8_lossy(&moved.stderr)
        );
        list
    }
}

/// The machine in a few words, and how busy it was.
pub fn description() -> String {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let (processor, memory) = (read("/proc/cpuinfo"), read("/proc/meminfo"));
    let model = processor
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let total = memory.lines().find_map(|line| line.strip_prefix("MemTotal:"));
    let total = total.and_then(|kibibytes| kibibytes.trim().trim_end_matches(" kB").parse::<f64>().ok());
    let load = read("/proc/loadavg");
    let build = match cfg!(debug_assertions) {
        true => "DEBUG BUILD, no figure; ",
        false => "",
    };
    format!(
        "{build}{}, {} cores, {:.0} GiB; load before: {}",
        model.map_or("unknown processor", |(_, name)| name.trim()),
        processor
            .lines()
            .filter(|line| line.starts_with("processor"))
            .count(),
        total.unwrap_or_default() / 1_048_576.0,
        load.split(' ').next().unwrap_or_default()
    )
}
