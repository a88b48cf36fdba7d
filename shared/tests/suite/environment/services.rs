//! A program of its own with a pool, started in the ways that systems start services, and ended by
//! SIGTERM.

use std::os::fd::{FromRawFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::time::Duration;

use multiproc::{Executor, Pool, Result};
use nix::libc;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::signals::{handle, signals_received};
use crate::support::{Cgroup, Named, Program, announce, arguments, eventually, named, nap, note, told_method};

pub(crate) const TESTS: &[Named] = named! {
    sigterm_drains_services
    sigterm_drains_services_under_a_cpu_quota
    service_under_nohup_survives_its_terminal
};

pub(crate) const PROGRAMS: &[Named] = named! {
    serves
};

/// Tasks that are asked for.
const TASKS: usize = 6;

/// A service: has tasks run, and when it is told to end, takes no more, finishes what it has, and
/// says how many were answered.
pub(crate) fn serves() -> Result<()> {
    handle(arguments()[1].parse().unwrap());
    let pool = Pool::builder().processes(2).start_method(told_method()).build()?;
    let results: Vec<_> = (0..TASKS).map(|_| pool.apply_async(nap, (300,))).collect();
    eventually("tasks run", || pool.statistics().running == 2);
    announce();
    eventually("the service is told to end", || signals_received() > 0);
    pool.close();
    let answered = results.into_iter().filter_map(|result| result.get().ok()).count();
    println!("{answered} answered, {} lost", pool.statistics().workers_lost);
    pool.join()
}

/// How a service is started: a program and its arguments before the service's own.
const LAUNCHERS: [&[&str]; 5] = [
    &[],
    // Ends it by a signal for the group, as on the real end of its time.
    &["timeout", "600"],
    &["unshare", "--pid", "--fork", "--mount-proc"],
    &["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"],
    // What the kernel runs is the loader, then.
    &[LOADER],
];

/// The loader that programs of this machine ask for.
pub(crate) const LOADER: &str =
    if cfg!(target_arch = "aarch64") { "/lib/ld-linux-aarch64.so.1" } else { "/lib64/ld-linux-x86-64.so.2" };

/// The service's command. Not every system or user has all launchers, namespaces and users; the
/// service is started without, then, and the test says so.
fn launch(launcher: &[&str], method: &str) -> Command {
    let mut command = Program::command("serves");
    if let [name, args @ ..] = launcher {
        if Command::new(name).args(args).arg("/bin/true").output().is_ok_and(|output| output.status.success()) {
            let mut launched = Command::new(name);
            launched.args(args).arg(command.get_program()).args(command.get_args());
            command = launched;
        } else {
            note(&format!("{launcher:?} does not work here; the service is started without"));
        }
    }
    command.args([method, "15"]);
    command
}

/// How a service that was told to end says that it has lost nothing.
fn all_answered(printed: &str) -> bool {
    printed.lines().any(|line| line == format!("{TASKS} answered, 0 lost"))
}

pub(crate) fn sigterm_drains_services() -> Result<()> {
    for launcher in LAUNCHERS {
        for method in ["0", "1", "2"] {
            let program = Program::start_with(launch(launcher, method));
            program.signal_group(Signal::SIGTERM);
            let (_, printed) = program.end();
            assert!(all_answered(&printed), "{launcher:?} {method}: {printed}");
        }
    }
    Ok(())
}

/// As a service manager ends what runs in a group with little of the processor: every process in it
/// gets the signal.
pub(crate) fn sigterm_drains_services_under_a_cpu_quota() -> Result<()> {
    let group = Cgroup::with_quota();
    if group.is_none() {
        note("no cgroup with a quota can be made here; the service runs in this process' own");
    }
    for launcher in [LAUNCHERS[0], LAUNCHERS[3], LAUNCHERS[4]] {
        for method in ["0", "1", "2"] {
            let mut command = launch(launcher, method);
            if let Some(group) = &group {
                command = group.of(&command);
            }
            let program = Program::start_with(command);
            let all: Vec<u32> = program.processes.iter().map(|process| process.pid).collect();
            assert!(all.len() >= 4, "{all:?}");
            if let Some(group) = &group {
                let inside = group.processes();
                assert!(all.iter().all(|pid| inside.contains(pid)), "{all:?} {inside:?}");
            }
            for pid in all {
                kill(Pid::from_raw(pid as i32), Signal::SIGTERM).unwrap();
            }
            let (_, printed) = program.end();
            assert!(all_answered(&printed), "{launcher:?} {method}: {printed}");
        }
    }
    Ok(())
}

/// A new terminal: what keeps it, and what programs see.
#[allow(unsafe_code, reason = "terminals are the C library's")]
fn terminal() -> (OwnedFd, OwnedFd) {
    let (mut ours, mut theirs) = (-1, -1);
    let null = std::ptr::null_mut();
    // SAFETY: the two numbers are written, nothing else is read; both descriptors are new and
    // owned by nothing else.
    unsafe {
        assert_eq!(libc::openpty(&mut ours, &mut theirs, null, null.cast(), null.cast()), 0);
        libc::fcntl(ours, libc::F_SETFD, libc::FD_CLOEXEC);
        (OwnedFd::from_raw_fd(ours), OwnedFd::from_raw_fd(theirs))
    }
}

#[allow(unsafe_code, reason = "sessions are the C library's")]
pub(crate) fn service_under_nohup_survives_its_terminal() -> Result<()> {
    for method in ["0", "1", "2"] {
        let mut command = launch(&["nohup"], method);
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
        assert!(all_answered(&printed()), "{method}: {}", printed());
    }
    Ok(())
}
