//! Lesson 2: configure the pool.
//!
//! `cargo run -p lesson02-config` runs the examples below in turn, and `-- list` says what each is about.

use std::process::ExitCode;

pub mod active_children;
pub mod default_pool;
pub mod initializer;
pub mod initializer_args;
pub mod limits;
pub mod max_tasks_per_child;
pub mod processes;
pub mod start_methods;

fn main() -> ExitCode {
    multiproc::init();
    course::lesson("lesson02-config", "configure the pool")
        .example("default_pool", "as many workers as this machine has logical CPUs", default_pool::main)
        .example("processes", "how the time falls with more workers, and from where on it does not", processes::main)
        .example("initializer", "two lines of the initializer, four of the tasks", initializer::main)
        .example(
            "initializer_args",
            "each worker rolls its own dice, and all of them write into one log",
            initializer_args::main,
        )
        .example("max_tasks_per_child", "the pids change after every third task", max_tasks_per_child::main)
        .example("start_methods", "the time to the first result, and what the workers know", start_methods::main)
        .example("active_children", "how many there are, before, meanwhile and after", active_children::main)
        .example("limits", "which task fails, why, and that the others do not", limits::main)
        .run()
}
