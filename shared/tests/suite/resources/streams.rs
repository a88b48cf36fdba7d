//! Closed standard streams, broken pipes, and signals that interrupt.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use multiproc::{Error, Executor, Manager, Pool, Result, StartMethod};
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, kill, sigaction};
use nix::unistd::Pid;

use super::a_small_pool_works;
use crate::support::{METHODS, Named, Program, named, pids, square, squares};

pub(crate) const TESTS: &[Named] = named! {
    broken_pipe_is_an_error_with_sigpipe_enabled
    closed_standard_streams_are_harmless
    frequent_signals_are_harmless
};

pub(crate) const PROGRAMS: &[Named] = named! {
    uses_a_pool_with_closed_streams
};

fn broken_pipe_is_an_error_with_sigpipe_enabled() -> Result<()> {
    let default = SigAction::new(SigHandler::SigDfl, SaFlags::empty(), SigSet::empty());
    #[allow(unsafe_code, reason = "as below")]
    // SAFETY: the default action runs no code of ours.
    unsafe { sigaction(Signal::SIGPIPE, &default) }.unwrap();
    for method in METHODS {
        let (ours, theirs) = multiproc::pipe::<u64, u64>()?;
        drop(theirs);
        assert!((0..100_000).any(|n| ours.send(n).is_err()));
        let pool = Pool::builder().processes(2).start_method(method).build()?;
        let workers = pids(&pool);
        workers.iter().for_each(|pid| kill(Pid::from_raw(*pid as i32), Signal::SIGKILL).unwrap());
        let outcomes: Vec<_> = (0..50).map(|n| pool.apply(square, (n,))).collect();
        assert!(outcomes.iter().any(Result::is_ok), "{outcomes:?}");
        if method != StartMethod::Fork {
            let server = Manager::new()?;
            let list = server.list::<u64>()?;
            drop(server);
            assert!(list.push(1).is_err());
        }
    }
    Ok(())
}

fn uses_a_pool_with_closed_streams() -> Result<()> {
    a_small_pool_works()?;
    let pool = Pool::with_processes(2)?;
    assert!(pool.apply(|| println!("to a closed stream"), ()).is_ok());
    assert!(matches!(pool.apply(|| -> u64 { panic!("unheard") }, ()), Err(Error::Panicked { .. })));
    std::process::exit(17);
}

fn closed_standard_streams_are_harmless() -> Result<()> {
    for closed in ["<&-", ">&-", "2>&-", "<&- >&-", "<&- >&- 2>&-"] {
        let program = Program::command("uses_a_pool_with_closed_streams");
        let mut shell = Command::new("sh");
        shell.arg("-c").arg(format!("exec \"$0\" \"$@\" {closed}")).arg(program.get_program()).args(program.get_args());
        let status = shell.stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap();
        assert_eq!(status.code(), Some(17), "{closed}");
    }
    Ok(())
}

extern "C" fn count_nothing(_: i32) {}

/// Has a handled signal interrupt this process every millisecond.
#[allow(unsafe_code, reason = "signal handlers and timers are the C library's")]
fn interrupt_every_millisecond() {
    let action = SigAction::new(SigHandler::Handler(count_nothing), SaFlags::empty(), SigSet::empty());
    // SAFETY: the handler does nothing.
    unsafe { sigaction(Signal::SIGALRM, &action) }.unwrap();
    let millisecond = nix::libc::timeval { tv_sec: 0, tv_usec: 1000 };
    let timer = nix::libc::itimerval { it_interval: millisecond, it_value: millisecond };
    // SAFETY: the timer is only read, and the old one is not asked for.
    assert_eq!(unsafe { nix::libc::setitimer(nix::libc::ITIMER_REAL, &timer, std::ptr::null_mut()) }, 0);
}

fn frequent_signals_are_harmless() -> Result<()> {
    interrupt_every_millisecond();
    let until = Instant::now() + Duration::from_secs(3);
    while Instant::now() < until {
        a_small_pool_works()?;
        let pool = Pool::with_processes(2)?;
        assert_eq!(pool.with_chunksize(1).map(crate::support::nap, [3; 20])?, [3; 20]);
        let large = vec![5u8; 3 << 20];
        assert!(pool.apply(|bytes: Vec<u8>| bytes, (large.clone(),))? == large);
        assert_eq!(pool.imap(square, 0..1000).collect::<Result<Vec<_>>>()?, squares(1000));
        let (ours, theirs) = multiproc::pipe::<u64, u64>()?;
        let echo =
            multiproc::Process::new(|end: multiproc::Connection<u64, u64>| end.recv().unwrap(), (theirs,)).start()?;
        ours.send(5)?;
        assert_eq!(echo.join()?, 5);
    }
    Ok(())
}
