//! A solution: every producer sends a closing message, and the caller takes words until all have.

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
    let mut reading = producers.len();
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
    for producer in producers {
        producer.join()?;
    }
    Ok(counts)
}
