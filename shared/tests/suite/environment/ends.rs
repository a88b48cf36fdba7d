//! Workers and zygotes whose parent dies, whatever they are doing and as whichever user.
#![allow(unsafe_code, reason = "the user of a process is the C library's")]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;
use std::thread;
use std::time::Duration;

use multiproc::{Executor, Pool, Result};
use nix::libc;
use nix::sys::signal::{Signal, kill, raise};
use nix::unistd::Pid;

use crate::support::{
    Gate, METHODS, Named, ProcessId, Program, announce, arrive, eventually, named, note, pids, told_method,
};

pub(crate) const TESTS: &[Named] = named! {
    workers_end_with_their_zygote
    workers_with_file_capabilities_end_with_their_zygote
    workers_end_with_a_program_whose_zygote_is_stopped
};

pub(crate) const PROGRAMS: &[Named] = named! {
    builds_and_waits
    loses_its_zygote
};

/// Becomes the user `nobody`, if this process may.
fn drop_rights() {
    // SAFETY: the calls have no memory effects, and this process has one thread.
    unsafe {
        libc::setgid(65534);
        libc::setuid(65534);
    }
}

fn blocks(gate: PathBuf) {
    arrive(&gate);
    loop {
        thread::park();
    }
}

fn drops_rights_and_blocks(gate: PathBuf) {
    arrive(&gate);
    drop_rights();
    blocks(gate);
}

fn stops(gate: PathBuf) {
    arrive(&gate);
    drop_rights();
    raise(Signal::SIGSTOP).unwrap();
}

/// The parent of a worker.
fn zygote_of(worker: u32) -> ProcessId {
    let stat = fs::read_to_string(format!("/proc/{worker}/stat")).unwrap();
    let parent = stat.rsplit_once(") ").unwrap().1.split(' ').nth(1).unwrap();
    ProcessId::of(parent.parse().unwrap()).unwrap()
}

fn send(process: &ProcessId, signal: Signal) {
    kill(Pid::from_raw(process.pid as i32), signal).unwrap();
}

fn all_end(processes: &[ProcessId]) {
    for process in processes {
        eventually(&format!("{process:?} has ended"), || process.is_gone());
    }
}

/// What a worker is doing when its zygote dies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Doing {
    /// A task, as another user than its zygote.
    Task,
    /// Nothing: it is stopped, and another user's.
    Stopped,
    Initializer,
    Nothing,
}

pub(crate) fn workers_end_with_their_zygote() -> Result<()> {
    for method in METHODS {
        for doing in [Doing::Task, Doing::Stopped, Doing::Initializer, Doing::Nothing] {
            let gate = Gate::new();
            let builder = Pool::builder().processes(2).start_method(method);
            let pool = match doing {
                Doing::Initializer => builder.initializer(drops_rights_and_blocks, (gate.path(),)).build()?,
                Doing::Nothing => builder.initializer(drop_rights, ()).build()?,
                _ => builder.build()?,
            };
            let apply = |_| match doing {
                Doing::Task => Some(pool.apply_async(drops_rights_and_blocks, (gate.path(),))),
                Doing::Stopped => Some(pool.apply_async(stops, (gate.path(),))),
                Doing::Initializer | Doing::Nothing => None,
            };
            let _results: Vec<_> = (0..2).map(apply).collect();
            if doing != Doing::Nothing {
                gate.await_arrivals(2);
            }
            let workers: Vec<_> = pids(&pool).into_iter().filter_map(ProcessId::of).collect();
            if doing == Doing::Stopped {
                eventually("workers are stopped", || workers.iter().all(ProcessId::is_stopped));
            } else {
                // For them to have given up their rights.
                thread::sleep(Duration::from_millis(50));
            }
            send(&zygote_of(workers[0].pid), Signal::SIGKILL);
            all_end(&workers);
            pool.terminate();
        }
    }
    Ok(())
}

/// A program whose workers run tasks, until it is killed.
pub(crate) fn builds_and_waits() -> Result<()> {
    let gate = Gate::new();
    let pool = Pool::builder().processes(2).start_method(told_method()).build()?;
    let _results: Vec<_> = (0..2).map(|_| pool.apply_async(drops_rights_and_blocks, (gate.path(),))).collect();
    gate.await_arrivals(2);
    gate.remove();
    announce();
    loop {
        thread::sleep(Duration::from_secs(60));
    }
}

pub(crate) fn workers_end_with_a_program_whose_zygote_is_stopped() -> Result<()> {
    for method in ["0", "1", "2"] {
        let mut command = Program::command("builds_and_waits");
        command.arg(method);
        let program = Program::start_with(command);
        let own = program.pid().as_raw() as u32;
        let workers: Vec<_> = program.processes.iter().filter(|process| process.pid != own).cloned().collect();
        let zygote = workers.iter().find(|process| process.name == "mp-zygote").unwrap().clone();
        send(&zygote, Signal::SIGSTOP);
        eventually("the zygote is stopped", || zygote.is_stopped());
        for worker in workers.iter().filter(|process| process.pid != zygote.pid) {
            send(worker, Signal::SIGSTOP);
        }
        program.signal(Signal::SIGKILL);
        program.end();
    }
    Ok(())
}

/// A program that kills its zygote, and sees its workers end.
pub(crate) fn loses_its_zygote() -> Result<()> {
    let gate = Gate::new();
    let pool = Pool::builder().processes(2).start_method(told_method()).build()?;
    let _results: Vec<_> = (0..2).map(|_| pool.apply_async(blocks, (gate.path(),))).collect();
    gate.await_arrivals(2);
    let workers: Vec<_> = pids(&pool).into_iter().filter_map(ProcessId::of).collect();
    send(&zygote_of(workers[0].pid), Signal::SIGKILL);
    all_end(&workers);
    println!("gone");
    Ok(())
}

/// The kernel forgets the parent-death signal when a file with capabilities is executed by a user
/// who has not got them.
pub(crate) fn workers_with_file_capabilities_end_with_their_zygote() -> Result<()> {
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let file = folder.path().join("program");
    fs::copy(std::env::current_exe().unwrap(), &file).unwrap();
    let mut setcap = Command::new("setcap");
    setcap.arg("cap_net_bind_service+ep").arg(&file);
    if !setcap.output().is_ok_and(|output| output.status.success()) {
        note("files cannot be given capabilities here");
        return Ok(());
    }
    for method in ["0", "1", "2"] {
        let mut command = Command::new("setpriv");
        command.args(["--reuid", "65534", "--regid", "65534", "--clear-groups"]).arg(&file);
        let program = Program::command("loses_its_zygote");
        let output = command.args(program.get_args()).arg(method).output().unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stdout), "gone\n", "{method}: {output:?}");
    }
    Ok(())
}
