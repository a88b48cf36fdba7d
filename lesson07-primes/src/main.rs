//! Lesson 7, the case study: which of 17 large numbers are prime, found on every core.
//!
//! `cargo run --release -p lesson07-primes` runs the examples below in turn, and `-- list` names
//! them. Other numbers than the 17 go on the command line or into a file: see `-- --help`.

use std::process::ExitCode;

pub mod chart;
pub mod numbers;
#[cfg(test)]
mod tests;

course::lesson! {
    "which of 17 large numbers are prime, on every core";

    is_prime: "what a float makes of a root that integers get right",
    sequential: "how much of the time two of the numbers take",
    map: "the same answers in the same order, in less time",
    imap: "primes appear as they are found, in the list's order",
    unordered: "quick answers no longer wait for slow ones",
    chunksize: "larger batches cost less a task, and for work this small no pool at all costs least",
    threads: "what a task costs on either side, and what is left after a crash",
    split: "the longest number is no longer the limit: all workers search it together",
    miller_rabin: "microseconds, in one process",
    compare: "what more workers gain, and what a better algorithm gains",
    cluster: "the same calls on every machine that mpirun gives the program",
}

fn main() -> ExitCode {
    multiproc::init();
    lesson().options(numbers::choose).options(chart::choose).run()
}
