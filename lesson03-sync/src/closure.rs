//! A closure as a task: one that captures nothing has no state to send, so it travels like a
//! function, by name.
//!
//! Watch the parameter's type, spelled out: the compiler cannot find it from what the closure does
//! in a worker. The item is a tuple, and `map` gives it to the closure whole, which takes it apart;
//! `starmap` would have spread it.
//!
//! A closure that captures a variable of its surroundings does not compile, and the compiler says
//! why. Make what it captures an argument, or fix it with `partial`.

// ANCHOR: program
use multiproc::{Executor, Pool, partial};

/// Runs the example.
pub fn main() -> multiproc::Result<()> {
    multiproc::init();
    let pool = Pool::with_processes(2)?;
    let names = [("Ada", "Lovelace"), ("Alan", "Turing"), ("Grace", "Hopper")];
    let names = names.map(|(first, last)| (first.to_string(), last.to_string()));

    // ANCHOR: tuple
    let shout = |(first, last): (String, String)| format!("{last}, {first}").to_uppercase();
    println!("{:?}", pool.map(shout, names.clone())?);
    // ANCHOR_END: tuple

    // ANCHOR: greeting
    // Not `|(first, last)| format!("{greeting} …")`: that would capture the greeting.
    let greeting = "Hello".to_string();
    let greet = |greeting: &String, (first, last): (String, String)| format!("{greeting} {first} {last}");
    println!("{:?}", pool.map(partial(greet, greeting), names)?);
    // ANCHOR_END: greeting
    Ok(())
}
// ANCHOR_END: program
