//! What a child has of its parent's pipes, queues and locks: those it was given, under every start
//! method.
//!
//! Forks are for processes of one thread, so each test runs in a process of its own; see
//! `support/harness.rs`.

use multiproc::{Connection, Error, Executor, Lock, Pool, Process, Queue, Result, StartMethod, pipe};

use crate::support::{Gate, METHODS, Named, arrive, descriptors, named, own_pid, pass};

pub(crate) const TESTS: &[Named] = named! {
    child_has_only_the_handles_it_was_given
    child_closes_the_handles_it_was_given
    values_pass_between_processes_of_every_start_method
    fork_does_not_keep_its_parents_pipes_open
    fork_does_not_count_as_a_producer
    panic_does_not_wait_for_a_process
};

/// Open descriptors beside the null device, in whose place a fork puts what it was not given.
fn open() -> usize {
    descriptors().values().filter(|target| target.as_os_str() != "/dev/null").count()
}

fn child_has_only_the_handles_it_was_given() -> Result<()> {
    for method in METHODS {
        let bare = Process::builder().start_method(method).target(open, ()).start()?.join()?;
        let _others = (pipe::<u8, u8>()?, pipe::<u8, u8>()?, Queue::<u8>::new()?, Lock::new(0u8)?);
        let given = |_: Connection<u8, u8>, _: Queue<u8>, _: Lock<u8>| open();
        let arguments = (pipe()?.0, Queue::new()?, Lock::new(1)?);
        let with = Process::builder().start_method(method).target(given, arguments).start()?.join()?;
        // A pipe's end is two descriptors, a queue one, a lock one.
        assert_eq!(with, bare + 4, "{method:?}");
    }
    Ok(())
}

fn child_closes_the_handles_it_was_given() -> Result<()> {
    for method in METHODS {
        let pool = Pool::builder().processes(1).start_method(method).build()?;
        let before = pool.apply(open, ())?;
        pool.apply(|_: Connection<u8, u8>, _: Queue<u8>, _: Lock<u8>| (), (pipe()?.0, Queue::new()?, Lock::new(1)?))?;
        assert_eq!(pool.apply(open, ())?, before, "{method:?}");
    }
    Ok(())
}

fn values_pass_between_processes_of_every_start_method() -> Result<()> {
    fn forward(from: Connection<(), u64>, to: Queue<u64>, count: Lock<u64>) {
        while let Ok(n) = from.recv() {
            to.put(n * 2).unwrap();
            *count.lock().unwrap() += 1;
        }
    }
    for method in METHODS {
        let (queue, count) = (Queue::new()?, Lock::new(0)?);
        let (ours, theirs) = pipe()?;
        let arguments = (theirs, queue.clone(), count.clone());
        let process = Process::builder().start_method(method).target(forward, arguments).start()?;
        for n in 0..1000 {
            ours.send(n)?;
            assert_eq!(queue.get()?, n * 2);
        }
        drop(ours);
        process.join()?;
        assert_eq!(*count.lock()?, 1000, "{method:?}");
    }
    Ok(())
}

fn fork_does_not_keep_its_parents_pipes_open() -> Result<()> {
    let (ours, theirs) = pipe::<u8, u8>()?;
    let pool = Pool::builder().processes(1).start_method(StartMethod::Fork).build()?;
    drop(theirs);
    assert!(matches!(ours.recv(), Err(Error::Disconnected)));
    pool.apply(own_pid, ()).map(drop)
}

fn fork_does_not_count_as_a_producer() -> Result<()> {
    let queue = Queue::<u64>::new()?;
    let pool = Pool::builder().processes(1).start_method(StartMethod::Fork).build()?;
    let put = |queue: Queue<u64>| queue.put(1).unwrap();
    Process::new(put, (queue.clone(),)).start()?.join()?;
    assert_eq!(queue.get()?, 1);
    assert!(matches!(queue.get(), Err(Error::Disconnected)));
    pool.apply(own_pid, ()).map(drop)
}

fn panic_does_not_wait_for_a_process() -> Result<()> {
    let gate = Gate::new();
    let path = gate.path();
    let unwound = std::panic::catch_unwind(move || {
        let never = |gate: std::path::PathBuf| {
            arrive(&gate);
            pass(gate);
        };
        let _process = Process::new(never, (path,)).start().unwrap();
        panic!("half-way");
    });
    assert!(unwound.is_err());
    Ok(())
}
