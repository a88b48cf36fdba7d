//! Lesson 4: tasks in parallel, and do not wait.
//!
//! `cargo run -p lesson04-async` runs the examples below in turn, and `-- list` says what each is about.

use std::process::ExitCode;

pub mod apply_async;
pub mod as_completed;
pub mod async_in_workers;
pub mod await_result;
pub mod event_loop;
pub mod list_splitter;
pub mod map_async;
pub mod priority_queue;
pub mod starmap_async;
pub mod statistics;
pub mod submit;
pub mod tasks_and_futures;

fn main() -> ExitCode {
    multiproc::init();
    course::lesson("lesson04-async", "tasks in parallel, and do not wait")
        .example("apply_async", "how long the call takes, and how long the task", apply_async::main)
        .example("map_async", "who speaks first, and the order of the results", map_async::main)
        .example("starmap_async", "two calls are sent before the first is done", starmap_async::main)
        .example("submit", "tasks are on their way before results are there", submit::main)
        .example("as_completed", "the order of the results, and the sum of the times", as_completed::main)
        .example("statistics", "where each task is counted, before, meanwhile and after", statistics::main)
        .example("await_result", "the clock ticks while the results are awaited", await_result::main)
        .example(
            "async_in_workers",
            "64 naps of 0.1 s in two tenths of a second, on four workers",
            async_in_workers::main,
        )
        .example("event_loop", "a heartbeat, and how little it delays the messages", event_loop::main)
        .example("priority_queue", "totals come out before the values that were put before them", priority_queue::main)
        .example("list_splitter", "the sizes of the parts, and that none is missing", list_splitter::main)
        .example("tasks_and_futures", "who begins when: nobody before the first yield", tasks_and_futures::main)
        .run()
}
