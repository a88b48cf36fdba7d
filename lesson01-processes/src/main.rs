//! Lesson 1: processes, and how they talk.
//!
//! `cargo run -p lesson01-processes` runs the examples below in turn, and `-- list` names them.

use std::process::ExitCode;

course::lesson! {
    "processes, and how they talk";

    // `fork` needs a process of one thread: the examples that fork come before those that start
    // threads.
    fork: "one call that returns twice, and a zombie",
    fork_pipe: "all bytes have come, and when the pipe ends",
    process: "the order of the lines, and one that two processes write together",
    process_args: "pids and lines in any order, results in the order of the names",
    first_pool: "the worker's pid: the second task finds the same worker",
    hello_pool: "results in the order of the names",
    options: "which settings a call names, and which are as always",
    threads: "eight sums, and the time they take",
    shared_list: "the same sums in eight processes, and what they cost more than threads",
    subprocess: "how programs end, and what a missing one looks like",
    communicate: "10 MiB go in and come out on two ways, and nothing hangs",
    merged_output: "two outputs in one pipe, and what keeps it open",
    pipe: "values of an enum go through, as they are",
    pipe_duplex: "how the child knows when to stop",
    queue: "the end: by force, and by closing the queue",
    queue_drain: "how soon `is_empty` says so",
    pipe_or_queue: "the price of a message",
    sync: "how many of 400,000 steps are lost without a lock",
}

fn main() -> ExitCode {
    multiproc::init();
    lesson().run()
}
