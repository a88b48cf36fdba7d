//! Workers are what the program is when their pool is built, not what it was when it built another.
#![allow(unsafe_code, reason = "what a process is, the C library says and changes")]

use std::fs;
use std::os::fd::AsRawFd;

use multiproc::{Executor, Pool, Process, Result};
use nix::libc;
use serde::{Deserialize, Serialize};

use crate::support::{METHODS, Named, named, pids};

pub(crate) const TESTS: &[Named] = named! {
    fork_server_workers_match_the_program
    spawned_workers_match_the_program
    forked_workers_match_the_program
    later_workers_match_the_program_at_build
};

/// What a process is, as far as it hands that on to those it starts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Who {
    /// Of proc_pid_status(5).
    status: Vec<String>,
    folder: String,
    setting: Option<String>,
    limits: Vec<(u64, u64)>,
    nice: i32,
    output: String,
    /// Of proc(5): groups, chance to be killed for memory, and the like.
    files: Vec<String>,
    namespaces: Vec<String>,
    /// The class of input and output, the slack of timers, and what personality(2) says.
    numbers: (i64, i32, i32),
}

const FILES: [&str; 3] = ["cgroup", "coredump_filter", "oom_score_adj"];

const NAMESPACES: [&str; 6] = ["cgroup", "ipc", "mnt", "net", "user", "uts"];

fn link(path: String) -> String {
    fs::read_link(path).unwrap().display().to_string()
}

fn who() -> Who {
    let keys = ["Umask", "Uid", "Gid", "Groups", "CapEff", "Cpus_allowed_list", "NoNewPrivs"];
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let limit = |resource| {
        // SAFETY: all zero is a limit; the call writes another.
        unsafe {
            let mut limit: libc::rlimit = std::mem::zeroed();
            libc::getrlimit(resource, &mut limit);
            (limit.rlim_cur, limit.rlim_max)
        }
    };
    Who {
        status: status.lines().filter(|line| keys.iter().any(|key| line.starts_with(key))).map(Into::into).collect(),
        folder: std::env::current_dir().unwrap().display().to_string(),
        setting: std::env::var("BORDERS_SETTING").ok(),
        limits: (0..16).map(limit).collect(),
        // SAFETY: integers only.
        nice: unsafe { libc::getpriority(libc::PRIO_PROCESS, 0) },
        output: link("/proc/self/fd/1".into()),
        files: FILES.iter().map(|file| fs::read_to_string(format!("/proc/self/{file}")).unwrap()).collect(),
        namespaces: NAMESPACES.iter().map(|name| link(format!("/proc/self/ns/{name}"))).collect(),
        // SAFETY: integers only; the last one changes nothing.
        numbers: unsafe {
            let io = libc::syscall(libc::SYS_ioprio_get, 1, 0);
            (io, libc::prctl(libc::PR_GET_TIMERSLACK), libc::personality(0xffff_ffff))
        },
    }
}

fn set_limit(resource: u32, soft: u64) {
    // SAFETY: the limit is read only.
    unsafe {
        let mut limit: libc::rlimit = std::mem::zeroed();
        libc::getrlimit(resource, &mut limit);
        limit.rlim_cur = soft;
        assert_eq!(libc::setrlimit(resource, &limit), 0);
    }
}

/// As personality(2) has it.
const ADDR_NO_RANDOMIZE: libc::c_ulong = 0x0004_0000;

/// Changes of what a process is, one after the other. The last can't be undone.
const CHANGES: [fn(); 16] = [
    || std::env::set_current_dir("/usr").unwrap(),
    // SAFETY: this process has no thread that looks at its environment.
    || unsafe { std::env::set_var("BORDERS_SETTING", "new") },
    // SAFETY: integers only.
    || unsafe {
        libc::umask(0o077);
    },
    // SAFETY: integers only.
    || unsafe {
        libc::setpriority(libc::PRIO_PROCESS, 0, 7);
    },
    || fs::write("/proc/self/oom_score_adj", "300").unwrap(),
    || fs::write("/proc/self/coredump_filter", "0x1").unwrap(),
    // SAFETY: it concerns mappings to come, which are placed as on a system that knows no other
    // way.
    || unsafe {
        libc::personality(ADDR_NO_RANDOMIZE);
    },
    // SAFETY: integers only.
    || unsafe {
        assert_eq!(libc::prctl(libc::PR_SET_TIMERSLACK, 77_777), 0);
    },
    // SAFETY: integers only; 3 is the class that is served when no other is waiting.
    || unsafe {
        assert_eq!(libc::syscall(libc::SYS_ioprio_set, 1, 0, 3 << 13), 0);
    },
    // SAFETY: integers only. It takes rights; without, there is nothing to see.
    || unsafe {
        libc::unshare(libc::CLONE_NEWNET | libc::CLONE_NEWUTS | libc::CLONE_NEWIPC | libc::CLONE_NEWNS);
    },
    || set_limit(libc::RLIMIT_STACK, 64 << 20),
    || set_limit(libc::RLIMIT_NOFILE, 200),
    || {
        // SAFETY: the set is a valid one, and read only.
        unsafe {
            let mut set: libc::cpu_set_t = std::mem::zeroed();
            libc::CPU_SET(0, &mut set);
            libc::sched_setaffinity(0, size_of::<libc::cpu_set_t>(), &set);
        }
    },
    || {
        let null = fs::File::options().write(true).open("/dev/null").unwrap();
        // SAFETY: both are open.
        unsafe { libc::dup2(null.as_raw_fd(), 1) };
    },
    // SAFETY: integers only.
    || unsafe {
        libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    },
    // SAFETY: no other thread runs that would go on as another user.
    || unsafe {
        libc::setgroups(0, std::ptr::null());
        libc::setgid(65534);
        libc::setuid(65534);
    },
];

/// The parent of the pool's worker.
fn zygote(pool: &Pool) -> u32 {
    let stat = fs::read_to_string(format!("/proc/{}/stat", pids(pool)[0])).unwrap();
    stat.rsplit_once(") ").unwrap().1.split(' ').nth(1).unwrap().parse().unwrap()
}

/// In a process of its own for each method: what it changes of itself stays so.
fn workers_are_what_the_program_is(method: usize) -> Result<()> {
    let method = METHODS[method];
    let build = || Pool::builder().processes(1).start_method(method).build();
    let mut pools = vec![build()?];
    for (n, change) in CHANGES.into_iter().enumerate() {
        change();
        let pool = build()?;
        let now = who();
        assert_eq!(pool.apply(who, ())?, now, "{method:?}, change {n}");
        assert_eq!(Process::new(who, ()).start_method(method).start()?.join()?, now, "{method:?}, change {n}");
        let again = build()?;
        let shared = zygote(&again) == zygote(&pool);
        assert_eq!(shared, method != multiproc::StartMethod::Fork, "while nothing changes, there is one zygote");
        pools.push(pool);
        if method == multiproc::StartMethod::Fork {
            // A pool's threads stand in the way of the next fork.
            pools.clear();
        }
    }
    Ok(())
}

pub(crate) fn fork_server_workers_match_the_program() -> Result<()> {
    workers_are_what_the_program_is(0)
}

pub(crate) fn spawned_workers_match_the_program() -> Result<()> {
    workers_are_what_the_program_is(1)
}

pub(crate) fn forked_workers_match_the_program() -> Result<()> {
    workers_are_what_the_program_is(2)
}

/// A worker that takes the place of another is what the first was, whatever the program has become.
pub(crate) fn later_workers_match_the_program_at_build() -> Result<()> {
    for method in METHODS {
        std::env::set_current_dir("/").unwrap();
        let pool = Pool::builder().processes(1).start_method(method).max_tasks_per_child(1).build()?;
        std::env::set_current_dir("/usr").unwrap();
        for _ in 0..3 {
            assert_eq!(pool.apply(who, ())?.folder, "/", "{method:?}");
        }
    }
    Ok(())
}
