//! Lesson 3: tasks in parallel, and wait.
//!
//! `cargo run -p lesson03-sync` runs the examples below in turn, and `-- list` says what each is about.

use std::process::ExitCode;

pub mod either_executor;

fn main() -> ExitCode {
    multiproc::init();
    course::lesson("lesson03-sync", "tasks in parallel, and wait")
        .example("either_executor", "the same results from threads and from processes", either_executor::main)
        .run()
}
