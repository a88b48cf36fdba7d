//! Wrong: every worker loads a table, and no task looks into it.
//!
//! Fails with: no worker process was seen that called the function

use std::path::PathBuf;
use std::process;
use std::sync::OnceLock;

use multiproc::{Executor, Pool, Result};

use super::given::{Found, Table};

static TABLE: OnceLock<Table> = OnceLock::new();

fn set_up(log: PathBuf) {
    let table = Table::load(&log).expect("the log can be written");
    TABLE.get_or_init(|| table);
}

fn find(n: u16) -> Found {
    Found { square: (n < 1000).then(|| u64::from(n).pow(2)), pid: process::id() }
}

pub fn look_up(numbers: Vec<u16>, processes: usize, log: PathBuf) -> Result<Vec<Found>> {
    let pool = Pool::builder().processes(processes).initializer(set_up, (log,)).build()?;
    pool.map(find, numbers)
}
