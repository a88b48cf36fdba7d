//! The identity of this process, and of those that it has started.

use std::cell::Cell;
use std::collections::BTreeMap;
#[cfg(feature = "mpi")]
use std::fs;
use std::sync::{Mutex, MutexGuard, PoisonError};

use nix::errno::Errno;
use nix::sys::signal::kill;
use nix::unistd::Pid;
use serde::{Deserialize, Serialize};

#[cfg(feature = "mpi")]
use crate::error::Context;
use crate::error::{Error, Result};
#[cfg(feature = "mpi")]
use crate::sys::executable::Executable;
use crate::sys::pid::PerProcess;

/// Generations of processes below the program: a program whose workers build pools without end
/// stops here.
const MAX_DEPTH: u32 = 8;

/// The identity that a process gives to its child.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Identity {
    pub(crate) name: String,
    pub(crate) daemon: bool,
    /// The worker's number in its pool; `None` for a process that is no pool's.
    pub(crate) index: Option<usize>,
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
    // This may be a fork of a thread that has one.
    THREAD.set(None);
}

/// Returns the identity for a child of this process.
pub(crate) fn for_child(name: String, daemon: bool, index: Option<usize>) -> Identity {
    let own = current_process();
    Identity { name, daemon, index, depth: own.depth + 1, parent: (own.name, own.pid) }
}

/// Refuses to nest deeper where processes start processes that start processes, without end.
pub(crate) fn check_depth() -> Result<()> {
    let depth = current_process().depth;
    if depth < MAX_DEPTH {
        return Ok(());
    }
    Err(Error::Config(format!("this process is {depth} generations below the program; no deeper nesting is allowed")))
}

thread_local! {
    /// The number of this thread in its pool of threads.
    static THREAD: Cell<Option<usize>> = const { Cell::new(None) };
}

/// Sets the number of this thread in its pool of threads.
pub(crate) fn become_thread(index: usize) {
    THREAD.set(Some(index));
}

/// Returns the number of this worker in its pool, counted from 0, or `None` outside a pool's
/// worker.
///
/// It is the lowest number that no other worker of the pool has, so that those of a pool of `n`
/// workers are 0 to `n - 1`, and the replacement of a lost worker has the number of that one. Two
/// workers never have the same number at a time. It tells workers which GPU, CPU or port is theirs.
/// An [initializer](crate::PoolBuilder::initializer) and a
/// [finalizer](crate::PoolBuilder::finalizer) can ask for it, too.
///
/// When a pool [shrinks](crate::Pool::resize), the workers with the highest numbers end first, as
/// far as others can be spared: one that is kept keeps its number, which may then be higher than
/// the number of workers that are left. Numbers that are free are given out again, the lowest
/// first.
///
/// The threads of a [`ThreadPool`](crate::ThreadPool) have numbers of their own, in a worker of a
/// [`Pool`](crate::Pool) too. Threads that a task starts in a worker process have that of the
/// process; a [`Process`](crate::Process) has none. With `MpiExecutor`, each rank counts its own
/// workers.
///
/// Each worker on a CPU of its own:
///
/// ```
/// use multiproc::{Executor, Pool, worker_index};
/// use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
/// use nix::unistd::Pid;
///
/// fn pin() -> Result<(), String> {
///     let this = Pid::from_raw(0);
///     let allowed = sched_getaffinity(this).map_err(|error| error.to_string())?;
///     let is_allowed = |cpu: &usize| allowed.is_set(*cpu) == Ok(true);
///     let cpus: Vec<_> = (0..CpuSet::count()).filter(is_allowed).collect();
///     let index = worker_index().ok_or("not in a worker")?;
///     let mut own = CpuSet::new();
///     own.set(cpus[index % cpus.len()]).map_err(|error| error.to_string())?;
///     sched_setaffinity(this, &own).map_err(|error| error.to_string())
/// }
///
/// # fn main() -> multiproc::Result<()> {
/// assert_eq!(worker_index(), None);
/// let pool = Pool::builder().processes(2).initializer(pin, ()).build()?;
/// assert_eq!(pool.apply(multiproc::cpu_count, ())?, 1);
/// # Ok(()) }
/// ```
///
/// Each worker with a GPU of its own: a library reads the variable when a task first uses it.
///
/// ```
/// use multiproc::{Executor, Pool, worker_index};
///
/// fn choose_gpu(gpus: usize) {
///     let index = worker_index().unwrap_or(0);
///     // SAFETY: an initializer runs before all tasks, when the worker has no other thread.
///     unsafe { std::env::set_var("CUDA_VISIBLE_DEVICES", (index % gpus).to_string()) };
/// }
///
/// # fn main() -> multiproc::Result<()> {
/// let pool = Pool::builder().processes(4).initializer(choose_gpu, (2,)).build()?;
/// let gpu = pool.apply(|| std::env::var("CUDA_VISIBLE_DEVICES").unwrap(), ())?;
/// assert!(["0", "1"].contains(&&*gpu));
/// # Ok(()) }
/// ```
///
/// Python has no counterpart; `current_process()._identity` counts on with each replacement.
#[must_use]
pub fn worker_index() -> Option<usize> {
    THREAD.get().or_else(|| OWN.lock().unwrap_or_else(PoisonError::into_inner).as_ref()?.index)
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
