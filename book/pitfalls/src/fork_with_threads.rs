//! A fork copies the memory, but of the threads only the one that forks. A lock that another one
//! holds at that moment stays locked in the copy, and the thread that would unlock it is not there.
//!
//! Watch for the refusal. The default start method needs no such care: its workers are forked from
//! a small process that has one thread, whatever this program does.

// ANCHOR: program
use std::sync::{Mutex, mpsc};
use std::thread;

use multiproc::{Executor, Pool, Result, StartMethod};

static DIARY: Mutex<String> = Mutex::new(String::new());

fn write(word: String) -> usize {
    let mut diary = DIARY.lock().expect("no holder panics here");
    diary.push_str(&word);
    diary.len()
}

/// Runs the example.
pub fn main() -> Result<()> {
    multiproc::init();
    // ANCHOR: refused
    let (release, until) = mpsc::channel::<()>();
    let (taken, is_taken) = mpsc::channel();
    let writer = thread::spawn(move || {
        let diary = DIARY.lock();
        taken.send(()).expect("main waits for it");
        until.recv().ok(); // holds the lock until `release` is dropped
        drop(diary);
    });
    is_taken.recv().expect("the thread takes the lock");

    let forked = Pool::builder().processes(2).start_method(StartMethod::Fork).build();
    println!("Fork: {}", forked.map(|_| ()).unwrap_err());
    // ANCHOR_END: refused

    let pool = Pool::with_processes(2)?;
    println!("the default: {} bytes are written", pool.apply(write, ("hello".to_string(),))?);
    drop(release);
    writer.join().expect("no holder panics here");
    Ok(())
}
// ANCHOR_END: program
