//! Wrong: the pool is kept for next time, and never ends.
//!
//! Fails with: processes are left running

use std::sync::OnceLock;

use multiproc::{Executor, Pool, Result};

use super::given::{Round, count_primes};

pub fn in_parallel(limits: &[u64], processes: usize) -> Result<Vec<Round>> {
    static POOL: OnceLock<Pool> = OnceLock::new();
    let pool = match POOL.get() {
        Some(pool) => pool,
        None => {
            let pool = Pool::with_processes(processes)?;
            POOL.get_or_init(|| pool)
        }
    };
    pool.map(count_primes, limits.to_vec())
}
