//! A small test harness that runs each test in a process of its own, on that process' only thread.
//!
//! `StartMethod::Fork` is refused in a process with threads, and libtest has some; and a test that
//! kills or counts processes is simplest if they are all its own.

use std::fs::File;
use std::io::{Read, Seek};
use std::process::{Command, ExitCode, ExitStatus};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction};

use super::processes::descendants;
use super::{DEADLINE, Holdings};

/// The argument before the name of a program to be.
pub(crate) const PROGRAM: &str = "--program";
/// The argument before the name of the one test to run in this very process.
const TEST: &str = "--in-this-process";

/// How the line of a [`note`] begins.
const NOTE: &str = "on this system: ";

/// A function and its name.
pub(crate) type Named = (&'static str, fn() -> multiproc::Result<()>);

/// Lists functions under their names.
macro_rules! named {
    ($($name:ident)*) => { &[$((stringify!($name), $name as fn() -> multiproc::Result<()>)),*] };
}
pub(crate) use named;

/// The main function of a test binary without libtest: understands a filter, `--exact` and
/// `--list`.
pub(crate) fn run_each_in_a_process(tests: &[Named], programs: &[Named]) -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let find = |all: &[Named], name: &str| all.iter().find(|named| named.0 == name).expect("the name of a test").1;
    match &*args.iter().map(String::as_str).collect::<Vec<_>>() {
        [PROGRAM, name, ..] => {
            hear_ctrl_c();
            find(programs, name)().unwrap();
            ExitCode::SUCCESS
        }
        [TEST, name] => {
            let before = Holdings::now();
            find(tests, name)().unwrap();
            before.assert_kept();
            ExitCode::SUCCESS
        }
        args if args.contains(&"--list") => {
            tests.iter().for_each(|(name, _)| println!("{name}: test"));
            ExitCode::SUCCESS
        }
        args => run_all(tests, args),
    }
}

/// A shell starts what runs in the background with Ctrl-C ignored, and a program inherits that.
#[allow(unsafe_code, reason = "as below")]
fn hear_ctrl_c() {
    let default = SigAction::new(SigHandler::SigDfl, SaFlags::empty(), SigSet::empty());
    // SAFETY: the default action runs no code of ours.
    unsafe { sigaction(Signal::SIGINT, &default) }.unwrap();
}

fn run_all(tests: &[Named], args: &[&str]) -> ExitCode {
    let exact = args.contains(&"--exact");
    let filters: Vec<_> = args.iter().filter(|arg| !arg.starts_with('-')).collect();
    let wanted = |name: &str| {
        filters.is_empty()
            || filters.iter().any(|filter| if exact { name == **filter } else { name.contains(**filter) })
    };
    let chosen: Vec<_> = tests.iter().filter(|(name, _)| wanted(name)).collect();
    println!("\nrunning {} tests", chosen.len());
    let mut failed = Vec::new();
    for (name, _) in &chosen {
        match run_one(name) {
            Ok(notes) => println!("test {name} ... ok{notes}"),
            Err(why) => {
                println!("test {name} ... FAILED\n{why}");
                failed.push(name);
            }
        }
    }
    let verdict = if failed.is_empty() { "ok" } else { "FAILED" };
    println!("\ntest result: {verdict}. {} passed; {} failed\n", chosen.len() - failed.len(), failed.len());
    if failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(101) }
}

/// Says what a test could not do on this system: the line is printed although the test succeeds.
pub(crate) fn note(what: &str) {
    println!("{NOTE}{what}");
}

/// Runs a test in a process. Returns its [notes](note), or why it failed.
fn run_one(name: &str) -> Result<String, String> {
    let mut output = tempfile::tempfile().unwrap();
    let copy = || File::try_clone(&output).unwrap();
    let mut command = Command::new(std::env::current_exe().unwrap());
    let mut child = command.args([TEST, name]).stdout(copy()).stderr(copy()).spawn().unwrap();
    let until = Instant::now() + DEADLINE;
    let status: Option<ExitStatus> = loop {
        match child.try_wait().unwrap() {
            Some(status) => break Some(status),
            None if Instant::now() > until => break None,
            None => thread::sleep(Duration::from_millis(5)),
        }
    };
    let verdict = match status {
        Some(status) if status.success() => None,
        Some(status) => Some(status.to_string()),
        None => {
            let left = descendants();
            child.kill().unwrap();
            child.wait().unwrap();
            Some(format!("hangs: not done after {DEADLINE:?}; processes: {left:?}"))
        }
    };
    let mut bytes = Vec::new();
    output.rewind().unwrap();
    output.read_to_end(&mut bytes).unwrap();
    let text = String::from_utf8_lossy(&bytes);
    match verdict {
        Some(verdict) => Err(format!("{text}{verdict}")),
        None => Ok(text.lines().filter(|line| line.starts_with(NOTE)).map(|line| format!("\n    {line}")).collect()),
    }
}
