//! A gallery of pitfalls: small programs that fail as programs with processes do, and what becomes of each failure.
//!
//! `cargo run -p pitfalls` runs the examples below in turn, and `-- list` says what each is about.

use std::env;
use std::process::ExitCode;

pub mod callback_panics;
pub mod circular_wait;
pub mod endless_source;
pub mod exit_in_task;
pub mod fork_with_threads;
pub mod globals_are_not_shared;
pub mod hidden_state;
pub mod huge_result;
pub mod killed_with_lock;
pub mod missing_init;
pub mod output_order;
pub mod same_random_numbers;
pub mod tiny_tasks;
pub mod what_travels;
pub mod worker_killed;

fn main() -> ExitCode {
    // One of the pitfalls is a program that lacks the line after these. It is this program, started again by the example.
    if env::args().nth(1).as_deref() == Some(missing_init::FORGETFUL) {
        missing_init::forgetful();
        return ExitCode::SUCCESS;
    }
    multiproc::init();
    course::lesson("pitfalls", "what goes wrong with processes, and what becomes of it")
        .example("worker_killed", "one task of five is lost, and none waits for ever", worker_killed::main)
        .example("exit_in_task", "the end of a process is an error like any other", exit_in_task::main)
        .example("killed_with_lock", "a lock whose holder has died says so", killed_with_lock::main)
        .example("circular_wait", "each has what the other wants; and the order that prevents it", circular_wait::main)
        .example("fork_with_threads", "a fork is refused while another thread holds a lock", fork_with_threads::main)
        .example("missing_init", "main runs once, and the error names the line to add", missing_init::main)
        .example("globals_are_not_shared", "ten calls are counted, but not here", globals_are_not_shared::main)
        .example("hidden_state", "the same tasks, and results that depend on who ran them", hidden_state::main)
        .example("same_random_numbers", "three forked processes that throw the same dice", same_random_numbers::main)
        .example("output_order", "lines come as tasks end, results come in order", output_order::main)
        .example("callback_panics", "a callback that fails, and all others that do not", callback_panics::main)
        .example("endless_source", "how little of an endless source is taken", endless_source::main)
        .example("what_travels", "a copy without what serde leaves out, or an error", what_travels::main)
        .example("huge_result", "the price of results that nobody needs as a whole", huge_result::main)
        .example("tiny_tasks", "the trip costs more than the work", tiny_tasks::main)
        .run()
}
