//! What mpirun starts on the hosts. Rank 0 says on its standard output what came of its tasks.

use std::fs;
use std::thread;
use std::time::Duration;

use multiproc::{Executor, MpiExecutor, Pool, Result, ThreadPool};

use crate::support::announce;
use crate::three_backends;

/// After so long without a word a rank is lost.
pub(crate) const SILENCE: Duration = Duration::from_secs(3);
/// How many tasks there are, and how long each takes: work for some seconds.
pub(crate) const TASKS: u64 = 400;
/// What a program says at its end, after a loss too.
pub(crate) const WRITTEN: &str = "the results are written";
const TASK: Duration = Duration::from_millis(40);
/// So many results come before the test may disturb: then there have been some of every host.
const BEGUN: usize = 60;

fn executor() -> Result<MpiExecutor> {
    MpiExecutor::builder().processes_per_rank(2).silence(SILENCE).build()
}

fn host() -> String {
    fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default().trim().to_string()
}

/// A task: a number's square, and where it was computed.
fn square_somewhere(n: u64) -> (u64, String) {
    thread::sleep(TASK);
    (n * n, host())
}

/// Does some work, says what came of it, and ends well.
pub(crate) fn works() -> Result<()> {
    let executor = executor()?;
    println!("I am rank 0 on {}", host());
    for (n, (square, host)) in executor.map(square_somewhere, 0..TASKS / 4)?.into_iter().enumerate() {
        println!("{n} {square} {host}");
    }
    Ok(())
}

/// The example, on threads.
pub(crate) fn on_threads() -> Result<()> {
    three_backends::program(&ThreadPool::new()?)
}

/// The example, on processes.
pub(crate) fn on_processes() -> Result<()> {
    three_backends::program(&Pool::new()?)
}

/// The example, on all ranks.
pub(crate) fn on_ranks() -> Result<()> {
    three_backends::program(&MpiExecutor::new()?)
}

/// Has tasks under way when a rank is lost. Says what came of each, goes on without the ranks, and
/// ends with the first error.
pub(crate) fn loses_a_rank() -> Result<()> {
    let executor = executor()?;
    println!("{}", serde_json::to_string(executor.ranks()).unwrap());
    let mut results =
        (0..TASKS).map(|n| executor.submit(square_somewhere, (n,))).enumerate().collect::<Vec<_>>().into_iter();
    let mut first_error = Ok(());
    let begun: Vec<_> = results.by_ref().take(BEGUN).collect();
    begun.iter().for_each(|(_, result)| result.wait());
    announce();
    for (n, result) in begun.into_iter().chain(results) {
        match result.get() {
            Ok((square, host)) => println!("{n} {square} {host}"),
            Err(error) => {
                println!("{n} lost {error}");
                first_error = first_error.and(Err(error));
            }
        }
    }
    executor.shutdown();
    // What a program does with its results takes some time, too.
    thread::sleep(Duration::from_secs(2));
    println!("{WRITTEN}");
    first_error
}

/// Has a task on every worker that never ends.
pub(crate) fn waits_for_ever() -> Result<()> {
    let executor = executor()?;
    let workers: usize = executor.ranks().iter().map(|rank| rank.processes).sum();
    executor.map(square_somewhere, 0..workers as u64)?;
    let tasks: Vec<_> = (0..workers).map(|_| executor.submit(thread::park, ())).collect();
    println!("{}", serde_json::to_string(executor.ranks()).unwrap());
    announce();
    tasks.into_iter().try_for_each(|task| task.get())
}
