//! Wrong: `apply` waits for each text before the next one begins.
//!
//! Fails with: had something to do at the same time

use multiproc::{Executor, Result, partial};

use super::given::{Checked, Dictionary, check};

pub fn check_all(executor: &impl Executor, dictionary: Dictionary, texts: Vec<String>) -> Result<Vec<Checked>> {
    let task = partial(check, dictionary);
    texts.into_iter().map(|text| executor.apply(task.clone(), (text,))).collect()
}
