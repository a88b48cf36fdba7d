//! Wrong: each text travels with a dictionary of its own.
//!
//! Fails with: the dictionary has arrived

use multiproc::{Executor, Result};

use super::given::{Checked, Dictionary, check};

fn check_with(dictionary: Dictionary, text: String) -> Checked {
    check(&dictionary, text)
}

pub fn check_all(executor: &impl Executor, dictionary: Dictionary, texts: Vec<String>) -> Result<Vec<Checked>> {
    executor.starmap(check_with, texts.into_iter().map(|text| (dictionary.clone(), text)))
}
