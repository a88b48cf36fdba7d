//! Locks, files and descriptors that a task leaves in a bad way.

use std::fs::File;
use std::io::Write;
use std::sync::Mutex;
use std::sync::mpsc::channel;
use std::thread;
use std::time::{Duration, Instant};

use multiproc::{Executor, Pool, Process, Result};

use super::{LONG, is_well};
use crate::support::{METHODS, Named, eventually, named, own_pid, square};

pub(crate) const TESTS: &[Named] = named! {
    held_stdout_lock_stops_no_worker
    held_c_stream_lock_stops_no_worker
    output_of_a_task_with_a_thread_is_flushed
    worker_without_descriptors_is_replaced_at_once
    pool_writes_nothing_into_a_file_of_a_task
};

/// Leaves a thread behind that holds standard output for ever.
fn holds_stdout() -> u32 {
    let (sender, receiver) = channel();
    thread::spawn(move || {
        let _out = std::io::stdout().lock();
        sender.send(()).unwrap();
        thread::sleep(Duration::from_secs(1000));
    });
    receiver.recv().unwrap();
    7
}

pub(crate) fn held_stdout_lock_stops_no_worker() -> Result<()> {
    for method in METHODS {
        let pool = Pool::builder().processes(1).start_method(method).build()?;
        let mut held = pool.apply_async(holds_stdout, ());
        assert_eq!(held.get_timeout(LONG)?, 7);
        for n in 0..20 {
            assert_eq!(pool.apply_async(square, (n,)).get_timeout(LONG)?, n * n);
            thread::sleep(Duration::from_millis(5));
        }
        is_well(&pool)?;
        let began = Instant::now();
        pool.close();
        pool.join()?;
        assert!(began.elapsed() < LONG);
        drop(pool);
        // And of a process of its own.
        assert_eq!(Process::builder().start_method(method).target(holds_stdout, ()).start()?.join_timeout(LONG)?, 7);
    }
    Ok(())
}

#[allow(unsafe_code, reason = "C streams have no safe interface")]
mod c {
    use nix::libc;

    unsafe extern "C" {
        static stdout: *mut libc::FILE;
        fn flockfile(file: *mut libc::FILE);
    }

    /// Locks C's standard output for this thread.
    pub(super) fn lock_stdout() {
        // SAFETY: the stream lives as long as the process.
        unsafe { flockfile(stdout) }
    }

    /// Writes into C's standard output, whose buffer is full only much later.
    pub(super) fn print(text: &std::ffi::CStr) {
        // SAFETY: a string that ends, and a format that takes one.
        unsafe { libc::printf(c"%s".as_ptr(), text.as_ptr()) };
    }
}

fn holds_c_stdout() -> u32 {
    let (sender, receiver) = channel();
    thread::spawn(move || {
        c::lock_stdout();
        sender.send(()).unwrap();
        thread::sleep(Duration::from_secs(1000));
    });
    receiver.recv().unwrap();
    7
}

pub(crate) fn held_c_stream_lock_stops_no_worker() -> Result<()> {
    let pool = Pool::with_processes(1)?;
    assert_eq!(pool.apply_async(holds_c_stdout, ()).get_timeout(LONG)?, 7);
    is_well(&pool)?;
    pool.close();
    pool.join()?;
    assert_eq!(Process::new(holds_c_stdout, ()).start()?.join_timeout(LONG)?, 7);
    Ok(())
}

/// Prints into a file in the place of standard output, and leaves a thread behind if asked.
fn prints_into(path: std::path::PathBuf, leave: bool) {
    let file = File::create(path).unwrap();
    nix::unistd::dup2_stdout(&file).unwrap();
    if leave {
        thread::spawn(|| thread::sleep(Duration::from_secs(1000)));
    }
    c::print(c"from C ");
    print!("from Rust");
}

pub(crate) fn output_of_a_task_with_a_thread_is_flushed() -> Result<()> {
    let folder = tempfile::tempdir()?;
    for leave in [false, true] {
        let pool = Pool::with_processes(1)?;
        let path = folder.path().join(format!("idle-{leave}"));
        pool.apply(prints_into, (path.clone(), leave))?;
        let printed = |path: &std::path::Path| {
            let text = std::fs::read_to_string(path).unwrap();
            text.contains("from C") && text.contains("from Rust")
        };
        eventually("an idle worker shows what was printed", || printed(&path));
        let path = folder.path().join(format!("end-{leave}"));
        Process::new(prints_into, (path.clone(), leave)).start()?.join()?;
        assert!(printed(&path), "a process that ends shows what was printed");
    }
    Ok(())
}

fn close_all() -> u32 {
    for fd in 3..1024 {
        let _ = nix::unistd::close(fd);
    }
    1
}

pub(crate) fn worker_without_descriptors_is_replaced_at_once() -> Result<()> {
    for method in METHODS {
        let pool = Pool::builder().processes(1).start_method(method).build()?;
        // Often, as the second task finds a worker that has just looked at its descriptors, or not.
        for lost in 1..=10 {
            let before = pool.apply(own_pid, ())?;
            assert_eq!(pool.apply(close_all, ())?, 1);
            eventually("another worker is there", || pool.workers().first().is_some_and(|worker| worker.pid != before));
            is_well(&pool)?;
            assert_eq!(pool.statistics().workers_lost, lost, "once");
        }
        // A task with handles needs more of them.
        let queue = multiproc::Queue::new()?;
        assert_eq!(pool.apply(close_all, ())?, 1);
        pool.apply(|queue: multiproc::Queue<u32>| queue.put(3).unwrap(), (queue.clone(),))?;
        assert_eq!(queue.get()?, 3);
        drop(pool);
        assert_eq!(Process::builder().start_method(method).target(close_all, ()).start()?.join()?, 1);
    }
    Ok(())
}

pub(crate) fn pool_writes_nothing_into_a_file_of_a_task() -> Result<()> {
    static OPEN: Mutex<Vec<File>> = Mutex::new(Vec::new());
    fn close_and_open(folder: std::path::PathBuf) {
        close_all();
        for n in 0..20 {
            let mut file = File::create(folder.join(n.to_string())).unwrap();
            file.write_all(b"of the task").unwrap();
            OPEN.lock().unwrap().push(file);
        }
        thread::sleep(Duration::from_millis(50));
    }
    let folder = tempfile::tempdir()?;
    let pool = Pool::with_processes(1)?;
    for _ in 0..3 {
        pool.apply(close_and_open, (folder.path().to_path_buf(),))?;
        is_well(&pool)?;
    }
    drop(pool);
    for n in 0..20 {
        assert_eq!(std::fs::read(folder.path().join(n.to_string()))?, b"of the task");
    }
    Ok(())
}
