//! Whose the files and sockets are that have passed: when each process closes them, and that none
//! is left open.

use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use multiproc::{Error, Executor, Fd, Pool, Result, partial};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::{pair, sign, text};
use crate::support::{Gate, METHODS, Named, arrive, descriptors, named, own_pid, pass, pids};

pub(crate) const TESTS: &[Named] = named! {
    argument_moves_and_state_is_shared
    peer_sees_the_end_while_the_task_goes_on
    task_whose_worker_dies_takes_only_its_own_file_along
    thousands_of_sockets_leave_nothing_open
};

/// The number of descriptors of this process that lead to a socket.
fn holders(socket: &Path) -> usize {
    descriptors().values().filter(|target| target.as_path() == socket).count()
}

/// What a descriptor leads to.
fn target(file: &impl AsRawFd) -> PathBuf {
    descriptors()[&file.as_raw_fd()].clone()
}

fn argument_moves_and_state_is_shared() -> Result<()> {
    let pool = Pool::with_processes(1)?;
    let gate = Gate::new();
    let (given, _kept) = pair();
    let (socket, kept_clone) = (target(&*given), given.clone());
    let wait = |gate: PathBuf, _socket: Fd<UnixStream>| pass(gate);
    let first = pool.apply_async(wait, (gate.path(), given));
    gate.await_arrivals(1);
    assert_eq!(holders(&socket), 1, "the clone that was kept here");
    drop(kept_clone);
    assert_eq!(holders(&socket), 0);
    // One that waits for a worker is open here.
    let (given, _kept) = pair();
    let socket = target(&*given);
    let second = pool.apply_async(wait, (gate.path(), given));
    assert_eq!(holders(&socket), 1);
    gate.open();
    first.get()?;
    second.get()?;
    assert_eq!(holders(&socket), 0);

    let (given, _kept) = pair();
    let socket = target(&*given);
    let results = pool.imap(partial(|_: &Fd<UnixStream>, n: u64| n, given), 0..10);
    assert_eq!(holders(&socket), 1, "for the workers to come");
    assert_eq!(results.count(), 10);
    assert_eq!(holders(&socket), 0);
    Ok(())
}

fn peer_sees_the_end_while_the_task_goes_on() -> Result<()> {
    fn drop_and_wait(socket: Fd<UnixStream>, gate: PathBuf) {
        drop(socket);
        pass(gate);
    }
    for method in METHODS {
        let gate = Gate::new();
        let pool = Pool::builder().processes(1).start_method(method).build()?;
        let (given, kept) = pair();
        let task = pool.apply_async(drop_and_wait, (given, gate.path()));
        assert_eq!(text(kept), "");
        gate.open();
        task.get()?;
    }
    Ok(())
}

fn task_whose_worker_dies_takes_only_its_own_file_along() -> Result<()> {
    let pool = Pool::with_processes(1)?;
    let gate = Gate::new();
    let sign_and_wait = |socket: Fd<UnixStream>, gate: PathBuf| {
        arrive(&gate);
        sign(socket);
        pass(gate);
    };
    let (pairs, kept): (Vec<_>, Vec<_>) = (0..5).map(|_| pair()).unzip();
    let results: Vec<_> =
        pairs.into_iter().map(|given| pool.apply_async(sign_and_wait, (given, gate.path()))).collect();
    gate.await_arrivals(1);
    kill(Pid::from_raw(pids(&pool)[0] as i32), Signal::SIGKILL).unwrap();
    gate.open();
    let outcomes: Vec<_> = results.into_iter().map(multiproc::AsyncResult::get).collect();
    assert!(matches!(outcomes[0], Err(Error::WorkerLost { .. })), "{outcomes:?}");
    assert!(outcomes[1..].iter().all(Result::is_ok), "{outcomes:?}");
    let signed: Vec<_> = kept.into_iter().map(text).collect();
    assert!(signed[1..].iter().all(|text| !text.is_empty()), "{signed:?}");
    Ok(())
}

fn thousands_of_sockets_leave_nothing_open() -> Result<()> {
    const ROUNDS: usize = if cfg!(debug_assertions) { 10 } else { 34 };
    const BATCH: usize = 100;
    for method in METHODS {
        let pool = Pool::builder().processes(2).start_method(method).build()?;
        let count = |_: u64| descriptors().len();
        pool.map(sign, [pair().0, pair().0])?;
        pool.map(|_: u64| own_pid(), 0..2)?;
        let (here, there) = (descriptors().len(), pool.with_chunksize(1).map(count, 0..20)?);
        for round in 0..ROUNDS {
            let (given, kept): (Vec<_>, Vec<_>) = (0..BATCH).map(|_| pair()).unzip();
            if round % 2 == 0 {
                pool.map(sign, given)?;
            } else {
                pool.imap_unordered(sign, given).for_each(|result| result.unwrap());
            }
            kept.into_iter().for_each(|kept| assert!(!text(kept).is_empty()));
        }
        assert_eq!(descriptors().len(), here, "{method:?}");
        let now = pool.with_chunksize(1).map(count, 0..20)?;
        assert!(now.iter().max() <= there.iter().max(), "{method:?}: {there:?}, then {now:?}");
    }
    Ok(())
}
