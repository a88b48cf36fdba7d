//! Brings what workers log into the log of the program: a queue carries the records, one thread
//! writes them, and lines of several processes never mix.

use std::thread;

use log::{Level, LevelFilter, Log, Metadata, Record};
use multiproc::{Executor, Pool, Queue, Result};

/// What travels: a number for the level, and text.
type Line = (usize, u32, String);

/// The logger of a worker.
struct ToQueue(Queue<Line>);

impl Log for ToQueue {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.level() <= log::max_level()
    }

    fn log(&self, record: &Record<'_>) {
        if self.enabled(record.metadata()) {
            let line = (record.level() as usize, std::process::id(), record.args().to_string());
            // A queue that is closed takes no more: the program ends, and nobody reads.
            let _ = self.0.put(line);
        }
    }

    fn flush(&self) {}
}

/// Runs in every worker: what `main` has set up is not there.
fn log_to(queue: Queue<Line>) -> std::result::Result<(), String> {
    log::set_boxed_logger(Box::new(ToQueue(queue))).map_err(|error| error.to_string())?;
    log::set_max_level(LevelFilter::Info);
    Ok(())
}

fn work(n: u32) {
    log::debug!("nobody wants to know this");
    if n.is_multiple_of(4) {
        log::warn!("{n} is a multiple of four");
    } else {
        log::info!("{n} is none");
    }
}

fn main() -> Result<()> {
    multiproc::init();
    let queue = Queue::new()?;
    let pool = Pool::builder().processes(2).initializer(log_to, (queue.clone(),)).build()?;
    let lines = queue.clone();
    let writer = thread::spawn(move || {
        for line in lines.iter() {
            let Ok((level, pid, text)) = line else { break };
            let level = Level::iter().find(|known| *known as usize == level).unwrap_or(Level::Error);
            println!("{level} worker {pid}: {text}");
        }
    });

    pool.map(work, 1..=8)?;
    pool.shutdown();
    // Nobody logs any more: the writer takes what is left, and ends.
    queue.close()?;
    writer.join().expect("the writer does not panic");
    Ok(())
}
