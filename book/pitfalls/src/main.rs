//! A gallery of pitfalls: small programs that fail as programs with processes do, and the outcome
//! of each failure.
//!
//! `cargo run -p pitfalls` runs the examples below in turn, and `-- list` names them.

use std::env;
use std::process::ExitCode;

course::lesson! {
    "what goes wrong with processes, and what becomes of it";

    worker_killed: "one task of five is lost, and none waits for ever",
    exit_in_task: "the end of a process is an error like any other",
    killed_with_lock: "a lock whose holder has died is an error",
    circular_wait: "a deadlock of two processes, and the order that prevents it",
    fork_with_threads: "a fork is refused while another thread holds a lock",
    missing_init: "main runs once, and the error names the line to add",
    globals_are_not_shared: "ten calls are counted, but not here",
    hidden_state: "the same tasks, and results that depend on the worker",
    same_random_numbers: "three forked processes that throw the same dice",
    output_order: "lines come as tasks end, results come in order",
    dropped_pool: "tasks that nobody waits for end with their pool",
    callback_panics: "a callback that fails, and all others that do not",
    endless_source: "how little of an endless source is taken",
    what_travels: "a copy without what serde leaves out, or an error",
    huge_result: "the price of results that are not needed as a whole",
    tiny_tasks: "the trip costs more than the work",
}

fn main() -> ExitCode {
    // The example `missing_init` starts this program again, as one that lacks the call of `init`.
    if env::args().nth(1).as_deref() == Some(missing_init::FORGETFUL) {
        missing_init::forgetful();
        return ExitCode::SUCCESS;
    }
    multiproc::init();
    lesson().run()
}
