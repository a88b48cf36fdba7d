//! A program of its own with a pool, started in the ways that systems start services, and ended by
//! SIGTERM.

use std::os::fd::{FromRawFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::time::Duration;

use multiproc::{Pool, Result};
use nix::libc;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::signals::{handle, heard};
use crate::support::{Program, announce, eventually, nap};
use crate::{arguments, told_method};

/// Tasks that are asked for.
const TASKS: usize = 6;

/// A service: has tasks run, and when it is told to end, takes no more, finishes what it has, and
/// says how many were answered.
pub(crate) fn serves() -> Result<()> {
    handle(arguments()[1].parse().unwrap());
    let pool = Pool::builder().processes(2).start_method(told_method()).build()?;
    let results: Vec<_> = (0..TASKS).map(|_| pool.apply_async(nap, (300,))).collect();
    eventually("tasks run", || pool.stats().running == 2);
    announce();
    eventually("the service is told to end", || heard() > 0);
    pool.close();
    let answered = results.into_iter().filter_map(|result| result.get().ok()).count();
    println!("{answered} answered, {} lost", pool.stats().workers_lost);
    pool.join()
}

/// How a service is started: a program and its arguments before the service's own.
const LAUNCHERS: [&[&str]; 4] = [
    &[],
    // Ends it by a signal for the group, as on the real end of its time.
    &["timeout", "600"],
    &["unshare", "--pid", "--fork", "--mount-proc"],
    &["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"],
];

/// The service's command, if its launcher can be used here: namespaces and other users are not for
/// everybody.
fn launch(launcher: &[&str], method: &str) -> Option<Command> {
    let program = Program::command("serves");
    let mut command = match launcher {
        [] => Program::command("serves"),
        [name, args @ ..] => {
            let works = Command::new(name).args(args).arg("true").output().is_ok_and(|output| output.status.success());
            let mut command = works.then(|| Command::new(name))?;
            command.args(args).arg(program.get_program()).args(program.get_args());
            command
        }
    };
    command.args([method, "15"]);
    Some(command)
}

pub(crate) fn services_are_drained_by_sigterm() -> Result<()> {
    for launcher in LAUNCHERS {
        for method in ["0", "1", "2"] {
            let Some(command) = launch(launcher, method) else { continue };
            let program = Program::start_with(command);
            program.signal_group(Signal::SIGTERM);
            let (_, printed) = program.end();
            let all = format!("{TASKS} answered, 0 lost");
            assert!(printed.lines().any(|line| line == all), "{launcher:?} {method}: {printed}");
        }
    }
    Ok(())
}

/// A new terminal: what keeps it, and what programs see.
#[allow(unsafe_code, reason = "terminals are the C library's")]
fn terminal() -> (OwnedFd, OwnedFd) {
    let (mut ours, mut theirs) = (-1, -1);
    let null = std::ptr::null_mut();
    // SAFETY: the two numbers are written, nothing else is read; both descriptors are new and nobody
    // else's.
    unsafe {
        assert_eq!(libc::openpty(&mut ours, &mut theirs, null, null.cast(), null.cast()), 0);
        libc::fcntl(ours, libc::F_SETFD, libc::FD_CLOEXEC);
        (OwnedFd::from_raw_fd(ours), OwnedFd::from_raw_fd(theirs))
    }
}

#[allow(unsafe_code, reason = "sessions are the C library's")]
pub(crate) fn a_service_under_nohup_survives_its_terminal() -> Result<()> {
    for method in ["0", "1", "2"] {
        let Some(mut command) = launch(&["nohup"], method) else { continue };
        let folder = tempfile::tempdir().unwrap();
        let (ours, theirs) = terminal();
        let stream = || Stdio::from(theirs.try_clone().unwrap());
        command.current_dir(folder.path()).stdin(stream()).stdout(stream()).stderr(stream());
        // SAFETY: both calls are async-signal-safe.
        unsafe {
            command.pre_exec(|| {
                libc::setsid();
                libc::ioctl(0, libc::TIOCSCTTY, 0);
                Ok(())
            });
        }
        let mut child = command.spawn().unwrap();
        drop((theirs, command));
        let printed = || std::fs::read_to_string(folder.path().join("nohup.out")).unwrap_or_default();
        eventually("the service is ready", || printed().contains("ready "));
        // The terminal goes away: SIGHUP for all that it controls.
        drop(ours);
        std::thread::sleep(Duration::from_millis(200));
        assert_eq!(child.try_wait().unwrap(), None);
        kill(Pid::from_raw(child.id() as i32), Signal::SIGTERM).unwrap();
        assert!(child.wait().unwrap().success());
        assert!(printed().contains(&format!("{TASKS} answered, 0 lost")), "{method}: {}", printed());
    }
    Ok(())
}
