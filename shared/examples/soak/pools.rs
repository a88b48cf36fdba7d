//! The pools that tasks run in: one that lasts, and others that come and go.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use fastrand::Rng;
use multiproc::{Executor, Pool, Result, StartMethod};

use crate::calls::Caller;
use crate::report::Tally;
use crate::trouble::Trouble;
use crate::work::LIMIT;

/// Threads that call the pool that lasts.
const CALLERS: usize = 3;

/// How long nothing may come to an end. Whatever is asked for takes milliseconds; processes that
/// are stopped make it seconds.
const TIMEOUT: Duration = Duration::from_secs(60);

/// Keeps all of it going for some time.
pub(crate) fn soak(time: Duration, seed: u64, tally: &Tally) {
    let until = Instant::now() + time;
    let trouble = Trouble::default();
    // What each thread has done so far: one that stays where it is hangs.
    let done: [AtomicU64; CALLERS + 1] = Default::default();
    let caller =
        |n: usize| Caller { tally, trouble: &trouble, random: Rng::with_seed(seed.wrapping_mul(31) + n as u64) };
    let pool = Pool::builder().processes(2).task_timeout(LIMIT).build();
    let pool = pool.unwrap_or_else(|error| tally.give_up(&format!("no pool: {error}")));
    thread::scope(|scope| {
        let mut threads = Vec::new();
        for (n, done) in done.iter().enumerate() {
            let (mut caller, pool) = (caller(n), &pool);
            threads.push(scope.spawn(move || {
                while Instant::now() < until {
                    if n == 0 {
                        short_lived_pool(&mut caller);
                    } else {
                        caller.call(pool);
                    }
                    done.fetch_add(1, Relaxed);
                }
            }));
        }
        let mut random = Rng::with_seed(seed);
        let mut seen: Vec<(u64, Instant)> = vec![(0, Instant::now()); done.len()];
        while !threads.iter().all(|thread| thread.is_finished()) {
            trouble.make(&pool, &mut random);
            if random.u32(..100) == 0
                && let Err(error) = pool.resize(random.usize(1..5))
            {
                tally.complain(1, &format!("a resize was refused: {error}"));
            }
            for (n, (before, since)) in seen.iter_mut().enumerate() {
                let now = done[n].load(Relaxed);
                if now != *before || threads[n].is_finished() {
                    (*before, *since) = (now, Instant::now());
                } else if since.elapsed() > TIMEOUT {
                    let stats = pool.statistics();
                    tally.give_up(&format!("caller {n} hangs; {stats:?}, {:?}", pool.workers()));
                }
            }
            thread::sleep(Duration::from_micros(random.u64(1000..6000)));
        }
    });
    tally.settle(&pool);
}

/// A pool that is built, used and ended in a random way.
fn short_lived_pool(caller: &mut Caller<'_>) {
    let pool = match build(&mut caller.random) {
        Ok(pool) => pool,
        Err(error) => return caller.tally.complain(1, &format!("no pool: {error:?}")),
    };
    for _ in 0..caller.random.u32(..4) {
        caller.call(&pool);
    }
    match caller.random.u32(..4) {
        0 => {
            pool.close();
            if let Err(error) = pool.join() {
                caller.tally.complain(1, &format!("join: {error}"));
            }
        }
        1 => pool.terminate(),
        2 => caller.tally.settle(&pool),
        _ => {}
    }
}

fn build(random: &mut Rng) -> Result<Pool> {
    let spawn = random.u32(..8) == 0;
    let builder = Pool::builder().task_timeout(LIMIT);
    let builder = builder.start_method(if spawn { StartMethod::Spawn } else { StartMethod::ForkServer });
    match random.u32(..3) {
        0 => builder.processes_between(1, 3).shrink_after(Duration::from_millis(5)).build(),
        1 => builder.processes(2).max_tasks_per_child(7).build(),
        _ => builder.processes(random.usize(1..4)).build(),
    }
}
