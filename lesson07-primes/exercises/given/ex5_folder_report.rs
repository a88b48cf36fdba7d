//! Exercise 5, what is given: a library that inspects a file, and has faults.

use std::fs;
use std::path::{Path, PathBuf};
use std::process;
use std::thread;
use std::time::{Duration, Instant};

use course::testing::exercise::{TIMEOUT, witness};
use serde::{Deserialize, Serialize};

/// What was counted in a file.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Counts {
    /// The number of lines.
    pub lines: usize,
    /// The number of words.
    pub words: usize,
}

/// Counts the lines and words of a file. Imagine that others have written it, in C:
///
/// - on a file that begins with `CRASH` it ends the process;
/// - on one that begins with `HANG` it never returns;
/// - on one that begins with `AFTER` and a path it waits until something is there.
///
/// # Panics
///
/// Panics if the file is not text.
pub fn inspect(path: PathBuf) -> Counts {
    // The tests see by this which process runs it, and when.
    let _call = witness(&path);
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("this is not text: {error}"));
    let mut words = text.split_whitespace();
    match words.next() {
        Some("CRASH") => process::exit(11),
        Some("HANG") => loop {
            thread::sleep(Duration::from_secs(3600));
        },
        Some("AFTER") => wait_for(words.next().expect("a path behind `AFTER`").as_ref()),
        _ => {}
    }
    Counts { lines: text.lines().count(), words: text.split_whitespace().count() }
}

fn wait_for(path: &Path) {
    let end = Instant::now() + TIMEOUT;
    while !path.exists() {
        assert!(Instant::now() < end, "nothing came to {}", path.display());
        thread::sleep(Duration::from_millis(1));
    }
}
