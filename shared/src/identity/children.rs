//! The processes that this one has started and that still live.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use nix::errno::Errno;
use nix::sys::signal::kill;
use nix::unistd::Pid;

use crate::identity::ProcessInfo;
use crate::sys::own::PerProcess;

/// The living children, by pid: a forked child starts with none.
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

/// The processes that this one started and that are alive as far as is known: pool workers and
/// [`Process`](crate::Process)es, by rising pid. Python's counterpart is
/// `multiprocessing.active_children`.
///
/// ```
/// # fn main() -> multiproc::Result<()> {
/// let pool = multiproc::Pool::with_processes(3)?;
/// assert_eq!(multiproc::active_children().len(), 3);
/// drop(pool);
/// assert_eq!(multiproc::active_children().len(), 0);
/// # Ok(()) }
/// ```
pub fn active_children() -> Vec<ProcessInfo> {
    // A pool that nobody asks anything learns of a worker's death later.
    let lives = |child: &&ProcessInfo| kill(Pid::from_raw(child.pid.cast_signed()), None) != Err(Errno::ESRCH);
    living().values().filter(lives).cloned().collect()
}
