//! Programs of other packages: what the crate is like without the feature `test-support`.
//!
//! The programs are the files in the folders `outside` and `starts`. They need packages of their
//! own, because this one turns the feature on for its tests. These are made in temporary folders
//! and built into the folder of this build, so that what is compiled once stays.

mod outside;
mod public_api;
mod starts;

use std::ffi::OsStr;
use std::panic::resume_unwind;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use multiproc::Result;

/// How long a test may take, which builds programs on a machine that may be busy.
const DEADLINE: Duration = Duration::from_secs(1800);

/// Runs a test in a thread of its own, and panics if it hangs.
fn within_deadline(body: impl FnOnce() -> Result<()> + Send + 'static) {
    let (done, waiting) = channel();
    let thread = thread::spawn(move || {
        let outcome = body();
        let _ = done.send(());
        outcome
    });
    if waiting.recv_timeout(DEADLINE) == Err(RecvTimeoutError::Timeout) {
        panic!("hangs: not done after {DEADLINE:?}");
    }
    match thread.join() {
        Ok(outcome) => outcome.unwrap(),
        Err(panic) => resume_unwind(panic),
    }
}

/// Returns the folder that Cargo writes programs to: `target/debug`, whose `deps` this binary is
/// in.
fn profile_folder() -> PathBuf {
    let own = std::env::current_exe().unwrap();
    own.ancestors().nth(2).unwrap().to_path_buf()
}

/// Returns a command of Cargo that builds a package as this one was built, without the network.
fn cargo(command: &str, package: &Path) -> Command {
    let profile = profile_folder();
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args([command, "--offline", "--color=never"]).current_dir(package);
    if profile.file_name() == Some(OsStr::new("release")) {
        cargo.arg("--release");
    }
    cargo.env("CARGO_TARGET_DIR", profile.parent().unwrap()).env_remove("RUSTFLAGS");
    cargo
}
