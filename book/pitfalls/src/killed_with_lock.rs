//! A process dies while it holds a lock, half-way through a change.
//!
//! Watch for the error. Elsewhere the next process would wait for ever, or would get the lock and
//! half a change without a word. Here the lock returns an error, because its holder is gone. A
//! program that can repair what the lock guards takes it by `recover`.

// ANCHOR: program
use multiproc::{Error, Lock, Process, Result};

// ANCHOR: task
/// Moves money from the first account to the second. Dies half-way.
fn transfer(accounts: Lock<[i64; 2]>, amount: i64) {
    let mut accounts = accounts.lock().expect("no holder has died yet");
    accounts[0] -= amount;
    std::process::abort();
}
// ANCHOR_END: task

/// Runs the example.
pub fn main() -> Result<()> {
    multiproc::init();
    let accounts = Lock::new([100, 0])?;
    let child = Process::new(transfer, (accounts.clone(), 30)).start()?;
    if let Err(error) = child.join() {
        println!("the transfer: {error}");
    }

    if let Err(error @ Error::Poisoned { .. }) = accounts.lock() {
        println!("the lock: {error}");
    }
    // ANCHOR: recover
    let mut mended = accounts.recover()?;
    println!("found {:?}: 30 are missing", *mended);
    mended[1] = 100 - mended[0];
    drop(mended);
    // ANCHOR_END: recover
    println!("and the lock is as good as new: {:?}", *accounts.lock()?);
    Ok(())
}
// ANCHOR_END: program
