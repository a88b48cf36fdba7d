//! Gives each worker a CPU of its own, where its caches stay warm and no other worker runs.

use multiproc::{Executor, Pool, Result, worker_index};
use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::unistd::Pid;

/// The calling thread, in the calls below.
const SELF: Pid = Pid::from_raw(0);

/// Returns the CPUs that this thread may use.
fn allowed() -> nix::Result<Vec<usize>> {
    let set = sched_getaffinity(SELF)?;
    Ok((0..CpuSet::count()).filter(|cpu| set.is_set(*cpu).unwrap_or(false)).collect())
}

/// Runs in every worker before its first task. One that replaces another has its index.
fn pin(cpus: Vec<usize>) -> Result<()> {
    let index = worker_index().expect("an initializer runs in a worker");
    let mut only = CpuSet::new();
    let pinned = only.set(cpus[index]).and_then(|()| sched_setaffinity(SELF, &only));
    pinned.map_err(|error| multiproc::Error::Failed(format!("cannot pin a worker: {error}")))
}

fn main() -> Result<()> {
    multiproc::init();
    let cpus = allowed().expect("a process may ask for its own CPUs");
    let pool = Pool::builder().processes(cpus.len()).initializer(pin, (cpus.clone(),)).build()?;

    let seen = pool.with_chunksize(1).map(|_: usize| allowed().unwrap_or_default(), 0..100)?;
    assert!(seen.iter().all(|seen| seen.len() == 1 && cpus.contains(&seen[0])));
    println!("each of {} tasks had one CPU", seen.len());
    Ok(())
}
