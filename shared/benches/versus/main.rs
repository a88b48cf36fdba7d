//! How fast `multiproc` is beside its peers: CPython's `multiprocessing` and `concurrent.futures`,
//! loky, procspawn, ipc-channel, rayon, plain sequential Rust, and what the machine allows at best.
//!
//! `cargo bench -p multiproc --bench versus` measures every row; `-- --quick` takes fewer rounds,
//! `-- map_default apply` measures only these rows, `-- --list` names them. Absolute times differ
//! from machine to machine, so a row is judged by ratios of times taken in the same run: each round
//! measures every side once, one after another, so that a slow moment of the machine falls on all
//! of them. What is compared and against which goal is in `cases`, how a number comes about is in
//! `measure`, each side's own code is in `ours`, `channels`, `quantities`, `peers` and `limits`.

mod arguments;
mod case;
mod cases;
mod channels;
mod files;
mod fresh;
mod growth;
mod limits;
mod markdown;
mod measure;
mod ours;
mod peers;
mod picture;
mod quantities;
mod report;
mod run;
mod values;
mod work;

use std::process::ExitCode;

use arguments::Action;
use run::Run;

fn main() -> ExitCode {
    // Both libraries start this executable again for their workers, and each recognises only its
    // own: a worker of the one passes the other's `init` untouched and never comes further than its
    // own.
    multiproc::init();
    procspawn::init();

    let rows = cases::all();
    let known: Vec<_> = rows.iter().map(|case| case.id).collect();
    match arguments::parse(std::env::args().skip(1), &known) {
        Ok(Action::Measure { effort, ids }) => {
            let run = Run::new(effort);
            let chosen = rows.iter().filter(|case| ids.is_empty() || ids.contains(&case.id));
            let python = run.python().unwrap_or_else(|reason| format!("missing: {reason}"));
            let peers = format!("CPython {python}");
            report::header(&peers);
            let mut done = Vec::new();
            for case in chosen {
                let row = measure::measure(case, &run);
                report::print(&row);
                done.push(row);
            }
            files::finish(&done, &peers, effort)
        }
        Ok(Action::List) => {
            rows.iter().for_each(|case| println!("{:<18} {}", case.id, case.what));
            ExitCode::SUCCESS
        }
        Ok(Action::Fresh { errand, times }) => fresh::run(&errand, times),
        Ok(Action::Produce { name }) => match peers::ipc_channel::produce(name) {
            Ok(()) => ExitCode::SUCCESS,
            Err(reason) => {
                eprintln!("{reason}");
                ExitCode::FAILURE
            }
        },
        Ok(Action::End) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("{message}");
            ExitCode::from(2)
        }
    }
}
