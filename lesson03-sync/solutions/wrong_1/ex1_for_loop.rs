//! Wrong: nothing runs in a worker.
//!
//! Fails with: no worker process was seen

use multiproc::Result;

use super::given::{Round, one_after_the_other};

pub fn in_parallel(limits: &[u64], _processes: usize) -> Result<Vec<Round>> {
    Ok(one_after_the_other(limits))
}
