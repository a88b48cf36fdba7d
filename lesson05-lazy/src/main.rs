//! Lesson 5: tasks in parallel, and stay responsive.
//!
//! `cargo run -p lesson05-lazy` runs the examples below in turn, and `-- list` says what each is about.

use std::process::ExitCode;

pub mod imap;
pub mod imap_unordered;
pub mod long_tasks;
pub mod memory;
pub mod responsiveness;

fn main() -> ExitCode {
    multiproc::init();
    course::lesson("lesson05-lazy", "tasks in parallel, and stay responsive")
        .example("imap", "results between the tasks' reports, in the order of the items", imap::main)
        .example("imap_unordered", "the same tasks: nobody waits for the slow one", imap_unordered::main)
        .example("memory", "how many items are taken before the first result, and the memory they take", memory::main)
        .example("responsiveness", "when the first result is there, and when the last", responsiveness::main)
        .example("long_tasks", "the sum of the times beside the time taken", long_tasks::main)
        .run()
}
