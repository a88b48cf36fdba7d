//! Wrong: the table is loaded here, and sent along.
//!
//! Fails with: this very process has loaded

use std::path::PathBuf;
use std::process;

use multiproc::{Executor, Pool, Result, partial};

use super::given::{Found, Table};

fn find(table: &Table, n: u16) -> Found {
    Found { square: table.square(n), pid: process::id() }
}

pub fn look_up(numbers: Vec<u16>, processes: usize, log: PathBuf) -> Result<Vec<Found>> {
    let pool = Pool::with_processes(processes)?;
    let table = Table::load(&log)?;
    pool.map(partial(find, table), numbers)
}
