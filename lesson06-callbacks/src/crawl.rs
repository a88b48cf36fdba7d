//! A task that renews itself: when a page has been read, its callback submits the pages that it
//! links to, and a page whose server is busy is tried again. No loop waits for a round to end.
//!
//! Watch `/news`: while it pauses before its second try, other pages are read, and the pause before
//! its third is twice as long. And watch the end: no task is counted. Each that is under way has a
//! sender; when the last has ended and has submitted nothing, there is no sender left, and the loop
//! ends.

// ANCHOR: program
use std::collections::HashSet;
use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use multiproc::{Executor, Pool, Result};
use serde::{Deserialize, Serialize};

const TRIES: u32 = 3;
const PAUSE: Duration = Duration::from_millis(100);

// ANCHOR: task
#[derive(Serialize, Deserialize)]
enum Answer {
    Links(Vec<String>),
    Busy,
}

/// Reads a page of a small site. The pause before another try doubles from try to try.
fn read(page: String, attempt: u32) -> Answer {
    if attempt > 1 {
        thread::sleep(PAUSE * 2_u32.pow(attempt - 2));
    }
    thread::sleep(Duration::from_millis(20));
    let links: &[&str] = match &*page {
        "/" => &["/docs", "/news", "/about"],
        "/docs" => &["/", "/docs/start", "/docs/pool"],
        "/docs/pool" => &["/docs/start", "/docs/pool/map"],
        "/news" if attempt < 3 => return Answer::Busy,
        "/news" => &["/", "/news/1"],
        "/about" => &["/shop"],
        "/shop" => return Answer::Busy,
        _ => &[],
    };
    Answer::Links(links.iter().map(|link| link.to_string()).collect())
}
// ANCHOR_END: task

// ANCHOR: crawl
/// What every callback needs to submit more.
#[derive(Clone)]
struct Crawl {
    pool: Arc<Pool>,
    seen: Arc<Mutex<HashSet<String>>>,
    report: Sender<String>,
}

impl Crawl {
    /// Submits a page, unless that has been done before.
    fn visit(&self, page: &str) {
        if self.seen.lock().expect("no callback panics").insert(page.to_string()) {
            self.clone().submit(page.to_string(), 1);
        }
    }

    fn submit(self, page: String, attempt: u32) {
        let pool = self.pool.clone();
        let later = pool.apply_async(read, (page.clone(), attempt)).done_callback(move |answer| {
            self.say(match answer {
                Ok(Answer::Links(links)) => format!("{page}: read, links: {}", links.len()),
                Ok(Answer::Busy) => format!("{page}: busy at try {attempt}"),
                Err(error) => format!("{page}: {error}"),
            });
            match answer {
                Ok(Answer::Links(links)) => links.iter().for_each(|link| self.visit(link)),
                Ok(Answer::Busy) if attempt < TRIES => self.submit(page, attempt + 1),
                Ok(Answer::Busy) => self.say(format!("{page}: given up")),
                Err(_) => {}
            }
        });
        // The callback has all that is needed: the task goes on without its handle.
        drop(later);
    }

    fn say(&self, line: String) {
        // Without a receiver nobody wants to know.
        let _ = self.report.send(line);
    }
}
// ANCHOR_END: crawl

/// Runs the example.
pub fn main() -> Result<()> {
    multiproc::init();
    // ANCHOR: end
    let pool = Arc::new(Pool::with_processes(4)?);
    let (report, reports) = mpsc::channel();
    // A temporary: from the end of this statement on, only callbacks have senders.
    Crawl { pool: pool.clone(), seen: Arc::default(), report }.visit("/");
    for line in reports {
        println!("{line}");
    }
    pool.close();
    pool.join()?;
    println!("all is read, in {} tasks", pool.statistics().completed);
    // ANCHOR_END: end
    Ok(())
}
// ANCHOR_END: program
