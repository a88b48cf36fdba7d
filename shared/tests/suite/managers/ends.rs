//! Managers that end, clients that are killed, and what either leaves to the other.

use std::thread;
use std::time::{Duration, Instant};

use multiproc::{DictProxy, Error, Executor, ListProxy, Manager, Pool, Process, PutError, QueueProxy, StartMethod};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::support::{Named, ProcessId, eventually, holdings, is_config, named};

pub(crate) const TESTS: &[Named] = named! {
    client_killed_while_waiting_leaves_nothing
    lost_manager_is_an_error_for_callers_and_waiters
    drop_ends_the_manager_although_proxies_live
    closed_client_leaves_no_thread_or_descriptor
    managers_can_be_started_repeatedly
    processes_killed_at_random_harm_no_other
    removed_object_is_gone_for_every_client
};

const METHODS: [StartMethod; 2] = [StartMethod::ForkServer, StartMethod::Spawn];
const SHORT: Duration = Duration::from_millis(20);
const LONG: Duration = Duration::from_secs(50);

/// Waits at a queue, with threads of its own at other objects.
fn wait_for_ever(queue: QueueProxy<u64>, full: QueueProxy<u64>, joined: QueueProxy<u64>) {
    thread::scope(|scope| {
        scope.spawn(|| full.put(1));
        scope.spawn(|| joined.join());
        let _ = queue.get();
    });
}

fn client_killed_while_waiting_leaves_nothing() -> multiproc::Result<()> {
    let manager = Manager::new()?;
    let (queue, full, joined) = (manager.queue()?, manager.bounded_queue(1)?, manager.queue()?);
    full.put(0)?;
    joined.put(0)?;
    let before = holdings(manager.pid());
    for _ in 0..3 {
        let args = (queue.clone(), full.clone(), joined.clone());
        let process = Process::builder().daemon(true).target(wait_for_ever, args).start()?;
        eventually("it waits", || holdings(manager.pid()).0 == before.0 + 3);
        thread::sleep(SHORT);
        process.kill()?;
        drop(process);
        eventually("its sessions have ended", || holdings(manager.pid()) == before);
    }
    queue.put(7)?;
    assert_eq!((queue.get_timeout(LONG)?, full.len()?, full.get()?, full.len()?), (7, 1, 0, 0));
    Ok(())
}

fn lost_manager_is_an_error_for_callers_and_waiters() -> multiproc::Result<()> {
    let manager = Manager::new()?;
    let (queue, list) = (manager.queue::<u64>()?, manager.list_from([1u64])?);
    let elsewhere = |queue: QueueProxy<u64>| matches!(queue.get(), Err(Error::Disconnected));
    let process = Process::new(elsewhere, (queue.clone(),)).start()?;
    thread::scope(|scope| {
        let waiting = [scope.spawn(|| queue.get().map(drop)), scope.spawn(|| manager.queue::<u8>()?.get().map(drop))];
        thread::sleep(SHORT);
        kill(Pid::from_raw(manager.pid() as i32), Signal::SIGKILL).unwrap();
        for waiting in waiting {
            assert!(matches!(waiting.join().unwrap(), Err(Error::Disconnected)));
        }
    });
    assert!(process.join()?);
    for _ in 0..20 {
        assert!(matches!(list.get(0), Err(Error::Disconnected)));
        assert!(matches!(queue.put(1), Err(PutError { error: Error::Disconnected, .. })));
        assert!(matches!(manager.list::<u8>(), Err(Error::Disconnected)));
    }
    Ok(())
}

fn drop_ends_the_manager_although_proxies_live() -> multiproc::Result<()> {
    let manager = Manager::new()?;
    let process = ProcessId::of(manager.pid()).unwrap();
    let list = manager.list_from([1u64])?;
    let waiting = manager.queue::<u64>()?;
    let thread = thread::spawn(move || waiting.get());
    thread::sleep(SHORT);
    let began = Instant::now();
    drop(manager);
    assert!(process.is_gone() && began.elapsed() < Duration::from_secs(10));
    assert!(matches!(thread.join().unwrap(), Err(Error::Disconnected)));
    assert!(matches!(list.len(), Err(Error::Disconnected)));
    Ok(())
}

fn closed_client_leaves_no_thread_or_descriptor() -> multiproc::Result<()> {
    let manager = Manager::new()?;
    let list = manager.list::<u32>()?;
    list.push(0)?;
    let before = holdings(manager.pid());
    for method in METHODS {
        let pool = Pool::builder().processes(3).start_method(method).build()?;
        pool.starmap(|list: ListProxy<u32>, n: u32| list.push(n).unwrap(), (0..100).map(|n| (list.clone(), n)))?;
    }
    eventually("the sessions have ended", || holdings(manager.pid()) == before);
    assert_eq!(list.len()?, 201);
    Ok(())
}

fn managers_can_be_started_repeatedly() -> multiproc::Result<()> {
    for n in 0..20u32 {
        let manager = Manager::new()?;
        assert_eq!(manager.list_from([n])?.to_vec()?, [n]);
    }
    let in_a_task = |n: u32| Manager::new().unwrap().list_from([n]).unwrap().pop().unwrap();
    assert_eq!(Pool::with_processes(2)?.map(in_a_task, 0..4u32)?, [Some(0), Some(1), Some(2), Some(3)]);
    Ok(())
}

/// Uses everything, again and again, until it is killed.
fn use_without_end(list: ListProxy<Vec<u8>>, dict: DictProxy<u32, u64>, queue: QueueProxy<Vec<u8>>) {
    for n in 0.. {
        let own = vec![n as u8; n % 30_000];
        list.push(own.clone()).unwrap();
        dict.update(0, |old| old.unwrap_or(0) + 1).unwrap();
        queue.put(own).unwrap();
        list.to_vec().unwrap();
        let got = queue.get().unwrap();
        assert!(got.windows(2).all(|pair| pair[0] == pair[1]));
        list.pop().unwrap();
    }
}

fn processes_killed_at_random_harm_no_other() -> multiproc::Result<()> {
    let manager = Manager::new()?;
    let (list, dict) = (manager.list::<Vec<u8>>()?, manager.dict::<u32, u64>()?);
    let queue = manager.bounded_queue::<Vec<u8>>(4)?;
    let before = holdings(manager.pid());
    let start = || {
        let args = (list.clone(), dict.clone(), queue.clone());
        Process::builder().daemon(true).target(use_without_end, args).start()
    };
    let mut running = vec![start()?, start()?, start()?];
    for n in 0..40u64 {
        thread::sleep(Duration::from_micros(n * 7919 % 30_000));
        // Killed by its drop.
        running.remove(0);
        running.push(start()?);
        dict.update(1, |old| old.unwrap_or(0) + 1)?;
    }
    running.clear();
    eventually("all sessions have ended", || holdings(manager.pid()) == before);
    assert_eq!(dict.get(&1)?, Some(40));
    assert!(dict.get(&0)?.unwrap() > 0);
    assert!(list.to_vec()?.iter().all(|own| own.windows(2).all(|pair| pair[0] == pair[1])));
    while !queue.is_empty()? {
        queue.try_get()?;
    }
    queue.put(vec![1])?;
    assert_eq!(queue.get()?, [1]);
    Ok(())
}

fn removed_object_is_gone_for_every_client() -> multiproc::Result<()> {
    let manager = Manager::new()?;
    let (list, queue) = (manager.list_from([1u8])?, manager.queue::<u8>()?);
    let nested = manager.list_from([list.clone()])?;
    thread::scope(|scope| {
        let waiting = scope.spawn(|| queue.get());
        let joined = manager.queue::<u8>().unwrap();
        joined.put(1).unwrap();
        let joining = (joined.clone(), scope.spawn(move || joined.join()));
        thread::sleep(SHORT);
        assert!(manager.remove(&joining.0).unwrap());
        let _ = joining.1.join().unwrap();
        assert!(manager.remove(&queue).unwrap() && manager.remove(&list).unwrap());
        assert!(matches!(waiting.join().unwrap(), Err(Error::Closed | Error::Config(_))));
    });
    assert!(!manager.remove(&list)?);
    is_config(list.len(), "no object");
    is_config(nested.get(0)?.unwrap().len(), "no object");
    Ok(())
}
