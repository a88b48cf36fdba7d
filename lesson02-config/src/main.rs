//! Lesson 2: configure the pool.
//!
//! `cargo run -p lesson02-config` runs the examples below in turn, and `-- list` names them.

use std::process::ExitCode;

course::lesson! {
    "configure the pool";

    default_pool: "as many workers as this machine has logical CPUs",
    ends: "when each way to end a pool returns, and which tasks are done then",
    processes: "how the time falls with more workers, and from where on it does not",
    initializer: "two lines of the initializer, four of the tasks",
    initializer_args: "each worker rolls its own dice, and all of them write into one log",
    max_tasks_per_child: "the pids change after every third task",
    start_methods: "the time to the first result, and what the workers know",
    active_children: "how many there are, before, meanwhile and after",
    limits: "which task fails, why, and that the others do not",
}

fn main() -> ExitCode {
    multiproc::init();
    lesson().run()
}
