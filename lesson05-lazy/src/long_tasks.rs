//! Five long tasks on four workers: how long should it take, and how long does it?
//!
//! Watch the last lines, and where the last task begins: in the worker that is done first, when it
//! is done. One after the other, the tasks take the sum of their times. Four workers
//! cannot take less than a quarter of that, nor less than the longest task; and with five tasks for
//! four workers one task has to wait until a worker is free. What the pool takes beyond the plan is
//! what the processes cost.

// ANCHOR: program
use std::process;
use std::thread;
use std::time::{Duration, SystemTime};

use multiproc::{Executor, Pool};

const WORKERS: usize = 4;

/// Returns who ran which task, and when that began: on a clock that all processes share.
fn work((task, seconds): (usize, f64)) -> (usize, u32, SystemTime) {
    let began = SystemTime::now();
    thread::sleep(Duration::from_secs_f64(seconds));
    (task, process::id(), began)
}

// ANCHOR: plan
/// When the last task is over if each goes, in turn, to the worker that is free first.
fn plan(times: &[f64]) -> f64 {
    let mut free_at = [0.0_f64; WORKERS];
    for time in times {
        let worker = free_at.iter_mut().min_by(|a, b| a.total_cmp(b)).expect("there are workers");
        *worker += time;
    }
    free_at.into_iter().fold(0.0, f64::max)
}
// ANCHOR_END: plan

/// Runs the example.
pub fn main() -> multiproc::Result<()> {
    multiproc::init();
    let pool = Pool::with_processes(WORKERS)?;
    let times: Vec<f64> = (0..5).map(|_| 0.3 + 0.7 * fastrand::f64()).collect();
    let tasks = times.iter().copied().enumerate();

    // ANCHOR: run
    let start = SystemTime::now();
    let after = |time: SystemTime| time.duration_since(start).unwrap_or_default().as_secs_f64();
    for result in pool.imap_unordered(work, tasks) {
        let (task, pid, began) = result?;
        let (began, ended) = (after(began), after(SystemTime::now()));
        println!("task {task} in worker {pid}: from {began:.2} s to {ended:.2} s");
    }
    let taken = after(SystemTime::now());
    // ANCHOR_END: run

    println!("one after the other:   {:.2} s", times.iter().sum::<f64>());
    println!("the longest task:      {:.2} s", times.iter().copied().fold(0.0, f64::max));
    println!("planned for 4 workers: {:.2} s", plan(&times));
    println!(
        "taken:                 {taken:.2} s, {:.1} times as fast as one after the other",
        times.iter().sum::<f64>() / taken
    );
    Ok(())
}
// ANCHOR_END: program
