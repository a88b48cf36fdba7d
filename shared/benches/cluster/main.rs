//! What a small task costs through the ranks of a cluster, beside mpi4py's `MPIPoolExecutor`.
//!
//! `cargo bench -p multiproc --features mpi --bench cluster` measures every row; `-- --quick` takes
//! fewer rounds, `-- submit` measures only this row, `-- --list` names them. How a row is measured
//! is as in the bench `versus`, whose parts are used: the sides take turns. Each repetition is an
//! `mpirun` of its own, so that no idle rank of the one side looks for messages while the
//! other is measured: rank 0 and two that serve, each with one process for its tasks. The clock
//! runs on rank 0 only, after a first thousand tasks.

#[allow(dead_code, reason = "the rows of versus use more of it")]
#[path = "../versus/case.rs"]
mod case;
mod cases;
#[allow(dead_code, reason = "the sides of versus use more of it")]
#[path = "../versus/measure.rs"]
mod measure;
mod ours;
#[path = "../versus/report.rs"]
mod report;
mod run;

use std::process::ExitCode;

use case::OURS;
use measure::Effort;
use run::Run;

fn main() -> ExitCode {
    multiproc::init();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match &arguments[..] {
        [ours::RANK, row, items] => ours::measure(row, items),
        [ours::BARE, "echo_64mib", items] => ours::echo_by_mpi(items),
        arguments => compare(arguments),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            eprintln!("{reason}");
            ExitCode::FAILURE
        }
    }
}

/// Measures the rows that the command line names, or all.
fn compare(arguments: &[&str]) -> Result<(), String> {
    let rows = cases::all();
    let (options, ids): (Vec<&str>, Vec<&str>) = arguments.iter().partition(|argument| argument.starts_with("--"));
    if let Some(id) = ids.iter().find(|id| rows.iter().all(|case| case.id != **id)) {
        return Err(format!("no row is called {id}; --list names them"));
    }
    if options.contains(&"--list") {
        rows.iter().for_each(|case| println!("{:<18} {}", case.id, case.what));
        return Ok(());
    }
    // `cargo bench` passes `--bench`; without it this is `cargo test --all-targets`, which only
    // asks whether it works.
    let effort = match options.contains(&"--quick") {
        true => Effort::Quick,
        false if options.contains(&"--bench") => Effort::Full,
        false => Effort::Check,
    };
    let run = Run::new(effort)?;
    report::header(&run.peer().unwrap_or_else(|reason| format!("mpi4py is missing: {reason}")));
    for case in rows.iter().filter(|case| ids.is_empty() || ids.contains(&case.id)) {
        let row = measure::measure(case, &run);
        report::print(&row);
        if row.times(OURS).is_none() {
            return Err(format!("{} did not run", case.id));
        }
    }
    Ok(())
}
