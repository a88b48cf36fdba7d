//! The processes and threads of the machine, as `/proc` shows them.

use std::fs;

/// A process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Process {
    /// The parent's pid.
    pub(crate) parent: u32,
    /// The name of its program, cut off after 15 bytes.
    pub(crate) name: String,
    /// The letter of its state: `Z` for a zombie.
    pub(crate) state: char,
}

impl Process {
    /// Reads `/proc/PID/stat`, see proc_pid_stat(5). The name, in parentheses, may hold any byte.
    pub(crate) fn of(pid: u32) -> Option<Self> {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        let (start, end) = (stat.find('(')?, stat.rfind(')')?);
        let mut fields = stat[end + 1..].split_whitespace();
        let state = fields.next()?.chars().next()?;
        let parent = fields.next()?.parse().ok()?;
        Some(Self { parent, name: stat[start + 1..end].to_owned(), state })
    }
}

/// Returns the pids of all processes.
pub(crate) fn all() -> Vec<u32> {
    numbers("/proc")
}

/// Returns the thread ids of a process. That of its first thread is the pid.
pub(crate) fn threads(pid: u32) -> Vec<u32> {
    numbers(&format!("/proc/{pid}/task"))
}

/// Returns the entries of a folder that are numbers.
fn numbers(folder: &str) -> Vec<u32> {
    let entries = fs::read_dir(folder).into_iter().flatten();
    entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok()).collect()
}
