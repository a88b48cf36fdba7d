//! Wrong: looks the numbers up where the table is.
//!
//! Fails with: the process that has loaded the table

use std::path::Path;

use multiproc::Result;

use super::given::{Found, load, look_up};

pub fn with_inherited_table(numbers: Vec<u16>, processes: usize, log: &Path) -> Result<Vec<Found>> {
    let _ = processes;
    load(log)?;
    Ok(numbers.into_iter().map(look_up).collect())
}
