//! Jobs: a program on a few ranks of this machine.

use std::process::{Command, Output};

use crate::case::Repetition;
use crate::measure::Effort;
use crate::ours::{BARE, RANK};

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/cluster/futures.py");

/// A run of the bench: its effort, and what is known of the peer.
pub(crate) struct Run {
    effort: Effort,
    peer: Result<String, String>,
}

impl Run {
    /// Looks for the peer.
    pub(crate) fn new(effort: Effort) -> Result<Self, String> {
        let version =
            "import sys, mpi4py, mpi4py.futures; print(sys.version.split()[0] + ', mpi4py', mpi4py.__version__)";
        let peer = output_of(Command::new("python3").args(["-c", version])).map(|version| format!("CPython {version}"));
        let mpi = output_of(Command::new("mpirun").arg("--version"))?;
        let mpi = mpi.lines().next().unwrap_or_default().to_string();
        Ok(Self { effort, peer: peer.map(|peer| format!("{mpi}; {peer}")) })
    }

    /// How patient it is.
    pub(crate) fn effort(&self) -> Effort {
        self.effort
    }

    /// MPI's version and the peer's, or why there is no peer.
    pub(crate) fn peer(&self) -> Result<String, String> {
        self.peer.clone()
    }

    /// Our side of a row.
    pub(crate) fn ours(&self, row: &'static str, items: u64) -> Result<Repetition, String> {
        Ok(self.job(3, vec![this_program()?, RANK.to_owned(), row.to_owned()], items))
    }

    /// The peer's side of a row. `backoff` is for how many seconds it sleeps at most between two
    /// looks for messages.
    pub(crate) fn mpi4py(&self, row: &'static str, items: u64, backoff: &'static str) -> Result<Repetition, String> {
        self.peer.as_ref()?;
        let words =
            ["env", &format!("MPI4PY_FUTURES_BACKOFF={backoff}"), "python3", "-m", "mpi4py.futures", SCRIPT, row];
        Ok(self.job(3, words.map(str::to_owned).to_vec(), items))
    }

    /// What no executor can beat: the same bytes there and back between two ranks, by MPI's own
    /// calls.
    pub(crate) fn bare(&self, row: &'static str, items: u64) -> Result<Repetition, String> {
        Ok(self.job(2, vec![this_program()?, BARE.to_owned(), row.to_owned()], items))
    }

    /// A repetition that has some ranks run a program with a number of items, and reads the
    /// seconds that it prints.
    fn job(&self, ranks: u32, words: Vec<String>, items: u64) -> Repetition {
        let items = if self.effort == Effort::Check { items.min(100) } else { items };
        Box::new(move || {
            let mut command = Command::new("mpirun");
            // The ranks share the processors that there are, however few; root may be whom a
            // container has.
            command.args(["--oversubscribe", "--bind-to", "none", "-n", &ranks.to_string()]);
            command.args(&words).arg(items.to_string());
            command.env("OMPI_ALLOW_RUN_AS_ROOT", "1").env("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1");
            let answer = output_of(&mut command)?;
            answer.parse().map_err(|_| format!("{}: {answer}", words.join(" ")))
        })
    }
}

/// The path of this program, which the ranks run.
fn this_program() -> Result<String, String> {
    let program = std::env::current_exe().map_err(|error| error.to_string())?;
    Ok(program.to_str().ok_or("this program's path is no text")?.to_owned())
}

/// What a command prints, or how it fails.
fn output_of(command: &mut Command) -> Result<String, String> {
    let told = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).trim().to_owned();
    let program = command.get_program().to_string_lossy().into_owned();
    let Output { status, stdout, stderr } = command.output().map_err(|error| format!("{program}: {error}"))?;
    match status.success() {
        true => Ok(told(stdout)),
        false => Err(told(stderr).lines().last().unwrap_or("it failed").to_owned()),
    }
}
