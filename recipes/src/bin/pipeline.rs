//! Works through many inputs of which some crash, hang or are wrong: each costs itself alone, and a
//! bar shows how far it is.

use std::time::Duration;

use indicatif::ProgressBar;
use multiproc::{Error, Executor, Pool};

/// Stands for code that some inputs bring down.
fn measure(input: String) -> Result<usize, String> {
    match input.as_str() {
        "crashes" => std::process::abort(),
        "hangs" => loop {
            std::thread::sleep(Duration::from_secs(1));
        },
        "" => Err("nothing to measure".into()),
        good => Ok(good.len()),
    }
}

fn main() -> multiproc::Result<()> {
    multiproc::init();
    let pool = Pool::builder().task_timeout(Duration::from_secs(2)).build()?;
    let mut inputs: Vec<String> = (0..300).map(|n| format!("input {n:03}")).collect();
    inputs[30] = "crashes".into();
    inputs[60] = "hangs".into();
    inputs[90] = String::new();

    // It draws on standard error, and only if that is a terminal.
    let bar = ProgressBar::new(inputs.len() as u64);
    let (mut total, mut failures) = (0, Vec::new());
    // A lazy map: results come in the inputs' order, and each has an outcome of its own.
    for (index, outcome) in pool.imap(measure, inputs).enumerate() {
        match outcome {
            Ok(Ok(size)) => total += size,
            Ok(Err(message)) => failures.push((index, message)),
            Err(Error::WorkerLost { exit, .. }) => failures.push((index, format!("its process ended: {exit}"))),
            Err(Error::TimedOut { after, .. }) => failures.push((index, format!("not done after {after:?}"))),
            Err(other) => return Err(other),
        }
        bar.inc(1);
    }
    bar.finish_and_clear();

    println!("{total} bytes in {} inputs", bar.length().unwrap_or_default() - failures.len() as u64);
    for (index, why) in failures {
        println!("input {index}: {why}");
    }
    Ok(())
}
