//! `cargo run -p book` builds the book and prints where it is; `-- --open` opens it in the browser
//! as well.

use std::env;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Parser;

/// Builds the book of the course
#[derive(Parser)]
#[command(bin_name = "cargo run -p book --")]
struct Arguments {
    /// Open the book in the browser
    #[arg(long)]
    open: bool,
    /// The folder to build it in [default: target/book]
    #[arg(long, value_name = "FOLDER")]
    into: Option<PathBuf>,
}

fn main() -> ExitCode {
    match run(Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: Arguments) -> anyhow::Result<()> {
    // `cargo run` says where the sources are: with a target folder that two copies of the project
    // share, this program may have been compiled from the other one.
    let root = env::var_os("CARGO_MANIFEST_DIR").unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
    let folder = book::build(Path::new(&root), arguments.into.as_deref())?;
    let start = folder.join("index.html");
    println!("{}", start.display());
    if arguments.open {
        opener::open_browser(start)?;
    }
    Ok(())
}
