//! Three workers, three names: `map` calls the function for each and returns the results in the
//! order of the names.
//!
//! Watch that order: it does not depend on which task is done first.

// ANCHOR: program
use multiproc::{Executor, Pool};

fn hello(name: String) -> String {
    format!("Hello {name}")
}

/// Runs the example.
pub fn main() -> multiproc::Result<()> {
    multiproc::init();
    let pool = Pool::with_processes(3)?;
    let names = ["Bob", "Alice", "Eve"].map(String::from);
    println!("{:?}", pool.map(hello, names)?);
    Ok(())
}
// ANCHOR_END: program
