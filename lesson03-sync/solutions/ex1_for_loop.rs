//! A solution: the body of the loop is the task, and the loop a `map`.

use multiproc::{Executor, Pool, Result};

use super::given::{Round, count_primes};

pub fn in_parallel(limits: &[u64], processes: usize) -> Result<Vec<Round>> {
    let pool = Pool::with_processes(processes)?;
    pool.map(count_primes, limits.to_vec())
}
