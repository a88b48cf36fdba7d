//! What an executor counts: its tasks, how they ended, and how long they ran.
//!
//! Watch the counters before, meanwhile, and after. Every task is counted in one place: it waits in
//! the queue, it runs, or it ended in one of three ways.

// ANCHOR: program
use std::thread;
use std::time::Duration;

use multiproc::{Executor, Pool, wait_for_all};

fn nap(milliseconds: u64) {
    assert!(milliseconds != 13, "13 is bad luck");
    thread::sleep(Duration::from_millis(milliseconds));
}

// ANCHOR: show
fn show(when: &str, executor: &impl Executor) {
    let now = executor.statistics();
    let (executed, failed, cancelled) = (now.completed, now.failed, now.cancelled);
    println!(
        "{when}: {} queued, {} running, {executed} executed, {failed} failed, {cancelled} cancelled;",
        now.queued, now.running
    );
    println!("    tasks ran for {:.0?} in all, {:.0?} on average", now.run_time, now.average_run_time());
}
// ANCHOR_END: show

/// Runs the example.
pub fn main() -> multiproc::Result<()> {
    multiproc::init();
    let pool = Pool::with_processes(2)?;
    show("before", &pool);

    let futures = [100, 200, 13, 150, 60_000].map(|milliseconds| pool.submit(nap, (milliseconds,)));
    thread::sleep(Duration::from_millis(150));
    show("meanwhile", &pool);

    // ANCHOR: cancel_and_wait
    // A minute is too long. A task that has not begun never will; of one that runs, the worker is
    // killed.
    futures[4].cancel();
    // Waits until all have ended, well or not. The results stay where they are.
    wait_for_all(&futures);
    show("after", &pool);
    // ANCHOR_END: cancel_and_wait
    for (task, future) in futures.into_iter().enumerate() {
        if let Err(error) = future.get() {
            println!("task {task}: {error}");
        }
    }
    Ok(())
}
// ANCHOR_END: program
