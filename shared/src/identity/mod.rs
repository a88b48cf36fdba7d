//! Who this process is, and which others it has started.

#[cfg(feature = "mpi")]
mod build;
mod children;

#[cfg(feature = "mpi")]
pub(crate) use build::build_id;
pub use children::active_children;
pub(crate) use children::{register, unregister};

use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};

/// How deep processes may start processes that start processes: a program that forks without end
/// stops here.
pub(crate) const DEEPEST: u32 = 8;

/// What a child is told about itself.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Identity {
    pub(crate) name: String,
    pub(crate) daemon: bool,
    /// Generations between this process and the program that the user started.
    pub(crate) depth: u32,
    /// The process that asked for this one (the kernel's parent is the zygote).
    pub(crate) parent: (String, u32),
}

/// `None` in the program that the user started.
static OWN: Mutex<Option<Identity>> = Mutex::new(None);

/// In a fresh worker: takes on the identity it was given.
pub(crate) fn become_worker(identity: Identity) {
    *OWN.lock().unwrap_or_else(PoisonError::into_inner) = Some(identity);
}

/// The identity of a child of this process.
pub(crate) fn for_child(name: String, daemon: bool) -> Identity {
    let own = current_process();
    Identity { name, daemon, depth: own.depth + 1, parent: (own.name, own.pid) }
}

/// A process, as [`current_process`], [`parent_process`] and
/// [`active_children`](crate::active_children) tell it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ProcessInfo {
    /// Its name: `"main"`, or what its pool or builder gave it.
    pub name: String,
    /// Its process id.
    pub pid: u32,
    /// Whether it ends with its parent's handle instead of being waited for.
    pub daemon: bool,
    /// Generations between it and the program that the user started; 0 for that program.
    pub depth: u32,
}

/// This process. Python's counterpart is `multiprocessing.current_process`.
///
/// ```
/// # fn main() -> multiproc::Result<()> {
/// assert_eq!(multiproc::current_process().name, "main");
/// let pool = multiproc::Pool::builder().processes(1).name("squares").build()?;
/// assert_eq!(pool.apply(|| multiproc::current_process().name, ())?, "squares-1");
/// # Ok(()) }
/// ```
pub fn current_process() -> ProcessInfo {
    let pid = std::process::id();
    match &*OWN.lock().unwrap_or_else(PoisonError::into_inner) {
        Some(own) => ProcessInfo { name: own.name.clone(), pid, daemon: own.daemon, depth: own.depth },
        None => ProcessInfo { name: "main".into(), pid, daemon: false, depth: 0 },
    }
}

/// The process that started this one with this crate; `None` in the program that the user started.
/// Python's counterpart is `multiprocessing.parent_process`.
pub fn parent_process() -> Option<ProcessInfo> {
    let own = OWN.lock().unwrap_or_else(PoisonError::into_inner);
    own.as_ref().map(|own| ProcessInfo {
        name: own.parent.0.clone(),
        pid: own.parent.1,
        daemon: false,
        depth: own.depth - 1,
    })
}
