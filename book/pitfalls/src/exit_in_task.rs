//! A task that ends its process: by `exit`, as a command-line library may do that dislikes an
//! argument, or by `abort`.
//!
//! Watch for the three errors. A panic is caught, and its worker lives on: the first pid comes
//! again. An end is not, so each of the two others costs a worker; the pool starts a new one.

// ANCHOR: program
use std::process;

use multiproc::{Executor, Pool};

fn end(how: String) {
    match how.as_str() {
        "panic" => panic!("I give up"),
        "exit" => process::exit(3),
        _ => process::abort(),
    }
}

/// Runs the example.
pub fn main() -> multiproc::Result<()> {
    multiproc::init();
    let pool = Pool::with_processes(1)?;
    for how in ["panic", "exit", "abort"] {
        if let Err(error) = pool.apply(end, (how.to_string(),)) {
            println!("{how}: {error}");
        }
    }
    println!("and the pool goes on: {}", pool.apply(|| 6 * 7, ())?);
    Ok(())
}
// ANCHOR_END: program
