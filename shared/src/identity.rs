//! The identity of this process, and of those that it has started.

use std::collections::BTreeMap;
#[cfg(feature = "mpi")]
use std::fs;
use std::sync::{Mutex, MutexGuard, PoisonError};

use nix::errno::Errno;
use nix::sys::signal::kill;
use nix::unistd::Pid;
use serde::{Deserialize, Serialize};

#[cfg(feature = "mpi")]
use crate::error::{Context, Error, Result};
#[cfg(feature = "mpi")]
use crate::sys::executable::Executable;
use crate::sys::pid::PerProcess;

/// Generations of processes below the program: a program whose workers build pools without end
/// stops here.
pub(crate) const MAX_DEPTH: u32 = 8;

/// The identity that a process gives to its child.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Identity {
    pub(crate) name: String,
    pub(crate) daemon: bool,
    /// Generations between this process and the program that the user started.
    pub(crate) depth: u32,
    /// The process that asked for this one (the kernel's parent is the zygote).
    pub(crate) parent: (String, u32),
}

/// The identity of this process; `None` in the program that the user started.
static OWN: Mutex<Option<Identity>> = Mutex::new(None);

/// Sets the identity of a new worker.
pub(crate) fn become_worker(identity: Identity) {
    *OWN.lock().unwrap_or_else(PoisonError::into_inner) = Some(identity);
}

/// Returns the identity for a child of this process.
pub(crate) fn for_child(name: String, daemon: bool) -> Identity {
    let own = current_process();
    Identity { name, daemon, depth: own.depth + 1, parent: (own.name, own.pid) }
}

/// A process, as [`current_process`], [`parent_process`] and
/// [`active_children`] describe it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ProcessInfo {
    /// The name: `"main"`, or what its pool or builder gave it.
    pub name: String,
    /// The process id.
    pub pid: u32,
    /// Whether the process is killed when its parent drops the handle, rather than waited for.
    pub daemon: bool,
    /// Generations between the process and the program that the user started; 0 for that program.
    pub depth: u32,
}

/// Returns a description of this process.
///
/// Python's counterpart: `multiprocessing.current_process`.
///
/// ```
/// use multiproc::Executor;
///
/// # fn main() -> multiproc::Result<()> {
/// assert_eq!(multiproc::current_process().name, "main");
/// let pool = multiproc::Pool::builder().processes(1).name("squares").build()?;
/// assert_eq!(pool.apply(|| multiproc::current_process().name, ())?, "squares-1");
/// # Ok(()) }
/// ```
#[must_use]
pub fn current_process() -> ProcessInfo {
    let pid = std::process::id();
    match &*OWN.lock().unwrap_or_else(PoisonError::into_inner) {
        Some(own) => ProcessInfo { name: own.name.clone(), pid, daemon: own.daemon, depth: own.depth },
        None => ProcessInfo { name: "main".into(), pid, daemon: false, depth: 0 },
    }
}

/// Returns the process that started this one with this crate, or `None` in the program that the
/// user started.
///
/// Python's counterpart: `multiprocessing.parent_process`.
#[must_use]
pub fn parent_process() -> Option<ProcessInfo> {
    let own = OWN.lock().unwrap_or_else(PoisonError::into_inner);
    own.as_ref().map(|own| ProcessInfo {
        name: own.parent.0.clone(),
        pid: own.parent.1,
        daemon: false,
        depth: own.depth - 1,
    })
}

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

/// Returns a text that only runs of the same executable have in common, on whichever machine: the
/// build id that the linker wrote, which stands for all that it put together; without one, a digest
/// of the file.
#[cfg(feature = "mpi")]
pub(crate) fn build_id() -> Result<String> {
    use object::Object;
    use sha2::Digest;

    let context = "cannot read the executable";
    let executable = Executable::own()?;
    let cache = object::read::ReadCache::new(fs::File::open(executable.path()).context(context)?);
    let unreadable = |error: object::Error| Error::Config(format!("the executable cannot be understood: {error}"));
    let file = object::File::parse(&cache).map_err(unreadable)?;
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    if let Some(id) = file.build_id().map_err(unreadable)? {
        return Ok(format!("build-id {}", hex(id)));
    }
    Ok(format!("sha256 {}", hex(&sha2::Sha256::digest(fs::read(executable.path()).context(context)?))))
}

#[cfg(all(test, feature = "mpi"))]
mod tests {
    use super::*;

    #[test]
    fn the_same_executable_has_the_same_build() {
        let own = build_id().unwrap();
        assert!(own.len() > 20, "{own}");
        assert_eq!(build_id().unwrap(), own);
    }
}
