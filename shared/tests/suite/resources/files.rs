//! A limit on the size of files, which shared memory counts as, and a full file system.

use std::io::Write;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use multiproc::{Error, Executor, Pool, PriorityQueue, Process, Queue, Result, SharedSlice};
use nix::errno::Errno;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction};
use nix::unistd::Uid;

use super::{a_small_pool_works, limit};
use crate::support::{METHODS, Named, Program, named, square};

pub(crate) const TESTS: &[Named] = named! {
    full_shared_memory_file_system_is_harmless
    shared_memory_over_the_limit_on_files_is_an_error
    queue_over_the_limit_on_files_is_an_error
    limit_on_files_sends_no_signal_to_a_handler
};

pub(crate) const PROGRAMS: &[Named] = named! {
    uses_a_small_pool
};

fn is_too_large<T>(result: Result<T>) -> bool {
    matches!(&result, Err(Error::Io { source, .. }) if source.raw_os_error() == Some(Errno::EFBIG as i32))
        && result.err().is_some_and(|error| error.to_string().contains("RLIMIT_FSIZE"))
}

fn shared_memory_over_the_limit_on_files_is_an_error() -> Result<()> {
    for max in [100 << 10, 4096, 1, 0] {
        limit(Resource::RLIMIT_FSIZE, max);
        for method in METHODS {
            assert!(is_too_large(Pool::builder().processes(2).start_method(method).build()));
            assert!(is_too_large(Process::builder().start_method(method).target(square, (1,)).start()));
        }
        assert!(is_too_large(SharedSlice::<u64>::new(1 << 20)));
        assert!(is_too_large(Queue::<u64>::bounded(1 << 20)));
        let (_, hard) = getrlimit(Resource::RLIMIT_FSIZE).unwrap();
        setrlimit(Resource::RLIMIT_FSIZE, hard, hard).unwrap();
        METHODS.iter().try_for_each(|method| {
            assert_eq!(Pool::builder().processes(1).start_method(*method).build()?.apply(square, (3,))?, 9);
            Ok::<_, Error>(())
        })?;
    }
    Ok(())
}

fn queue_over_the_limit_on_files_is_an_error() -> Result<()> {
    let (queue, large) = (Queue::<Vec<u8>>::new()?, PriorityQueue::<Vec<u8>>::new()?);
    limit(Resource::RLIMIT_FSIZE, 4 << 20);
    let refused = (0..1000).find_map(|_| queue.put(vec![1; 1 << 16]).err());
    assert!(refused.is_some_and(|error| error.to_string().contains("RLIMIT_FSIZE")));
    let refused = (0..1000).find_map(|_| large.put(vec![1; 1 << 16]).err());
    assert!(refused.is_some_and(|error| error.to_string().contains("RLIMIT_FSIZE")));
    assert_eq!(queue.get()?, vec![1; 1 << 16]);
    assert_eq!(large.get()?, vec![1; 1 << 16]);
    Ok(())
}

/// A program that watches its own files for the limit must not see ours.
fn limit_on_files_sends_no_signal_to_a_handler() -> Result<()> {
    static SEEN: AtomicU32 = AtomicU32::new(0);
    extern "C" fn note(_: i32) {
        SEEN.fetch_add(1, Relaxed);
    }
    let action = SigAction::new(SigHandler::Handler(note), SaFlags::empty(), SigSet::empty());
    #[allow(unsafe_code, reason = "the handler only adds to an atomic")]
    // SAFETY: the handler does what is safe in a handler.
    unsafe { sigaction(Signal::SIGXFSZ, &action) }.unwrap();
    limit(Resource::RLIMIT_FSIZE, 4096);
    assert!(is_too_large(Pool::with_processes(1)));
    assert_eq!(SEEN.load(Relaxed), 0);
    let mut file = tempfile::tempfile()?;
    assert!(file.write_all(&[0; 5000]).is_err());
    assert_eq!(SEEN.load(Relaxed), 1);
    Ok(())
}

fn uses_a_small_pool() -> Result<()> {
    a_small_pool_works()?;
    println!("well");
    Ok(())
}

/// In a mount namespace of its own: a `/dev/shm` of one page, which is in use.
const FULL: &str = "mount -t tmpfs -o size=4k none /dev/shm && head -c 4096 /dev/zero >/dev/shm/all \
                    && ! echo more 2>/dev/null >/dev/shm/more && echo full && exec \"$0\" \"$@\"";

/// Shared memory has no name, and is in no file system that can be seen. So one in which nothing
/// can be written is as good as any.
fn full_shared_memory_file_system_is_harmless() -> Result<()> {
    let program = Program::command("uses_a_small_pool");
    let mut command = Command::new("unshare");
    command.args(if Uid::effective().is_root() { &["--mount"][..] } else { &["--mount", "--map-root-user"] });
    let output = command.args(["sh", "-c", FULL]).arg(program.get_program()).args(program.get_args()).output().unwrap();
    let printed = String::from_utf8_lossy(&output.stdout);
    if printed.starts_with("full") {
        assert!(output.status.success() && printed == "full\nwell\n", "{output:?}");
    } else {
        // Where that is forbidden, there is less to see: that nothing is ever made there, which
        // every test looks after.
        a_small_pool_works()?;
    }
    Ok(())
}
