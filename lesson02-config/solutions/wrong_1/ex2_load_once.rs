//! Wrong: every task loads a table of its own.
//!
//! The tests say: has loaded the table more than once

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::Path;
use std::path::PathBuf;
use std::process;
use std::thread;
use std::time::Duration;

use multiproc::{Pool, Result, partial};
use serde::{Deserialize, Serialize};

/// The squares of small numbers.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Table(Vec<u64>);

impl Table {
    /// Loads the table, which takes a while, and adds a line to `log`: the pid of the process that does so.
    pub fn load(log: &Path) -> io::Result<Self> {
        let mut log = OpenOptions::new().create(true).append(true).open(log)?;
        // In one piece: processes that write at the same time do not mix their lines.
        log.write_all(format!("{}\n", process::id()).as_bytes())?;
        thread::sleep(Duration::from_millis(100));
        Ok(Self((0..1000).map(|n| n * n).collect()))
    }

    /// The square of a number below 1000.
    pub fn square(&self, n: u16) -> Option<u64> {
        self.0.get(usize::from(n)).copied()
    }
}

/// What was found in a table, and by which process.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Found {
    /// The square; `None` if the table ends before it.
    pub square: Option<u64>,
    /// The process.
    pub pid: u32,
}

fn find(log: &PathBuf, n: u16) -> Found {
    let table = Table::load(log).expect("the log can be written");
    Found { square: table.square(n), pid: process::id() }
}

/// Looks up the squares of the numbers, in their order, by a pool of `processes` workers. Each loads a table, with `log`,
/// before its first task, and keeps it.
pub fn look_up(numbers: Vec<u16>, processes: usize, log: PathBuf) -> Result<Vec<Found>> {
    let pool = Pool::with_processes(processes)?;
    pool.map(partial(find, log), numbers)
}
