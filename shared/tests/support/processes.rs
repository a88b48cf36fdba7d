//! Processes, as `/proc` shows them.

use std::collections::BTreeMap;
use std::fs;
use std::process::Child;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde::{Deserialize, Serialize};

use super::eventually;

/// A process that cannot be mistaken for a later one of the same pid.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ProcessId {
    pub(crate) pid: u32,
    pub(crate) name: String,
    /// When it started, in clock ticks since boot.
    started: u64,
}

struct Status {
    id: ProcessId,
    state: char,
    parent: u32,
}

/// Reads `/proc/PID/stat`; see proc_pid_stat(5). `None` if there is no such process.
fn status(pid: u32) -> Option<Status> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name is in parentheses and may hold anything, also parentheses and blanks.
    let (before, after) = stat.rsplit_once(')')?;
    let name = before.split_once('(')?.1.to_string();
    let fields: Vec<&str> = after.split_whitespace().collect();
    let id = ProcessId { pid, name, started: fields.get(19)?.parse().ok()? };
    Some(Status { id, state: fields.first()?.chars().next()?, parent: fields.get(1)?.parse().ok()? })
}

impl ProcessId {
    pub(crate) fn of(pid: u32) -> Option<Self> {
        status(pid).map(|status| status.id)
    }

    /// Whether the process runs no more. A zombie is gone too: orphans are
    /// left to the system.
    pub(crate) fn is_gone(&self) -> bool {
        status(self.pid).is_none_or(|now| now.id.started != self.started || matches!(now.state, 'Z' | 'X'))
    }

    /// Whether the process waits for something.
    pub(crate) fn is_asleep(&self) -> bool {
        status(self.pid).is_some_and(|now| now.id.started == self.started && now.state == 'S')
    }

    /// Whether the process is stopped, as by SIGSTOP.
    pub(crate) fn is_stopped(&self) -> bool {
        status(self.pid).is_some_and(|now| now.id.started == self.started && now.state == 'T')
    }
}

fn all() -> BTreeMap<u32, Status> {
    let entries = fs::read_dir("/proc").unwrap().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter_map(|pid| Some((pid, status(pid)?))).collect()
}

/// The processes that come from process `root`, those not yet reaped included.
pub(crate) fn descendants_of(root: u32) -> Vec<ProcessId> {
    let all = all();
    let is_below = |mut pid: u32| loop {
        match all.get(&pid) {
            Some(status) if status.parent == root => return true,
            Some(status) => pid = status.parent,
            None => return false,
        }
    };
    all.values().filter(|status| is_below(status.id.pid)).map(|status| status.id.clone()).collect()
}

/// Kills a program that hangs, with all processes that come from it. Says what each of their
/// threads did: its state, where in the kernel it slept, and its system call.
pub(crate) fn end_hung(child: &mut Child) -> String {
    let mut processes = vec![ProcessId::of(child.id()).unwrap()];
    processes.extend(descendants_of(child.id()));
    let does: String = processes.iter().map(what_it_does).collect();
    for process in processes.iter().rev().filter(|process| !process.is_gone()) {
        let _ = kill(Pid::from_raw(process.pid as i32), Signal::SIGKILL);
    }
    child.wait().unwrap();
    does
}

/// A line for each thread of a process.
fn what_it_does(process: &ProcessId) -> String {
    let threads = fs::read_dir(format!("/proc/{}/task", process.pid)).into_iter().flatten().flatten();
    let line = |thread: fs::DirEntry| {
        let read = |file| fs::read_to_string(thread.path().join(file)).unwrap_or_default().trim().to_string();
        let stat = read("stat");
        let state = stat.rsplit_once(')').and_then(|(_, after)| after.split_whitespace().next()).unwrap_or_default();
        let (name, place, call) = (read("comm"), read("wchan"), read("syscall"));
        format!("\n  {} of {}: {name}, {state}, in {place}, call {call}", thread.file_name().display(), process.pid)
    };
    threads.map(line).collect()
}

/// The processes that come from this one.
pub(crate) fn descendants() -> Vec<ProcessId> {
    descendants_of(std::process::id())
}

/// The zygote of this process. One that has died may be replaced a moment later.
pub(crate) fn zygote() -> ProcessId {
    zygote_while(|| ())
}

/// As [`zygote`], for a pool that may not have noticed that its own was killed: `look` has it
/// look. An idle pool does not.
pub(crate) fn zygote_while(mut look: impl FnMut()) -> ProcessId {
    let mut found = Vec::new();
    eventually("there is one zygote", || {
        look();
        let own = std::process::id();
        // A worker is called like it, too, until it has a name of its own; but it is not our child.
        let ours = all().into_values().filter(|status| status.parent == own && status.id.name == "mp-zygote");
        found = ours.filter(|status| status.state != 'Z').map(|status| status.id).collect();
        found.len() == 1
    });
    found.remove(0)
}

/// This process' resident memory in KiB.
pub(crate) fn resident_kib() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

/// Processor time that a process has used, in the kernel's ticks of 10 ms.
pub(crate) fn processor_ticks(pid: u32) -> u64 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    // utime and stime are fields 14 and 15; the name, field 2, may hold spaces, and ends with the
    // last parenthesis.
    let after_name = stat.rsplit(')').next().unwrap();
    after_name.split_whitespace().skip(11).take(2).map(|ticks| ticks.parse::<u64>().unwrap()).sum()
}

/// Returns how many threads and descriptors a process has.
pub(crate) fn holdings(pid: u32) -> (usize, usize) {
    let count = |what: &str| fs::read_dir(format!("/proc/{pid}/{what}")).unwrap().count();
    (count("task"), count("fd"))
}
