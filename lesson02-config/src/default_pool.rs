//! A pool that nothing was said about: one worker for each logical CPU.
//!
//! Watch the pool's `Debug` line. It tells the name by which the workers are called, whether the
//! pool takes tasks, how many workers it keeps, and how they are started.

// ANCHOR: program
use multiproc::{Executor, Pool};

/// Runs the example.
pub fn main() -> multiproc::Result<()> {
    multiproc::init();
    println!("this program may use {} logical CPUs", multiproc::cpu_count());

    // ANCHOR: pool
    let pool = Pool::new()?;
    println!("{pool:?}");
    // ANCHOR_END: pool
    for worker in pool.workers() {
        println!("{} is process {}", worker.name, worker.pid);
    }

    pool.close(); // no more tasks; the workers end when those they have are done
    println!("{pool:?}");
    pool.join()
}
// ANCHOR_END: program
