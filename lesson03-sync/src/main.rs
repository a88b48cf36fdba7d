//! Lesson 3: tasks in parallel, and wait.
//!
//! `cargo run -p lesson03-sync` runs the examples below in turn, and `-- list` names them.

use std::process::ExitCode;

course::lesson! {
    "tasks in parallel, and wait";

    apply: "one task at a time, and an error that is a value",
    map: "reports in any order, results in the order of the numbers",
    chunksize: "which numbers go to a worker together, and what that saves",
    starmap: "tuples become arguments",
    partial: "one function, four values of its first argument",
    closure: "a closure that captures nothing is a task too",
    solver: "two roots, one, or none, in the order of the rows",
    either_executor: "the same results from threads and from processes",
    for_loop: "how much faster the same work is done by a pool",
    trips: "what a trip to a worker costs, and what a large payload does",
    data_parallel: "threads that share a slice beside the pool: a sum, and long tasks",
}

fn main() -> ExitCode {
    multiproc::init();
    lesson().run()
}
