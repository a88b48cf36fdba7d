//! Wrong: starts a producer only when the one before it has ended.
//!
//! The tests say: at most 1 of 3 producers

use std::collections::{BTreeMap, BTreeSet};
use std::process;
use std::thread;
use std::time::Duration;

use multiproc::{Process, Queue, Result};
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

/// A producer: reads, and puts `None` behind its last word.
fn produce(text: String, words: Queue<Option<Word>>) {
    read(&text, |word| words.put(Some(word)).expect("nobody closes the queue"));
    words.put(None).expect("nobody closes the queue");
}

/// How often each word is in the texts, and who has found it.
pub fn count_words(texts: Vec<String>) -> Result<BTreeMap<String, Count>> {
    let words = Queue::new()?;
    let mut reading = 0;
    for text in texts {
        Process::new(produce, (text, words.clone())).start()?.join()?;
        reading += 1;
    }
    let mut counts = BTreeMap::new();
    while reading > 0 {
        match words.get()? {
            Some(Word { word, pid }) => {
                let count: &mut Count = counts.entry(word).or_default();
                count.times += 1;
                count.finders.insert(pid);
            }
            None => reading -= 1,
        }
    }
    Ok(counts)
}
