//! Lesson 4: tasks in parallel, and do not wait.
//!
//! `cargo run -p lesson04-async` runs the examples below in turn, and `-- list` names them.

use std::process::ExitCode;

course::lesson! {
    "tasks in parallel, and do not wait";

    apply_async: "how long the call takes, and how long the task",
    map_async: "which process prints first, and the order of the results",
    starmap_async: "two calls are sent before the first is done",
    batches: "which tasks travel together, and who flushes the dots",
    submit: "tasks are on their way before results are there",
    as_completed: "the order of the results, and the sum of the times",
    statistics: "where each task is counted, before, meanwhile and after",
    await_result: "the clock ticks while the results are awaited",
    async_in_workers: "64 naps of 0.1 s in two tenths of a second, on four workers",
    tasks_and_futures: "when each task begins: none before the first yield",
    list_splitter: "the sizes of the parts, and that none is missing",
    event_loop: "how long messages wait beside a heartbeat, with `select!` and naively",
    priority_queue: "totals come out before the values that were put before them",
}

fn main() -> ExitCode {
    multiproc::init();
    lesson().run()
}
