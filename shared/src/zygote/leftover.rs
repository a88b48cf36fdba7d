//! The zygotes of the program that this process was before it executed itself anew.

use std::fs;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::wait::{Id, WaitPidFlag, waitid, waitpid};
use nix::unistd::{Pid, getpid};
use rustix::process::{PidfdFlags, pidfd_open};

use crate::sys::poll::await_readable;
use crate::zygote::TITLE;

/// How long the former zygotes may take to end their workers and themselves. They began when the
/// sockets to them were closed.
const END_TIMEOUT: Duration = Duration::from_secs(1);

/// Waits for the end of former zygotes and reaps them: an exec makes the program another one,
/// which knows of no children and would leave them as zombies. Other children are not touched.
pub(crate) fn reap_leftover() {
    let flags = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT;
    if waitid(Id::All, flags) == Err(Errno::ECHILD) {
        // As in almost every program at its beginning.
        return;
    }
    let own = getpid();
    let children = fs::read_to_string(format!("/proc/self/task/{own}/children")).unwrap_or_default();
    let deadline = Instant::now() + END_TIMEOUT;
    for pid in children.split_ascii_whitespace().filter_map(|pid| pid.parse().ok()) {
        let name = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
        if name.trim_end() == TITLE {
            reap(pid, deadline);
        }
    }
}

fn reap(pid: i32, deadline: Instant) {
    let Some(child) = rustix::process::Pid::from_raw(pid) else { return };
    if let Ok(ended) = pidfd_open(child, PidfdFlags::empty())
        && await_readable(&ended, Some(deadline)).unwrap_or(false)
    {
        let _ = waitpid(Pid::from_raw(pid), None);
    }
}
