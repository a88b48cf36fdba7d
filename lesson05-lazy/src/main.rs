//! Lesson 5: tasks in parallel, and stay responsive.
//!
//! `cargo run -p lesson05-lazy` runs the examples below in turn, and `-- list` names them.

use std::process::ExitCode;

course::lesson! {
    "tasks in parallel, and stay responsive";

    imap: "results between the tasks' reports, in the order of the items",
    imap_unordered: "the same tasks: no result waits for the slow one",
    memory: "how many items are taken before the first result, and the memory they take",
    responsiveness: "when the first result is there, and when the last",
    long_tasks: "the sum of the times beside the time taken",
}

fn main() -> ExitCode {
    multiproc::init();
    lesson().run()
}
