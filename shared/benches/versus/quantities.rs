//! What is counted in a process of its own, beside times: memory, and what many workers cost.

use std::fs;
use std::time::Instant;

use multiproc::{Executor, Pool};

use crate::limits::processes::start_and_reap;
use crate::measure::processors;
use crate::ours::{check_count, told};
use crate::peers::procspawn;
use crate::work::identity;

/// How many items go to a worker at a time where memory is counted.
const CHUNK: usize = 1000;

type Quantity = fn(u64) -> Result<f64, String>;

/// By name.
pub(crate) const ALL: [(&str, Quantity); 6] = [
    ("imap_memory", imap_memory),
    ("outstanding", outstanding),
    ("outstanding_procspawn", outstanding_procspawn),
    ("workers_256", workers),
    ("workers_256_limit", workers_limit),
    ("worker_memory", worker_memory),
];

/// The peak of this process's memory in MiB, after a lazy map.
fn imap_memory(items: u64) -> Result<f64, String> {
    let pool = Pool::with_processes(processors()).map_err(told)?;
    let mut sum = 0u64;
    for result in pool.with_chunksize(CHUNK).imap_unordered(identity, 0..items) {
        sum += result.map_err(told)?;
    }
    check_count(1, u64::from(sum == items * (items - 1) / 2))?;
    Ok(memory("VmHWM")? / 1024.0)
}

/// Bytes a task, of tasks that are under way all at once.
fn outstanding(items: u64) -> Result<f64, String> {
    let pool = Pool::with_processes(processors()).map_err(told)?;
    pool.apply(identity, (0,)).map_err(told)?;
    memory_of_each(items, || {
        let results: Vec<_> = (0..items).map(|n| pool.apply_async(identity, (n,))).collect();
        let found = results.into_iter().map(|result| result.get()).collect::<Result<Vec<_>, _>>().map_err(told)?;
        check_count(found.len(), items)
    })
}

fn outstanding_procspawn(items: u64) -> Result<f64, String> {
    memory_of_each(items, || procspawn::outstanding(items))
}

/// How many bytes the peak of memory grows for each item.
fn memory_of_each(items: u64, work: impl FnOnce() -> Result<(), String>) -> Result<f64, String> {
    let before = memory("VmRSS")?;
    work()?;
    Ok((memory("VmHWM")? - before) * 1024.0 / items as f64)
}

/// A line of this process's status, in KiB.
fn memory(line: &str) -> Result<f64, String> {
    kibibytes("/proc/self/status", line)
}

fn kibibytes(file: &str, line: &str) -> Result<f64, String> {
    let text = fs::read_to_string(file).map_err(|error| format!("{file}: {error}"))?;
    let value = text.lines().find_map(|text| text.strip_prefix(line)?.strip_prefix(':'));
    value
        .and_then(|value| value.trim().trim_end_matches(" kB").parse().ok())
        .ok_or_else(|| format!("{file}: no {line}"))
}

/// Seconds a worker: so many start, run a task each, and stop.
fn workers(count: u64) -> Result<f64, String> {
    let start = Instant::now();
    let pool = Pool::with_processes(count as usize).map_err(told)?;
    let found = pool.with_chunksize(1).map(identity, 0..count).map_err(told)?;
    pool.close();
    pool.join().map_err(told)?;
    let taken = start.elapsed();
    check_count(found.len(), count)?;
    Ok(taken.as_secs_f64() / count as f64)
}

/// As many processes that are forked by this one, and do nothing.
fn workers_limit(count: u64) -> Result<f64, String> {
    let start = Instant::now();
    start_and_reap(0, count as usize)?;
    Ok(start.elapsed().as_secs_f64() / count as f64)
}

/// KiB a worker that has run something: its proportional share, in which a page that several
/// processes have in common counts once.
fn worker_memory(count: u64) -> Result<f64, String> {
    let pool = Pool::with_processes(count as usize).map_err(told)?;
    pool.with_chunksize(1).map(identity, 0..10 * count).map_err(told)?;
    let workers = pool.workers();
    let shares = workers.iter().map(|worker| kibibytes(&format!("/proc/{}/smaps_rollup", worker.pid), "Pss"));
    Ok(shares.sum::<Result<f64, _>>()? / count as f64)
}
