//! Give up waiting: `get_timeout` waits for the result, but not for ever.
//!
//! Watch that only the wait is over: the task goes on, as if nothing had happened, and its result
//! can be asked for again. (To end the task as well, see `cancel`; to give every task a limit,
//! `task_timeout` of lesson 2.)

// ANCHOR: program
use std::thread;
use std::time::Duration;

use multiproc::{Error, Executor, Pool, Result};

fn answer() -> u32 {
    thread::sleep(Duration::from_millis(500));
    42
}

/// Runs the example.
pub fn main() -> Result<()> {
    multiproc::init();
    let pool = Pool::with_processes(1)?;

    // ANCHOR: give_up_and_ask_again
    let mut later = pool.apply_async(answer, ());
    loop {
        match later.get_timeout(Duration::from_millis(200)) {
            Ok(answer) => {
                println!("the answer is {answer}");
                break;
            }
            // Without a pid: no worker was ended for it.
            Err(Error::TimedOut { after, pid: None, .. }) => {
                println!("not within {after:?}; I do something else, and ask again")
            }
            // The task itself has failed.
            Err(error) => return Err(error),
        }
    }
    // ANCHOR_END: give_up_and_ask_again

    // A result can be taken once.
    println!("and once more: {}", later.get().unwrap_err());
    Ok(())
}
// ANCHOR_END: program
