//! The identity of this process, and of those that it has started.

#[cfg(feature = "mpi")]
mod build;
mod children;

#[cfg(feature = "mpi")]
pub(crate) use build::build_id;
pub use children::active_children;
pub(crate) use children::{register, unregister};

use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};

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
/// [`active_children`](crate::active_children) describe it.
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
