//! Starting programs of this binary on several ranks, and watching what is left of them.

use std::env;
use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitStatus};
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

use super::support::eventually;

/// Found in the environment of every process that a run starts, however far down.
const MARK: &str = "MULTIPROC_TEST_RUN";

/// How long a run may take. Far more than any needs, and less than the test may.
const DEADLINE: Duration = Duration::from_secs(50);

/// The variable that names another `mpirun` than the one of this name: that of the MPI with which
/// this binary was built.
const MPIRUN: &str = "MULTIPROC_TEST_MPIRUN";

/// The two MPIs with which the tests run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mpi {
    Open,
    Mpich,
}

impl Mpi {
    /// The MPI of these tests.
    pub(crate) fn here() -> Self {
        if launcher().contains("mpich") { Self::Mpich } else { Self::Open }
    }
}

fn launcher() -> String {
    env::var(MPIRUN).unwrap_or_else(|_| "mpirun".into())
}

/// In a program: the number of this rank, as the launcher has said it.
pub(crate) fn own_rank() -> usize {
    let name = if Mpi::here() == Mpi::Mpich { "PMI_RANK" } else { "OMPI_COMM_WORLD_RANK" };
    env::var(name).unwrap().parse().unwrap()
}

/// Ranks to be: `mpirun` and what it is to start.
pub(crate) struct Ranks {
    command: Command,
    mark: String,
}

/// Ranks that run.
pub(crate) struct Running {
    pub(crate) mpirun: std::process::Child,
    mark: String,
    output: File,
    errors: File,
    ended: bool,
}

/// How a run ended, and what all of its processes have printed.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) status: ExitStatus,
    pub(crate) output: String,
    pub(crate) errors: String,
}

impl Ended {
    /// What was printed by a run that ended well.
    pub(crate) fn well(self) -> String {
        assert!(self.status.success(), "{}: {}{}", self.status, self.output, self.errors);
        self.output
    }
}

impl Ranks {
    /// `ranks` ranks of a program of this binary.
    pub(crate) fn new(ranks: usize, program: &str) -> Self {
        Self::with_options(&[], ranks, program)
    }

    /// The same, with more options for `mpirun`.
    fn with_options(options: &[&str], ranks: usize, program: &str) -> Self {
        let own = env::current_exe().unwrap();
        let ranks = ranks.to_string();
        let mut this = Self::mpirun();
        this.command.args(options).args(["-n", &ranks]).arg(own).args(["--program", program]);
        this
    }

    /// `mpirun`, with nothing to start yet.
    pub(crate) fn mpirun() -> Self {
        let mut this = Self::of(Command::new(launcher()));
        if Mpi::here() == Mpi::Open {
            // Tests run as root in containers, and on machines with fewer CPUs than ranks.
            this.command.args(["--oversubscribe", "--allow-run-as-root"]);
        }
        this
    }

    /// Ranks that go on when the process of another one was killed.
    pub(crate) fn recovering(ranks: usize, program: &str) -> Self {
        let option = if Mpi::here() == Mpi::Mpich { "-disable-auto-cleanup" } else { "--enable-recovery" };
        Self::with_options(&[option], ranks, program)
    }

    /// A program of this binary, without `mpirun`.
    pub(crate) fn alone(program: &str) -> Self {
        let mut this = Self::of(Command::new(env::current_exe().unwrap()));
        this.command.args(["--program", program]);
        this
    }

    fn of(mut command: Command) -> Self {
        static RUNS: AtomicU32 = AtomicU32::new(0);
        let mark = format!("{}-{}", std::process::id(), RUNS.fetch_add(1, Relaxed));
        command.env(MARK, &mark).process_group(0);
        Self { command, mark }
    }

    pub(crate) fn args<'a>(mut self, args: impl IntoIterator<Item = &'a str>) -> Self {
        self.command.args(args);
        self
    }

    pub(crate) fn env(mut self, name: &str, value: &str) -> Self {
        self.command.env(name, value);
        self
    }

    pub(crate) fn start(mut self) -> Running {
        let (output, errors) = (tempfile::tempfile().unwrap(), tempfile::tempfile().unwrap());
        let copy = |file: &File| file.try_clone().unwrap();
        let mpirun = self.command.stdout(copy(&output)).stderr(copy(&errors)).spawn();
        let mpirun = mpirun.expect("these tests need mpirun: install openmpi-bin and libopenmpi-dev");
        Running { mpirun, mark: self.mark, output, errors, ended: false }
    }

    /// Runs to the end.
    pub(crate) fn run(self) -> Ended {
        self.start().end()
    }
}

impl Running {
    /// What has been printed so far.
    pub(crate) fn output(&self) -> String {
        read(&self.output)
    }

    /// Waits until a line with this beginning has been printed; says what follows it.
    pub(crate) fn await_line(&self, beginning: &str) -> String {
        let mut found = None;
        let line = |output: &str| output.lines().find_map(|line| line.strip_prefix(beginning).map(str::to_string));
        eventually(&format!("a line beginning with {beginning:?}"), || {
            // A line is whole once another one, or its end, is there.
            found = self.output().rsplit_once('\n').and_then(|(whole, _)| line(whole));
            found.is_some()
        });
        found.unwrap_or_default()
    }

    /// The processes of this run that live.
    pub(crate) fn processes(&self) -> Vec<u32> {
        living(&self.mark)
    }

    pub(crate) fn kill(&self, signal: Signal) {
        nix::sys::signal::kill(Pid::from_raw(self.mpirun.id() as i32), signal).unwrap();
    }

    /// Waits for the end, and until no process is left.
    pub(crate) fn end(mut self) -> Ended {
        let until = Instant::now() + DEADLINE;
        let status = loop {
            if let Some(status) = self.mpirun.try_wait().unwrap() {
                break status;
            }
            assert!(Instant::now() < until, "hangs: {}\n{}", self.output(), read(&self.errors));
            thread::sleep(Duration::from_millis(5));
        };
        eventually("no process of the run is left", || self.processes().is_empty());
        self.ended = true;
        Ended { status, output: self.output(), errors: read(&self.errors) }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if !self.ended {
            // The test failed, and should not leave what it found.
            let _ = killpg(Pid::from_raw(self.mpirun.id() as i32), Signal::SIGKILL);
            let _ = self.mpirun.wait();
            for process in self.processes() {
                let _ = nix::sys::signal::kill(Pid::from_raw(process as i32), Signal::SIGKILL);
            }
        }
    }
}

fn read(file: &File) -> String {
    let mut bytes = vec![0; file.metadata().unwrap().len() as usize];
    // Not by the position, which is also that of those who write.
    file.read_exact_at(&mut bytes, 0).unwrap();
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The processes with this mark in their environment.
fn living(mark: &str) -> Vec<u32> {
    let wanted = format!("{MARK}={mark}");
    let entries = fs::read_dir("/proc").unwrap().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let marked = |pid: &u32| {
        let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        environment.split(|byte| *byte == 0).any(|entry| entry == wanted.as_bytes())
    };
    pids.filter(marked).collect()
}
