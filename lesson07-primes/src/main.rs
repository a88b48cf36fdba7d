//! Lesson 7, the case study: which of 17 large numbers are prime, found on every core.
//!
//! `cargo run --release -p lesson07-primes` runs the examples below in turn, and `-- list` says what each is about.
//! Other numbers than the 17 go on the command line or into a file: see `-- --help`.

use std::process::ExitCode;

pub mod chart;
pub mod chunksize;
pub mod cluster;
pub mod compare;
pub mod imap;
pub mod is_prime;
pub mod map;
pub mod miller_rabin;
pub mod numbers;
pub mod sequential;
pub mod split;
#[cfg(test)]
mod tests;
pub mod threads;
pub mod unordered;

fn main() -> ExitCode {
    multiproc::init();
    course::lesson("lesson07-primes", "which of 17 large numbers are prime, on every core")
        .options(numbers::choose)
        .options(chart::choose)
        .example("is_prime", "what a float makes of a root that integers get right", is_prime::main)
        .example("sequential", "how much of the time two of the numbers take", sequential::main)
        .example("map", "the same answers in the same order, in less time", map::main)
        .example("imap", "primes appear as they are found, in the list's order", imap::main)
        .example("unordered", "quick answers no longer wait for slow ones", unordered::main)
        .example(
            "chunksize",
            "larger batches cost less a task, and for work this small no pool at all costs least",
            chunksize::main,
        )
        .example("threads", "what a task costs on either side, and what is left after a crash", threads::main)
        .example("split", "the longest number is no longer the limit: all workers search it together", split::main)
        .example("miller_rabin", "microseconds, in one process", miller_rabin::main)
        .example("compare", "what more workers gain, and what a better algorithm gains", compare::main)
        .example("cluster", "the same calls on every machine that mpirun gives the program", cluster::main)
        .run()
}
