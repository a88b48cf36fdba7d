//! Signals that reach the whole process group, and signals to one process.
#![allow(unsafe_code, reason = "signal handlers are the C library's")]

use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::thread;
use std::time::Duration;

use multiproc::{Error, Executor, Pool, Process, Result, StartMethod};
use nix::libc::{self, c_int};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::support::{
    Gate, METHODS, Named, Program, announce, arguments, arrive, eventually, named, own_pid, pass, pids, square,
    squares, told_method,
};

pub(crate) const TESTS: &[Named] = named! {
    group_signals_end_no_worker
    group_signals_during_start_end_no_worker
    ignored_signals_stay_ignored
    started_programs_inherit_signal_actions
    signals_to_a_process_take_effect
    signals_a_task_sends_itself_take_effect
};

pub(crate) const PROGRAMS: &[Named] = named! {
    drains
    starts_pools
    ignores
};

static HEARD: AtomicU32 = AtomicU32::new(0);

extern "C" fn count_signal(_: c_int) {
    HEARD.fetch_add(1, SeqCst);
}

pub(crate) fn handle(signal: c_int) {
    // SAFETY: the handler adds to an atomic.
    unsafe { libc::signal(signal, count_signal as *const () as usize) };
}

fn ignore(signal: c_int) {
    // SAFETY: no code of ours runs.
    unsafe { libc::signal(signal, libc::SIG_IGN) };
}

pub(crate) fn signals_received() -> u32 {
    HEARD.load(SeqCst)
}

fn signal_group(program: &Program, signal: c_int) {
    // SAFETY: killpg has no memory effects.
    assert_eq!(unsafe { libc::killpg(program.pid().as_raw(), signal) }, 0);
}

/// A program with tasks that run when the signal comes. It lets them end then, and prints how many
/// were answered.
pub(crate) fn drains() -> Result<()> {
    handle(arguments()[1].parse().unwrap());
    let pool = Pool::builder().processes(2).start_method(told_method()).build()?;
    let process = Process::builder().start_method(StartMethod::Spawn);
    let gate = Gate::new();
    let results: Vec<_> = (0..2).map(|_| pool.apply_async(pass, (gate.path(),))).collect();
    let process = process.target(pass, (gate.path(),)).start()?;
    gate.await_arrivals(3);
    announce();
    eventually("the signal comes", || signals_received() > 0);
    // A process that the signal ends has received it by now.
    thread::sleep(Duration::from_millis(100));
    gate.open();
    pool.close();
    let answered = results.into_iter().filter_map(|result| result.get().ok()).count();
    println!("{answered} {} {}", process.join().is_ok(), pool.statistics().workers_lost);
    pool.join()
}

pub(crate) fn group_signals_end_no_worker() -> Result<()> {
    for method in ["0", "1", "2"] {
        for signal in [1, 2, 3, 10, 12, 14, 15, 26, 29, libc::SIGRTMIN(), libc::SIGRTMAX()] {
            let mut command = Program::command("drains");
            command.args([method, &signal.to_string()]);
            let program = Program::start_with(command);
            signal_group(&program, signal);
            let (status, printed) = program.end();
            assert!(status.success() && printed == "2 true 0\n", "{method} {signal}: {status} {printed}");
        }
    }
    Ok(())
}

/// A program that builds pools while signals come.
pub(crate) fn starts_pools() -> Result<()> {
    handle(libc::SIGTERM);
    announce();
    eventually("signals come", || signals_received() > 0);
    for _ in 0..20 {
        let pool = Pool::builder().processes(2).start_method(told_method()).build()?;
        assert_eq!(pool.map(square, 0..10)?, squares(10));
        assert_eq!(pool.statistics().workers_lost, 0);
    }
    println!("{}", signals_received() > 20);
    Ok(())
}

pub(crate) fn group_signals_during_start_end_no_worker() -> Result<()> {
    for method in ["0", "1", "2"] {
        let mut command = Program::command("starts_pools");
        command.arg(method);
        let program = Program::start_with(command);
        let group = program.pid();
        let over = std::sync::Arc::new(AtomicU32::new(0));
        let ended = over.clone();
        let sender = thread::spawn(move || {
            // The program's process is not reaped while this goes on, so the group is its own.
            while ended.load(SeqCst) == 0 && nix::sys::signal::killpg(group, Signal::SIGTERM).is_ok() {
                thread::sleep(Duration::from_micros(200));
            }
        });
        let mut program = program;
        let line = program.line();
        over.store(1, SeqCst);
        sender.join().unwrap();
        let (status, printed) = program.end();
        assert!(status.success() && line == "true", "{method}: {status} {line} {printed}");
    }
    Ok(())
}

/// The line of a process' status that begins with `key`.
fn status_line(pid: u32, key: &str) -> String {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    status.lines().find(|line| line.starts_with(key)).unwrap().to_string()
}

/// Whether a process ignores the signal.
fn is_ignored(pid: u32, signal: c_int) -> bool {
    let line = status_line(pid, "SigIgn:");
    u64::from_str_radix(line.split_whitespace().nth(1).unwrap(), 16).unwrap() >> (signal - 1) & 1 == 1
}

/// A program that ignores signals, as one under `nohup` or after `trap ''` does.
pub(crate) fn ignores() -> Result<()> {
    [libc::SIGHUP, libc::SIGUSR1, libc::SIGTSTP].into_iter().for_each(ignore);
    let pool = Pool::builder().processes(2).start_method(told_method()).build()?;
    let gate = Gate::new();
    let results: Vec<_> = (0..2).map(|_| pool.apply_async(pass, (gate.path(),))).collect();
    gate.await_arrivals(2);
    for pid in pids(&pool) {
        assert!(is_ignored(pid, libc::SIGHUP) && is_ignored(pid, libc::SIGUSR1) && is_ignored(pid, libc::SIGTSTP));
        assert!(!is_ignored(pid, libc::SIGINT) && !is_ignored(pid, libc::SIGCHLD));
    }
    announce();
    let mut line = String::new();
    std::io::stdin().read_line(&mut line).unwrap();
    gate.open();
    println!(
        "{} {}",
        results.into_iter().filter_map(|result| result.get().ok()).count(),
        pool.statistics().workers_lost
    );
    Ok(())
}

pub(crate) fn ignored_signals_stay_ignored() -> Result<()> {
    for method in ["0", "1", "2"] {
        let mut command = Program::command("ignores");
        let (input, mut go_on) = std::io::pipe().unwrap();
        command.arg(method).stdin(input);
        let program = Program::start_with(command);
        [Signal::SIGHUP, Signal::SIGUSR1, Signal::SIGTSTP].into_iter().for_each(|signal| program.signal_group(signal));
        thread::sleep(Duration::from_millis(100));
        std::io::Write::write_all(&mut go_on, b"\n").unwrap();
        let (status, printed) = program.end();
        assert!(status.success() && printed == "2 0\n", "{method}: {status} {printed}");
    }
    Ok(())
}

/// A task: the signals of a program that it starts, in the C library's way.
fn signals_of_a_program() -> String {
    let output = Command::new("sh").args(["-c", "exec grep -E 'Sig(Blk|Ign)' /proc/self/status"]).output().unwrap();
    String::from_utf8(output.stdout).unwrap()
}

pub(crate) fn started_programs_inherit_signal_actions() -> Result<()> {
    // Internal to the C library, whose posix_spawn ignores them.
    let clear = |text: String| text.replace("180000000", "000000000").replace("180001", "000001");
    for method in METHODS {
        let pool = Pool::builder().processes(1).start_method(method).build()?;
        assert_eq!(clear(pool.apply(signals_of_a_program, ())?), clear(signals_of_a_program()), "{method:?}");
    }
    Ok(())
}

/// A task: says that it is here, and returns once it has received the signal.
fn waits_for(signal: c_int, gate: PathBuf) -> u32 {
    handle(signal);
    arrive(&gate);
    eventually("the signal comes", || signals_received() > 0);
    own_pid()
}

fn killed_by<R: std::fmt::Debug>(result: Result<R>, name: &str) {
    match result {
        Err(Error::WorkerLost { exit, .. }) => assert_eq!(exit.signal_name(), Some(name)),
        other => panic!("{name}: {other:?}"),
    }
}

pub(crate) fn signals_to_a_process_take_effect() -> Result<()> {
    for method in METHODS {
        let start = |gate: &Gate| Process::builder().start_method(method).target(pass, (gate.path(),)).start();
        for (send, name) in [
            (Process::terminate as fn(&Process<u32>) -> Result<()>, "SIGTERM"),
            (Process::interrupt, "SIGINT"),
            (Process::kill, "SIGKILL"),
            (|process| process.send_signal(Signal::SIGUSR2 as i32), "SIGUSR2"),
        ] {
            // At once, and while the function runs.
            let gate = Gate::new();
            let process = start(&gate)?;
            send(&process)?;
            killed_by(process.join(), name);
            let process = start(&gate)?;
            eventually("it has begun", || gate.arrived().contains(&process.pid()));
            send(&process)?;
            killed_by(process.join(), name);
        }
        let gate = Gate::new();
        let target = (libc::SIGINT, gate.path());
        let process = Process::builder().start_method(method).target(waits_for, target).start()?;
        gate.await_arrivals(1);
        process.interrupt()?;
        assert!(matches!(process.send_signal(0), Err(Error::Config(_))));
        assert!(matches!(process.send_signal(65), Err(Error::Config(_))));
        let pid = process.pid();
        assert_eq!(process.join()?, pid);
        // Of others it is nothing but a request to the program.
        let gate = Gate::new();
        let process = start(&gate)?;
        gate.await_arrivals(1);
        for signal in [Signal::SIGTERM, Signal::SIGUSR1, Signal::SIGALRM] {
            kill(Pid::from_raw(process.pid() as i32), signal).unwrap();
        }
        gate.open();
        process.join()?;
    }
    Ok(())
}

fn raises(signal: c_int) -> i32 {
    // SAFETY: raise has no memory effects.
    unsafe { libc::raise(signal) }
}

fn sets_an_alarm() {
    // SAFETY: alarm has no memory effects.
    unsafe { libc::alarm(1) };
    loop {
        thread::sleep(Duration::from_secs(60));
    }
}

pub(crate) fn signals_a_task_sends_itself_take_effect() -> Result<()> {
    for method in METHODS {
        let pool = Pool::builder().processes(1).start_method(method).build()?;
        killed_by(pool.apply(raises, (libc::SIGTERM,)), "SIGTERM");
        killed_by(pool.apply(raises, (libc::SIGUSR1,)), "SIGUSR1");
        killed_by(pool.apply(sets_an_alarm, ()), "SIGALRM");
        assert_eq!(pool.apply(square, (3,))?, 9);
    }
    Ok(())
}
