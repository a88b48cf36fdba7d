//! A program that executes itself anew, several times, with pools that are busy, and tells how many
//! children it finds.

use std::os::unix::process::CommandExt;
use std::time::Duration;

use multiproc::{Executor, Pool, Process, Result, StartMethod};

fn main() -> Result<()> {
    multiproc::init();
    let generation: u32 = std::env::args().nth(1).map_or(0, |text| text.parse().unwrap());
    let own = std::process::id();
    println!("children: {:?}", std::fs::read_to_string(format!("/proc/self/task/{own}/children")).unwrap());
    if generation == 4 {
        return Ok(());
    }
    let forked = Pool::builder().processes(2).start_method(StartMethod::Fork).build()?;
    let pool = Pool::with_processes(2)?;
    let spawned = Pool::builder().processes(1).start_method(StartMethod::Spawn).build()?;
    let _process = Process::new(sleep, ()).start()?;
    let _tasks = [&forked, &pool, &spawned].map(|pool| pool.apply_async(sleep, ()));
    let busy = |pool: &Pool| pool.statistics().workers_started > 0;
    while ![&forked, &pool, &spawned].into_iter().all(busy) {
        std::thread::sleep(Duration::from_millis(1));
    }
    panic!("{}", std::process::Command::new("/proc/self/exe").arg((generation + 1).to_string()).exec());
}

fn sleep() {
    std::thread::sleep(Duration::from_secs(600));
}
