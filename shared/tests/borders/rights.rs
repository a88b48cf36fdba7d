//! Programs whose files give them rights: workers have those that the program still has, and no
//! others.
#![allow(unsafe_code, reason = "rights are the C library's")]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use multiproc::{Pool, Process, Result};
use nix::libc;
use nix::unistd::Uid;

use crate::METHODS;
use crate::support::{Program, note};

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

/// Runs a program of the file, which somebody without rights starts, if `launcher` is for that.
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
fn copy_in(folder: &Path) -> std::path::PathBuf {
    fs::set_permissions(folder, fs::Permissions::from_mode(0o755)).unwrap();
    let file = folder.join("program");
    fs::copy(std::env::current_exe().unwrap(), &file).unwrap();
    file
}

pub(crate) fn workers_have_the_rights_that_the_program_has_kept() -> Result<()> {
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
    // A file that makes whoever executes it root.
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
