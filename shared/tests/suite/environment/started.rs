//! Processes that tasks have started: they end with a worker that is killed, and outlive one that
//! ends by itself.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use multiproc::{Error, Executor, Pool, Process, Result};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::support::{Gate, METHODS, Named, ProcessId, Program, announce, eventually, named, told_method};

pub(crate) const TESTS: &[Named] = named! {
    started_processes_end_with_a_killed_worker
    started_processes_end_with_the_program
    started_processes_survive_a_normal_exit
};

pub(crate) const PROGRAMS: &[Named] = named! {
    starts_a_process
};

/// Shell scripts that start processes in several ways, each with how many. They write their pids
/// into a file of the folder `$1`.
const WAYS: [(&str, usize); 5] = [
    (r#"echo $$ >> "$1/pids"; exec sleep 3600"#, 1),
    // A shell that waits for another that waits, and one in the background.
    (r#"sleep 3600 & echo $! >> "$1/pids"; sh -c 'echo $$ >> "$1/pids"; sleep 3600; true' sh "$1"; true"#, 2),
    // The parent in between ends.
    (r#"sleep 3600 & echo $! >> "$1/pids""#, 1),
    (r#"setsid sh -c 'echo $$ >> "$1/pids"; exec sleep 3600' sh "$1"; true"#, 1),
    (r#"trap '' TERM INT HUP; echo $$ >> "$1/pids"; while true; do sleep 3600; done"#, 1),
];

/// A task: runs the script, then waits for ever.
fn runs(script: String, folder: PathBuf) {
    start(&script, &folder);
    loop {
        thread::sleep(Duration::from_secs(60));
    }
}

fn start(script: &str, folder: &Path) {
    let mut command = Command::new("sh");
    command.args(["-c", script, "sh"]).arg(folder).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().unwrap();
}

/// The processes of the script, once there are so many.
fn started(gate: &Gate, count: usize) -> Vec<ProcessId> {
    let read = || fs::read_to_string(gate.path().join("pids")).unwrap_or_default();
    eventually("the script has started its processes", || read().lines().count() == count);
    read().lines().map(|line| ProcessId::of(line.parse().unwrap()).unwrap()).collect()
}

fn end_of(processes: &[ProcessId]) {
    for process in processes {
        eventually(&format!("{process:?} has ended"), || process.is_gone());
    }
}

/// Ways to kill the worker of a pool that runs a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Limit,
    Cancel,
    Drop,
    Terminate,
    Outside,
}

pub(crate) fn started_processes_end_with_a_killed_worker() -> Result<()> {
    for method in METHODS {
        for end in [End::Limit, End::Cancel, End::Drop, End::Terminate, End::Outside] {
            for (script, count) in WAYS {
                let gate = Gate::new();
                let builder = Pool::builder().processes(1).start_method(method);
                let limit = Duration::from_millis(300);
                let pool = if end == End::Limit { builder.task_timeout(limit) } else { builder }.build()?;
                let result = pool.apply_async(runs, (script.to_string(), gate.path()));
                let processes = started(&gate, count);
                let worker = pool.workers()[0].pid;
                match end {
                    End::Limit => assert!(matches!(result.get(), Err(Error::TimedOut { .. }))),
                    End::Cancel => assert!(result.cancel()),
                    End::Drop => drop(pool),
                    End::Terminate => pool.terminate(),
                    End::Outside => kill(Pid::from_raw(worker as i32), Signal::SIGKILL).unwrap(),
                }
                end_of(&processes);
            }
        }
        let gate = Gate::new();
        let process = Process::builder().start_method(method).target(runs, (WAYS[1].0.to_string(), gate.path()));
        let process = process.start()?;
        let processes = started(&gate, WAYS[1].1);
        process.terminate()?;
        assert!(process.join().is_err());
        end_of(&processes);
    }
    Ok(())
}

/// A program that runs until it is killed.
pub(crate) fn starts_a_process() -> Result<()> {
    let gate = Gate::new();
    let pool = Pool::builder().processes(1).start_method(told_method()).build()?;
    let (script, count) = WAYS[1];
    let _result = pool.apply_async(runs, (script.to_string(), gate.path()));
    started(&gate, count);
    gate.remove();
    // Names the processes of the script, too.
    announce();
    loop {
        thread::sleep(Duration::from_secs(60));
    }
}

pub(crate) fn started_processes_end_with_the_program() -> Result<()> {
    for method in ["0", "1", "2"] {
        for signal in [Signal::SIGKILL, Signal::SIGINT, Signal::SIGTERM] {
            let mut command = Program::command("starts_a_process");
            command.arg(method);
            let program = Program::start_with(command);
            assert!(program.processes.len() >= 6, "{:?}", program.processes);
            program.signal(signal);
            program.end();
        }
    }
    Ok(())
}

/// A task: starts a process and leaves it.
fn leaves(folder: PathBuf) {
    start(WAYS[2].0, &folder);
}

pub(crate) fn started_processes_survive_a_normal_exit() -> Result<()> {
    for method in METHODS {
        for keep in [false, true] {
            let gate = Gate::new();
            let builder = Pool::builder().processes(2).start_method(method).keep_started_processes(keep);
            let pool = builder.build()?;
            pool.apply(leaves, (gate.path(),))?;
            let process = started(&gate, 1).remove(0);
            if keep {
                // All workers are killed.
                drop(pool);
            } else {
                pool.close();
                pool.join()?;
            }
            thread::sleep(Duration::from_millis(50));
            assert!(!process.is_gone(), "{method:?} {keep}");
            kill(Pid::from_raw(process.pid as i32), Signal::SIGKILL).unwrap();
            end_of(&[process]);
        }
    }
    Ok(())
}
