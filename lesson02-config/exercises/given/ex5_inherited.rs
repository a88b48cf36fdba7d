//! Exercise 5, what is given: a table in a static, and a task that looks numbers up in it.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::Path;
use std::process;
use std::sync::OnceLock;
use std::thread;
use std::time::Duration;

use course::testing::exercise::witness;
use serde::{Deserialize, Serialize};

/// The squares of small numbers, once they are loaded.
static TABLE: OnceLock<Vec<u64>> = OnceLock::new();

/// Loads the table of this process, which takes a while, and adds a line to `log`: the pid of this
/// process.
pub fn load(log: &Path) -> io::Result<()> {
    let mut log = OpenOptions::new().create(true).append(true).open(log)?;
    // In one piece: processes that write at the same time do not mix their lines.
    log.write_all(format!("{}\n", process::id()).as_bytes())?;
    thread::sleep(Duration::from_millis(100));
    TABLE.get_or_init(|| (0..1000).map(|n| n * n).collect());
    Ok(())
}

/// A square from a table, with the process that looked it up.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Found {
    /// The square; `None` if the process has no table.
    pub square: Option<u64>,
    /// The pid of the process.
    pub pid: u32,
}

/// Looks up the square of a number below 1000 in the table that this process has.
pub fn look_up(n: u16) -> Found {
    // The tests see by this which process runs it, and when.
    let _call = witness(n);
    Found { square: TABLE.get().map(|table| table[usize::from(n)]), pid: process::id() }
}
