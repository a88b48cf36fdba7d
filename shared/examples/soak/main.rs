//! Random calls on pools whose workers and zygote are killed and signalled all the time, and a
//! count of what became of each task.
//!
//! `cargo run --release -p multiproc --example soak -- --seconds 20` ends with a line of JSON, and
//! with status 1 if a task's result was wrong, missing, given twice, or never came, or if a process
//! or a descriptor is left.

mod calls;
mod pools;
mod report;
mod trouble;
mod work;

use std::process::ExitCode;
use std::time::Duration;

use report::{Holdings, Tally};

fn main() -> ExitCode {
    multiproc::init();
    report::keep_memory_together();
    trouble::prepare();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (mut seconds, mut seed) = (20, 1);
    for pair in arguments.chunks(2) {
        let value = pair.get(1).and_then(|value| value.parse().ok());
        match (&*pair[0], value) {
            ("--seconds", Some(value)) => seconds = value,
            ("--seed", Some(value)) => seed = value,
            _ => {
                eprintln!("usage: soak [--seconds N] [--seed N]");
                return ExitCode::from(2);
            }
        }
    }
    // What this process needs once and for ever is not to count as a leak.
    pools::soak(Duration::from_secs(3), seed, &Tally::default());
    let (before, tally) = (Holdings::now(), Tally::default());
    pools::soak(Duration::from_secs(seconds), seed, &tally);
    let (line, well) = tally.report(&before, &Holdings::now());
    println!("{line}");
    if well { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
