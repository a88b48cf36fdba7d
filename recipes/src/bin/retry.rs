//! Tries tasks again whose worker was lost, but no more often in all than a budget allows: where
//! everything fails, retries would only add to the load.

use std::thread;
use std::time::Duration;

use multiproc::{Arguments, Error, Executor, Pool, Result, Stateless, Task, Value};

/// Returns whether another try may help: what the task itself said is final.
fn is_temporary(error: &Error) -> bool {
    matches!(error, Error::WorkerLost { .. } | Error::TimedOut { .. })
}

/// Calls `f` for each item, in rounds: those that failed for a passing reason are tried again,
/// after a pause that doubles, while the budget lasts.
fn map_with_retries<F, T>(pool: &Pool, f: F, items: &[T], mut budget: usize) -> Vec<Result<F::Output>>
where
    F: Task<(T,)> + Stateless,
    T: Clone,
    (T,): Arguments,
{
    let mut outcomes: Vec<_> = pool.imap(f, items.to_vec()).collect();
    let mut pause = Duration::from_millis(10);
    loop {
        let failed = outcomes.iter().enumerate().filter(|(_, outcome)| outcome.as_ref().is_err_and(is_temporary));
        let again: Vec<_> = failed.map(|(index, _)| index).take(budget).collect();
        if again.is_empty() {
            return outcomes;
        }
        budget -= again.len();
        // A random part keeps several programs from trying again at the same moment.
        thread::sleep(pause.mul_f64(1.0 + fastrand::f64()));
        pause = (pause * 2).min(Duration::from_secs(5));
        let retried = again.iter().map(|index| items[*index].clone()).collect::<Vec<_>>();
        for (index, outcome) in again.into_iter().zip(pool.imap(f, retried)) {
            outcomes[index] = outcome;
        }
    }
}

/// Crashes as often as `crashes` says, and then succeeds.
fn flaky((name, crashes): (u32, Value<u64>)) -> Result<u32> {
    let crashes_again = crashes.update(|left| {
        *left = left.saturating_sub(1);
        *left > 0
    })?;
    if crashes_again {
        std::process::abort();
    }
    Ok(name)
}

fn main() -> Result<()> {
    multiproc::init();
    let pool = Pool::with_processes(2)?;
    // The first never crashes, the second twice, the third far too often.
    let items = [1, 3, 1000].into_iter().zip(1..).map(|(left, name)| Ok((name, Value::new(left)?)));
    let items = items.collect::<Result<Vec<_>>>()?;
    for outcome in map_with_retries(&pool, flaky, &items, 6) {
        match outcome {
            Ok(name) => println!("task {}: done", name?),
            Err(error) => println!("given up: {}", if is_temporary(&error) { "its worker was lost" } else { "failed" }),
        }
    }
    println!("{} tries", pool.statistics().submitted);
    Ok(())
}
