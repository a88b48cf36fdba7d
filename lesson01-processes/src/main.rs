//! Lesson 1: processes, and how they talk.
//!
//! `cargo run -p lesson01-processes` runs the examples below in turn, and `-- list` says what each is about.

use std::process::ExitCode;

pub mod communicate;
pub mod first_pool;
pub mod fork;
pub mod fork_pipe;
pub mod hello_pool;
pub mod merged_output;
pub mod pipe;
pub mod pipe_duplex;
pub mod pipe_or_queue;
pub mod process;
pub mod process_args;
pub mod queue;
pub mod queue_drain;
pub mod shared_list;
pub mod subprocess;
pub mod sync;
pub mod threads;

fn main() -> ExitCode {
    multiproc::init();
    // `fork` needs a process of one thread, so what forks comes first: later examples start threads.
    course::lesson("lesson01-processes", "processes, and how they talk")
        .example("fork", "one call that returns twice, and a zombie", fork::main)
        .example("fork_pipe", "all bytes have come, and when the pipe ends", fork_pipe::main)
        .example("process", "the order of the lines, and one that two processes write together", process::main)
        .example("process_args", "pids and lines in any order, results in the order of the names", process_args::main)
        .example("threads", "eight sums, and the time they take", threads::main)
        .example(
            "shared_list",
            "the same sums in eight processes, and what they cost more than threads",
            shared_list::main,
        )
        .example("subprocess", "how programs end, and what a missing one looks like", subprocess::main)
        .example("communicate", "10 MiB go in and come out on two ways, and nothing hangs", communicate::main)
        .example("merged_output", "two outputs in one pipe, and who keeps it open", merged_output::main)
        .example("pipe", "values of an enum go through, as they are", pipe::main)
        .example("pipe_duplex", "how the child knows when to stop", pipe_duplex::main)
        .example("queue", "the end: by force, and in good order", queue::main)
        .example("queue_drain", "how soon `is_empty` says so", queue_drain::main)
        .example("pipe_or_queue", "the price of a message", pipe_or_queue::main)
        .example("sync", "how many of 400,000 steps are lost without a lock", sync::main)
        .example("first_pool", "the worker's pid: the second task finds the same worker", first_pool::main)
        .example("hello_pool", "results in the order of the names", hello_pool::main)
        .run()
}
