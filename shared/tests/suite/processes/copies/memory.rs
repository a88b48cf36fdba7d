//! Shared memory that a copy of a process inherits: never do two processes have a reference to the
//! same.

use std::cell::RefCell;
use std::sync::Mutex;
use std::thread;
use std::time::Duration;

use multiproc::{
    Error, Executor, Lock, LockGuard, Permit, Pool, Process, Result, Semaphore, SharedSlice, SliceRead, SliceWrite,
    StartMethod,
};

use super::{in_a_copy, refused};
use crate::support::{Named, eventually, named, own_pid};

pub(crate) const TESTS: &[Named] = named! {
    inherited_guards_give_no_access
    inherited_references_give_no_access
    inherited_permit_is_not_given_back
    inherited_slice_is_refused
    handles_that_are_sent_work_beside_inherited_ones
    threads_of_the_original_do_not_count_in_the_copy
};

type Guards = (LockGuard<'static, u64>, SliceWrite<'static, u64>, SliceRead<'static, u64>);

thread_local! {
    static GUARDS: RefCell<Option<Guards>> = const { RefCell::new(None) };
    static PERMIT: RefCell<Option<Permit<'static>>> = const { RefCell::new(None) };
}

/// A value for as long as the process lives. What is leaked goes with the copy that each test which
/// needs it runs in.
fn leaked<T>(value: T) -> &'static T {
    Box::leak(Box::new(value))
}

/// A task: tries to write through each inherited guard, and drops them; how many let it.
fn write_through_guards() -> usize {
    let attempt = |which: usize| {
        std::panic::catch_unwind(move || {
            GUARDS.with_borrow_mut(|guards| {
                let (lock, write, read) = guards.as_mut().unwrap();
                match which {
                    0 => **lock = 99,
                    1 => write[0] = 99,
                    2 => assert!(**lock < 100),
                    3 => assert!(write[0] < 100),
                    _ => assert!(read[0] < 100),
                }
            })
        })
    };
    let through = (0..5).filter(|which| attempt(*which).is_ok()).count();
    GUARDS.take();
    through
}

pub(crate) fn inherited_guards_give_no_access() -> Result<()> {
    in_a_copy(|| try_guards().unwrap());
    Ok(())
}

fn try_guards() -> Result<()> {
    let (lock, slice) = (leaked(Lock::new(1u64)?), leaked(SharedSlice::from_slice(&[1u64, 2, 3])?));
    GUARDS.set(Some((lock.lock()?, slice.write(0..1)?, slice.read(1..3)?)));
    let pool = Pool::builder().processes(2).start_method(StartMethod::Fork).build()?;
    for _ in 0..4 {
        // A worker that has tried drops its copies of the guards; the next task finds none.
        let attempt = || if GUARDS.with_borrow(Option::is_some) { write_through_guards() } else { 0 };
        assert_eq!(pool.apply(attempt, ())?, 0);
    }
    drop(pool);
    in_a_copy(|| {
        std::panic::set_hook(Box::new(|_| {}));
        assert_eq!(write_through_guards(), 0);
    });
    // The original still has what it had.
    assert!(lock.try_lock().is_err(), "this thread holds it");
    let other = |lock: Lock<u64>, slice: SharedSlice<u64>| {
        let free = lock.try_lock().unwrap().is_some();
        let thread = thread::spawn(move || drop(slice.read(0..1).unwrap()));
        thread::sleep(Duration::from_millis(100));
        (free, thread.is_finished())
    };
    let process = Process::new(other, (lock.clone(), slice.clone())).start()?;
    assert_eq!(process.join()?, (false, false), "others are kept out");
    GUARDS.with_borrow_mut(|guards| {
        let (lock, write, read) = guards.as_mut().unwrap();
        assert_eq!((**lock, write[0], &read[..]), (1, 1, &[2, 3][..]));
        (**lock, write[0]) = (5, 6);
    });
    GUARDS.take();
    assert_eq!((*lock.lock()?, slice.to_vec()?), (5, vec![6, 2, 3]));
    Ok(())
}

static REFERENCES: Mutex<Option<(&'static mut u64, &'static mut [u64])>> = Mutex::new(None);

pub(crate) fn inherited_references_give_no_access() -> Result<()> {
    in_a_copy(|| try_references().unwrap());
    Ok(())
}

fn try_references() -> Result<()> {
    let (lock, slice) = (leaked(Lock::new(1u64)?), leaked(SharedSlice::from_slice(&[1u64; 8])?));
    let (value, elements) = (Box::leak(Box::new(lock.lock()?)), Box::leak(Box::new(slice.write(..)?)));
    *REFERENCES.lock().unwrap() = Some((&mut *value, &mut *elements));
    for which in [0, 1] {
        let write = |which: u32| match REFERENCES.lock().unwrap().as_mut().unwrap() {
            (value, _) if which == 0 => **value = 99,
            (_, elements) => elements[0] = 99,
        };
        let process = Process::builder().start_method(StartMethod::Fork).target(write, (which,)).start()?;
        let outcome = process.join();
        assert!(matches!(outcome, Err(Error::WorkerLost { .. })), "there is no such memory: {outcome:?}");
    }
    let mut references = REFERENCES.lock().unwrap();
    let (value, elements) = references.as_mut().unwrap();
    assert_eq!((**value, elements[0]), (1, 1));
    Ok(())
}

pub(crate) fn inherited_permit_is_not_given_back() -> Result<()> {
    in_a_copy(|| try_permit().unwrap());
    Ok(())
}

fn try_permit() -> Result<()> {
    let semaphore = leaked(Semaphore::new(1)?);
    PERMIT.set(Some(semaphore.acquire()?));
    let process = Process::builder().start_method(StartMethod::Fork).target(|| drop(PERMIT.take()), ()).start()?;
    process.join()?;
    in_a_copy(|| drop(PERMIT.take()));
    assert_eq!((semaphore.available(), semaphore.try_acquire()?.is_some()), (0, false));
    PERMIT.take();
    assert_eq!(semaphore.available(), 1);
    Ok(())
}

pub(crate) fn inherited_slice_is_refused() -> Result<()> {
    let (slice, lock, own) = (SharedSlice::from_slice(&[1u64, 2, 3])?, Lock::new(7u64)?, own_pid());
    // A range that was locked and given back leaves a description behind that the copy must not
    // lock.
    drop(slice.write(..)?);
    let (held, value) = (slice.write(0..1)?, lock.lock()?);
    in_a_copy(|| {
        refused(slice.read(..).map(drop), own);
        refused(slice.write(1..).map(drop), own);
        refused(slice.recover(..).map(drop), own);
        refused(slice.clone().get(2), own);
        refused(slice.set(2, 9), own);
        refused(lock.lock().map(drop), own);
        refused(lock.try_lock().map(drop), own);
        refused(lock.lock_timeout(Duration::from_secs(60)).map(drop), own);
        refused(lock.recover().map(drop), own);
        assert!(!lock.is_poisoned());
        // Nor can it be sent on.
        let pool = Pool::with_processes(1).unwrap();
        assert!(matches!(pool.apply(|lock: Lock<u64>| lock.is_poisoned(), (lock.clone(),)), Err(Error::Encode(_))));
        drop((slice.clone(), lock.clone()));
    });
    drop((held, value));
    assert_eq!((slice.to_vec()?, *lock.lock()?), (vec![1, 2, 3], 7));
    Ok(())
}

pub(crate) fn handles_that_are_sent_work_beside_inherited_ones() -> Result<()> {
    in_a_copy(|| send_handles().unwrap());
    Ok(())
}

fn send_handles() -> Result<()> {
    let (lock, slice) = (leaked(Lock::new(1u64)?), leaked(SharedSlice::from_slice(&[1u64; 4])?));
    GUARDS.set(Some((lock.lock()?, slice.write(0..1)?, slice.read(1..2)?)));
    let work = |lock: Lock<u64>, slice: SharedSlice<u64>| {
        slice.write(2..).unwrap().fill(8);
        // The range that the original holds: it waits for it, as for anybody's.
        slice.write(0..1).unwrap()[0] += 1;
        *lock.lock().unwrap() += 1;
    };
    let args = (lock.clone(), slice.clone());
    let process = Process::builder().start_method(StartMethod::Fork).target(work, args).start()?;
    eventually("it has written what is free", || slice.read(2..).unwrap()[0] == 8);
    thread::sleep(Duration::from_millis(50));
    assert!(process.is_alive(), "it waits for what is not");
    GUARDS.take();
    process.join()?;
    assert_eq!((*lock.lock()?, slice.to_vec()?), (2, vec![2, 1, 8, 8]));
    Ok(())
}

pub(crate) fn threads_of_the_original_do_not_count_in_the_copy() -> Result<()> {
    // This pool has a thread of its own, that forks do not mind.
    let pool = Pool::builder().processes(1).start_method(StartMethod::Fork).build()?;
    pool.apply_async(own_pid, ()).get()?;
    let fork = || Pool::builder().processes(1).start_method(StartMethod::Fork).build();
    let beside_a_thread = move || {
        let over = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
        let theirs = over.clone();
        let thread = thread::spawn(move || {
            while !theirs.load(std::sync::atomic::Ordering::Relaxed) {
                thread::sleep(Duration::from_millis(1));
            }
        });
        let refused = matches!(fork(), Err(Error::ForkWithThreads { threads: 2 }));
        over.store(true, std::sync::atomic::Ordering::Relaxed);
        thread.join().unwrap();
        (refused, fork().is_ok_and(|pool| pool.apply(own_pid, ()).is_ok()))
    };
    let process = Process::builder().start_method(StartMethod::Fork).target(beside_a_thread, ()).start()?;
    assert_eq!(process.join()?, (true, true));
    Ok(())
}
