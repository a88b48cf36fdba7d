//! Programs whose files give them rights: workers have those that the program still has, and no
//! others.
#![allow(unsafe_code, reason = "rights are the C library's")]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use multiproc::{Error, Executor, Pool, Process, Result};
use nix::libc;
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::waitpid;
use nix::unistd::{ForkResult, Pid, Uid, fork};

use crate::support::{
    Gate, METHODS, Named, ProcessId, Program, arguments, arrive, eventually, named, note, square, squares, told_method,
};

pub(crate) const TESTS: &[Named] = named! {
    workers_have_only_the_rights_of_the_program
    task_that_execs_a_setuid_program_is_released
};

pub(crate) const PROGRAMS: &[Named] = named! {
    keeps_its_rights
    gives_up_its_rights
    loses_tasks_to_root
};

/// The rights of this process, as proc_pid_status(5) has them.
fn rights() -> Vec<String> {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let keys = ["Uid", "Gid", "CapPrm", "CapEff"];
    status.lines().filter(|line| keys.iter().any(|key| line.starts_with(key))).map(Into::into).collect()
}

/// Gives up what the real user would not have; a real user root gives up capabilities.
fn give_up_rights() {
    /// As capset(2) has it, of version 3: two words a set.
    #[repr(C)]
    struct Header {
        version: u32,
        pid: i32,
    }
    let (header, none) = (Header { version: 0x2008_0522, pid: 0 }, [0_u32; 6]);
    // SAFETY: integers only, but for the sets, which are read.
    unsafe {
        let (user, group) = (libc::getuid(), libc::getgid());
        assert_eq!(libc::setresgid(group, group, group), 0);
        assert_eq!(libc::setresuid(user, user, user), 0);
        assert_eq!(libc::syscall(libc::SYS_capset, &raw const header, none.as_ptr()), 0);
    }
}

fn compares_rights() -> Result<()> {
    for method in METHODS {
        let now = rights();
        let pool = Pool::builder().processes(1).start_method(method).build()?;
        assert_eq!(pool.apply(rights, ())?, now, "{method:?}");
        pool.close();
        pool.join()?;
        assert_eq!(Process::builder().start_method(method).target(rights, ()).start()?.join()?, now, "{method:?}");
    }
    println!("{}", rights().join(" "));
    Ok(())
}

pub(crate) fn keeps_its_rights() -> Result<()> {
    compares_rights()
}

pub(crate) fn gives_up_its_rights() -> Result<()> {
    give_up_rights();
    compares_rights()
}

/// Runs a program of the file, which a user without rights starts, if `launcher` is for that.
fn run(launcher: &[&str], file: &Path, program: &str) -> String {
    let inner = Program::command(program);
    let mut command = Command::new("timeout");
    command.args(["--signal=KILL", "60"]).args(launcher).arg(file).args(inner.get_args());
    let output = command.output().unwrap();
    assert!(output.status.success(), "{launcher:?} {program}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

const NOBODY: [&str; 6] = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"];

/// A copy of this file that anybody may execute.
fn copy_in(folder: &Path) -> PathBuf {
    fs::set_permissions(folder, fs::Permissions::from_mode(0o755)).unwrap();
    let file = folder.join("program");
    fs::copy(std::env::current_exe().unwrap(), &file).unwrap();
    file
}

pub(crate) fn workers_have_only_the_rights_of_the_program() -> Result<()> {
    if !Uid::effective().is_root() {
        note("only root can give rights to files");
        return Ok(());
    }
    let folder = tempfile::tempdir().unwrap();
    let file = copy_in(folder.path());
    let without = "Uid:\t65534\t65534\t65534\t65534 Gid:\t65534\t65534\t65534\t65534 \
                   CapPrm:\t0000000000000000 CapEff:\t0000000000000000\n";
    // Root, that has all capabilities or none.
    run(&[], &file, "keeps_its_rights");
    run(&[], &file, "gives_up_its_rights");
    // A file that makes every user who executes it root.
    fs::set_permissions(&file, fs::Permissions::from_mode(0o6755)).unwrap();
    run(&NOBODY, &file, "keeps_its_rights");
    assert_eq!(run(&NOBODY, &file, "gives_up_its_rights"), without);
    // Through a loader it does not, and so it must not for workers.
    let mut launcher = NOBODY.to_vec();
    launcher.push(super::services::LOADER);
    assert_eq!(run(&launcher, &file, "keeps_its_rights"), without);
    fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
    let mut setcap = Command::new("setcap");
    setcap.arg("cap_net_bind_service,cap_net_raw+ep").arg(&file);
    if setcap.output().is_ok_and(|output| output.status.success()) {
        run(&NOBODY, &file, "keeps_its_rights");
        assert_eq!(run(&NOBODY, &file, "gives_up_its_rights"), without);
        assert_eq!(run(&launcher, &file, "keeps_its_rights"), without);
    } else {
        note("files cannot be given capabilities here");
    }
    Ok(())
}

/// A task: arrives, and becomes a program of root, which no other user may kill.
fn becomes_roots(helper: PathBuf, gate: PathBuf) -> String {
    arrive(&gate);
    let arguments = ["--reuid", "0", "--regid", "0", "--clear-groups", "sleep", "3600"];
    panic!("{}", Command::new(helper).args(arguments).exec())
}

/// As [`becomes_roots`], in a process that the task waits for.
fn starts_roots(helper: PathBuf, gate: PathBuf) -> String {
    // SAFETY: the child ends as another program, or by a panic in its copy of the worker, which
    // ends then.
    match unsafe { fork() }.unwrap() {
        ForkResult::Child => becomes_roots(helper, gate),
        ForkResult::Parent { child } => format!("{:?}", waitpid(child, None)),
    }
}

/// A program whose tasks become root's, or start what does: `loses_tasks_to_root METHOD HELPER
/// GATE`.
pub(crate) fn loses_tasks_to_root() -> Result<()> {
    let [helper, gate] = [1, 2].map(|at| PathBuf::from(&arguments()[at]));
    let builder = || Pool::builder().processes(2).start_method(told_method());
    for starts in [false, true] {
        let pool = builder().task_timeout(Duration::from_secs(1)).build()?;
        let args = (helper.clone(), gate.clone());
        let lost = if starts { pool.apply(starts_roots, args) } else { pool.apply(becomes_roots, args) };
        assert!(matches!(lost, Err(Error::TimedOut { .. })), "{lost:?}");
        assert_eq!(pool.map(square, 0..10)?, squares(10));
        pool.close();
        pool.join()?;
    }
    let process = Process::builder().start_method(told_method()).target(becomes_roots, (helper, gate)).start()?;
    std::thread::sleep(Duration::from_millis(200));
    process.kill()?;
    let lost = process.join();
    assert!(matches!(lost, Err(Error::WorkerLost { .. })), "{lost:?}");
    println!("well");
    Ok(())
}

pub(crate) fn task_that_execs_a_setuid_program_is_released() -> Result<()> {
    if !Uid::effective().is_root() {
        note("only root can make a file that makes others root");
        return Ok(());
    }
    let folder = tempfile::tempdir().unwrap();
    let file = copy_in(folder.path());
    let found = Command::new("sh").args(["-c", "command -v setpriv"]).output().unwrap();
    let helper = folder.path().join("helper");
    fs::copy(String::from_utf8(found.stdout).unwrap().trim(), &helper).unwrap();
    fs::set_permissions(&helper, fs::Permissions::from_mode(0o4755)).unwrap();
    for method in ["0", "1", "2"] {
        let gate = Gate::new();
        fs::set_permissions(gate.path(), fs::Permissions::from_mode(0o777)).unwrap();
        let mut command = Command::new("timeout");
        command.args(["--signal=KILL", "60"]).args(NOBODY).arg(&file);
        command.args(Program::command("loses_tasks_to_root").get_args()).arg(method).arg(&helper).arg(gate.path());
        // A pipe would end with the last of them only.
        let said = folder.path().join("said");
        let stream = fs::File::create(&said).unwrap();
        let status = command.stdout(stream.try_clone().unwrap()).stderr(stream).status().unwrap();
        let left: Vec<_> = gate.arrived().into_iter().filter_map(ProcessId::of).collect();
        for process in &left {
            kill(Pid::from_raw(process.pid as i32), Signal::SIGKILL).unwrap();
            eventually("it has ended", || process.is_gone());
        }
        let said = fs::read_to_string(&said).unwrap();
        assert!(status.success() && said == "well\n", "{method}: {status} {said}");
        assert_eq!(left.len(), 3, "{method}: all became root's");
    }
    Ok(())
}
