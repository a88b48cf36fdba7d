//! What a task is, and what a future is, in tokio, on a single thread.
//!
//! A future is a value: work that can be done, and is not done yet. `.await` does it, as a part of
//! the code that awaits. A task is a future that was given to the runtime by `spawn`: it runs
//! beside the code that spawned it. Beside, on one thread, means in turn: a task runs until it
//! waits for something, and only then another has its turn.
//!
//! Watch the second part. Both tasks are spawned, and neither has begun: `main` has not waited for
//! anything yet. A yield is the shortest of waits, and lets the others start. The names of the
//! tasks come from a task-local variable: whatever a task calls finds it there. And a future that
//! is neither awaited nor spawned does nothing at all: `third cup` is never made.

// ANCHOR: program
use multiproc::Result;
use tokio::runtime::Builder;
use tokio::task::{JoinSet, yield_now};

tokio::task_local! {
    static NAME: &'static str;
}

fn say(words: &str) {
    let name = NAME.try_with(|name| *name).unwrap_or("main");
    println!("{name:>5}: {words}");
}

// ANCHOR: make
async fn make(cup: &'static str) -> &'static str {
    say(&format!("I begin {cup}"));
    yield_now().await;
    say(&format!("I am done with {cup}"));
    cup
}
// ANCHOR_END: make

async fn kitchen() {
    println!("Futures:");
    // ANCHOR: futures
    let first = make("the first cup");
    let second = make("the second cup");
    let third = make("the third cup");
    say("I have three futures, and nothing has happened");
    // One after the other: the order of the awaits is the order of the work.
    second.await;
    first.await;
    drop(third);
    // ANCHOR_END: futures

    println!("\nTasks:");
    // ANCHOR: tasks
    let mut tasks = JoinSet::new();
    tasks.spawn(NAME.scope("Alice", make("tea")));
    tasks.spawn(NAME.scope("Bob", make("coffee")));
    say("I have spawned two tasks, and neither has begun");
    yield_now().await;
    say("I yielded, and both have begun");
    while let Some(cup) = tasks.join_next().await {
        say(&format!("I get {}", cup.expect("the task does not panic")));
    }
    // ANCHOR_END: tasks
}

/// Runs the example.
pub fn main() -> Result<()> {
    Builder::new_current_thread().build()?.block_on(kitchen());
    Ok(())
}
// ANCHOR_END: program
