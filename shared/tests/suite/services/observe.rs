//! Observing a program with services: its workers, the lines that it prints, and its end. A worker
//! is found by the name of its process, which has its number.

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::support::{ProcessId, Program, descendants_of, eventually};

/// The processes of a program's workers, of one service, by number.
pub(super) fn workers(program: &Program, service: &str) -> Vec<ProcessId> {
    let mut found = descendants_of(program.pid().as_raw() as u32);
    found.retain(|process| {
        process.name.strip_prefix(service).is_some_and(|rest| rest.starts_with('-')) && !process.is_gone()
    });
    found.sort_by(|one, other| one.name.cmp(&other.name));
    found
}

/// Waits until a service has workers of these numbers.
pub(super) fn await_workers(program: &Program, service: &str, numbers: std::ops::Range<usize>) -> Vec<ProcessId> {
    let names: Vec<_> = numbers.map(|number| format!("{service}-{number}")).collect();
    let mut found = Vec::new();
    eventually(&format!("{names:?} are there"), || {
        found = workers(program, service);
        found.iter().map(|process| &process.name).eq(&names)
    });
    found
}

/// Reads lines until each of these has come, in any order. Other lines are let pass.
pub(super) fn await_lines(program: &mut Program, lines: &[&str]) {
    let mut missing = lines.to_vec();
    while !missing.is_empty() {
        let line = program.line();
        assert_ne!(line, "", "the program has ended without {missing:?}");
        if let Some(at) = missing.iter().position(|missing| *missing == line) {
            missing.remove(at);
        }
    }
}

/// Waits until these workers have [said](super::programs) that they listen for SIGTERM.
pub(super) fn await_listening(program: &mut Program, workers: &[&str]) {
    let lines: Vec<_> = workers.iter().map(|name| format!("{name} listens")).collect();
    await_lines(program, &lines.iter().map(String::as_str).collect::<Vec<_>>());
}

/// Waits for the program's end, with exit code 0 and no process left; sorts the lines that it has
/// printed.
pub(super) fn end_well(program: Program) -> Vec<String> {
    let all = descendants_of(program.pid().as_raw() as u32);
    let (status, printed) = program.end();
    assert_eq!(status.code(), Some(0), "{status}: {printed}");
    assert!(all.iter().all(ProcessId::is_gone), "{all:?}");
    let mut lines: Vec<_> = printed.lines().map(str::to_string).collect();
    lines.sort();
    lines
}

pub(super) fn send(process: &ProcessId, signal: Signal) {
    kill(Pid::from_raw(process.pid as i32), signal).unwrap();
}
