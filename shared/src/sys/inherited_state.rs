//! The state that processes inherit from the one that starts them: its user, folder, environment,
//! limits, namespaces and the like.
#![allow(unsafe_code)]

use std::ffi::OsString;
use std::fs;
use std::io;
use std::mem::MaybeUninit;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use nix::libc;

use crate::sys::environment;

/// The lines of proc_pid_status(5) that are inherited.
const LINES: [&str; 15] = [
    "Umask",
    "Uid",
    "Gid",
    "Groups",
    "SigIgn",
    "CapInh",
    "CapPrm",
    "CapEff",
    "CapBnd",
    "CapAmb",
    "NoNewPrivs",
    "Seccomp",
    "Seccomp_filters",
    "Cpus_allowed",
    "Mems_allowed",
];

/// The number of limits of getrlimit(2), counted from 0.
const LIMIT_COUNT: u32 = 16;

/// Files with further state that is inherited; see proc(5).
const FILES: [&str; 3] = ["/proc/thread-self/cgroup", "/proc/thread-self/oom_score_adj", "/proc/self/coredump_filter"];

/// The namespaces of a process; see namespaces(7).
const NAMESPACES: [&str; 8] = ["cgroup", "ipc", "mnt", "net", "pid_for_children", "time_for_children", "user", "uts"];

/// A snapshot of that state. Processes that are started while it is equal have the same state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct InheritedState {
    /// Of this thread, which is the one that starts processes.
    status: Vec<String>,
    files: [Option<String>; FILES.len()],
    namespaces: [Option<PathBuf>; NAMESPACES.len()],
    environment: Vec<(OsString, OsString)>,
    /// Device and inode of the current folder and of the root.
    folders: [Option<(u64, u64)>; 2],
    limits: Vec<Option<(u64, u64)>>,
    priority: Priority,
    personality: i32,
    /// Standard output and error; a child has standard input of its own.
    streams: [Option<Stream>; 2],
}

/// What an open descriptor is: device, inode, device if it is one, and flags.
type Stream = (u64, u64, u64, i32);

impl InheritedState {
    /// Takes a snapshot.
    ///
    /// # Errors
    /// Fails without `/proc`.
    pub(crate) fn now() -> io::Result<Self> {
        let status = fs::read_to_string("/proc/thread-self/status")?;
        let handed_on = |line: &&str| line.split_once(':').is_some_and(|(key, _)| LINES.contains(&key));
        let folder = |path| fs::metadata(path).ok().map(|folder| (folder.dev(), folder.ino()));
        Ok(Self {
            status: status.lines().filter(handed_on).map(without_internal_signals).collect(),
            files: FILES.map(|file| fs::read_to_string(file).ok()),
            namespaces: NAMESPACES.map(|name| fs::read_link(format!("/proc/thread-self/ns/{name}")).ok()),
            environment: environment::variables().collect(),
            folders: [folder("."), folder("/")],
            limits: (0..LIMIT_COUNT).map(limit).collect(),
            priority: priority(),
            // SAFETY: integers only; this one changes nothing.
            personality: unsafe { libc::personality(0xffff_ffff) },
            streams: [stream(1), stream(2)],
        })
    }
}

/// Returns a line of the status without the signals that the C library uses itself: their
/// disposition changes with the first thread.
fn without_internal_signals(line: &str) -> String {
    // From 32: glibc has two, musl three.
    const INTERNAL: u64 = if cfg!(target_env = "musl") { 0b111 } else { 0b11 } << 31;
    let ignored = line.strip_prefix("SigIgn:").and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    ignored.map_or_else(|| line.to_string(), |mask| format!("SigIgn: {:x}", mask & !INTERNAL))
}

fn limit(resource: u32) -> Option<(u64, u64)> {
    let mut limit = MaybeUninit::uninit();
    // SAFETY: the call writes the limit, or fails.
    let answer = unsafe { libc::getrlimit(resource as _, limit.as_mut_ptr()) };
    (answer == 0).then(|| {
        // SAFETY: it was written.
        let libc::rlimit { rlim_cur, rlim_max } = unsafe { limit.assume_init() };
        (rlim_cur, rlim_max)
    })
}

/// The scheduling of a thread: the nice value, the scheduler's policy and priority, the class of
/// input and output, the slack of timers.
type Priority = (i32, i32, Option<i32>, i64, i32);

fn priority() -> Priority {
    /// Selects a process or thread in ioprio_get(2); 0 is the calling one.
    const IOPRIO_WHO_PROCESS: i32 = 1;
    let mut param = MaybeUninit::uninit();
    // SAFETY: the call writes the priority, or fails.
    let known = unsafe { libc::sched_getparam(0, param.as_mut_ptr()) } == 0;
    // SAFETY: it was written.
    let real_time = known.then(|| unsafe { param.assume_init() }.sched_priority);
    // SAFETY: these calls take and return integers only.
    unsafe {
        let nice = libc::getpriority(libc::PRIO_PROCESS, 0);
        let io = libc::syscall(libc::SYS_ioprio_get, IOPRIO_WHO_PROCESS, 0);
        (nice, libc::sched_getscheduler(0), real_time, io, libc::prctl(libc::PR_GET_TIMERSLACK))
    }
}

fn stream(number: i32) -> Option<Stream> {
    let mut stat = MaybeUninit::uninit();
    // SAFETY: the call writes the status of the descriptor, or fails.
    if unsafe { libc::fstat(number, stat.as_mut_ptr()) } != 0 {
        return None;
    }
    // SAFETY: it was written; the other call takes and returns integers only.
    let (stat, flags) = unsafe { (stat.assume_init(), libc::fcntl(number, libc::F_GETFL)) };
    Some((stat.st_dev, stat.st_ino, stat.st_rdev, flags))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn internal_signals_do_not_count() {
        let lines = ["SigIgn:\t0000000180001000", "SigIgn:\t0000000000001000"].map(without_internal_signals);
        assert_eq!(lines[0], lines[1]);
        assert_ne!(lines[0], without_internal_signals("SigIgn:\t0000000000001001"));
        assert_eq!(without_internal_signals("Umask:\t0022"), "Umask:\t0022");
    }

    #[test]
    fn snapshots_differ_only_after_a_change() -> io::Result<()> {
        let same_thread = || {
            let (one, other) = (InheritedState::now()?, InheritedState::now()?);
            assert_eq!(one.status.len(), LINES.len(), "{one:?}");
            assert_eq!((&one.folders, &one.limits, one.priority), (&other.folders, &other.limits, other.priority));
            // SAFETY: the call takes and returns integers only. It concerns this thread.
            unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, one.priority.0 + 1) };
            assert_ne!(one, InheritedState::now()?);
            io::Result::Ok(())
        };
        std::thread::spawn(same_thread).join().map_err(|_| io::Error::other("the thread panicked"))?
    }
}
