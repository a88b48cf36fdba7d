//! One function in a process of its own.

use std::path::PathBuf;
use std::time::Duration;

use multiproc::{
    Error, ExitStatus, Pool, Process, ProcessInfo, StartMethod, active_children, current_process, parent_process,
};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::support::{
    Death, Gate, Named, ProcessId, arrive, assert_died, descendants, eventually, named, nap, own_pid, pass, square,
};

pub(crate) const TESTS: &[Named] = named! {
    process_returns_the_result_of_its_function
    finished_process_exits_with_0
    panic_reaches_join_and_exits_with_1
    exit_status_reaches_join
    process_can_be_killed_and_terminated
    process_killed_from_outside_is_detected
    process_killed_before_its_function_runs_is_lost
    timed_out_join_can_be_repeated
    dropping_a_process_waits_for_it
    dropping_a_daemon_kills_it
    process_knows_itself_and_its_parent
    processes_have_names_of_their_own
    active_children_update_without_the_pool
    active_children_are_those_alive
    large_arguments_and_results_arrive
    large_result_needs_no_waiter
    unsendable_argument_is_an_error_of_join
};

const METHODS: [StartMethod; 2] = [StartMethod::ForkServer, StartMethod::Spawn];
const SHORT: Duration = Duration::from_millis(2);

fn process_returns_the_result_of_its_function() -> multiproc::Result<()> {
    for method in METHODS {
        let process = Process::builder().start_method(method).target(square, (7,)).start()?;
        assert_eq!(process.join()?, 49);
        let apart = Process::builder().start_method(method).target(own_pid, ()).start()?;
        let pid = apart.pid();
        assert_ne!(pid, own_pid());
        assert_eq!(apart.join()?, pid);
        Process::builder().start_method(method).target(|| {}, ()).start()?.join()?;
    }
    Ok(())
}

fn finished_process_exits_with_0() -> multiproc::Result<()> {
    let mut process = Process::new(square, (2,)).start()?;
    eventually("it ends without a waiter", || !process.is_alive());
    assert_eq!(process.exit_status(), Some(ExitStatus::Exited(0)));
    assert_eq!(process.join_timeout(SHORT)?, 4);
    assert!(matches!(process.join_timeout(SHORT), Err(Error::InvalidState(_))), "the result is taken once");
    Ok(())
}

fn panic_reaches_join_and_exits_with_1() -> multiproc::Result<()> {
    let mut process = Process::new(|| -> u32 { Death::Panic.die() }, ()).start()?;
    let pid = process.pid();
    eventually("it ends", || !process.is_alive());
    assert_eq!(process.exit_status(), Some(ExitStatus::Exited(1)));
    let error = process.join_timeout(SHORT).unwrap_err();
    assert_eq!(assert_died(Death::Panic, &error, 0, Duration::MAX), pid);
    Ok(())
}

fn exit_status_reaches_join() -> multiproc::Result<()> {
    let die = |death: Death| -> u32 {
        std::thread::sleep(Duration::from_millis(12));
        death.die()
    };
    for method in METHODS {
        for death in [Death::ExitZero, Death::ExitThree, Death::Abort, Death::Segfault, Death::Kill] {
            let process = Process::builder().start_method(method).target(die, (death,)).start()?;
            let pid = process.pid();
            assert_eq!(assert_died(death, &process.join().unwrap_err(), 0, Duration::MAX), pid);
        }
    }
    Ok(())
}

fn process_can_be_killed_and_terminated() -> multiproc::Result<()> {
    for signal in [Signal::SIGKILL, Signal::SIGTERM] {
        let gate = Gate::new();
        let mut process = Process::new(pass, (gate.path(),)).start()?;
        gate.await_arrivals(1);
        assert!(process.is_alive());
        assert_eq!(process.exit_status(), None);
        if signal == Signal::SIGKILL {
            process.kill()?
        } else {
            process.terminate()?
        }
        match process.join_timeout(Duration::from_secs(50)) {
            Err(Error::WorkerLost { exit: ExitStatus::Signaled(number), .. }) => assert_eq!(number, signal as i32),
            other => panic!("{other:?}"),
        }
        assert!(!process.is_alive());
        process.kill()?;
    }
    Ok(())
}

fn process_killed_from_outside_is_detected() -> multiproc::Result<()> {
    let gate = Gate::new();
    let process = Process::new(pass, (gate.path(),)).start()?;
    gate.await_arrivals(1);
    kill(Pid::from_raw(process.pid() as i32), Signal::SIGABRT).unwrap();
    assert!(matches!(process.join(), Err(Error::WorkerLost { exit, .. }) if exit.signal_name() == Some("SIGABRT")));
    Ok(())
}

fn process_killed_before_its_function_runs_is_lost() -> multiproc::Result<()> {
    for method in METHODS {
        let process = Process::builder().start_method(method).target(nap, (3_600_000,)).start()?;
        process.kill()?;
        let lost = process.join();
        assert!(matches!(lost, Err(Error::WorkerLost { exit: ExitStatus::Signaled(9), .. })), "{lost:?}");
    }
    Ok(())
}

fn timed_out_join_can_be_repeated() -> multiproc::Result<()> {
    let gate = Gate::new();
    let mut process = Process::new(pass, (gate.path(),)).start()?;
    assert!(matches!(process.join_timeout(SHORT), Err(Error::TimedOut { after: SHORT, pid: None, .. })));
    assert!(process.is_alive());
    gate.open();
    assert_eq!(process.join_timeout(Duration::from_secs(50))?, process.pid());
    Ok(())
}

fn dropping_a_process_waits_for_it() -> multiproc::Result<()> {
    let gate = Gate::new();
    let slowly = |gate: PathBuf| {
        std::thread::sleep(Duration::from_millis(50));
        arrive(&gate);
    };
    drop(Process::new(slowly, (gate.path(),)).start()?);
    assert_eq!((gate.arrived().len(), descendants().len()), (1, 0));
    Ok(())
}

fn dropping_a_daemon_kills_it() -> multiproc::Result<()> {
    let gate = Gate::new();
    let daemon = Process::builder().daemon(true).target(pass, (gate.path(),)).start()?;
    gate.await_arrivals(1);
    let process = ProcessId::of(daemon.pid()).unwrap();
    drop(daemon);
    assert!(process.is_gone());
    Ok(())
}

fn process_knows_itself_and_its_parent() -> multiproc::Result<()> {
    type Told = (String, u32, bool, u32);
    fn told(process: ProcessInfo) -> Told {
        (process.name, process.pid, process.daemon, process.depth)
    }
    fn tell() -> (Told, Option<Told>) {
        (told(current_process()), parent_process().map(told))
    }
    fn tell_below() -> (Told, Option<Told>) {
        Process::builder().name("grandchild").target(tell, ()).start().unwrap().join().unwrap()
    }
    assert_eq!(tell(), (("main".into(), own_pid(), false, 0), None));
    let child = Process::builder().name("child").daemon(true).target(tell, ()).start()?;
    let (name, pid) = (child.name().to_string(), child.pid());
    let (own, parent) = child.join()?;
    assert_eq!((name, own), ("child".to_string(), ("child".into(), pid, true, 1)));
    assert_eq!(parent, Some(("main".into(), own_pid(), false, 0)));
    let child = Process::builder().name("child").target(tell_below, ()).start()?;
    let pid = child.pid();
    let (own, parent) = child.join()?;
    assert_eq!((&*own.0, own.3, parent), ("grandchild", 2, Some(("child".into(), pid, false, 1))));
    Ok(())
}

fn processes_have_names_of_their_own() -> multiproc::Result<()> {
    let gate = Gate::new();
    let start = || Process::new(pass, (gate.path(),)).start();
    let (first, second) = (start()?, start()?);
    assert!(first.name().starts_with("Process-") && first.name() != second.name());
    let long = Process::builder().name("a name longer than the kernel keeps\0").target(pass, (gate.path(),)).start()?;
    gate.await_arrivals(3);
    assert_eq!(ProcessId::of(long.pid()).unwrap().name, "a name longer t");
    assert_eq!(ProcessId::of(first.pid()).unwrap().name, first.name());
    gate.open();
    Ok(())
}

fn active_children_update_without_the_pool() -> multiproc::Result<()> {
    let pool = Pool::with_processes(1)?;
    pool.resize(3)?;
    assert_eq!(active_children().len(), 3);
    let killed = active_children()[1].pid;
    kill(Pid::from_raw(killed.cast_signed()), Signal::SIGKILL).unwrap();
    eventually("it is no child any more", || active_children().iter().all(|child| child.pid != killed));
    drop(pool);
    assert_eq!(active_children(), []);
    Ok(())
}

fn active_children_are_those_alive() -> multiproc::Result<()> {
    let (gate, shut) = (Gate::new(), Gate::new());
    let daemon = Process::builder().daemon(true).name("daemon").target(pass, (shut.path(),)).start()?;
    let process = Process::builder().name("process").target(pass, (gate.path(),)).start()?;
    let mut expected = [(daemon.pid(), "daemon", true), (process.pid(), "process", false)];
    expected.sort_unstable();
    let found = active_children();
    assert_eq!(found.iter().map(|child| (child.pid, &*child.name, child.daemon)).collect::<Vec<_>>(), expected);
    gate.open();
    process.join()?;
    assert_eq!(active_children().len(), 1);
    drop(daemon);
    assert_eq!(active_children(), []);
    Ok(())
}

fn large_arguments_and_results_arrive() -> multiproc::Result<()> {
    let large: Vec<u8> = (0..10 << 20).map(|n: u32| (n % 251) as u8).collect();
    let reverse = |mut bytes: Vec<u8>| {
        bytes.reverse();
        bytes
    };
    for method in METHODS {
        let process = Process::builder().start_method(method).target(reverse, (large.clone(),)).start()?;
        assert!(process.join()?.into_iter().rev().eq(large.iter().copied()));
    }
    Ok(())
}

fn large_result_needs_no_waiter() -> multiproc::Result<()> {
    // Python's deadlock: joining a process before its queue is read (gh-73983).
    let processes: Vec<_> = (1..=3).map(|n| Process::new(|n: usize| vec![n; 1 << 20], (n,)).start().unwrap()).collect();
    for (n, process) in (1..).zip(processes) {
        assert!(process.join()?.iter().all(|item| *item == n));
    }
    drop(Process::new(|| vec![0u8; 10 << 20], ()).start()?);
    Ok(())
}

fn unsendable_argument_is_an_error_of_join() -> multiproc::Result<()> {
    let not_a_path = PathBuf::from(<std::ffi::OsStr as std::os::unix::ffi::OsStrExt>::from_bytes(b"\xff"));
    assert!(matches!(Process::new(pass, (not_a_path,)).start()?.join(), Err(Error::Encode(_))));
    Ok(())
}
