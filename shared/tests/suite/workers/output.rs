//! Where the output of workers goes.

use std::collections::BTreeSet;
use std::fs::{self, OpenOptions};
use std::process::{self, Command};
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use multiproc::{Error, Executor, Output, Pool, Result, StartMethod, worker_index};
use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, dup2_stderr};

use crate::support::{METHODS, Named, Program, arguments, eventually, message, named, square, told_method};

pub(crate) const TESTS: &[Named] = named! {
    silenced_workers_print_nothing
    each_line_comes_with_the_number_of_its_worker
    lines_come_from_initializer_to_finalizer
    output_goes_to_a_file
    error_has_what_its_task_wrote_and_no_other
    error_has_the_end_of_long_output
    initializer_error_has_what_it_wrote
    handler_that_does_not_return_stops_no_worker
    panicking_handler_gets_the_next_line
    pool_ends_although_a_process_holds_its_output
    no_mark_goes_into_a_file_of_a_task
    pool_with_output_starts_and_replaces_many_workers
};

pub(crate) const PROGRAMS: &[Named] = named! {
    prints_in_workers
};

const LONG: Duration = Duration::from_secs(60);

#[allow(unsafe_code, reason = "C streams have no safe interface")]
fn print_in_c(text: &std::ffi::CStr) {
    // SAFETY: a string that ends, and a format that takes one.
    unsafe { nix::libc::printf(c"%s\n".as_ptr(), text.as_ptr()) };
}

/// A task: writes to both streams, in all ways that there are.
fn print_everything() {
    println!("out of Rust");
    print_in_c(c"out of C");
    eprintln!("err of Rust");
    let shell = Command::new("sh").args(["-c", "echo out of a program; echo err of a program >&2"]).status();
    assert!(shell.unwrap().success());
}

const OUT: [&str; 3] = ["out of C", "out of Rust", "out of a program"];
const ERR: [&str; 2] = ["err of Rust", "err of a program"];

/// A program: its workers print, silenced or not.
fn prints_in_workers() -> Result<()> {
    let output = || if arguments()[1] == "null" { Output::null() } else { Output::inherit() };
    let pool = Pool::builder().processes(1).start_method(told_method()).stdout(output()).stderr(output()).build()?;
    pool.apply(print_everything, ())?;
    pool.close();
    pool.join()?;
    println!("end");
    Ok(())
}

fn silenced_workers_print_nothing() -> Result<()> {
    for method in ["0", "1", "2"] {
        for (output, silent) in [("null", true), ("inherit", false)] {
            let output = Program::command("prints_in_workers").args([method, output]).output().unwrap();
            let [out, err] = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap());
            assert!(output.status.success(), "{err}");
            let lines = |text: &str| text.lines().map(Into::into).collect::<BTreeSet<String>>();
            let expected =
                |all: &[&str]| all.iter().filter(|_| !silent).map(|line| line.to_string()).collect::<BTreeSet<_>>();
            assert_eq!(lines(out.strip_suffix("end\n").unwrap()), expected(&OUT), "{method}");
            assert_eq!(lines(&err), expected(&ERR), "{method}");
        }
    }
    Ok(())
}

/// Returns an output whose lines, and the numbers of their workers, are received.
fn received() -> (Output, Receiver<(usize, String)>) {
    let (sender, receiver) = channel();
    let output = Output::lines(move |index, line| sender.send((index, line.to_string())).unwrap());
    (output, receiver)
}

fn each_line_comes_with_the_number_of_its_worker() -> Result<()> {
    for method in METHODS {
        let ((out, stdout), (err, stderr)) = (received(), received());
        let pool = Pool::builder().processes(1).start_method(method).stdout(out).stderr(err).build()?;
        pool.apply(print_everything, ())?;
        // An idle worker flushes C's streams. Nothing of this waits for the end of the pool.
        let next = |lines: &Receiver<_>, count| -> BTreeSet<(usize, String)> {
            (0..count).map(|_| lines.recv_timeout(LONG).unwrap()).collect()
        };
        assert_eq!(next(&stdout, 3), OUT.map(|line| (0, line.to_string())).into(), "{method:?}");
        assert_eq!(next(&stderr, 2), ERR.map(|line| (0, line.to_string())).into(), "{method:?}");
    }
    let (out, lines) = received();
    let pool = Pool::builder().processes(3).stdout(out).build()?;
    pool.with_chunksize(1).map(|n: u32| println!("{n} {}", worker_index().unwrap()), 0..100)?;
    // All of it has come when the pool is gone.
    drop(pool);
    let lines: Vec<_> = lines.try_iter().collect();
    assert_eq!(lines.len(), 100);
    assert!(lines.iter().all(|(index, line)| line.ends_with(&format!(" {index}"))), "{lines:?}");
    Ok(())
}

fn lines_come_from_initializer_to_finalizer() -> Result<()> {
    let (out, lines) = received();
    let builder = Pool::builder().processes(1).initializer(|| println!("first"), ()).stdout(out);
    let pool = builder.finalizer(|| print!("last, without an end"), ()).build()?;
    pool.apply(|| print!("a "), ())?;
    pool.apply(|| println!("line"), ())?;
    pool.close();
    pool.join()?;
    drop(pool);
    let lines: Vec<_> = lines.try_iter().map(|(_, line)| line).collect();
    assert_eq!(lines, ["first", "a line", "last, without an end"]);
    Ok(())
}

fn output_goes_to_a_file() -> Result<()> {
    for method in METHODS {
        let file = tempfile::NamedTempFile::new()?;
        let output = || Output::file(OpenOptions::new().append(true).open(&file).unwrap());
        let builder = Pool::builder().processes(2).start_method(method).max_tasks_per_child(2);
        let pool = builder.stdout(output()).stderr(output()).build()?;
        pool.with_chunksize(1).map(|_: u32| print_everything(), 0..10)?;
        pool.close();
        pool.join()?;
        let text = fs::read_to_string(&file)?;
        for line in OUT.iter().chain(&ERR) {
            assert_eq!(text.lines().filter(|found| found == line).count(), 10, "{line}: {text}");
        }
    }
    Ok(())
}

/// A task: says its number, and ends as asked.
fn speak(n: u64, end: u64) -> u64 {
    eprintln!("task {n}");
    match end {
        1 => panic!("as asked"),
        2 => process::abort(),
        _ => n,
    }
}

/// Returns the standard error that an error has.
fn stderr<R: std::fmt::Debug>(result: &Result<R>) -> Option<&str> {
    match result {
        Err(Error::Panicked { stderr, .. } | Error::WorkerLost { stderr, .. }) => stderr.as_deref(),
        other => panic!("{other:?}"),
    }
}

fn error_has_what_its_task_wrote_and_no_other() -> Result<()> {
    for method in METHODS {
        let pool = Pool::builder().processes(1).start_method(method).stderr(Output::captured()).build()?;
        for chunksize in [1, 3, 100] {
            let ends = (0..30).map(|n| (n, if n % 5 == 3 { 1 } else { 2 * u64::from(n == 20) }));
            let results: Vec<_> =
                pool.with_chunksize(chunksize).imap(|(n, end): (u64, u64)| speak(n, end), ends).collect();
            for (n, result) in results.iter().enumerate() {
                match (n % 5 == 3 || n == 20, result) {
                    (true, failed) => {
                        assert_eq!(stderr(failed), Some(&*format!("task {n}\n")), "{method:?} {chunksize}")
                    }
                    (false, well) => assert_eq!(well.as_ref().ok(), Some(&(n as u64))),
                }
            }
        }
        let error = pool.apply(speak, (7, 2)).unwrap_err().to_string();
        assert!(error.ends_with("it wrote to standard error:\ntask 7"), "{error}");
        assert_eq!(pool.apply(speak, (8, 0))?, 8);
        let quiet = pool.apply(|| -> u64 { process::abort() }, ());
        assert_eq!(stderr(&quiet), None, "what the task before it wrote is not its own");
        assert_eq!(message(pool.apply(|| -> u64 { panic!("quietly") }, ())), "quietly");
        let run = || -> u64 {
            assert!(Command::new("sh").args(["-c", "echo no luck >&2"]).status().unwrap().success());
            process::abort()
        };
        assert_eq!(stderr(&pool.apply(run, ())), Some("no luck\n"), "a program that the task has run");
    }
    let plain = Pool::builder().processes(1).stderr(Output::null()).build()?;
    assert_eq!(stderr(&plain.apply(speak, (1, 2))), None);
    Ok(())
}

fn error_has_the_end_of_long_output() -> Result<()> {
    let pool = Pool::builder().processes(1).stderr(Output::captured()).build()?;
    let long = || {
        (0..300_000).for_each(|n| eprintln!("line {n}"));
        process::abort()
    };
    let lost = pool.apply(long, ()).map(|()| 0);
    let text = stderr(&lost).unwrap();
    assert!(text.len() < 10_000 && text.starts_with('[') && text.ends_with("\nline 299999\n"), "{text}");
    Ok(())
}

fn give_up() {
    eprintln!("no database");
    panic!("gives up")
}

fn initializer_error_has_what_it_wrote() -> Result<()> {
    let pool = Pool::builder().processes(1).stderr(Output::captured()).initializer(give_up, ()).build()?;
    let Err(Error::Initializer(error)) = pool.apply(square, (2,)) else { panic!("it failed") };
    assert_eq!(stderr::<()>(&Err(*error)), Some("no database\n"));
    Ok(())
}

fn handler_that_does_not_return_stops_no_worker() -> Result<()> {
    const LINES: u64 = 100_000;
    let (sender, gate) = channel::<()>();
    let (gate, counts) = (Mutex::new(gate), Arc::new([AtomicU64::new(0), AtomicU64::new(0)]));
    let copy = counts.clone();
    let handler = move |_, line: &str| {
        // Until the sender is dropped.
        assert!(gate.lock().unwrap().recv().is_err());
        match line.strip_prefix('[').and_then(|note| note.split(' ').next()) {
            Some(dropped) => copy[1].fetch_add(dropped.parse().unwrap(), SeqCst),
            None => copy[0].fetch_add(1, SeqCst),
        };
    };
    let pool = Pool::builder().processes(1).stdout(Output::lines(handler)).build()?;
    let print = |lines: u64| (0..lines).for_each(|n| println!("line {n:100}"));
    pool.apply_async(print, (LINES,)).get_timeout(LONG)?;
    assert_eq!((pool.apply(square, (3,))?, counts[0].load(SeqCst)), (9, 0));
    drop(sender);
    drop(pool);
    let [handled, dropped] = [&counts[0], &counts[1]].map(|count| count.load(SeqCst));
    assert_eq!(handled + dropped, LINES);
    assert!(handled > 0 && dropped > LINES / 2, "{handled} came, {dropped} did not");
    Ok(())
}

fn panicking_handler_gets_the_next_line() -> Result<()> {
    let (sender, lines) = channel();
    let handler = move |_, line: &str| {
        assert!(line != "bad", "no such line");
        sender.send(line.to_string()).unwrap();
    };
    let pool = Pool::builder().processes(1).stdout(Output::lines(handler)).build()?;
    pool.apply(|| println!("good\nbad\nbetter"), ())?;
    assert_eq!([(); 2].map(|()| lines.recv_timeout(LONG).unwrap()), ["good", "better"]);
    Ok(())
}

fn pool_ends_although_a_process_holds_its_output() -> Result<()> {
    for method in [StartMethod::ForkServer, StartMethod::Spawn] {
        let (out, lines) = received();
        let builder = Pool::builder().processes(1).start_method(method).keep_started_processes(true);
        let pool = builder.stdout(out).stderr(Output::captured()).build()?;
        let start = || Command::new("sh").args(["-c", "echo started; exec sleep 1000"]).spawn().unwrap().id();
        let left = Pid::from_raw(pool.apply(start, ())?.cast_signed());
        assert_eq!(lines.recv_timeout(LONG).unwrap().1, "started");
        pool.close();
        pool.join()?;
        drop(pool);
        kill(left, Signal::SIGKILL).unwrap();
        eventually("it has ended", || kill(left, None).is_err());
    }
    Ok(())
}

fn no_mark_goes_into_a_file_of_a_task() -> Result<()> {
    let file = tempfile::NamedTempFile::new()?;
    let pool = Pool::builder().processes(1).stderr(Output::captured()).build()?;
    let take_over = |path: std::path::PathBuf| {
        dup2_stderr(OpenOptions::new().append(true).open(path).unwrap()).unwrap();
    };
    pool.apply(take_over, (file.path().to_path_buf(),))?;
    (0..5).try_for_each(|n| pool.apply(speak, (n, 0)).map(drop))?;
    assert_eq!(fs::read_to_string(&file)?, (0..5).map(|n| format!("task {n}\n")).collect::<String>());
    Ok(())
}

fn pool_with_output_starts_and_replaces_many_workers() -> Result<()> {
    let (out, lines) = received();
    let builder = Pool::builder().processes(8).max_tasks_per_child(3).stdout(out);
    let pool = builder.stderr(Output::lines(|_, _| ())).build()?;
    let print = |n: u64| {
        println!("{n}");
        eprintln!("{n}");
        n
    };
    assert_eq!(pool.with_chunksize(1).map(print, 0..200)?, Vec::from_iter(0..200));
    pool.close();
    pool.join()?;
    drop(pool);
    let seen: BTreeSet<u64> = lines.try_iter().map(|(_, line)| line.parse().unwrap()).collect();
    assert_eq!(seen, (0..200).collect());
    Ok(())
}
