//! A callback that panics. It runs in the parent, on the one thread that runs all callbacks.
//!
//! Watch for the other tasks. Elsewhere that thread would be gone, and with it every later result.
//! Here the panic is the result of the task whose callback it was.

// ANCHOR: program
use std::panic;

use multiproc::{Executor, Pool, Result};

fn square(n: i32) -> i32 {
    n * n
}

/// Runs the example.
pub fn main() -> Result<()> {
    multiproc::init();
    let pool = Pool::with_processes(2)?;
    // Any panic is printed by the program's hook, too. This one is not, for it is told below.
    let hook = panic::take_hook();
    panic::set_hook(Box::new(|_| {}));

    // ANCHOR: callback
    let results = [1, 2, 3].map(|n| {
        pool.apply_async(square, (n,)).callback(move |square| {
            assert!(*square != 4, "I did not expect {square}");
        })
    });
    // ANCHOR_END: callback
    for (n, result) in (1..).zip(results) {
        match result.get() {
            Ok(square) => println!("{n} squared is {square}"),
            Err(error) => println!("{n}: {error}"),
        }
    }
    panic::set_hook(hook);
    Ok(())
}
// ANCHOR_END: program
