//! The processes and threads of the machine, as `/proc` shows them.

use std::fs;

/// A process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Process {
    /// Its parent's id.
    pub(crate) parent: u32,
    /// What it executes, as far as 15 bytes show it.
    pub(crate) name: String,
    /// The letter of its state: `Z` for a zombie.
    pub(crate) state: char,
}

impl Process {
    /// From `/proc/PID/stat`, see proc_pid_stat(5). The name, in parentheses, may hold anything.
    pub(crate) fn of(pid: u32) -> Option<Self> {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        let (start, end) = (stat.find('(')?, stat.rfind(')')?);
        let mut fields = stat[end + 1..].split_whitespace();
        let state = fields.next()?.chars().next()?;
        let parent = fields.next()?.parse().ok()?;
        Some(Self { parent, name: stat[start + 1..end].to_owned(), state })
    }
}

/// The ids of all processes, in ascending order.
pub(crate) fn all() -> Vec<u32> {
    numbers("/proc")
}

/// The threads of a process, by the numbers the system gives them; the first thread has the
/// process's own.
pub(crate) fn threads(pid: u32) -> Vec<u32> {
    numbers(&format!("/proc/{pid}/task"))
}

/// The entries of a folder that are numbers.
fn numbers(folder: &str) -> Vec<u32> {
    let entries = fs::read_dir(folder).into_iter().flatten();
    entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok()).collect()
}
