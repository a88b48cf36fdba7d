//! Wrong: ends the program, with success.
//!
//! Fails with: in the middle of the test

use std::process;

use multiproc::Result;

use super::given::Round;

pub fn in_parallel(_limits: &[u64], _processes: usize) -> Result<Vec<Round>> {
    process::exit(0)
}
