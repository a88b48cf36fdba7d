//! How far is it, and how did it go? `ready` asks whether a task has ended, `wait` waits until it
//! has, and neither tells how it went. That is what `successful` is for.
//!
//! Watch the two tasks: until they have ended they look the same, also to `wait`, which returns for
//! the one that failed as it does for the other. And `successful` has no answer before the end: it
//! is an error to ask.

// ANCHOR: program
use std::thread;
use std::time::Duration;

use multiproc::{AsyncResult, Executor, Pool};

fn divide(a: u32, b: u32) -> u32 {
    thread::sleep(Duration::from_millis(200));
    a / b
}

// ANCHOR: show
fn show(name: &str, later: &AsyncResult<u32>) {
    print!("{name}: ready? {:5}  ", later.ready());
    match later.successful() {
        Ok(answer) => println!("successful? {answer}"),
        Err(error) => println!("successful? {error}"),
    }
}
// ANCHOR_END: show

/// Runs the example.
pub fn main() -> multiproc::Result<()> {
    multiproc::init();
    let pool = Pool::with_processes(2)?;

    // ANCHOR: wait
    let good = pool.apply_async(divide, (6, 3));
    let bad = pool.apply_async(divide, (6, 0));
    show("6 / 3", &good);
    show("6 / 0", &bad);

    good.wait();
    bad.wait();
    println!("both waits are over");
    show("6 / 3", &good);
    show("6 / 0", &bad);
    // ANCHOR_END: wait

    println!("6 / 3: {}", good.get()?);
    println!("6 / 0: {}", bad.get().unwrap_err());
    Ok(())
}
// ANCHOR_END: program
