//! Exercise 2, what is given: a table that takes long to load.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::Path;
use std::process;
use std::thread;
use std::time::Duration;

use course::testing::exercise::witness;
use serde::{Deserialize, Serialize};

/// The squares of small numbers.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Table(Vec<u64>);

impl Table {
    /// Loads the table, which takes a while, and adds a line to `log`: the pid of this process.
    pub fn load(log: &Path) -> io::Result<Self> {
        let mut log = OpenOptions::new().create(true).append(true).open(log)?;
        // In one piece: processes that write at the same time do not mix their lines.
        log.write_all(format!("{}\n", process::id()).as_bytes())?;
        thread::sleep(Duration::from_millis(100));
        Ok(Self((0..1000).map(|n| n * n).collect()))
    }

    /// Returns the square of a number, or `None` if the number is not below 1000.
    pub fn square(&self, n: u16) -> Option<u64> {
        // The tests see by this which process runs it, and when.
        let _call = witness(n);
        self.0.get(usize::from(n)).copied()
    }
}

/// A square from a table, with the process that looked it up.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Found {
    /// The square; `None` if the table ends before it.
    pub square: Option<u64>,
    /// The pid of the process.
    pub pid: u32,
}
