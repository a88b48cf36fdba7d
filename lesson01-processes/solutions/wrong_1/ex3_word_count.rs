//! Wrong: starts a producer only when the one before it has ended.
//!
//! Fails with: at most 1 of 2 producers

use std::collections::BTreeMap;

use multiproc::{Process, Queue, Result};

use super::given::{Count, Word, read};

/// Reads a text, and puts `None` behind its last word.
fn produce(text: String, words: Queue<Option<Word>>) {
    read(&text, |word| words.put(Some(word)).expect("the queue stays open"));
    words.put(None).expect("the queue stays open");
}

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
