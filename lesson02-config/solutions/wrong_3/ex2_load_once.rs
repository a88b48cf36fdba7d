//! Wrong: waits for each task before it hands out the next.
//!
//! Fails with: had something to do at the same time

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
    let table = TABLE.get().expect("the initializer has run");
    Found { square: table.square(n), pid: process::id() }
}

pub fn look_up(numbers: Vec<u16>, processes: usize, log: PathBuf) -> Result<Vec<Found>> {
    let pool = Pool::builder().processes(processes).initializer(set_up, (log,)).build()?;
    numbers.into_iter().map(|n| pool.apply(find, (n,))).collect()
}
