//! Wrong: a pool of its own, whatever executor the caller has chosen.
//!
//! Fails with: and the executor has run 0 tasks

use multiproc::{Executor, Pool, Result, partial};

use super::given::{Checked, Dictionary, check};

pub fn check_all(executor: &impl Executor, dictionary: Dictionary, texts: Vec<String>) -> Result<Vec<Checked>> {
    let pool = Pool::with_processes(executor.processes())?;
    pool.map(partial(check, dictionary), texts)
}
