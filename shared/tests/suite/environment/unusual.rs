//! Programs that are unlike others when they build their pools, and tasks that become other
//! programs.
#![allow(unsafe_code, reason = "what a process is, the C library says and changes")]

use std::fs;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Command;
use std::thread;
use std::time::Duration;

use multiproc::{Error, Executor, Pool, Process, Result, StartMethod};
use nix::libc::{self, c_int};
use nix::sys::signal::{SigSet, Signal};
use nix::unistd::{ForkResult, alarm, fork};

use crate::support::{
    Gate, METHODS, Named, Program, announce, arguments, arrive, eventually, named, nap, note, pids, square, squares,
    told_method,
};

pub(crate) const TESTS: &[Named] = named! {
    pools_work_in_unusual_programs
    children_in_another_pid_namespace_are_rejected
    denied_system_calls_are_an_error_or_harmless
    task_that_execs_another_program_fails_alone
    workers_that_exec_end_with_the_program
};

pub(crate) const PROGRAMS: &[Named] = named! {
    is_unusual
    is_refused
    has_sleepers
    has_distant_children
};

/// What a program may have done to itself, under the name that its test says.
const WAYS: [(&str, fn()); 9] = [
    ("all signals are blocked", || SigSet::all().thread_block().unwrap()),
    ("ends of children are ignored", || set_child_action(libc::SIG_IGN, 0)),
    ("children leave no zombies", || set_child_action(libc::SIG_DFL, libc::SA_NOCLDWAIT)),
    // SAFETY: integers only.
    ("orphans come to it", || unsafe {
        assert_eq!(libc::prctl(libc::PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0), 0);
    }),
    // SAFETY: integers only.
    ("it may not be looked at", || unsafe {
        assert_eq!(libc::prctl(libc::PR_SET_DUMPABLE, 0, 0, 0, 0), 0);
    }),
    // SAFETY: nothing in this program has a descriptor yet, but the standard streams.
    ("all descriptors are closed", || unsafe {
        assert_eq!(libc::close_range(3, u32::MAX, 0), 0);
    }),
    ("its folder is gone", || {
        let folder = tempfile::tempdir().unwrap();
        std::env::set_current_dir(folder.path()).unwrap();
    }),
    ("it is a daemon", daemonize),
    ("it is a daemon that had a pool before", || {
        let pool = Pool::with_processes(1).unwrap();
        assert_eq!(pool.apply(square, (3,)).unwrap(), 9);
        // The original ends without a word, and the copy has no use for it.
        std::mem::forget(pool);
        daemonize();
    }),
];

fn set_child_action(handler: usize, flags: c_int) {
    // SAFETY: all zero is an action; no code of ours is to run.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        (action.sa_sigaction, action.sa_flags) = (handler, flags);
        assert_eq!(libc::sigaction(libc::SIGCHLD, &action, std::ptr::null_mut()), 0);
    }
}

/// Goes on as a process without a parent, in a session of its own.
fn daemonize() {
    for step in 0..2 {
        // SAFETY: the child takes no lock that a thread of its parent's could hold: it has nothing
        // to do with the pool, and the C library sees to its own.
        if let ForkResult::Parent { .. } = unsafe { fork() }.unwrap() {
            // SAFETY: _exit runs no code of this process.
            unsafe { libc::_exit(0) };
        }
        if step == 0 {
            nix::unistd::setsid().unwrap();
        }
    }
}

/// Does with a pool and a process all that may be done with them. Leaves nothing.
fn uses_everything(method: StartMethod) -> Result<()> {
    let builder = || Pool::builder().processes(2).start_method(method);
    let pool = builder().build()?;
    assert_eq!(pool.map(square, 0..100)?, squares(100));
    let lost = pool.apply(|code: i32| -> u32 { std::process::exit(code) }, (3,));
    assert!(matches!(lost, Err(Error::WorkerLost { exit, .. }) if exit.code() == Some(3)), "{lost:?}");
    // A pool of forks is not built beside the threads of another.
    pool.close();
    pool.join()?;
    let pool = builder().task_timeout(Duration::from_millis(50)).build()?;
    assert!(matches!(pool.apply(nap, (600_000,)), Err(Error::TimedOut { .. })));
    drop(pool);
    let start = |milliseconds| Process::builder().start_method(method).target(nap, (milliseconds,)).start();
    assert_eq!(start(1)?.join()?, 1);
    let process = start(600_000)?;
    process.terminate()?;
    let ended = process.join();
    assert!(matches!(ended, Err(Error::WorkerLost { exit, .. }) if exit.signal_name() == Some("SIGTERM")), "{ended:?}");
    Ok(())
}

/// A program that does something to itself and uses pools then: `is_unusual METHOD WAY`.
pub(crate) fn is_unusual() -> Result<()> {
    WAYS[arguments()[1].parse::<usize>().unwrap()].1();
    // No other process would end a daemon that hangs.
    alarm::set(60);
    uses_everything(told_method())?;
    let own = std::process::id();
    eventually("no child is left", || {
        let children = fs::read_to_string(format!("/proc/self/task/{own}/children")).unwrap();
        children.split_whitespace().all(|pid| {
            // Zombies of the zygote's, that come to a subreaper which does not wait for them.
            fs::read_to_string(format!("/proc/{pid}/stat")).map_or(true, |stat| stat.contains(") Z "))
        })
    });
    println!("works");
    // What was forgotten, a daemon's copy of it included, is not dropped at the end of main.
    std::process::exit(0)
}

pub(crate) fn pools_work_in_unusual_programs() -> Result<()> {
    for (way, (name, _)) in WAYS.iter().enumerate() {
        for method in ["0", "1", "2"] {
            let program = Program::command("is_unusual");
            let mut command = Command::new("timeout");
            command.args(["--signal=KILL", "60"]).arg(program.get_program()).args(program.get_args());
            let output = command.args([method, &way.to_string()]).output().unwrap();
            let printed = String::from_utf8_lossy(&output.stdout);
            assert!(printed == "works\n", "{name}, {method}: {output:?}");
        }
    }
    Ok(())
}

/// A program whose children are in another PID namespace: `has_distant_children METHOD`.
pub(crate) fn has_distant_children() -> Result<()> {
    // SAFETY: integers only.
    if unsafe { libc::unshare(libc::CLONE_NEWPID) } != 0 {
        println!("forbidden");
        return Ok(());
    }
    for _ in 0..2 {
        let refused = Pool::builder().processes(2).start_method(told_method()).build();
        assert!(matches!(&refused, Err(Error::Config(text)) if text.contains("PID namespace")), "{refused:?}");
    }
    println!("refused");
    Ok(())
}

pub(crate) fn children_in_another_pid_namespace_are_rejected() -> Result<()> {
    for method in ["0", "1", "2"] {
        let program = Program::command("has_distant_children");
        let mut command = Command::new("timeout");
        command.args(["--signal=KILL", "60"]).arg(program.get_program()).args(program.get_args()).arg(method);
        let output = command.output().unwrap();
        match &*String::from_utf8_lossy(&output.stdout) {
            "refused\n" => {}
            "forbidden\n" => note("no PID namespace can be made here"),
            _ => panic!("{method}: {output:?}"),
        }
    }
    Ok(())
}

/// Has the kernel refuse a system call with this error, for this process and all to come.
fn refuse(call: libc::c_long, errno: c_int) {
    const LOAD: u16 = (libc::BPF_LD | libc::BPF_W | libc::BPF_ABS) as u16;
    const EQUAL: u16 = (libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K) as u16;
    const RETURN: u16 = (libc::BPF_RET | libc::BPF_K) as u16;
    let step = |code, jf, k| libc::sock_filter { code, jt: 0, jf, k };
    // The number of a call is the first word of what a filter sees.
    let mut filter = [
        step(LOAD, 0, 0),
        step(EQUAL, 1, call as u32),
        step(RETURN, 0, libc::SECCOMP_RET_ERRNO | errno as u32),
        step(RETURN, 0, libc::SECCOMP_RET_ALLOW),
    ];
    let program = libc::sock_fprog { len: filter.len() as u16, filter: filter.as_mut_ptr() };
    // SAFETY: the kernel copies the filter, which is whole.
    unsafe {
        assert_eq!(libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
        assert_eq!(libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &program), 0);
    }
}

/// System calls that a sandbox may refuse, and whether pools can do without.
const CALLS: [(&str, libc::c_long, bool); 11] = [
    ("pidfd_open", libc::SYS_pidfd_open, false),
    ("memfd_create", libc::SYS_memfd_create, false),
    ("eventfd2", libc::SYS_eventfd2, false),
    ("signalfd4", libc::SYS_signalfd4, false),
    ("socketpair", libc::SYS_socketpair, false),
    ("prctl", libc::SYS_prctl, true),
    ("close_range", libc::SYS_close_range, true),
    ("madvise", libc::SYS_madvise, true),
    ("fallocate", libc::SYS_fallocate, true),
    ("pidfd_send_signal", libc::SYS_pidfd_send_signal, true),
    ("waitid", libc::SYS_waitid, true),
];

/// A program that may not make a system call: `is_refused METHOD CALL ERRNO`.
pub(crate) fn is_refused() -> Result<()> {
    let number = |at: usize| arguments()[at].parse::<usize>().unwrap();
    let (name, call, works) = CALLS[number(1)];
    refuse(call, number(2) as c_int);
    let method = told_method();
    let outcome = match works {
        true => uses_everything(method),
        // So many that the process which forks ends while it is still asked for some of them.
        false => [60, 2].into_iter().try_for_each(|processes| {
            Pool::builder().processes(processes).start_method(method).build()?.apply(square, (1,)).map(drop)
        }),
    };
    match outcome {
        Ok(()) => assert!(works, "{name} is needed"),
        Err(Error::Io { .. }) => assert!(!works, "{name} is not needed"),
        Err(error) => panic!("{name}: {error:?}"),
    }
    println!("right");
    Ok(())
}

/// As in a container whose filter of system calls knows no newer ones, or forbids some.
pub(crate) fn denied_system_calls_are_an_error_or_harmless() -> Result<()> {
    for (at, (name, ..)) in CALLS.iter().enumerate() {
        for method in ["0", "1", "2"] {
            for errno in [libc::EPERM, libc::ENOSYS] {
                let program = Program::command("is_refused");
                let mut command = Command::new("timeout");
                command.args(["--signal=KILL", "60"]).arg(program.get_program()).args(program.get_args());
                let output = command.args([method, &at.to_string(), &errno.to_string()]).output().unwrap();
                let printed = String::from_utf8_lossy(&output.stdout);
                assert!(printed == "right\n", "{name}, {method}, {errno}: {output:?}");
            }
        }
    }
    Ok(())
}

/// A task: becomes another program.
fn becomes(program: String, argument: String) -> u32 {
    panic!("{}", Command::new(program).arg(argument).exec())
}

/// A task: says that it is here, and sleeps as another program.
fn becomes_a_sleeper(gate: PathBuf) -> u32 {
    arrive(&gate);
    becomes("sleep".into(), "3600".into())
}

pub(crate) fn task_that_execs_another_program_fails_alone() -> Result<()> {
    for method in METHODS {
        let pool = Pool::builder().processes(2).start_method(method).build()?;
        for (program, code) in [("true", 0), ("false", 1)] {
            let lost = pool.apply(becomes, (program.to_string(), String::new()));
            assert!(matches!(lost, Err(Error::WorkerLost { exit, .. }) if exit.code() == Some(code)), "{lost:?}");
        }
        // It is killed as any worker is, whatever it runs.
        let gate = Gate::new();
        let sleeps = pool.apply_async(becomes_a_sleeper, (gate.path(),));
        gate.await_arrivals(1);
        thread::sleep(Duration::from_millis(20));
        assert!(sleeps.cancel());
        assert!(matches!(sleeps.get(), Err(Error::Cancelled)));
        let _sleeps = pool.apply_async(becomes_a_sleeper, (gate.path(),));
        gate.await_arrivals(2);
        assert_eq!(pool.map(square, 0..10)?, squares(10));
        drop(pool);
        let target = ("false".to_string(), String::new());
        let process = Process::builder().start_method(method).target(becomes, target).start()?;
        multiproc::wait(&[&process], None)?;
        assert_eq!(process.exit_status().and_then(|exit| exit.code()), Some(1), "{method:?}");
    }
    Ok(())
}

/// A program whose workers have all become others.
pub(crate) fn has_sleepers() -> Result<()> {
    let gate = Gate::new();
    let pool = Pool::builder().processes(2).start_method(told_method()).build()?;
    let _results: Vec<_> = (0..2).map(|_| pool.apply_async(becomes_a_sleeper, (gate.path(),))).collect();
    gate.await_arrivals(2);
    let is_sleep = |pid: &u32| fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|name| name == "sleep\n");
    eventually("the workers sleep", || pids(&pool).iter().all(is_sleep));
    gate.remove();
    announce();
    loop {
        thread::sleep(Duration::from_secs(60));
    }
}

pub(crate) fn workers_that_exec_end_with_the_program() -> Result<()> {
    for method in ["0", "1", "2"] {
        for signal in [Signal::SIGKILL, Signal::SIGTERM] {
            let mut command = Program::command("has_sleepers");
            command.arg(method);
            let program = Program::start_with(command);
            program.signal(signal);
            program.end();
        }
    }
    Ok(())
}
