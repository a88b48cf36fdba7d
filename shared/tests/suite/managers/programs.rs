//! Managers of whole programs, and of processes of one thread.

use std::thread;

use multiproc::{Executor, ListProxy, Manager, Pool, Process, QueueProxy, Result, StartMethod};
use nix::sys::signal::Signal;

use crate::support::{Named, Program, announce, descendants, descriptors, named};

pub(crate) const TESTS: &[Named] = named! {
    manager_ends_with_its_program
    forgotten_manager_ends_with_its_program
    proxies_work_in_forked_workers
    managers_in_sequence_leave_nothing
};

pub(crate) const PROGRAMS: &[Named] = named! {
    waits_at_its_manager
    forgets_its_manager
};

// The programs.

/// A manager with a client in another process, both waiting; and one that listens.
fn waits_at_its_manager() -> Result<()> {
    let (manager, listening) = (Manager::new()?, Manager::builder().listen("127.0.0.1:0").key("key").start()?);
    let queue = manager.queue::<u8>()?;
    let _process = Process::new(|queue: QueueProxy<u8>| drop(queue.get()), (queue.clone(),)).start()?;
    let remote = Manager::connect(listening.address().expect("it listens"), "key")?;
    announce();
    let _ = queue.get();
    drop(remote);
    Ok(())
}

fn forgets_its_manager() -> Result<()> {
    let manager = Manager::new()?;
    manager.list::<u8>()?.push(1)?;
    std::mem::forget(manager);
    announce();
    Ok(())
}

// The tests.

fn manager_ends_with_its_program() -> Result<()> {
    for signal in [Signal::SIGKILL, Signal::SIGTERM] {
        let program = Program::start("waits_at_its_manager");
        assert!(program.processes.iter().filter(|process| process.name == "manager").count() == 2);
        program.signal(signal);
        program.end();
    }
    let program = Program::start("waits_at_its_manager");
    program.signal_group(Signal::SIGINT);
    assert_eq!(program.end().1, "");
    Ok(())
}

fn forgotten_manager_ends_with_its_program() -> Result<()> {
    let (status, printed) = Program::start("forgets_its_manager").end();
    assert!(status.success() && printed.is_empty(), "{status} {printed}");
    Ok(())
}

fn proxies_work_in_forked_workers() -> Result<()> {
    // Forked before the manager's threads are there, and again by a process of one thread.
    let pool = Pool::builder().processes(2).start_method(StartMethod::Fork).build()?;
    let manager = Manager::new()?;
    let (list, nested) = (manager.list::<u64>()?, manager.list::<ListProxy<u64>>()?);
    nested.push(list.clone())?;
    let push = |nested: ListProxy<ListProxy<u64>>, n: u64| nested.get(0).unwrap().unwrap().push(n).unwrap();
    pool.starmap(push, (0..50).map(|n| (nested.clone(), n)))?;
    assert_eq!(list.len()?, 50);

    // A fork has a copy of the sessions that its parent has open, and must not use them.
    let fork_in_a_process = |list: ListProxy<u64>| {
        list.push(1).unwrap();
        let push = |list: ListProxy<u64>| (0..20).for_each(|n| list.push(n).unwrap());
        let fork = || Process::builder().start_method(StartMethod::Fork).target(push, (list.clone(),)).start();
        let process = fork().unwrap();
        (0..20).for_each(|n| list.push(n).unwrap());
        process.join().unwrap();
    };
    Process::new(fork_in_a_process, (list.clone(),)).start()?.join()?;
    assert_eq!(list.len()?, 91);
    Ok(())
}

fn managers_in_sequence_leave_nothing() -> Result<()> {
    let before = descriptors();
    for n in 0..50u32 {
        let manager = Manager::builder().listen("127.0.0.1:0").key("key").start()?;
        manager.publish("list", &manager.list_from([n])?)?;
        let remote = Manager::connect(manager.address().expect("it listens"), "key")?;
        let list = remote.list::<u32>("list")?;
        thread::scope(|scope| {
            (0..3).for_each(|_| drop(scope.spawn(|| assert_eq!(list.get(0).unwrap(), Some(n)))));
        });
    }
    let after = descriptors();
    assert!(after.len() <= before.len(), "{before:?} {after:?}");
    assert_eq!(descendants(), vec![]);
    Ok(())
}
