//! Services under a manager: whole programs, real signals, and what is left of them.
//!
//! Each test runs in a process of its own; see `support/runner.rs`. A worker is found by the name
//! of its process, which has its number.

use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::os::unix::process::ExitStatusExt;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use crate::support::{Named, ProcessId, Program, announce, descendants_of, eventually, is_config, named};
use multiproc::{
    Error, Queue, Result, Service, ServiceControl, ServiceManager, ServiceManagerBuilder, ServiceWorker, StartMethod,
};
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, kill, raise, sigaction};
use nix::unistd::Pid;

pub(crate) const TESTS: &[Named] = named! {
    hup_raises_the_printers_from_two_to_five_and_tells_the_first_two
    hup_on_a_program_with_spawned_workers_does_the_same
    hup_on_a_program_with_forked_workers_does_the_same
    term_ends_all_in_good_order
    ctrl_c_ends_all_in_good_order
    term_for_the_whole_group_ends_all_in_good_order
    hup_for_the_whole_group_ends_nobody
    a_worker_that_does_not_ask_is_ended_by_term_itself
    a_killed_worker_gets_a_successor_of_the_same_number
    a_killed_zygote_costs_the_workers_and_not_the_services
    nobody_outlives_a_killed_manager
    a_worker_that_ignores_term_is_killed_after_the_deadline
    a_worker_that_panics_at_its_start_is_throttled_and_leaves_the_others_alone
    fewer_workers_means_that_the_surplus_ends_in_good_order
    sleep_ends_early_for_what_the_worker_asks_for_and_nothing_else
    the_service_manager_above_is_told_of_all_by_path
    the_service_manager_above_is_told_of_all_by_abstract_name
    a_reload_in_the_first_moments_of_a_worker_does_not_kill_it
    one_manager_after_the_other_but_not_two_at_once
    signals_do_afterwards_what_they_did_before
    a_first_worker_that_cannot_be_started_is_an_error
    what_makes_no_sense_is_refused
    the_end_of_a_manager_leaves_nothing_to_change
    a_hook_that_panics_costs_its_call_alone
    arguments_that_panic_when_cloned_cost_one_start
};

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
    has_hooks_that_panic
    clones_badly
};

/// Far longer than anything takes here.
const LONG: Duration = Duration::from_secs(3600);

/// Says what becomes of it, and ends in good order.
fn printer(worker: ServiceWorker, queue: Queue<String>) {
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
    queue.put("something to print".to_string()).unwrap();
    while !worker.should_stop() {
        worker.sleep(LONG);
    }
}

/// Sleeps, and hears nothing.
fn sleeper(_: ServiceWorker) {
    thread::sleep(LONG);
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

// The programs.

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
    let doomed = |_: ServiceWorker| -> () { panic!("no luck") };
    let mut manager =
        ServiceManager::builder().respawn_throttle(Duration::from_millis(50), Duration::from_secs(2)).build()?;
    manager.add(Service::new(printer, (Queue::new()?,)), 2)?;
    let unlucky = manager.add(Service::new(doomed, ()).named("doomed"), 1)?;
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

/// Of each kind it has a hook that panics, and one after it that says what it was called for.
fn has_hooks_that_panic() -> Result<()> {
    let doomed = |_: ServiceWorker| -> () { panic!("no luck") };
    let mut manager = ServiceManager::new();
    let reloaded = |_: &ServiceControl, _| println!("the service reloads");
    let service = Service::new(printer, (Queue::new()?,)).on_reload(|_, _| panic!("a service's reload"));
    manager.add(service.on_reload(reloaded), 2)?;
    manager.add(Service::new(doomed, ()).named("doomed"), 1)?;
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

// What the tests do with them.

/// The processes of a program's workers, of one service, by number.
fn workers(program: &Program, service: &str) -> Vec<ProcessId> {
    let mut found = descendants_of(program.pid().as_raw() as u32);
    found.retain(|process| {
        process.name.strip_prefix(service).is_some_and(|rest| rest.starts_with('-')) && !process.is_gone()
    });
    found.sort_by(|one, other| one.name.cmp(&other.name));
    found
}

/// Waits until a service has workers of these numbers.
fn await_workers(program: &Program, service: &str, numbers: std::ops::Range<usize>) -> Vec<ProcessId> {
    let names: Vec<_> = numbers.map(|number| format!("{service}-{number}")).collect();
    let mut found = Vec::new();
    eventually(&format!("{names:?} are there"), || {
        found = workers(program, service);
        found.iter().map(|process| &process.name).eq(&names)
    });
    found
}

/// Reads lines until each of these has come, in any order. Other lines are let pass.
fn await_lines(program: &mut Program, lines: &[&str]) {
    let mut missing = lines.to_vec();
    while !missing.is_empty() {
        let line = program.line();
        assert_ne!(line, "", "the program has ended without {missing:?}");
        if let Some(at) = missing.iter().position(|missing| *missing == line) {
            missing.remove(at);
        }
    }
}

/// Waits for the program's end, with exit code 0 and nobody left; sorts the lines that it has
/// printed.
fn end_well(program: Program) -> Vec<String> {
    let all = descendants_of(program.pid().as_raw() as u32);
    let (status, printed) = program.end();
    assert_eq!(status.code(), Some(0), "{status}: {printed}");
    assert!(all.iter().all(ProcessId::is_gone), "{all:?}");
    let mut lines: Vec<_> = printed.lines().map(str::to_string).collect();
    lines.sort();
    lines
}

fn send(process: &ProcessId, signal: Signal) {
    kill(Pid::from_raw(process.pid as i32), signal).unwrap();
}

// The tests.

fn hup_raises(name: &str) -> Result<()> {
    let mut program = Program::start(name);
    let before = await_workers(&program, "printer", 0..2);
    // Something was printed, so one printer has begun; the other may still be on its way, and need not
    // be told then.
    let line = program.line();
    let number = line.strip_prefix("printer-").and_then(|line| line.strip_suffix(" has something to print")).unwrap();
    let reloads = format!("printer-{number} reloads");
    program.signal(Signal::SIGHUP);
    await_lines(&mut program, &["new worker 2", "new worker 3", "new worker 4", &reloads]);
    let after = await_workers(&program, "printer", 0..5);
    assert_eq!(before, after[..2]);
    program.signal(Signal::SIGTERM);
    end_well(program);
    Ok(())
}

fn hup_raises_the_printers_from_two_to_five_and_tells_the_first_two() -> Result<()> {
    hup_raises("prints")
}

fn hup_on_a_program_with_spawned_workers_does_the_same() -> Result<()> {
    hup_raises("prints_spawned")
}

fn hup_on_a_program_with_forked_workers_does_the_same() -> Result<()> {
    hup_raises("prints_forked")
}

/// Whether a worker has asked for the first time whether it should stop.
fn listens_for_term(process: &ProcessId) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{}/status", process.pid)).unwrap();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigCgt:")).unwrap();
    u64::from_str_radix(mask.trim(), 16).unwrap() >> (Signal::SIGTERM as i32 - 1) & 1 == 1
}

/// Starts the program of two printers and a producer, and waits until all three have begun.
fn start_and_settle() -> Program {
    let mut program = Program::start("prints");
    await_workers(&program, "printer", 0..2);
    await_workers(&program, "producer", 0..1);
    program.signal(Signal::SIGHUP);
    await_lines(&mut program, &["new worker 4"]);
    await_workers(&program, "printer", 0..5);
    for service in ["producer", "printer"] {
        eventually("the workers listen", || workers(&program, service).iter().all(listens_for_term));
    }
    program
}

fn ends_in_good_order(end: impl FnOnce(&Program)) -> Result<()> {
    let program = start_and_settle();
    end(&program);
    let lines = end_well(program);
    for number in 0..5 {
        assert!(lines.contains(&format!("printer-{number} ends")), "{lines:#?}");
    }
    assert_eq!(lines.iter().filter(|line| line.ends_with("exited with code 0")).count(), 6, "{lines:#?}");
    assert!(lines.contains(&"terminating".to_string()), "{lines:#?}");
    Ok(())
}

fn term_ends_all_in_good_order() -> Result<()> {
    ends_in_good_order(|program| program.signal(Signal::SIGTERM))
}

fn ctrl_c_ends_all_in_good_order() -> Result<()> {
    ends_in_good_order(|program| program.signal_group(Signal::SIGINT))
}

fn term_for_the_whole_group_ends_all_in_good_order() -> Result<()> {
    ends_in_good_order(|program| program.signal_group(Signal::SIGTERM))
}

fn hup_for_the_whole_group_ends_nobody() -> Result<()> {
    let program = start_and_settle();
    for _ in 0..5 {
        program.signal_group(Signal::SIGHUP);
        thread::sleep(Duration::from_millis(5));
    }
    program.signal(Signal::SIGTERM);
    let lines = end_well(program);
    assert!(lines.iter().all(|line| !line.contains("SIGHUP") && !line.contains("new")), "{lines:#?}");
    Ok(())
}

fn a_worker_that_does_not_ask_is_ended_by_term_itself() -> Result<()> {
    let program = Program::start("ends_by_term");
    program.signal(Signal::SIGTERM);
    let lines = end_well(program);
    let how = "killed by SIGTERM (signal 15)";
    assert_eq!(lines, ["terminating".to_string(), format!("worker 0 {how}"), format!("worker 1 {how}")]);
    Ok(())
}

fn a_killed_worker_gets_a_successor_of_the_same_number() -> Result<()> {
    let mut program = Program::start("prints");
    let before = await_workers(&program, "printer", 0..2);
    send(&before[1], Signal::SIGKILL);
    await_lines(&mut program, &["worker 1 killed by SIGKILL (signal 9)", "new worker 1"]);
    let after = await_workers(&program, "printer", 0..2);
    assert_eq!(before[0], after[0]);
    assert_ne!(before[1], after[1]);
    program.signal(Signal::SIGTERM);
    end_well(program);
    Ok(())
}

fn a_killed_zygote_costs_the_workers_and_not_the_services() -> Result<()> {
    let mut program = Program::start("prints");
    let before = await_workers(&program, "printer", 0..2);
    let zygote = program.processes.iter().find(|process| process.name == "mp-zygote").unwrap();
    send(zygote, Signal::SIGKILL);
    // The producer's worker is number 0, too.
    await_lines(&mut program, &["new worker 0", "new worker 0", "new worker 1"]);
    let after = await_workers(&program, "printer", 0..2);
    assert!(before.iter().all(ProcessId::is_gone) && !after.iter().any(ProcessId::is_gone));
    program.signal(Signal::SIGTERM);
    end_well(program);
    Ok(())
}

fn nobody_outlives_a_killed_manager() -> Result<()> {
    for name in ["prints", "ends_by_term", "ignores_term"] {
        let program = Program::start(name);
        assert!(program.processes.len() >= 4, "{:?}", program.processes);
        program.signal(Signal::SIGKILL);
        let (status, _) = program.end();
        assert_eq!(status.signal(), Some(9));
    }
    Ok(())
}

fn a_worker_that_ignores_term_is_killed_after_the_deadline() -> Result<()> {
    let mut program = Program::start("ignores_term");
    await_lines(&mut program, &["stubborn-0 does not care"]);
    program.signal(Signal::SIGTERM);
    let lines = end_well(program);
    assert!(lines.contains(&"worker 0 killed by SIGKILL (signal 9)".to_string()), "{lines:?}");
    Ok(())
}

fn a_worker_that_panics_at_its_start_is_throttled_and_leaves_the_others_alone() -> Result<()> {
    let mut program = Program::start("panics_at_start");
    let before = await_workers(&program, "printer", 0..2);
    let start = std::time::Instant::now();
    for _ in 0..5 {
        await_lines(&mut program, &["no luck", "worker 0 exited with code 1", "new worker 0"]);
    }
    // The first came at once, the others after 50, 100, 200 and 400 ms at the least.
    assert!(start.elapsed() > Duration::from_millis(400), "{:?}", start.elapsed());
    assert_eq!(before, await_workers(&program, "printer", 0..2));
    program.signal(Signal::SIGTERM);
    end_well(program);
    Ok(())
}

fn fewer_workers_means_that_the_surplus_ends_in_good_order() -> Result<()> {
    let mut program = Program::start("shrinks");
    let before = await_workers(&program, "printer", 0..3);
    eventually("the workers listen", || before.iter().all(listens_for_term));
    program.signal(Signal::SIGHUP);
    await_lines(
        &mut program,
        &["printer-1 ends", "printer-2 ends", "worker 1 exited with code 0", "worker 2 exited with code 0"],
    );
    assert_eq!(before[..1], await_workers(&program, "printer", 0..1));
    program.signal(Signal::SIGHUP);
    await_lines(&mut program, &["printer-0 ends", "worker 0 exited with code 0"]);
    assert!(await_workers(&program, "printer", 0..0).is_empty());
    program.signal(Signal::SIGHUP);
    await_lines(&mut program, &["new worker 0", "new worker 1"]);
    await_workers(&program, "printer", 0..2);
    program.signal(Signal::SIGTERM);
    end_well(program);
    Ok(())
}

fn sleep_ends_early_for_what_the_worker_asks_for_and_nothing_else() -> Result<()> {
    let mut program = Program::start("naps");
    await_lines(&mut program, &["attentive-0 naps after 0 reloads", "dull-0 naps"]);
    for reloads in 1..=3 {
        program.signal(Signal::SIGHUP);
        await_lines(&mut program, &[&format!("attentive-0 naps after {reloads} reloads")]);
    }
    program.signal(Signal::SIGTERM);
    let lines = end_well(program);
    for line in ["attentive-0 ends after 4 naps", "dull-0 ends after 1 naps"] {
        assert!(lines.contains(&line.to_string()), "{lines:#?}");
    }
    Ok(())
}

/// Follows the messages through a program's life.
fn is_told(socket: &UnixDatagram, name: &str) -> Result<()> {
    socket.set_read_timeout(Some(Duration::from_secs(30)))?;
    let hear = || {
        let mut buffer = [0; 200];
        let len = socket.recv(&mut buffer).unwrap();
        String::from_utf8(buffer[..len].to_vec()).unwrap()
    };
    let mut command = Program::command("prints");
    command.env("NOTIFY_SOCKET", name);
    let program = Program::start_with(command);
    assert_eq!(hear(), "READY=1\n");
    program.signal(Signal::SIGHUP);
    let reloading = hear();
    let time = reloading.strip_prefix("RELOADING=1\nMONOTONIC_USEC=").expect("the message of a reload");
    assert!(time.trim_end().parse::<u64>().is_ok(), "{reloading}");
    assert_eq!(hear(), "READY=1\n");
    // The new workers were started by then.
    await_workers(&program, "printer", 0..5);
    program.signal(Signal::SIGTERM);
    assert_eq!(hear(), "STOPPING=1\n");
    end_well(program);
    Ok(())
}

fn the_service_manager_above_is_told_of_all_by_path() -> Result<()> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notify");
    is_told(&UnixDatagram::bind(&path)?, path.to_str().unwrap())
}

fn the_service_manager_above_is_told_of_all_by_abstract_name() -> Result<()> {
    let name = format!("multiproc-test-{}", std::process::id());
    let socket = UnixDatagram::bind_addr(&SocketAddr::from_abstract_name(&name)?)?;
    is_told(&socket, &format!("@{name}"))
}

fn a_reload_in_the_first_moments_of_a_worker_does_not_kill_it() -> Result<()> {
    for _ in 0..5 {
        let mut program = Program::start("reloads_at_once");
        let (mut started, mut here) = (0, 0);
        while here < 4 {
            let line = program.line();
            started += usize::from(line.starts_with("new worker"));
            here += usize::from(line.ends_with("is here"));
            assert!(!line.contains("SIGHUP") && !line.is_empty(), "{line:?}");
        }
        program.signal(Signal::SIGTERM);
        let lines = end_well(program);
        assert!(
            started == 4 && lines.iter().all(|line| !line.contains("SIGHUP") && !line.contains("new")),
            "{lines:?}"
        );
    }
    Ok(())
}

/// A manager of one sleeper.
fn small() -> Result<ServiceManager> {
    let mut manager = ServiceManager::new();
    manager.add(Service::new(sleeper, ()), 1)?;
    Ok(manager)
}

fn one_manager_after_the_other_but_not_two_at_once() -> Result<()> {
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
        is_config(refused.lock().unwrap().take().unwrap(), "already");
    }
    Ok(())
}

static HEARD: AtomicU32 = AtomicU32::new(0);

extern "C" fn hear(_: i32) {
    HEARD.fetch_add(1, SeqCst);
}

#[allow(unsafe_code, reason = "the test has a handler of its own")]
fn signals_do_afterwards_what_they_did_before() -> Result<()> {
    let set = |signal, handler| {
        // SAFETY: all that the handler does is to count in an atomic.
        unsafe { sigaction(signal, &SigAction::new(handler, SaFlags::SA_RESTART, SigSet::empty())) }.unwrap()
    };
    set(Signal::SIGHUP, SigHandler::Handler(hear));
    set(Signal::SIGINT, SigHandler::SigIgn);
    let mut manager = small()?;
    manager.on_new_worker(|_, _, _| {
        raise(Signal::SIGINT).unwrap();
        raise(Signal::SIGHUP).unwrap();
    });
    let control = manager.control();
    manager.on_reload(move |_| control.terminate());
    manager.run()?;
    assert_eq!(HEARD.load(SeqCst), 1, "the program's handler runs, too");
    raise(Signal::SIGHUP).unwrap();
    assert_eq!(HEARD.load(SeqCst), 2);
    assert!(matches!(set(Signal::SIGHUP, SigHandler::SigDfl).handler(), SigHandler::Handler(_)));
    assert!(matches!(set(Signal::SIGINT, SigHandler::SigDfl).handler(), SigHandler::SigIgn));
    assert!(matches!(set(Signal::SIGTERM, SigHandler::SigDfl).handler(), SigHandler::SigDfl));
    Ok(())
}

fn a_first_worker_that_cannot_be_started_is_an_error() -> Result<()> {
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

fn what_makes_no_sense_is_refused() -> Result<()> {
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

fn the_end_of_a_manager_leaves_nothing_to_change() -> Result<()> {
    let mut manager = ServiceManager::builder().graceful_deadline(Duration::MAX).build()?;
    let id = manager.add(Service::new(sleeper, ()), 3)?;
    let control = manager.control();
    // Before it runs, too.
    control.terminate();
    control.reload();
    manager.run()?;
    is_config(control.reconfigure(id, 1), "ended");
    control.terminate();
    ServiceManager::new().control().reload();
    Ok(())
}

fn a_hook_that_panics_costs_its_call_alone() -> Result<()> {
    let mut program = Program::start("has_hooks_that_panic");
    let before = await_workers(&program, "printer", 0..2);
    eventually("the workers listen", || before.iter().all(listens_for_term));
    program.signal(Signal::SIGHUP);
    await_lines(&mut program, &["reloading", "the service reloads"]);
    send(&before[1], Signal::SIGKILL);
    await_lines(&mut program, &["worker 1 killed by SIGKILL (signal 9)", "new worker 1"]);
    let after = await_workers(&program, "printer", 0..2);
    assert_eq!(before[0], after[0]);
    eventually("the new worker listens", || listens_for_term(&after[1]));
    program.signal(Signal::SIGTERM);
    await_lines(&mut program, &["terminating", "printer-0 ends", "printer-1 ends"]);
    let lines = end_well(program);
    let first = "in a hook of the service manager: new worker 0";
    assert!(lines.iter().any(|line| line.contains(first)), "{lines:?}");
    Ok(())
}

fn arguments_that_panic_when_cloned_cost_one_start() -> Result<()> {
    let mut program = Program::start("clones_badly");
    let before = await_workers(&program, "sleeper", 0..1);
    send(&before[0], Signal::SIGKILL);
    await_lines(&mut program, &["worker 0 killed by SIGKILL (signal 9)"]);
    let line = program.line();
    assert!(line.contains("fragile"), "{line}");
    await_lines(&mut program, &["new worker 0"]);
    assert_ne!(before, await_workers(&program, "sleeper", 0..1));
    program.signal(Signal::SIGTERM);
    end_well(program);
    Ok(())
}
