//! A program with pools, in all the ways that it may be begun: `program WHAT [METHOD…]`.
//!
//! `WHAT` is what it does before `init`: `nothing`, `thread`, `late` (a thread that comes later),
//! `runtime` or `current` (within an event loop of tokio), `files`. With `replaced`, another
//! program takes the place of its file before it has pools; with `unexecutable`, its file may not
//! be executed once it has one pool; with `ends` and `dies`, its children end before `init`.

use std::ffi::c_int;
use std::fs::File;
use std::io::Write;
use std::os::fd::AsRawFd;
use std::sync::OnceLock;
use std::time::Duration;
use std::{env, process, thread};

use multiproc::{Error, Executor, Pool, Process, Result, StartMethod};

/// In the environment of this program's children.
const BEGUN: &str = "STARTS_BEGUN";

/// SIGHUP, SIGUSR1, SIGUSR2 and SIGTERM, which the program handles.
const SIGNALS: [c_int; 4] = [1, 10, 12, 15];

static LOG: OnceLock<Vec<File>> = OnceLock::new();

fn main() {
    let what = env::args().nth(1).unwrap_or_default();
    match &*what {
        "thread" => drop(thread::spawn(thread::park)),
        "late" => drop(thread::spawn(|| thread::spawn(thread::park).join())),
        "files" => open_files(),
        "ends" | "dies" if env::var_os(BEGUN).is_some() => match &*what {
            "ends" => process::exit(3),
            _ => process::abort(),
        },
        "runtime" | "current" => {
            let mut builder = match &*what {
                "runtime" => tokio::runtime::Builder::new_multi_thread(),
                _ => tokio::runtime::Builder::new_current_thread(),
            };
            return builder.enable_all().build().unwrap().block_on(async { run() });
        }
        _ => {}
    }
    run();
}

fn run() {
    multiproc::init();
    println!("main runs");
    // SAFETY: the calls take numbers, and a handler that does nothing.
    unsafe {
        setpgid(0, 0);
        SIGNALS.iter().for_each(|number| _ = signal(*number, do_nothing));
    }
    let own = env::args().next().unwrap();
    let mut first = None;
    match env::args().nth(1).as_deref() {
        Some("replaced") => {
            let new = format!("{own}.new");
            std::fs::copy("/bin/true", &new).and_then(|_| std::fs::rename(new, own)).unwrap();
        }
        Some("unexecutable") => {
            first = Some(Pool::with_processes(1).unwrap());
            std::fs::set_permissions(own, std::os::unix::fs::PermissionsExt::from_mode(0o644)).unwrap();
        }
        // SAFETY: nothing else runs in this process yet.
        Some("ends" | "dies") => unsafe { env::set_var(BEGUN, "") },
        _ => {}
    }
    for method in [StartMethod::ForkServer, StartMethod::Spawn, StartMethod::Fork] {
        match pools(method) {
            Ok(()) => println!("{method:?}: works"),
            Err(error) => println!("{method:?}: {error}"),
        }
    }
    drop(first);
    if LOG.get().is_some() {
        write_files();
        println!("files: as they were");
    }
}

/// What a pool is used for: tasks, deaths, signals for the group, a process, an event loop, a pool
/// inside.
fn pools(method: StartMethod) -> Result<()> {
    let pool = Pool::builder().processes(2).start_method(method).build()?;
    assert_eq!(pool.map(|n: u32| n * 2, 0..50)?, (0..50).map(|n| n * 2).collect::<Vec<_>>());
    for code in [3, 4] {
        let lost = pool.apply(|code: i32| process::exit(code), (code,)).map(|(): ()| ());
        assert!(matches!(lost, Err(Error::WorkerLost { exit, .. }) if exit.code() == Some(code)), "{lost:?}");
    }
    assert_eq!(pool.apply(|a: u32, b: u32| a + b, (1, 2))?, 3);
    signal_group(&pool)?;
    if env::args().nth(1).is_none_or(|what| what != "current" || method != StartMethod::Fork) {
        let doubled = |n: u32| async move {
            tokio::time::sleep(Duration::from_millis(1)).await;
            n * 2
        };
        assert_eq!(pool.map_concurrent(doubled, 0..5, 3)?, [0, 2, 4, 6, 8]);
    }
    if LOG.get().is_some() {
        pool.map(|_: u32| write_files(), 0..20)?;
    }
    let process = Process::builder().start_method(method).target(|n: u32| n + 1, (1,)).start()?;
    assert_eq!(process.join()?, 2);
    // The threads before `init` are those of the program, not of its workers.
    let inner = |method: u32| {
        let method = [StartMethod::ForkServer, StartMethod::Spawn][method as usize];
        Pool::builder().processes(1).start_method(method).build()?.apply(|n: u32| n + 1, (1,))
    };
    if method != StartMethod::Fork && env::args().nth(1).as_deref() != Some("unexecutable") {
        assert_eq!(pool.apply(inner, (0,))??, 2);
        assert_eq!(pool.apply(inner, (1,))??, 2);
    }
    pool.close();
    pool.join()
}

unsafe extern "C" {
    fn signal(number: c_int, handler: extern "C" fn(c_int)) -> usize;
    fn kill(pid: c_int, number: c_int) -> c_int;
    fn setpgid(pid: c_int, group: c_int) -> c_int;
}

extern "C" fn do_nothing(_: c_int) {}

/// The program handles what reaches its group, and no task is lost by it.
fn signal_group(pool: &Pool) -> Result<()> {
    let nap = |n: u64| {
        thread::sleep(Duration::from_millis(n));
        n
    };
    let naps = pool.map_async(nap, [30, 40, 50, 60]);
    for number in SIGNALS {
        // SAFETY: the call takes numbers only.
        unsafe { kill(0, number) };
        thread::sleep(Duration::from_millis(10));
    }
    assert_eq!(naps.get()?, [30, 40, 50, 60]);
    Ok(())
}

/// A logger's files, more than there are numbers that a worker uses.
fn open_files() {
    let name = |n| env::temp_dir().join(format!("multiproc-log-{n}-{}", process::id()));
    let open = |n| {
        let file = File::options().create(true).append(true).open(name(n)).unwrap();
        std::fs::remove_file(name(n)).unwrap();
        file
    };
    LOG.set((0..12).map(open).collect()).unwrap();
}

/// Panics if one of the files is something else by now.
fn write_files() {
    for mut file in LOG.get().unwrap() {
        let path = std::fs::read_link(format!("/proc/self/fd/{}", file.as_raw_fd())).unwrap();
        assert!(path.to_string_lossy().contains("multiproc-log-"), "{path:?}");
        file.write_all(b"a line\n").unwrap();
    }
}
