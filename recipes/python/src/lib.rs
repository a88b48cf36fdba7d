//! A module for Python, `primes`, whose function runs in processes that this crate's pool starts.

use multiproc::{Executor, Pool, StartMethod};
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;

fn is_prime(n: u64) -> bool {
    n > 1 && (2..).take_while(|d| d * d <= n).all(|d| !n.is_multiple_of(d))
}

/// Counts the primes below `limit`.
fn count_primes(limit: u64, processes: usize) -> multiproc::Result<usize> {
    // Only a fork of Python has this module: workers that are executed would run `python3` anew.
    let pool = Pool::builder().processes(processes).start_method(StartMethod::Fork).build()?;
    Ok(pool.map(is_prime, 0..limit)?.into_iter().filter(|prime| *prime).count())
}

/// Functions on primes, in parallel.
#[pymodule]
mod primes {
    use super::{PyErr, PyResult, PyRuntimeError, Python, pyfunction};

    /// count(limit, processes): the number of primes below limit
    #[pyfunction]
    fn count(python: Python<'_>, limit: u64, processes: usize) -> PyResult<usize> {
        // Other threads of Python run meanwhile.
        let counted = python.detach(|| super::count_primes(limit, processes));
        counted.map_err(|error| PyErr::new::<PyRuntimeError, _>(error.to_string()))
    }
}
