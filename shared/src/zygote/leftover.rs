//! Zygotes that are left over from the program that this process was before an exec.

use std::fs;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::wait::{Id, WaitPidFlag, waitid, waitpid};
use nix::unistd::{Pid, getpid};
use rustix::process::{PidfdFlags, pidfd_open};

use crate::sys::poll::await_readable;
use crate::zygote::TITLE;

/// The time that those zygotes may take to end their workers and themselves. They began when the
/// exec closed the sockets to them.
const END_TIMEOUT: Duration = Duration::from_secs(1);

/// Waits for the end of such zygotes and reaps them: the new program has no record of its children,
/// and would leave them as zombies. Other children are not touched.
pub(crate) fn reap_leftover() {
    let flags = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT;
    if waitid(Id::All, flags) == Err(Errno::ECHILD) {
        // Almost every program has no children at its beginning.
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
