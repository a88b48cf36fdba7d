//! Managers that the test itself runs: settings, signal actions, and the end.

use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use multiproc::{Error, Result, Service, ServiceManager, StartMethod};
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, raise, sigaction};

use super::sleeper;
use crate::support::{Named, is_config, is_invalid_state, named};

pub(crate) const TESTS: &[Named] = named! {
    second_manager_at_once_is_rejected
    signal_actions_are_restored
    first_worker_that_cannot_start_is_an_error
    invalid_settings_are_rejected
    ended_manager_rejects_changes
};

/// A manager of one sleeper.
fn small() -> Result<ServiceManager> {
    let mut manager = ServiceManager::new();
    manager.add(Service::new(sleeper, ()), 1)?;
    Ok(manager)
}

fn second_manager_at_once_is_rejected() -> Result<()> {
    for _ in 0..3 {
        let (mut first, second) = (small()?, small()?);
        let refused = Arc::new(Mutex::new(None));
        let (mut second, seen) = (Some(second), refused.clone());
        first.on_new_worker(move |_, _, _| {
            let second = second.take().unwrap();
            *seen.lock().unwrap() = Some(thread::spawn(|| second.run()).join().unwrap());
            // By the signal itself: each manager hears it.
            raise(Signal::SIGTERM).unwrap();
        });
        first.run()?;
        is_invalid_state(refused.lock().unwrap().take().unwrap(), "already");
    }
    Ok(())
}

static RECEIVED: AtomicU32 = AtomicU32::new(0);

extern "C" fn count_signal(_: i32) {
    RECEIVED.fetch_add(1, SeqCst);
}

#[allow(unsafe_code, reason = "the test has a handler of its own")]
fn signal_actions_are_restored() -> Result<()> {
    let set = |signal, handler| {
        // SAFETY: all that the handler does is to count in an atomic.
        unsafe { sigaction(signal, &SigAction::new(handler, SaFlags::SA_RESTART, SigSet::empty())) }.unwrap()
    };
    set(Signal::SIGHUP, SigHandler::Handler(count_signal));
    set(Signal::SIGINT, SigHandler::SigIgn);
    let mut manager = small()?;
    manager.on_new_worker(|_, _, _| {
        raise(Signal::SIGINT).unwrap();
        raise(Signal::SIGHUP).unwrap();
    });
    let control = manager.control();
    manager.on_reload(move |_| control.terminate());
    manager.run()?;
    assert_eq!(RECEIVED.load(SeqCst), 1, "the program's handler runs, too");
    raise(Signal::SIGHUP).unwrap();
    assert_eq!(RECEIVED.load(SeqCst), 2);
    assert!(matches!(set(Signal::SIGHUP, SigHandler::SigDfl).handler(), SigHandler::Handler(_)));
    assert!(matches!(set(Signal::SIGINT, SigHandler::SigDfl).handler(), SigHandler::SigIgn));
    assert!(matches!(set(Signal::SIGTERM, SigHandler::SigDfl).handler(), SigHandler::SigDfl));
    Ok(())
}

fn first_worker_that_cannot_start_is_an_error() -> Result<()> {
    let mut manager = ServiceManager::builder().start_method(StartMethod::Fork).build()?;
    manager.add(Service::new(sleeper, ()), 2)?;
    let (done, wait) = std::sync::mpsc::channel::<()>();
    let thread = thread::spawn(move || wait.recv());
    let outcome = manager.run();
    drop(done);
    assert!(thread.join().unwrap().is_err());
    assert!(matches!(outcome, Err(Error::ForkWithThreads { threads: 2 })), "{outcome:?}");
    // And the signals are free again.
    let manager = small()?;
    manager.control().terminate();
    manager.run()
}

fn invalid_settings_are_rejected() -> Result<()> {
    let (mut manager, mut other) = (small()?, small()?);
    is_config(manager.add(Service::new(sleeper, ()), 5000), "4096");
    let id = other.add(Service::new(sleeper, ()), 0)?;
    is_config(manager.reconfigure(id, 1), "not one of");
    is_config(other.reconfigure(id, usize::MAX), "4096");
    other.reconfigure(id, 7)?;
    let throttle = |shortest, longest| {
        let builder = ServiceManager::builder();
        is_config(
            builder.respawn_throttle(Duration::from_secs(shortest), Duration::from_secs(longest)).build(),
            "throttle",
        );
    };
    throttle(0, 1);
    throttle(2, 1);
    throttle(1, u64::MAX);
    Ok(())
}

fn ended_manager_rejects_changes() -> Result<()> {
    let mut manager = ServiceManager::builder().graceful_deadline(Duration::MAX).build()?;
    let id = manager.add(Service::new(sleeper, ()), 3)?;
    let control = manager.control();
    // Before it runs, too.
    control.terminate();
    control.reload();
    manager.run()?;
    is_invalid_state(control.reconfigure(id, 1), "ended");
    control.terminate();
    ServiceManager::new().control().reload();
    Ok(())
}
