//! Measuring in a process of its own: this executable, started again for one errand.
//!
//! What starting processes costs depends on the process that starts them. A fork copies the page
//! tables of all the memory that earlier rows have used, and a pool may fork its parent only while
//! that has a single thread; a program that has just begun is what a user has, too.

use std::process::{Command, ExitCode};
use std::time::Instant;

use multiproc::StartMethod;

use crate::case::Repetition;
use crate::{limits, ours, peers, quantities};

/// The argument that comes before an errand and its number of times.
pub(crate) const FRESH: &str = "--fresh";
/// The argument that asks for the cheapest process that this executable can be: one that ends at
/// once.
pub(crate) const END: &str = "--end";

type Errand = fn() -> Result<(), String>;

/// What a fresh process may be asked to do, and to time.
const ERRANDS: [(&str, Errand); 8] = [
    ("fork", || ours::start_and_stop(StartMethod::Fork)),
    ("spawn", || ours::start_and_stop(StartMethod::Spawn)),
    ("forkserver", || ours::start_and_stop(StartMethod::ForkServer)),
    ("running", ours::start_and_stop_beside),
    ("procspawn", peers::procspawn::start_and_stop),
    ("fork_limit", || limits::processes::start_and_reap(0, 2)),
    ("spawn_limit", || limits::processes::start_and_reap(2, 0)),
    ("forkserver_limit", || limits::processes::start_and_reap(1, 2)),
];

/// A repetition that has a fresh process do the errand so many times, after one that does not
/// count.
pub(crate) fn repetition(errand: String, times: u64) -> Result<Repetition, String> {
    Ok(Box::new(move || send(&errand, times)))
}

/// A repetition of what only the first time in a process shows: so many processes do the errand
/// once.
pub(crate) fn first_time(errand: String, processes: u64) -> Result<Repetition, String> {
    Ok(Box::new(move || {
        let all: Result<f64, String> = (0..processes).map(|_| send(&errand, 0)).sum();
        Ok(all? / processes as f64)
    }))
}

/// A repetition that has a fresh process count something, of so many items.
pub(crate) fn quantity(name: &'static str, items: u64) -> Result<Repetition, String> {
    Ok(Box::new(move || send(name, items)))
}

fn send(errand: &str, times: u64) -> Result<f64, String> {
    let program = std::env::current_exe().map_err(|error| error.to_string())?;
    let mut command = Command::new(program);
    let output = command.args([FRESH, errand, &times.to_string()]).output().map_err(|error| error.to_string())?;
    let answer = String::from_utf8_lossy(&output.stdout);
    let reason = || {
        // Of a panic, what it says and not where.
        let told = String::from_utf8_lossy(&output.stderr);
        told.lines()
            .find(|line| !line.is_empty() && !line.starts_with("thread "))
            .unwrap_or("it did not say why")
            .to_owned()
    };
    answer.trim().parse().map_err(|_| reason())
}

/// Does an errand once, and then so many times; prints the seconds that one of these took, or the
/// first if there are none. Or counts what the errand is to count, of so many items.
pub(crate) fn run(errand: &str, times: u64) -> ExitCode {
    let number = match quantities::ALL.iter().find(|(name, _)| *name == errand) {
        Some((_, count)) => count(times),
        None => seconds(errand, times),
    };
    match number {
        Ok(number) => {
            println!("{number}");
            ExitCode::SUCCESS
        }
        Err(reason) => {
            eprintln!("{reason}");
            ExitCode::FAILURE
        }
    }
}

fn seconds(errand: &str, times: u64) -> Result<f64, String> {
    let (_, once) = ERRANDS.iter().find(|(name, _)| *name == errand).ok_or("there is no such errand")?;
    let start = Instant::now();
    once()?;
    if times == 0 {
        return Ok(start.elapsed().as_secs_f64());
    }
    let start = Instant::now();
    (0..times).try_for_each(|_| once())?;
    Ok(start.elapsed().as_secs_f64() / times as f64)
}
