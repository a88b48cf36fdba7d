//! The fault matrix: everything that can go wrong, everywhere it can, in every call, under every
//! start method. Each cell has one right outcome; the pool can be used after it, and no process,
//! descriptor or memory is left.
//!
//! `cargo test -p multiproc --test faults -- --nocapture` prints the table. It is kept in
//! `outcomes.md`; with `WRITE_OUTCOMES` set, the test writes it anew.
//!
//! The cells of a fault, a place and a start method run in a process of their own, on its only
//! thread: `StartMethod::Fork` wants it so, and one that crashes or hangs costs only itself.

#[path = "../support/mod.rs"]
mod support;

mod calls;
mod cells;
mod faults;
mod places;
mod run;
mod table;

use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

const KEPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/faults/outcomes.md");

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    if let [run::CELLS, numbers] = &*args.iter().map(String::as_str).collect::<Vec<_>>() {
        run::cells_in_this_process(numbers);
        return ExitCode::SUCCESS;
    }
    if args.iter().any(|arg| arg == "--list") {
        println!("the_fault_matrix: test");
        return ExitCode::SUCCESS;
    }
    let wanted: Vec<_> = args.iter().filter(|arg| !arg.starts_with('-')).collect();
    let started = Instant::now();
    let outcomes = run::all_in_processes(|cell| {
        let text = format!("{}, {}, {}, {:?}", cell.charge.0, cell.charge.1, cell.call, cell.method);
        wanted.iter().all(|word| text.contains(&**word))
    });
    if args.iter().any(|arg| arg == "--nocapture") {
        println!("{}", table::table(&outcomes));
    }
    let hangs = outcomes.iter().filter(|(_, outcome)| outcome.starts_with(run::HANGS)).count();
    let wrong: Vec<_> = outcomes.iter().filter(|(cell, outcome)| *outcome != cell.expected()).collect();
    for (cell, outcome) in &wrong {
        println!("{cell:?}: expected {}, got {outcome}", cell.expected());
    }
    let seconds = started.elapsed().as_secs();
    println!("fault matrix: {} cells, {hangs} hangs, {} wrong, in {seconds} s", outcomes.len(), wrong.len());
    if wrong.is_empty() && kept_table_is_right() { ExitCode::SUCCESS } else { ExitCode::from(101) }
}

/// Whether the table that readers see is the one that was just confirmed.
fn kept_table_is_right() -> bool {
    let expected = table::expected();
    if std::env::var_os("WRITE_OUTCOMES").is_some() {
        std::fs::write(Path::new(KEPT), &expected).unwrap();
    }
    let right = std::fs::read_to_string(KEPT).is_ok_and(|kept| kept == expected);
    if !right {
        println!("{KEPT} is out of date: run this test with WRITE_OUTCOMES=1");
    }
    right
}
