//! A program that never calls `init()`: it is told so, and runs once.

use multiproc::{Executor, Pool, Process, StartMethod};

fn main() {
    println!("main runs");
    for method in [StartMethod::ForkServer, StartMethod::Spawn] {
        println!("{}", Pool::builder().start_method(method).build().unwrap_err());
        println!("{}", Process::builder().start_method(method).target(|| 1u32, ()).start().unwrap_err());
    }
    // The one method that needs no second run of the program.
    let pool = Pool::builder().processes(2).start_method(StartMethod::Fork).build().unwrap();
    println!("forked: {:?}", pool.map(|n: u32| n + 1, 0..3));
}
