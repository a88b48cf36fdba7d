//! Wrong: when one producer is done, the others' words are left in the queue.
//!
//! Fails with: does not speak for the others

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
    let mut producers = Vec::new();
    for text in texts {
        producers.push(Process::new(produce, (text, words.clone())).start()?);
    }
    let mut counts = BTreeMap::new();
    while let Some(Word { word, pid }) = words.get()? {
        let count: &mut Count = counts.entry(word).or_default();
        count.times += 1;
        count.finders.insert(pid);
    }
    for producer in producers {
        producer.join()?;
    }
    Ok(counts)
}
