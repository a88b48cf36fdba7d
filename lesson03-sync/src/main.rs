//! Lesson 3: tasks in parallel, and wait.
//!
//! `cargo run -p lesson03-sync` runs the examples below in turn, and `-- list` says what each is about.

use std::process::ExitCode;

pub mod apply;
pub mod chunksize;
pub mod closure;
pub mod either_executor;
pub mod for_loop;
pub mod map;
pub mod partial;
pub mod solver;
pub mod starmap;
pub mod trips;

fn main() -> ExitCode {
    multiproc::init();
    course::lesson("lesson03-sync", "tasks in parallel, and wait")
        .example("apply", "one task at a time, and an error that is a value", apply::main)
        .example("map", "reports in any order, results in the order of the numbers", map::main)
        .example("chunksize", "which numbers go to a worker together, and what that saves", chunksize::main)
        .example("starmap", "tuples become arguments", starmap::main)
        .example("partial", "one function, four values of its first argument", partial::main)
        .example("closure", "a closure that captures nothing is a task too", closure::main)
        .example("solver", "two roots, one, or none, in the order of the rows", solver::main)
        .example("either_executor", "the same results from threads and from processes", either_executor::main)
        .example("for_loop", "how much faster the same work is done by a pool", for_loop::main)
        .example("trips", "what a trip to a worker costs, and what a large payload does", trips::main)
        .run()
}
