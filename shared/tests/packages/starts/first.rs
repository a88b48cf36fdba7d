//! The first process of a pid namespace, to which all orphans go: its pools lose their zygotes, and
//! have pools inside.

use std::fs;
use std::time::{Duration, Instant};

use multiproc::{Executor, Pool, Result, StartMethod};

fn main() -> Result<()> {
    multiproc::init();
    assert_eq!(std::process::id(), 1);
    for method in [StartMethod::ForkServer, StartMethod::Spawn, StartMethod::Fork] {
        lose_zygotes(method)?;
        let until = Instant::now() + Duration::from_secs(10);
        while children() > 0 && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(5));
        }
        println!("{method:?}: {} left", children());
    }
    Ok(())
}

fn lose_zygotes(method: StartMethod) -> Result<()> {
    let pool = Pool::builder().processes(3).start_method(method).build()?;
    assert_eq!(pool.map(|n: u32| n + 1, 0..3)?, [1, 2, 3]);
    // A zygote of a Fork pool is not replaced beside threads.
    if method != StartMethod::Fork {
        kill_zygote(&pool);
        assert_eq!(pool.map(|n: u32| n + 1, 0..3)?, [1, 2, 3]);
        kill_zygote(&pool);
        assert_eq!(pool.map(|n: u32| n + 1, 0..3)?, [1, 2, 3]);
    }
    // The pool ends before it has seen this.
    kill_zygote(&pool);
    Ok(())
}

/// Kills this process' children, which are zygotes all.
fn kill_zygote(pool: &Pool) {
    while pool.workers().iter().filter(|worker| worker.pid != 0).count() < pool.processes() {
        std::thread::sleep(Duration::from_millis(1));
    }
    for pid in listed() {
        let killed = std::process::Command::new("kill").args(["-KILL", &pid]).status().unwrap();
        assert!(killed.success());
    }
}

fn listed() -> Vec<String> {
    let listed = |thread: fs::DirEntry| fs::read_to_string(thread.path().join("children")).unwrap_or_default();
    let threads = fs::read_dir("/proc/self/task").unwrap();
    threads
        .flat_map(|thread| listed(thread.unwrap()).split_whitespace().map(str::to_string).collect::<Vec<_>>())
        .collect()
}

fn children() -> usize {
    listed().len()
}
