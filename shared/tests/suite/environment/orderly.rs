//! What runs when a worker ends by itself, and what an initializer that fails says.
#![allow(unsafe_code, reason = "exit handlers and streams are the C library's")]

use std::cell::RefCell;
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::thread;
use std::time::{Duration, Instant};

use multiproc::{Error, Executor, Pool, Process, Result, StartMethod};
use nix::libc;

use crate::support::{METHODS, Named, Program, arguments, can_run_nothing, named, own_pid, square};

pub(crate) const TESTS: &[Named] = named! {
    normal_exit_runs_exit_handlers
    exit_of_the_program_runs_no_handlers_of_workers
    normal_exit_is_bounded_in_time
    initializer_error_fails_every_task
};

pub(crate) const PROGRAMS: &[Named] = named! {
    ends_with_marks
};

/// Where this process writes what has run.
static FOLDER: OnceLock<PathBuf> = OnceLock::new();

/// Notes that something has run in this process.
fn note(what: &str) {
    if let Some(folder) = FOLDER.get() {
        let path = folder.join(format!("{what}-{}", own_pid()));
        File::create_new(path).expect("it runs once");
    }
}

/// How often something has run, in all processes.
fn count(folder: &Path, what: &str) -> usize {
    let names = fs::read_dir(folder).unwrap().flatten().map(|entry| entry.file_name().into_string().unwrap());
    names.filter(|name| name.split('-').next() == Some(what)).count()
}

struct Last;

impl Drop for Last {
    fn drop(&mut self) {
        note("destructor");
    }
}

extern "C" fn at_exit() {
    note("handler");
}

thread_local! {
    static LAST: RefCell<Option<(Last, BufWriter<File>)>> = const { RefCell::new(None) };
}

/// An initializer: sets up all that an end can run.
fn set_up(folder: PathBuf) {
    let text = File::create(folder.join(format!("text-{}", own_pid()))).unwrap();
    let stream = folder.join(format!("stream-{}", own_pid()));
    let path = std::ffi::CString::new(stream.to_str().unwrap()).unwrap();
    FOLDER.set(folder).unwrap();
    LAST.set(Some((Last, BufWriter::new(text))));
    // SAFETY: the strings end with a null byte; a stream that is left open is flushed at the end.
    unsafe {
        libc::atexit(at_exit);
        libc::fputs(c"streamed".as_ptr(), libc::fopen(path.as_ptr(), c"w".as_ptr()));
    }
}

fn task(n: u64) -> u64 {
    LAST.with_borrow_mut(|last| last.as_mut().unwrap().1.write_all(b"line\n").unwrap());
    n
}

fn finalize(times: u32) {
    (0..times).for_each(|_| note("finalizer"));
}

/// The number of bytes in all files of a kind.
fn bytes(folder: &Path, what: &str) -> usize {
    let entries = fs::read_dir(folder).unwrap().flatten();
    let of = entries.filter(|entry| entry.file_name().to_str().unwrap().starts_with(what));
    of.map(|entry| fs::read(entry.path()).unwrap().len()).sum()
}

pub(crate) fn normal_exit_runs_exit_handlers() -> Result<()> {
    for method in METHODS {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        let builder = Pool::builder().processes(2).start_method(method).max_tasks_per_child(10);
        let pool = builder.initializer(set_up, (path.to_path_buf(),)).finalizer(finalize, (1u32,)).build()?;
        assert_eq!(pool.with_chunksize(1).map(task, 0..100)?.len(), 100);
        pool.close();
        pool.join()?;
        let stats = pool.statistics();
        let workers = stats.workers_started as usize;
        assert_eq!(stats.workers_lost, 0);
        let counts = ["destructor", "handler", "finalizer"].map(|what| count(path, what));
        assert_eq!(counts, [workers; 3], "{method:?}");
        assert_eq!((bytes(path, "text"), bytes(path, "stream")), (500, 8 * workers), "{method:?}");
        let process = Process::builder().start_method(method).target(set_up, (path.to_path_buf(),)).start()?;
        process.join()?;
        assert_eq!((count(path, "destructor"), count(path, "handler")), (workers + 1, workers + 1), "{method:?}");
    }
    Ok(())
}

/// A program with an end of its own, whose forked workers must not run that.
pub(crate) fn ends_with_marks() -> Result<()> {
    let folder = PathBuf::from(&arguments()[0]);
    FOLDER.set(folder).unwrap();
    LAST.set(Some((Last, BufWriter::new(File::create("/dev/null").unwrap()))));
    // SAFETY: the handler may run at any time.
    unsafe { libc::atexit(at_exit) };
    let pool = Pool::builder().processes(2).start_method(StartMethod::Fork).build()?;
    assert_eq!(pool.map(square, 0..4)?.len(), 4);
    if arguments()[1] == "exit" {
        let error = pool.apply(|| -> u32 { std::process::exit(3) }, ()).unwrap_err();
        assert!(error.to_string().contains("code 3"), "{error}");
    }
    pool.close();
    pool.join()?;
    let process = Process::builder().start_method(StartMethod::Fork).target(square, (2,)).start()?;
    assert_eq!(process.join()?, 4);
    std::process::exit(0);
}

pub(crate) fn exit_of_the_program_runs_no_handlers_of_workers() -> Result<()> {
    // Where a task exits by itself, nothing can be done about the destructors.
    for (how, destructors) in [("return", 1), ("exit", 2)] {
        let folder = tempfile::tempdir().unwrap();
        let output = Program::command("ends_with_marks").arg(folder.path()).arg(how).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        assert_eq!((count(folder.path(), "destructor"), count(folder.path(), "handler")), (destructors, 1), "{how}");
    }
    Ok(())
}

fn takes_for_ever() {
    loop {
        thread::sleep(Duration::from_secs(60));
    }
}

extern "C" fn never_exits() {
    takes_for_ever();
}

fn refuses() -> std::result::Result<(), String> {
    Err("no".into())
}

pub(crate) fn normal_exit_is_bounded_in_time() -> Result<()> {
    let begun = Instant::now();
    for method in METHODS {
        let builder =
            || Pool::builder().processes(1).start_method(method).finalizer_timeout(Duration::from_millis(200));
        let lost = |pool: Pool| -> Result<u64> {
            assert_eq!(pool.apply(square, (3,))?, 9);
            pool.close();
            pool.join()?;
            Ok(pool.statistics().workers_lost)
        };
        assert_eq!(lost(builder().finalizer(takes_for_ever, ()).build()?)?, 1);
        // SAFETY: the handler may run at any time.
        let hang = || unsafe { libc::atexit(never_exits) };
        assert_eq!(lost(builder().initializer(hang, ()).build()?)?, 1);
        assert_eq!(lost(builder().finalizer(|| -> u32 { panic!("at the end") }, ()).build()?)?, 1);
        assert_eq!(lost(builder().finalizer(refuses, ()).build()?)?, 1);
    }
    assert!(begun.elapsed() < Duration::from_secs(60));
    Ok(())
}

fn refuses_with(kind: u32) -> Result<(), String> {
    if kind == 0 { Ok(()) } else { Err(format!("no database {kind}")) }
}

fn refuses_with_own() -> Result<()> {
    Err(Error::Config("no setting".into()))
}

pub(crate) fn initializer_error_fails_every_task() -> Result<()> {
    for method in METHODS {
        let builder = || Pool::builder().processes(2).start_method(method);
        let pool = builder().initializer(refuses_with, (7,)).build()?;
        can_run_nothing(
            &pool,
            |error| matches!(error, Error::Initializer(inner) if matches!(&**inner, Error::Failed(text) if text == "no database 7")),
        );
        drop(pool);
        let pool = builder().initializer(refuses_with_own, ()).build()?;
        can_run_nothing(
            &pool,
            |error| matches!(error, Error::Initializer(inner) if matches!(&**inner, Error::Config(text) if text == "no setting")),
        );
        drop(pool);
        let pool = builder().initializer(multiproc::partial(refuses_with, 0), ()).build()?;
        assert_eq!(pool.apply(square, (3,))?, 9);
    }
    Ok(())
}
