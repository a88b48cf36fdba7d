//! Every way a worker can die, in every kind of call: it costs the task that ran, and nothing else.
//!
//! For `StartMethod::Fork` the same is in `processes/forked_pools.rs`.

use std::panic::panic_any;
use std::time::Duration;
use std::{process, thread};

use multiproc::{Error, Executor, Pool, StartMethod};
use serde::{Deserialize, Deserializer, Serialize};

use crate::support::{Death, Gate, Named, a_death_costs_one_task, eventually, named, pass, pids, square};

pub(crate) const TESTS: &[Named] = named! {
    panic_fails_only_its_task
    successful_exit_fails_only_its_task
    exit_with_a_code_fails_only_its_task
    abort_fails_only_its_task
    argument_is_decoded_only_in_the_worker
    killed_worker_fails_only_its_task
    memory_fault_fails_only_its_task
    stack_overflow_fails_only_its_task
    failing_allocation_fails_only_its_task
    panic_leaves_its_worker_alive
    panic_may_carry_anything
    every_task_may_be_lost
    all_workers_may_be_lost_at_once
    worker_lost_while_sending_fails_only_unsent_results
    worker_lost_while_receiving_does_not_stop_the_sender
    task_that_kills_every_receiver_fails_in_the_end
    thread_of_a_task_may_panic_and_be_joined
};

/// In both start methods that can be used beside other threads.
fn costs_one_task(death: Death) -> multiproc::Result<()> {
    a_death_costs_one_task(death, StartMethod::ForkServer)?;
    a_death_costs_one_task(death, StartMethod::Spawn)
}

fn panic_fails_only_its_task() -> multiproc::Result<()> {
    costs_one_task(Death::Panic)
}

fn successful_exit_fails_only_its_task() -> multiproc::Result<()> {
    costs_one_task(Death::ExitZero)
}

fn exit_with_a_code_fails_only_its_task() -> multiproc::Result<()> {
    costs_one_task(Death::ExitThree)
}

fn abort_fails_only_its_task() -> multiproc::Result<()> {
    costs_one_task(Death::Abort)
}

/// A type whose own code ends the process that begins to read it, or goes on for ever there.
#[derive(Serialize)]
struct Unreadable<const HANGS: bool>;

impl<'de, const HANGS: bool> Deserialize<'de> for Unreadable<HANGS> {
    fn deserialize<D: Deserializer<'de>>(_: D) -> Result<Self, D::Error> {
        if !HANGS {
            process::abort();
        }
        loop {
            thread::park();
        }
    }
}

fn argument_is_decoded_only_in_the_worker() -> multiproc::Result<()> {
    let pool = Pool::builder().processes(2).task_timeout(Duration::from_millis(300)).build()?;
    for _ in 0..3 {
        let aborts = pool.apply(|_: Unreadable<false>| (), (Unreadable,));
        assert!(matches!(aborts, Err(Error::WorkerLost { .. })), "{aborts:?}");
        let hangs = pool.map(|_: Unreadable<true>| (), [Unreadable, Unreadable]);
        assert!(matches!(hangs, Err(Error::TimedOut { .. })), "{hangs:?}");
    }
    assert_eq!(pool.apply(square, (5,))?, 25);
    Ok(())
}

fn killed_worker_fails_only_its_task() -> multiproc::Result<()> {
    costs_one_task(Death::Kill)
}

fn memory_fault_fails_only_its_task() -> multiproc::Result<()> {
    costs_one_task(Death::Segfault)
}

fn stack_overflow_fails_only_its_task() -> multiproc::Result<()> {
    costs_one_task(Death::StackOverflow)
}

fn failing_allocation_fails_only_its_task() -> multiproc::Result<()> {
    costs_one_task(Death::OutOfMemory)
}

fn panic_leaves_its_worker_alive() -> multiproc::Result<()> {
    let pool = Pool::with_processes(1)?;
    let before = pids(&pool);
    for _ in 0..20 {
        assert!(matches!(pool.apply(|| Death::Panic.die(), ()), Err::<(), _>(Error::Panicked { .. })));
    }
    assert_eq!(pids(&pool), before);
    Ok(())
}

/// Ends the process that reads it.
#[derive(serde::Serialize)]
struct Poison;

impl<'de> serde::Deserialize<'de> for Poison {
    fn deserialize<D: serde::Deserializer<'de>>(_: D) -> Result<Self, D::Error> {
        std::process::abort()
    }
}

struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        panic!("and another one");
    }
}

fn panic_may_carry_anything() -> multiproc::Result<()> {
    let pool = Pool::with_processes(1)?;
    let message = |error: multiproc::Result<()>| match error {
        Err(Error::Panicked { message, .. }) => message,
        other => panic!("{other:?}"),
    };
    assert_eq!(message(pool.apply(|| panic!("a text"), ())), "a text");
    assert_eq!(message(pool.apply(|| panic_any(String::from("a string")), ())), "a string");
    assert_eq!(message(pool.apply(|| panic_any(5), ())), "a panic whose payload is not text");
    assert_eq!(message(pool.apply(|| panic_any(Bomb), ())), "a panic whose payload is not text");
    assert_eq!(pool.apply(square, (4,))?, 16);
    Ok(())
}

fn every_task_may_be_lost() -> multiproc::Result<()> {
    let pool = Pool::with_processes(2)?;
    let results: Vec<_> = pool.imap(|_: u32| -> u32 { std::process::abort() }, 0..30u32).collect();
    assert_eq!(results.len(), 30);
    for (number, result) in results.iter().enumerate() {
        assert!(matches!(result, Err(Error::WorkerLost { task, .. }) if *task == number as u64), "{result:?}");
    }
    assert_eq!(pool.apply(square, (5,))?, 25);
    Ok(())
}

fn all_workers_may_be_lost_at_once() -> multiproc::Result<()> {
    let pool = Pool::with_processes(4)?;
    let gate = Gate::new();
    let tasks: Vec<_> = (0..4).map(|_| pool.apply_async(pass, (gate.path(),))).collect();
    gate.await_arrivals(4);
    for pid in pids(&pool) {
        nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid as i32), nix::sys::signal::SIGKILL).unwrap();
    }
    for task in tasks {
        assert!(matches!(task.get(), Err(Error::WorkerLost { .. })));
    }
    eventually("four new workers", || pool.workers().len() == 4);
    assert_eq!(pool.map(square, 0..9)?, crate::support::squares(9));
    Ok(())
}

/// A task whose worker dies so many microseconds after it, while its result is on its way.
fn die_behind(microseconds: u64, size: usize) -> Vec<u8> {
    thread::spawn(move || {
        thread::sleep(Duration::from_micros(microseconds));
        Death::Kill.die()
    });
    vec![7; size]
}

fn worker_lost_while_sending_fails_only_unsent_results() -> multiproc::Result<()> {
    let pool = Pool::with_processes(2)?;
    for round in 0..25 {
        let sizes = [10, 300_000, 20 << 20];
        for chunksize in [1, 3] {
            let items: Vec<_> = sizes.map(|size| (700 * round, size)).into();
            let lost = |result: &multiproc::Result<Vec<u8>>| matches!(result, Err(Error::WorkerLost { .. }));
            let task = |(microseconds, size): (u64, usize)| die_behind(microseconds, size);
            let results: Vec<_> = pool.with_chunksize(chunksize).imap(task, items).collect();
            for (result, size) in results.iter().zip(sizes) {
                assert!(lost(result) || result.as_ref().unwrap() == &vec![7; size], "{:?}", result.as_ref().err());
            }
        }
    }
    assert_eq!(pool.map(square, 0..100)?, crate::support::squares(100));
    Ok(())
}

fn worker_lost_while_receiving_does_not_stop_the_sender() -> multiproc::Result<()> {
    let pool = Pool::with_processes(1)?;
    for round in 0..30 {
        let large = pool.apply_async(|bytes: Vec<u8>| bytes.len(), (vec![1; 20 << 20],));
        thread::sleep(Duration::from_micros(200 * round));
        let victim = pids(&pool)[0];
        nix::sys::signal::kill(nix::unistd::Pid::from_raw(victim as i32), nix::sys::signal::SIGKILL).unwrap();
        // Lost if it had begun; else another worker gets it.
        assert!(matches!(large.get(), Ok(20_971_520) | Err(Error::WorkerLost { .. })));
    }
    Ok(())
}

fn task_that_kills_every_receiver_fails_in_the_end() -> multiproc::Result<()> {
    let pool = Pool::with_processes(2)?;
    let poison = pool.apply_async(|_: Poison| (), (Poison,));
    let others: Vec<_> = (0..50).map(|n| pool.apply_async(square, (n,))).collect();
    assert!(matches!(poison.get(), Err(Error::WorkerLost { task: 0, .. })));
    assert!(others.into_iter().zip(0..).all(|(result, n)| result.get().unwrap() == square(n)));
    Ok(())
}

fn thread_of_a_task_may_panic_and_be_joined() -> multiproc::Result<()> {
    let pool = Pool::with_processes(1)?;
    let failed = pool.apply(|| thread::spawn(|| std::panic::resume_unwind(Box::new(1))).join().is_err(), ())?;
    assert!(failed);
    Ok(())
}
