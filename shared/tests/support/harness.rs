//! A test harness that runs each test in a process of its own, on that process' only thread.
//!
//! `StartMethod::Fork` is refused in a process with threads, and libtest has some. A test that
//! kills processes, changes its process' limits or counts what is left of a pool is simplest if the
//! process is its own; and tests that share nothing can run beside each other.
//!
//! Arguments and output are those of libtest, by the crate libtest-mimic.

use std::fs::File;
use std::io::{Read, Seek};
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use libtest_mimic::{Arguments, Failed, Trial};
use multiproc::Result;
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction};

use super::{end_hung, leaves_nothing};

/// The argument before the name of a program.
pub(crate) const PROGRAM: &str = "--program";
/// The argument before the name of the one test that this very process runs.
const TEST: &str = "--in-this-process";

/// How long a test may take: far more than any needs, to end one that hangs.
pub(crate) const DEADLINE: Duration = Duration::from_secs(180);

/// How many tests run at a time for each processor, unless the arguments say how many: most of a
/// test's time is waiting.
const TESTS_A_PROCESSOR: usize = 4;

/// The beginning of the line of a [`note`].
const NOTE: &str = "on this system: ";

/// A test, or the main function of a program, with its path.
pub(crate) type Named = (&'static str, fn() -> Result<()>);

/// Lists functions of a module with their paths.
macro_rules! named {
    ($($name:ident)*) => {
        &[$((concat!(module_path!(), "::", stringify!($name)), $name as fn() -> multiproc::Result<()>)),*]
    };
}
pub(crate) use named;

/// Runs the tests that the arguments choose, several at a time, or the one test or program that
/// this process was started for.
pub(crate) fn run_each_in_a_process(tests: &[&[Named]], programs: &[&[Named]]) -> ExitCode {
    let mut args = std::env::args().skip(1);
    match args.next().as_deref() {
        Some(PROGRAM) => {
            restore_signals(&[Signal::SIGINT]);
            let name = args.next().expect("the name of a program");
            find(programs, |path| path.rsplit("::").next() == Some(&name))().unwrap();
            ExitCode::SUCCESS
        }
        Some(TEST) => {
            restore_signals(&[Signal::SIGINT, Signal::SIGQUIT, Signal::SIGHUP]);
            let name = args.next().expect("the name of a test");
            leaves_nothing(find(tests, |path| path == name)).unwrap();
            ExitCode::SUCCESS
        }
        _ => {
            let args = Arguments::from_args();
            let processors = thread::available_parallelism().map_or(1, usize::from);
            let test_threads = args.test_threads.or(Some(processors * TESTS_A_PROCESSOR));
            run_all(Arguments { test_threads, ..args }, tests)
        }
    }
}

/// As [`run_each_in_a_process`], one test after the other: for tests that each need the whole
/// machine.
pub(crate) fn run_one_by_one(tests: &[&[Named]], programs: &[&[Named]]) -> ExitCode {
    if !std::env::args().any(|arg| [PROGRAM, TEST].contains(&&*arg)) {
        let args = Arguments { test_threads: Some(1), ..Arguments::from_args() };
        return run_all(args, tests);
    }
    run_each_in_a_process(tests, programs)
}

/// Returns the function whose path is the only one that `is_it` accepts.
fn find(all: &[&[Named]], is_it: impl Fn(&str) -> bool) -> fn() -> Result<()> {
    let found: Vec<_> = all.iter().copied().flatten().filter(|(path, _)| is_it(path)).collect();
    assert_eq!(found.len(), 1, "not one of that name: {found:?}");
    found[0].1
}

/// Restores the default actions of signals: a shell has what runs in the background ignore Ctrl-C
/// and SIGQUIT, and `nohup` has it ignore SIGHUP.
#[allow(unsafe_code, reason = "as below")]
fn restore_signals(signals: &[Signal]) {
    let default = SigAction::new(SigHandler::SigDfl, SaFlags::empty(), SigSet::empty());
    for signal in signals.iter().copied() {
        // SAFETY: the default action runs no code of ours.
        unsafe { sigaction(signal, &default) }.unwrap();
    }
}

fn run_all(args: Arguments, tests: &[&[Named]]) -> ExitCode {
    let notes = Arc::new(Mutex::new(Vec::new()));
    let trials = tests.iter().copied().flatten().map(|&(path, _)| {
        let (notes, is_captured) = (notes.clone(), !args.nocapture);
        // The first part of the path is the binary, which Cargo prints already.
        let name = path.split_once("::").map_or(path, |(_, name)| name);
        Trial::test(name, move || {
            let printed = run_one(path, is_captured)?;
            let lines = printed.lines().filter(|line| line.starts_with(NOTE));
            notes.lock().unwrap().extend(lines.map(|line| format!("{name}: {line}")));
            Ok(())
        })
    });
    let conclusion = libtest_mimic::run(&args, trials.collect());
    notes.lock().unwrap().iter().for_each(|note| println!("{note}"));
    conclusion.exit_code()
}

/// In a test: prints what it cannot do on this system, also if the test succeeds.
pub(crate) fn note(what: &str) {
    println!("{NOTE}{what}");
}

/// Runs a test in a process. Returns what it printed, if that is captured.
fn run_one(path: &str, is_captured: bool) -> std::result::Result<String, Failed> {
    let mut output = tempfile::tempfile().unwrap();
    let copy = || if is_captured { File::try_clone(&output).unwrap().into() } else { Stdio::inherit() };
    let mut command = Command::new(std::env::current_exe().unwrap());
    let mut child = command.args([TEST, path]).stdout(copy()).stderr(copy()).spawn().unwrap();
    let failure = wait(&mut child).err();
    let mut bytes = Vec::new();
    output.rewind().unwrap();
    output.read_to_end(&mut bytes).unwrap();
    let printed = String::from_utf8_lossy(&bytes).into_owned();
    match failure {
        Some(failure) => Err(format!("{printed}{failure}").into()),
        None => Ok(printed),
    }
}

/// Waits for the end of a test's process, and kills it after the deadline. Returns why it failed.
fn wait(child: &mut Child) -> std::result::Result<(), String> {
    let until = Instant::now() + DEADLINE;
    while Instant::now() < until {
        match child.try_wait().unwrap() {
            Some(status) if status.success() => return Ok(()),
            Some(status) => return Err(status.to_string()),
            None => thread::sleep(Duration::from_millis(5)),
        }
    }
    Err(format!("hangs: not done after {DEADLINE:?}; its threads:{}", end_hung(child)))
}
