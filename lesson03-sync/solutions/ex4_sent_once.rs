//! A solution: the dictionary is a fixed first argument, which is sent once to each worker.

use multiproc::{Executor, Result, partial};

use super::given::{Checked, Dictionary, check};

pub fn check_all(executor: &impl Executor, dictionary: Dictionary, texts: Vec<String>) -> Result<Vec<Checked>> {
    executor.map(partial(check, dictionary), texts)
}
