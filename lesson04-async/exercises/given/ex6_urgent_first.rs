//! Exercise 6, what is given: logs, and a look for what is wrong in one.

use std::process;
use std::thread;
use std::time::Duration;

use course::testing::exercise::{TIMEOUT, witness};
use multiproc::{Event, Value};
use serde::{Deserialize, Serialize};

/// The log of a machine.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Log {
    /// The number of the machine.
    pub machine: u64,
    /// How urgent its alert is: 0 is the most urgent.
    pub urgency: u64,
    /// Set when the first alert was shown, where a search is to last until then. The tests use it.
    pub shown: Option<Event>,
    /// The number of logs that were searched, by all processes. The tests use it.
    pub searched: Value<u64>,
}

/// What is wrong with a machine. The smallest alert is the most urgent.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Alert {
    /// How urgent it is: 0 is the most urgent.
    pub urgency: u64,
    /// The number of the machine.
    pub machine: u64,
    /// Whether the search has waited in vain for an alert to be shown.
    pub late: bool,
    /// The pid of the process that has found it.
    pub pid: u32,
}

/// Searches a log.
///
/// # Panics
///
/// Panics if the machine has the number 0.
pub fn search(log: Log) -> Alert {
    // The tests see by this which process runs it, and when.
    let _call = witness(log.machine);
    assert!(log.machine > 0, "machine 0 has no log");
    let late = log.shown.is_some_and(|shown| {
        let in_time = shown.wait_timeout(TIMEOUT);
        // The next search need not wait in vain as well.
        shown.set();
        !in_time
    });
    thread::sleep(Duration::from_millis(5));
    log.searched.update(|searched| *searched += 1).expect("no process died while it changed the value");
    Alert { urgency: log.urgency, machine: log.machine, late, pid: process::id() }
}
