//! Managers, looked at from outside.

use std::fmt;
use std::fs;

use multiproc::{Error, Result};

/// What a manager's process has: threads and descriptors.
pub(crate) fn holdings(pid: u32) -> (usize, usize) {
    let count = |what: &str| fs::read_dir(format!("/proc/{pid}/{what}")).unwrap().count();
    (count("task"), count("fd"))
}

/// Checks that a setting or an argument was refused with a text that has this word in it.
pub(crate) fn is_config<T: fmt::Debug>(result: Result<T>, word: &str) {
    match result {
        Err(Error::Config(text)) => assert!(text.contains(word), "{text}"),
        other => panic!("{other:?}"),
    }
}

/// Checks that a call was refused in this state, with a text that has this word in it.
pub(crate) fn is_invalid_state<T: fmt::Debug>(result: Result<T>, word: &str) {
    match result {
        Err(Error::InvalidState(text)) => assert!(text.contains(word), "{text}"),
        other => panic!("{other:?}"),
    }
}
