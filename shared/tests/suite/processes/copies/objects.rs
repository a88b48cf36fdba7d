//! What else a copy of a process inherits: processes, results, iterators, thread pools, managers,
//! connections, services.

use std::sync::Mutex;
use std::thread;
use std::time::Duration;

use multiproc::{
    AsyncResult, Error, Executor, ListProxy, Manager, Pool, Process, Result, ReturnWhen, Service, ServiceManager,
    ServiceWorker, StartMethod, ThreadPool, as_completed, pipe, wait, wait_futures,
};

use super::{fork_here, in_a_copy, refused};
use crate::support::{METHODS, Named, named, nap, own_pid, square, squares};

pub(crate) const TESTS: &[Named] = named! {
    inherited_process_is_refused
    inherited_results_are_refused
    inherited_iterators_end_after_one_error
    inherited_thread_pool_is_refused
    inherited_manager_is_refused
    inherited_connection_is_refused
    inherited_service_control_is_refused
};

pub(crate) fn inherited_process_is_refused() -> Result<()> {
    let own = own_pid();
    for method in METHODS {
        let mut process = Some(Process::builder().start_method(method).target(nap, (300,)).start()?);
        in_a_copy(|| {
            let mut inherited = process.take().unwrap();
            assert!(!inherited.is_alive() && inherited.exit_status().is_none() && inherited.pid() > 0);
            refused(inherited.terminate(), own);
            refused(inherited.kill(), own);
            refused(inherited.join_timeout(Duration::from_secs(60)), own);
            assert_eq!(wait(&[&inherited], Some(Duration::from_secs(60))).unwrap(), [0]);
            assert!(multiproc::active_children().is_empty());
            drop(inherited);
        });
        assert_eq!(process.unwrap().join()?, 300);
    }
    Ok(())
}

pub(crate) fn inherited_results_are_refused() -> Result<()> {
    let (pool, own) = (Pool::with_processes(2)?, own_pid());
    let done = pool.apply_async(square, (3,));
    done.wait();
    let called = pool.apply_async(nap, (200,)).callback(|_| {});
    let results = [done, pool.apply_async(nap, (200,)), called];
    let waiting = as_completed([pool.apply_async(nap, (200,)), pool.apply_async(nap, (200,))], None);
    let mut held = Some((results, waiting));
    in_a_copy(|| {
        let (results, waiting) = held.take().unwrap();
        let all = wait_futures(&results, ReturnWhen::AllCompleted, None);
        assert_eq!(all.done, [0, 1, 2]);
        for result in results {
            assert!(result.ready() && !result.cancel() && result.wait_timeout(Duration::ZERO));
            assert!(!result.successful().unwrap());
            refused(pollster::block_on(result), own);
        }
        let given: Vec<_> = waiting.collect();
        assert_eq!(given.len(), 2);
        given.into_iter().for_each(|(_, result)| refused(result, own));
    });
    let ([done, running, called], waiting) = held.unwrap();
    assert_eq!((done.get()?, running.get()?, called.get()?), (9, 200, 200));
    assert_eq!(waiting.map(|(_, result)| result.unwrap()).collect::<Vec<_>>(), [200, 200]);
    Ok(())
}

pub(crate) fn inherited_iterators_end_after_one_error() -> Result<()> {
    let (pool, threads, own) = (Pool::with_processes(2)?, ThreadPool::with_processes(2)?, own_pid());
    let (mut lazy, mut by_threads) = (pool.imap(square, 0..1000), threads.imap(square, 0..1000));
    assert_eq!((lazy.next().unwrap()?, by_threads.next().unwrap()?), (0, 0));
    in_a_copy(|| {
        refused(lazy.next_timeout(Duration::from_secs(60)).unwrap(), own);
        assert!(lazy.next().is_none() && lazy.next().is_none());
        refused(by_threads.next_timeout(Duration::from_secs(60)).unwrap(), own);
        assert!(by_threads.next().is_none() && by_threads.next().is_none());
    });
    assert_eq!(lazy.collect::<Result<Vec<_>>>()?, squares(1000)[1..]);
    assert_eq!(by_threads.collect::<Result<Vec<_>>>()?, squares(1000)[1..]);
    Ok(())
}

pub(crate) fn inherited_thread_pool_is_refused() -> Result<()> {
    let (mut pool, own) = (Some(ThreadPool::with_processes(2)?), own_pid());
    let busy: AsyncResult<u64> = pool.as_ref().unwrap().apply_async(nap, (200,));
    in_a_copy(|| {
        let pool = pool.take().unwrap();
        refused(pool.apply(square, (1,)), own);
        refused(pool.map(square, 0..10), own);
        refused(pool.apply_async(square, (1,)).get(), own);
        refused(pool.map_async(square, 0..10).get(), own);
        assert_eq!(pool.imap(square, 0..).map(|result| refused(result, own)).count(), 1);
        refused(pool.resize(3), own);
        refused(pool.join(), own);
        pool.close();
        pool.cancel_pending();
        pool.shutdown();
        assert_eq!((pool.processes(), pool.statistics()), (0, Default::default()));
    });
    assert_eq!((busy.get()?, pool.unwrap().map(square, 0..100)?), (200, squares(100)));
    Ok(())
}

static MANAGER: Mutex<Option<(Manager, ListProxy<u32>)>> = Mutex::new(None);

pub(crate) fn inherited_manager_is_refused() -> Result<()> {
    let mut spare = Some(Manager::new()?);
    let manager = Manager::new()?;
    let list = manager.list_from([1u32])?;
    let (own, sent) = (own_pid(), list.clone());
    *MANAGER.lock().unwrap() = Some((manager, list));
    in_a_copy(|| {
        let (manager, list) = MANAGER.lock().unwrap().take().unwrap();
        refused(manager.list::<u32>(), own);
        refused(list.push(2), own);
        refused(list.clone().to_vec(), own);
        refused(manager.publish("name", &list), own);
        drop((manager, spare.take()));
    });
    // A proxy that was sent works where the inherited one does not.
    let both = |sent: ListProxy<u32>| {
        let inherited = MANAGER.lock().unwrap().take().unwrap();
        (sent.push(3).is_ok(), matches!(inherited.1.push(4), Err(Error::ForeignProcess { .. })))
    };
    let process = Process::builder().start_method(StartMethod::Fork).target(both, (sent,)).start()?;
    assert_eq!(process.join()?, (true, true));
    let (_manager, list) = MANAGER.lock().unwrap().take().unwrap();
    assert_eq!(list.to_vec()?, [1, 3]);
    assert!(spare.unwrap().list::<u32>().is_ok());
    Ok(())
}

pub(crate) fn inherited_connection_is_refused() -> Result<()> {
    let (ours, theirs) = pipe::<u32, u32>()?;
    let own = own_pid();
    ours.send(1)?;
    let mut ends = Some((ours, theirs));
    in_a_copy(|| {
        let (ours, theirs) = ends.take().unwrap();
        refused(ours.send(2), own);
        refused(ours.send_bytes(b"bytes"), own);
        refused(theirs.recv(), own);
        refused(theirs.try_recv(), own);
        refused(theirs.poll(Duration::from_secs(60)), own);
        refused(theirs.recv_timeout(Duration::from_secs(60)), own);
        assert_eq!(wait(&[&theirs], Some(Duration::from_secs(60))).unwrap(), [0]);
        let pool = Pool::with_processes(1).unwrap();
        let send = |end: multiproc::Connection<u32, u32>| end.send(3).is_ok();
        assert!(matches!(pool.apply(send, (ours,)), Err(Error::Encode(_))));
        drop(theirs);
    });
    let (ours, theirs) = ends.unwrap();
    ours.send(4)?;
    assert_eq!((theirs.recv()?, theirs.recv()?), (1, 4));
    theirs.send(5)?;
    assert_eq!(ours.recv()?, 5);
    Ok(())
}

fn idles(worker: ServiceWorker) {
    while !worker.should_stop() {
        worker.sleep(Duration::from_secs(1));
    }
}

pub(crate) fn inherited_service_control_is_refused() -> Result<()> {
    let own = own_pid();
    let mut manager = ServiceManager::new();
    let id = manager.add(Service::new(idles, ()), 1)?;
    let control = manager.control();
    manager.on_new_worker(move |_, _, _| {
        in_a_copy(|| {
            refused(control.reconfigure(id, 5), own);
            control.terminate();
            control.reload();
        });
        if fork_here() {
            // The copy of the manager's loop comes back with an error; see below.
            return;
        }
        let control = control.clone();
        thread::spawn(move || {
            // Time enough for what the copies might have done.
            thread::sleep(Duration::from_millis(100));
            control.terminate();
        });
    });
    let outcome = manager.run();
    if own_pid() != own {
        let code = i32::from(!matches!(outcome, Err(Error::ForeignProcess { owner, .. }) if owner == own));
        #[allow(unsafe_code, reason = "as below")]
        // SAFETY: _exit runs no code of this process.
        unsafe {
            nix::libc::_exit(code)
        }
    }
    outcome?;
    let copy = nix::sys::wait::waitpid(None, None).unwrap();
    assert!(matches!(copy, nix::sys::wait::WaitStatus::Exited(_, 0)), "{copy:?}");
    Ok(())
}
