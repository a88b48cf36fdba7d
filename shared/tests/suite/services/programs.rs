//! Programs with services, which the tests start and send signals to.

use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use multiproc::{
    Error, Queue, Result, Service, ServiceControl, ServiceManager, ServiceManagerBuilder, ServiceWorker, StartMethod,
};
use nix::sys::signal::{Signal, killpg, raise};
use nix::unistd::getpgrp;

use super::{LONG, sleeper};
use crate::support::{Named, ProcessId, announce, eventually, named};

pub(crate) const PROGRAMS: &[Named] = named! {
    prints
    prints_spawned
    prints_forked
    ends_by_term
    ignores_term
    panics_at_start
    shrinks
    naps
    reloads_at_once
    ends_during_reload
    has_hooks_that_panic
    clones_badly
};

/// Says that the worker has asked for the first time whether it should stop: from now on SIGTERM
/// does not end it.
fn listen(worker: &ServiceWorker) {
    assert!(!worker.should_stop());
    println!("{} listens", worker.name());
}

/// Says what becomes of it, and ends in good order.
fn printer(worker: ServiceWorker, queue: Queue<String>) {
    listen(&worker);
    while !worker.should_stop() {
        if worker.reload_requested() {
            println!("{} reloads", worker.name());
        }
        match queue.get_timeout(Duration::from_millis(5)) {
            Ok(text) => println!("{} has {text}", worker.name()),
            Err(Error::TimedOut { .. }) => {}
            Err(error) => panic!("{error}"),
        }
    }
    println!("{} ends", worker.name());
}

fn producer(worker: ServiceWorker, queue: Queue<String>) {
    listen(&worker);
    queue.put("something to print".to_string()).unwrap();
    while !worker.should_stop() {
        worker.sleep(LONG);
    }
}

/// Has the end of each worker printed, and the program announced as soon as so many have started.
fn talk(manager: &mut ServiceManager, ready_at: u32) {
    let mut started = 0;
    manager.on_new_worker(move |_, number, _| {
        started += 1;
        if started == ready_at {
            announce();
        } else if started > ready_at {
            println!("new worker {number}");
        }
    });
    manager.on_dead_worker(|_, number, exit| println!("worker {number} {exit}"));
    manager.on_terminate(|| println!("terminating"));
}

fn print_with(builder: ServiceManagerBuilder) -> Result<()> {
    let queue = Queue::new()?;
    let mut manager = builder.build()?;
    manager.add(Service::new(producer, (queue.clone(),)), 1)?;
    let printers = manager.add(Service::new(printer, (queue,)), 2)?;
    manager.on_reload(move |manager| manager.reconfigure(printers, 5).unwrap());
    talk(&mut manager, 3);
    manager.run()
}

fn prints() -> Result<()> {
    print_with(ServiceManager::builder())
}

fn prints_spawned() -> Result<()> {
    print_with(ServiceManager::builder().start_method(StartMethod::Spawn))
}

fn prints_forked() -> Result<()> {
    print_with(ServiceManager::builder().start_method(StartMethod::Fork))
}

fn ends_by_term() -> Result<()> {
    let mut manager = ServiceManager::new();
    manager.add(Service::new(sleeper, ()), 2)?;
    talk(&mut manager, 2);
    manager.run()
}

fn ignores_term() -> Result<()> {
    let stubborn = |worker: ServiceWorker| {
        assert!(!worker.should_stop());
        println!("{} does not care", worker.name());
        thread::sleep(LONG);
    };
    let mut manager = ServiceManager::builder().graceful_deadline(Duration::from_millis(300)).build()?;
    manager.add(Service::new(stubborn, ()).named("stubborn"), 1)?;
    manager.add(Service::new(printer, (Queue::new()?,)), 1)?;
    talk(&mut manager, 2);
    manager.run()
}

fn panics_at_start() -> Result<()> {
    let failing = |_: ServiceWorker| -> () { panic!("no luck") };
    let mut manager =
        ServiceManager::builder().respawn_throttle(Duration::from_millis(50), Duration::from_secs(2)).build()?;
    manager.add(Service::new(printer, (Queue::new()?,)), 2)?;
    let unlucky = manager.add(Service::new(failing, ()).named("failing"), 1)?;
    manager.on_error(move |id, number, error| {
        assert_eq!((id, number), (unlucky, 0));
        assert!(matches!(error, Error::Panicked { message, .. } if message == "no luck"), "{error}");
        println!("no luck");
    });
    talk(&mut manager, 3);
    manager.run()
}

fn shrinks() -> Result<()> {
    let mut manager = ServiceManager::new();
    let mut wanted = [1, 0, 2].into_iter();
    let change = move |manager: &ServiceControl, id| manager.reconfigure(id, wanted.next().unwrap()).unwrap();
    manager.add(Service::new(printer, (Queue::new()?,)).on_reload(change), 3)?;
    talk(&mut manager, 3);
    manager.run()
}

/// One worker asks whether to reload, the other does not; both count how often they wake up.
fn naps() -> Result<()> {
    let attentive = |worker: ServiceWorker| {
        let (mut naps, mut reloads) = (0, 0);
        while !worker.should_stop() {
            reloads += u32::from(worker.reload_requested());
            println!("{} naps after {reloads} reloads", worker.name());
            assert!(!worker.sleep(LONG));
            naps += 1;
        }
        println!("{} ends after {naps} naps", worker.name());
    };
    let dull = |worker: ServiceWorker| {
        assert!(worker.sleep(Duration::from_millis(1)));
        let mut naps = 0;
        while !worker.should_stop() {
            println!("{} naps", worker.name());
            assert!(!worker.sleep(LONG));
            naps += 1;
        }
        println!("{} ends after {naps} naps", worker.name());
    };
    let mut manager = ServiceManager::new();
    manager.add(Service::new(attentive, ()).named("attentive"), 1)?;
    manager.add(Service::new(dull, ()).named("dull"), 1)?;
    talk(&mut manager, 2);
    manager.run()
}

/// Reloads as soon as its workers were started. Each is the program anew, which takes a while to
/// become one; a signal to reload would kill it until then.
fn reloads_at_once() -> Result<()> {
    let service = |worker: ServiceWorker| {
        println!("{} is here", worker.name());
        while !worker.should_stop() {
            worker.sleep(LONG);
            worker.reload_requested();
        }
    };
    let mut manager = ServiceManager::builder().start_method(StartMethod::Spawn).build()?;
    manager.add(Service::new(service, ()).named("fresh"), 4)?;
    let mut started = 0;
    manager.on_new_worker(move |_, number, _| {
        println!("new worker {number}");
        raise(Signal::SIGHUP).unwrap();
        started += 1;
        if started == 4 {
            // In a thread, so that it holds nothing up.
            thread::spawn(announce);
        }
    });
    manager.on_reload(|_| println!("reloading"));
    manager.on_dead_worker(|_, number, exit| println!("worker {number} {exit}"));
    manager.run()
}

/// Its group is sent SIGTERM while a hook runs, which returns when all workers have ended.
fn ends_during_reload() -> Result<()> {
    let workers = Arc::new(Mutex::new(Vec::new()));
    let started = workers.clone();
    let mut manager = ServiceManager::new();
    manager.add(Service::new(printer, (Queue::new()?,)), 2)?;
    manager.on_new_worker(move |_, _, pid| started.lock().unwrap().extend(ProcessId::of(pid)));
    manager.on_reload(move |_| {
        killpg(getpgrp(), Signal::SIGTERM).unwrap();
        eventually("no worker is left", || workers.lock().unwrap().iter().all(ProcessId::is_gone));
    });
    talk(&mut manager, 2);
    manager.run()
}

/// Of each kind it has a hook that panics, and one after it that says what it was called for.
fn has_hooks_that_panic() -> Result<()> {
    let failing = |_: ServiceWorker| -> () { panic!("no luck") };
    let mut manager = ServiceManager::new();
    let reloaded = |_: &ServiceControl, _| println!("the service reloads");
    let service = Service::new(printer, (Queue::new()?,)).on_reload(|_, _| panic!("a service's reload"));
    manager.add(service.on_reload(reloaded), 2)?;
    manager.add(Service::new(failing, ()).named("failing"), 1)?;
    manager.on_new_worker(|_, number, _| panic!("new worker {number}"));
    manager.on_dead_worker(|_, number, _| panic!("dead worker {number}"));
    manager.on_error(|_, number, _| panic!("error of {number}"));
    manager.on_reload(|_| panic!("reload"));
    manager.on_terminate(|| panic!("terminate"));
    manager.on_error(|_, _, error| println!("{error}"));
    manager.on_reload(|_| println!("reloading"));
    talk(&mut manager, 3);
    println!("{}", manager.run().unwrap_err());
    Ok(())
}

/// What its workers are given: panics when it is cloned for the second time.
#[derive(serde::Serialize, serde::Deserialize)]
struct Fragile;

impl Clone for Fragile {
    fn clone(&self) -> Self {
        static CLONES: AtomicU32 = AtomicU32::new(0);
        assert_ne!(CLONES.fetch_add(1, SeqCst), 1, "fragile");
        Self
    }
}

fn clones_badly() -> Result<()> {
    let sleeper = |_: ServiceWorker, _: Fragile| thread::sleep(LONG);
    let mut manager = ServiceManager::new();
    manager.add(Service::new(sleeper, (Fragile,)).named("sleeper"), 1)?;
    manager.on_error(|_, _, error| println!("{error}"));
    talk(&mut manager, 1);
    manager.run()
}
