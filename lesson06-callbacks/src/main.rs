//! Lesson 6: callbacks and results.
//!
//! `cargo run -p lesson06-callbacks` runs the examples below in turn, and `-- list` says what each is about.

use std::process::ExitCode;

pub mod service;

fn main() -> ExitCode {
    multiproc::init();
    course::lesson("lesson06-callbacks", "callbacks and results")
        .options(service::choose)
        .example(
            "service",
            "how many pages wait before and after a signal, and who ends how after another",
            service::main,
        )
        .run()
}
