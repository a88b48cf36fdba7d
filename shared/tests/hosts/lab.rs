//! Three hosts on one machine: network namespaces with a name and an address each, joined by a
//! bridge.
//!
//! All of it lives in namespaces of its own: one of processes, so that the kernel ends all of them
//! with the first, and of users, mounts and networks, which vanish with the last process in them.
//! So nothing can be left, however a test ends, and no user has to be root where the system lets
//! users have namespaces.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

use crate::support::{ProcessId, Program, eventually};

/// The hosts' names; mpirun and rank 0 run on the first.
pub(crate) const HOSTS: [&str; 3] = ["alpha", "beta", "gamma"];
/// A file system in memory is mounted here, seen by no other process.
const FOLDER: &str = "/run";
const AGENT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/hosts/agent.sh");

/// What makes a host of a process in namespaces of its own. Files that programs leave there go with
/// it. Its kernel gives a connection up after some seconds without an answer, not after a quarter
/// of an hour: mpirun waits for that.
const SETTLE: &str = "hostname $0 && mount -t tmpfs tmpfs /dev/shm && mount -t tmpfs tmpfs /run/tmp && \
    echo 3 > /proc/sys/net/ipv4/tcp_retries2 && echo ready && exec cat";

/// Runs a program of this test binary where hosts can be made: with all rights, in namespaces of
/// its own.
///
/// # Panics
/// If the program fails, or the system refuses the namespaces.
pub(crate) fn apart(program: &str) {
    let status = command_apart(program).status().unwrap();
    assert!(status.success(), "{program}: {status}");
}

/// The command that does.
pub(crate) fn command_apart(program: &str) -> Command {
    let mut command = Command::new("unshare");
    // Users cannot have them everywhere; root can do without.
    if Command::new("unshare").args(["--user", "true"]).status().is_ok_and(|status| status.success()) {
        command.args(["--user", "--map-root-user"]);
    }
    // The end of `unshare` ends the program, and with it all processes in its namespace.
    command.args(["--mount", "--uts", "--net", "--pid", "--fork", "--kill-child", "--mount-proc"]);
    let program = Program::command(program);
    command.arg(program.get_program()).args(program.get_args());
    command
}

/// A bridge and the hosts that it joins.
pub(crate) struct Lab {
    hosts: Vec<Host>,
}

struct Host {
    name: &'static str,
    /// Holds the namespaces open until its input ends.
    holder: Child,
}

impl Lab {
    /// Makes the bridge and the hosts. They know each other's names.
    pub(crate) fn new() -> Self {
        run("mount", &format!("-t tmpfs tmpfs {FOLDER}"));
        fs::create_dir(in_folder("tmp")).unwrap();
        let address = |index: usize| format!("192.0.2.{}", index + 1);
        let lines = HOSTS.iter().enumerate().map(|(index, name)| format!("{} {name}\n", address(index)));
        fs::write(in_folder("names"), "127.0.0.1 localhost\n".to_string() + &lines.collect::<String>()).unwrap();
        run("mount", &format!("--bind {FOLDER}/names /etc/hosts"));
        run("ip", "link set lo up");
        run("ip", "link add bridge0 type bridge");
        run("ip", "link set bridge0 up");
        let hosts = HOSTS.iter().enumerate().map(|(index, name)| Host::new(name, &address(index)));
        Self { hosts: hosts.collect() }
    }

    /// The command that starts a program of this test binary by mpirun: ranks 0 and 1 on the first
    /// host, one on each of the others.
    pub(crate) fn mpirun(&self, program: &str) -> Command {
        self.mpirun_with(&[], program)
    }

    /// The same, with more options for mpirun.
    pub(crate) fn mpirun_with(&self, options: &[&str], program: &str) -> Command {
        let program = Program::command(program);
        let mut command = Command::new("sh");
        command.args([AGENT, HOSTS[0], "exec mpirun --mca plm_rsh_agent"]).arg(format!("'sh {AGENT}'"));
        command
            .args(options)
            .args(["-n", "4", "--host", "alpha:2,beta,gamma"])
            .arg(program.get_program())
            .args(program.get_args());
        command.env("HOSTS", FOLDER).env("OMPI_ALLOW_RUN_AS_ROOT", "1").env("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1");
        command
    }

    /// Cuts a host off: what is sent to it or by it gets lost without an error.
    pub(crate) fn cut_off(&self, host: &str) {
        run("ip", &format!("link set to-{host} down"));
    }

    /// The processes that run on a host.
    pub(crate) fn processes(&self, host: &str) -> Vec<ProcessId> {
        let holder = self.hosts.iter().find(|known| known.name == host).unwrap().holder.id();
        let pids =
            fs::read_dir("/proc").unwrap().flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        let there = pids.filter(|pid| *pid != holder && network_of(*pid) == network_of(holder));
        there.filter_map(ProcessId::of).filter(|process| !process.is_gone()).collect()
    }

    /// The hosts' networks, as the kernel names them.
    pub(crate) fn networks(&self) -> impl Iterator<Item = String> {
        self.hosts.iter().map(|host| network_of(host.holder.id()).unwrap())
    }

    /// Fails unless every host is soon without processes.
    pub(crate) fn assert_deserted(&self) {
        for host in HOSTS {
            eventually(&format!("no process is left on {host}"), || self.processes(host).is_empty());
        }
    }
}

impl Host {
    fn new(name: &'static str, address: &str) -> Self {
        let mut command = Command::new("unshare");
        command.args(["--net", "--uts", "--mount", "sh", "-c", SETTLE, name]);
        let mut holder = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(holder.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line, "ready\n", "{name} cannot be made");
        let pid = holder.id();
        fs::write(in_folder(name), pid.to_string()).unwrap();
        run("ip", &format!("link add to-{name} type veth peer name eth0 netns {pid}"));
        run("ip", &format!("link set to-{name} master bridge0 up"));
        let there = |arguments: &str| run("nsenter", &format!("--target {pid} --net ip {arguments}"));
        there(&format!("address add {address}/24 dev eth0"));
        there("link set eth0 up");
        there("link set lo up");
        Self { name, holder }
    }
}

/// The network that a process is in; none if it has ended.
fn network_of(pid: u32) -> Option<String> {
    let link = fs::read_link(format!("/proc/{pid}/ns/net")).ok()?;
    Some(link.to_string_lossy().into_owned())
}

fn in_folder(name: &str) -> PathBuf {
    Path::new(FOLDER).join(name)
}

/// Runs a program of the system, whose arguments have no blanks in them.
fn run(program: &str, arguments: &str) {
    let status = Command::new(program).args(arguments.split(' ')).status();
    assert!(status.as_ref().is_ok_and(ExitStatus::success), "{program} {arguments}: {status:?}");
}
