//! Exercise 3, what is given: words, counts, and a reader of texts.

use std::collections::BTreeSet;
use std::process;
use std::thread;
use std::time::Duration;

use course::testing::exercise::witness;
use serde::{Deserialize, Serialize};

/// A word, with the process that found it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Word {
    /// The word, in small letters.
    pub word: String,
    /// The pid of the process.
    pub pid: u32,
}

/// The count of one word.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Count {
    /// The number of times it was found, in all texts together.
    pub times: usize,
    /// The pids of the processes that found it.
    pub finders: BTreeSet<u32>,
}

/// Calls `found` with each word of a text, and takes its time over each.
pub fn read(text: &str, mut found: impl FnMut(Word)) {
    // The tests see by this which process runs it, and when.
    let _call = witness(text);
    for word in text.split(|letter: char| !letter.is_alphanumeric()).filter(|word| !word.is_empty()) {
        thread::sleep(Duration::from_millis(2));
        found(Word { word: word.to_lowercase(), pid: process::id() });
    }
}
