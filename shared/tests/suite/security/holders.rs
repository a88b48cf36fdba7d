//! Who holds a lock: not the process that has its number now, and not the program that has taken
//! its place.
#![forbid(unsafe_code)]

use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::thread;
use std::time::Duration;

use multiproc::{Error, Lock, Process, Queue, Result, StartMethod};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::support::{Gate, Named, arrive, killed, named, pass, poisoned_by};

pub(crate) const TESTS: &[Named] = named! {
    program_that_replaces_the_holder_holds_no_lock
    holder_that_is_stopped_keeps_the_lock
    reference_of_an_ended_thread_stays_exclusive
    forgotten_guard_keeps_the_lock_until_its_process_ends
    killed_holders_release_all_others
};

const METHODS: [StartMethod; 2] = [StartMethod::ForkServer, StartMethod::Spawn];

/// Takes the lock, and becomes another program.
fn exec_holding(lock: Lock<u64>, gate: PathBuf) {
    let _guard = lock.lock().unwrap();
    arrive(&gate);
    panic!("{}", Command::new("sleep").arg("1000").exec());
}

fn program_that_replaces_the_holder_holds_no_lock() -> Result<()> {
    for method in METHODS {
        let (lock, gate) = (Lock::new(0u64)?, Gate::new());
        let arguments = (lock.clone(), gate.path());
        let process = Process::builder().start_method(method).target(exec_holding, arguments).start()?;
        gate.await_arrivals(1);
        assert_eq!(poisoned_by(lock.lock()), process.pid());
        *lock.recover()? = 1;
        assert_eq!(*lock.lock()?, 1);
        killed(process)?;
    }
    Ok(())
}

fn hold(lock: Lock<u64>, gate: PathBuf) -> u32 {
    let _guard = lock.lock().unwrap();
    pass(gate)
}

fn holder_that_is_stopped_keeps_the_lock() -> Result<()> {
    let (lock, gate) = (Lock::new(0u64)?, Gate::new());
    let process = Process::new(hold, (lock.clone(), gate.path())).start()?;
    gate.await_arrivals(1);
    let pid = Pid::from_raw(process.pid() as i32);
    kill(pid, Signal::SIGSTOP).unwrap();
    let late = lock.lock_timeout(Duration::from_millis(300)).map(drop);
    assert!(matches!(late, Err(Error::TimedOut { .. })), "{late:?}");
    assert!(lock.try_lock()?.is_none() && !lock.is_poisoned());
    kill(pid, Signal::SIGCONT).unwrap();
    gate.open();
    process.join()?;
    assert_eq!(*lock.lock()?, 0);
    Ok(())
}

/// A reference from a guard that is never dropped outlives the thread that took the lock. No other
/// thread may have one as well, here or in another process.
fn reference_of_an_ended_thread_stays_exclusive() -> Result<()> {
    /// Where the guard is. To sanitizers, what is known of is no leak.
    static LEAKED: AtomicUsize = AtomicUsize::new(0);

    fn is_free(lock: Lock<u64>) -> bool {
        lock.try_lock().map_or(true, |guard| guard.is_some())
    }
    let lock = Lock::new(0u64)?;
    let value: &mut u64 = thread::scope(|scope| {
        let leak = || {
            let guard = Box::leak(Box::new(lock.lock().unwrap()));
            LEAKED.store(&raw const *guard as usize, SeqCst);
            &mut **guard
        };
        scope.spawn(leak).join().unwrap()
    });
    assert!(lock.try_lock()?.is_none() && !lock.is_poisoned());
    let late = lock.lock_timeout(Duration::from_millis(300)).map(drop);
    assert!(matches!(late, Err(Error::TimedOut { .. })), "{late:?}");
    assert!(!Process::new(is_free, (lock.clone(),)).start()?.join()?);
    *value = 7;
    Ok(())
}

fn leak_and_end(lock: Lock<u64>) {
    thread::scope(|scope| {
        scope.spawn(|| std::mem::forget(lock.lock().unwrap()));
    });
}

fn forgotten_guard_keeps_the_lock_until_its_process_ends() -> Result<()> {
    let lock = Lock::new(0u64)?;
    let process = Process::new(leak_and_end, (lock.clone(),)).start()?;
    let pid = process.pid();
    process.join()?;
    assert_eq!(poisoned_by(lock.lock()), pid);
    *lock.recover()? = 1;
    assert_eq!(*lock.lock()?, 1);
    Ok(())
}

/// Four processes that take turns, of which some are killed: no process waits for ever, nothing is
/// counted twice.
fn killed_holders_release_all_others() -> Result<()> {
    fn count(lock: Lock<[u64; 2]>, told: Queue<u64>) {
        loop {
            let mut value = match lock.lock() {
                Ok(value) => value,
                Err(Error::Poisoned { .. }) => lock.recover().unwrap(),
                Err(error) => panic!("{error}"),
            };
            // The first half of a change that was interrupted is made whole.
            value[0] = value[1] + 1;
            value[1] += 1;
            let now = *value;
            drop(value);
            assert_eq!(now[0], now[1]);
            told.put(now[0]).unwrap();
        }
    }
    let (lock, told) = (Lock::new([0u64; 2])?, Queue::new()?);
    let start = || Process::new(count, (lock.clone(), told.clone())).start();
    let mut processes = (0..4).map(|_| start()).collect::<Result<Vec<_>>>()?;
    let mut last = 0;
    for _ in 0..60 {
        (0..100).try_for_each(|_| told.get().map(|count| last = count.max(last)))?;
        killed(processes.remove(0))?;
        processes.push(start()?);
    }
    for process in processes {
        killed(process)?;
    }
    let value = lock.recover()?;
    assert!(value[1] >= last && value[0] - value[1] <= 1, "{value:?}, {last}");
    Ok(())
}
