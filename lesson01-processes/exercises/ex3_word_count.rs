//! Exercise 3: count words.
//!
//! Goal: count the words of several texts. Each text is read by a producer, a process of its own,
//! which puts the words into a queue. All producers read at the same time; `count_words` takes the
//! words out and counts. You will want a function for the producers.
//!
//! Given, in `given/ex3_word_count.rs`: the types `Word` and `Count`, and `read(text, found)`,
//! which calls `found` with each `Word` of a text.
//!
//! Check: `cargo test -p lesson01-processes --test ex3_word_count`

use std::collections::BTreeMap;

use multiproc::Result;

use super::given::*;

/// Returns how often each word is in the texts, and which processes have found it.
pub fn count_words(texts: Vec<String>) -> Result<BTreeMap<String, Count>> {
    todo!("a `Queue<Word>`, {} producers that `read` into it, and a way to see that all are done", texts.len())
}
