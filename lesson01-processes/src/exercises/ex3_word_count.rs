//! Exercise 3: count words.
//!
//! Goal: `count_words` counts the words of several texts. Each text has a producer, a process of its own, that puts its
//! words into a queue; all producers work at the same time, and the caller takes the words out and counts.
//! What to touch: the body of `count_words`; you will want a function for the producers, and more in the `use` lines.
//! How to check: `cargo test -p lesson01-processes --test ex3_word_count`

use std::collections::{BTreeMap, BTreeSet};
use std::process;
use std::thread;
use std::time::Duration;

use multiproc::Result;
use serde::{Deserialize, Serialize};

/// A word, and who has found it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Word {
    /// In small letters.
    pub word: String,
    /// The process.
    pub pid: u32,
}

/// What the count says of a word.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Count {
    /// How often it was found, in all texts together.
    pub times: usize,
    /// The processes that have found it.
    pub finders: BTreeSet<u32>,
}

/// Reads a text aloud: calls `found` with each of its words. Reading takes a while.
pub fn read(text: &str, mut found: impl FnMut(Word)) {
    for word in text.split(|letter: char| !letter.is_alphanumeric()).filter(|word| !word.is_empty()) {
        thread::sleep(Duration::from_millis(2));
        found(Word { word: word.to_lowercase(), pid: process::id() });
    }
}

/// How often each word is in the texts, and who has found it.
pub fn count_words(texts: Vec<String>) -> Result<BTreeMap<String, Count>> {
    todo!("a `Queue<Word>`, {} producers that `read` into it, and an end that the caller notices", texts.len())
}
