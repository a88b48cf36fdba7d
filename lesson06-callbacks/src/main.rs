//! Lesson 6: callbacks and results.
//!
//! `cargo run -p lesson06-callbacks` runs the examples below in turn, and `-- list` says what each is about.

use std::process::ExitCode;

pub mod callback;
pub mod cancel;
pub mod error_callback;
pub mod get_timeout;
pub mod map_callback;
pub mod service;
pub mod status;
pub mod wait_ready;

fn main() -> ExitCode {
    multiproc::init();
    course::lesson("lesson06-callbacks", "callbacks and results")
        .options(service::choose)
        .example("callback", "who runs where: the task, the callback and main", callback::main)
        .example("map_callback", "one call with all values, in the order of the items", map_callback::main)
        .example("error_callback", "two tasks fail, one error is told, and nobody else suffers", error_callback::main)
        .example("get_timeout", "the wait ends, the task does not", get_timeout::main)
        .example("wait_ready", "two tasks that look the same until one asks how they went", wait_ready::main)
        .example("status", "reports at regular times, whatever the task does", status::main)
        .example("cancel", "the pids: one worker is replaced, the other has not noticed", cancel::main)
        .example(
            "service",
            "how many pages wait before and after a signal, and who ends how after another",
            service::main,
        )
        .run()
}
