//! Lesson 6: callbacks and results.
//!
//! `cargo run -p lesson06-callbacks` runs the examples below in turn, and `-- list` names them.

use std::process::ExitCode;

course::lesson! {
    "callbacks and results";

    callback: "what runs where: the task, the callback and main",
    map_callback: "one call with all values, in the order of the items",
    error_callback: "two tasks fail, one error is reported, and all other tasks are done",
    get_timeout: "the wait ends, the task does not",
    wait_ready: "two tasks that look the same until one asks how they went",
    status: "reports at regular times, whatever the task does",
    crawl: "how tasks submit tasks, what is tried again, and when it ends",
    cancel: "the pids: one worker is replaced, the other goes on",
    service: "how many pages wait before and after a signal, and how each process ends after another",
}

fn main() -> ExitCode {
    multiproc::init();
    lesson().options(service::choose).run()
}
