//! What `/proc` has of a process, or of a thread, in one line; see `proc_pid_stat(5)`.

use std::fs::File;
use std::io::Read;

use nix::unistd::Pid;

/// What is used of the line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ProcStat {
    /// Its number in the namespace that `/proc` is of.
    pub(crate) pid: Pid,
    /// The first bytes of the program's name, or of the thread's.
    pub(crate) name: String,
    state: char,
    pub(crate) parent: Pid,
    /// The threads of the process.
    threads: u64,
    /// When it started, in ticks since the system did.
    pub(crate) start: u64,
    /// Where the stack of the program begins; 0 if it must not be known.
    pub(crate) stack: u64,
}

impl ProcStat {
    /// Reads that of a process; returns `None` if there is no such process, or no `/proc`.
    pub(crate) fn of(pid: Pid) -> Option<Self> {
        Self::read(&format!("/proc/{pid}/stat"))
    }

    /// Reads that of the calling process.
    pub(crate) fn own() -> Option<Self> {
        Self::read("/proc/self/stat")
    }

    /// Reads that of a thread of the calling process.
    pub(crate) fn of_thread(thread: i32) -> Option<Self> {
        Self::read(&format!("/proc/self/task/{thread}/stat"))
    }

    fn read(path: &str) -> Option<Self> {
        // Longer than the line can be up to the fields that are looked at.
        let mut bytes = [0; 1024];
        let len = File::open(path).ok()?.read(&mut bytes).ok()?;
        Self::parse(&String::from_utf8_lossy(&bytes[..len]))
    }

    /// Parses the line. The name, in parentheses, may have spaces and parentheses in it; nothing
    /// after it does.
    fn parse(line: &str) -> Option<Self> {
        let (before, after) = line.rsplit_once(')')?;
        let (pid, name) = before.split_once(" (")?;
        let fields: Vec<&str> = after.split_whitespace().collect();
        // Numbered as in the manual: the name is field 2.
        let field = |number: usize| fields.get(number - 3).copied();
        Some(Self {
            pid: Pid::from_raw(pid.parse().ok()?),
            name: name.to_owned(),
            state: field(3)?.chars().next()?,
            parent: Pid::from_raw(field(4)?.parse().ok()?),
            threads: field(20)?.parse().ok()?,
            start: field(22)?.parse().ok()?,
            stack: field(28)?.parse().ok()?,
        })
    }

    /// Returns whether the process has ended, with all of its threads. It stays listed until its
    /// parent has reaped it.
    pub(crate) fn has_ended(&self) -> bool {
        // The first thread may end before others.
        matches!(self.state, 'Z' | 'X' | 'x') && self.threads <= 1
    }

    /// Returns whether the process is stopped, by a signal or a tracer.
    pub(crate) fn is_stopped(&self) -> bool {
        matches!(self.state, 'T' | 't')
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_line_has_pid_and_parent() {
        let own = ProcStat::own().unwrap();
        assert_eq!((own.pid, own.parent, own.has_ended()), (Pid::this(), Pid::parent(), false));
        assert_eq!(ProcStat::of(Pid::this()).map(|stat| stat.start), Some(own.start));
        assert!(ProcStat::of(Pid::from_raw(0)).is_none());
    }

    #[test]
    fn line_is_parsed_whatever_the_program_is_called() {
        let line = |state: &str, threads: &str| {
            let fields = (3..=52).map(|field| match field {
                3 => state.to_owned(),
                20 => threads.to_owned(),
                _ => field.to_string(),
            });
            format!("17 (a ) R (b) {}", fields.collect::<Vec<_>>().join(" "))
        };
        let stat = ProcStat::parse(&line("R", "1")).unwrap();
        assert_eq!((stat.pid, stat.parent), (Pid::from_raw(17), Pid::from_raw(4)));
        assert_eq!((stat.name.as_str(), stat.start, stat.stack), ("a ) R (b", 22, 28));
        let ended = |state, threads| ProcStat::parse(&line(state, threads)).unwrap().has_ended();
        assert!(ended("Z", "1") && ended("X", "0") && !ended("Z", "2") && !ended("S", "1"));
        assert!(ProcStat::parse("17 (a) R 1 2").is_none());
    }
}
