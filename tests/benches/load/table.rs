//! The lines for the table of figures.

use std::time::Duration;

/// Figures of one scenario, measured by one command on one machine.
pub struct Table {
    machine: String,
    command: String,
    lines: Vec<(String, String)>,
}

impl Table {
    /// An empty one; how busy the machine is, is read now.
    pub fn new(scenario: &str, cores: &str) -> Self {
        Self {
            machine: format!("{}; {cores}", crate::machine::description()),
            command: format!("cargo bench --bench load -- {scenario}"),
            lines: Vec::new(),
        }
    }

    /// Adds a figure.
    pub fn line(&mut self, figure: impl Into<String>, value: impl Into<String>) {
        self.lines.push((figure.into(), value.into()));
    }

    /// Prints it as Markdown.
    pub fn print(&self) {
        println!("\n| figure | value | machine | command |\n|---|---|---|---|");
        for (figure, value) in &self.lines {
            println!("| {figure} | {value} | {} | `{}` |", self.machine, self.command);
        }
        println!();
    }
}

/// A time in milliseconds.
pub fn ms(time: Duration) -> String {
    format!("{:.1} ms", time.as_secs_f64() * 1e3)
}

/// The smallest value that so many of a hundred do not exceed; zero of none.
pub fn percentile(times: &[Duration], percent: usize) -> Duration {
    let mut times = times.to_vec();
    times.sort_unstable();
    let place = (times.len() * percent / 100).min(times.len().saturating_sub(1));
    times.get(place).copied().unwrap_or_default()
}
