//! The processes that this one has started and that are running.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use nix::errno::Errno;
use nix::sys::signal::kill;
use nix::unistd::Pid;

use crate::identity::ProcessInfo;
use crate::sys::pid::PerProcess;

/// The running children, by pid: a forked child starts with none.
static LIVING: PerProcess<Mutex<BTreeMap<u32, ProcessInfo>>> = PerProcess::new();

fn living() -> MutexGuard<'static, BTreeMap<u32, ProcessInfo>> {
    LIVING.get().lock().unwrap_or_else(PoisonError::into_inner)
}

pub(crate) fn register(child: ProcessInfo) {
    living().insert(child.pid, child);
}

pub(crate) fn unregister(pid: u32) {
    living().remove(&pid);
}

/// Returns the processes that this one has started and that are running: pool workers and
/// [`Process`](crate::Process)es, in the order of their pids.
///
/// Python's counterpart: `multiprocessing.active_children`.
///
/// ```
/// # fn main() -> multiproc::Result<()> {
/// let pool = multiproc::Pool::with_processes(3)?;
/// assert_eq!(multiproc::active_children().len(), 3);
/// drop(pool);
/// assert_eq!(multiproc::active_children().len(), 0);
/// # Ok(()) }
/// ```
#[must_use]
pub fn active_children() -> Vec<ProcessInfo> {
    // A pool without calls processes the end of a worker later.
    let is_running = |child: &&ProcessInfo| kill(Pid::from_raw(child.pid.cast_signed()), None) != Err(Errno::ESRCH);
    living().values().filter(is_running).cloned().collect()
}
