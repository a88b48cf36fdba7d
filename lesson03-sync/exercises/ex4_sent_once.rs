//! Exercise 4: sent once.
//!
//! Goal: check the spelling of many texts with one large dictionary. The caller chooses whether
//! processes or threads do it. Where the dictionary has to travel, it travels once to each worker,
//! however many texts there are.
//!
//! Given, in `given/ex4_sent_once.rs`: the types `Dictionary` and `Checked`, and
//! `check(dictionary, text)`, which checks one text.
//!
//! Check: `cargo test -p lesson03-sync --test ex4_sent_once`

use multiproc::{Executor, Result};

use super::given::*;

/// Checks the texts by the workers of `executor`, and by no others. Returns what was found in each,
/// in the order of the texts.
pub fn check_all(executor: &impl Executor, dictionary: Dictionary, texts: Vec<String>) -> Result<Vec<Checked>> {
    let _ = dictionary;
    todo!("{} workers that get the dictionary once, and then {} texts", executor.processes(), texts.len())
}
