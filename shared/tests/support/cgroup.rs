//! Control groups of a test's own, in whichever version of them the system has.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use super::eventually;

/// A group below this process' own. It is removed at the end, when its processes have ended.
pub(crate) struct Cgroup {
    folder: PathBuf,
    /// Whether it is one of version 2.
    unified: bool,
}

impl Cgroup {
    /// Makes a group whose processes together have a fifth of a processor; `None` where this
    /// process may not.
    pub(crate) fn with_quota() -> Option<Self> {
        Self::new("cpu", ("cpu.cfs_quota_us", "20000")).or_else(|| Self::new("", ("cpu.max", "20000 100000")))
    }

    /// Makes a group that can be [frozen](Cgroup::freeze); `None` where this process may not.
    pub(crate) fn with_freezer() -> Option<Self> {
        Self::new("freezer", ("freezer.state", "THAWED")).or_else(|| Self::new("", ("cgroup.freeze", "0")))
    }

    /// Makes a group whose processes together have so many bytes of memory; `None` where this
    /// process may not.
    pub(crate) fn with_memory(bytes: u64) -> Option<Self> {
        let bytes = bytes.to_string();
        let first = || {
            let group = Self::new("memory", ("memory.limit_in_bytes", &bytes))?;
            // Where there is swap, it would be used before a process is killed. Without, the file
            // is not there.
            let _ = fs::write(group.folder.join("memory.memsw.limit_in_bytes"), &bytes);
            Some(group)
        };
        let second = || {
            let group = Self::new("", ("memory.max", &bytes))?;
            let _ = fs::write(group.folder.join("memory.swap.max"), "0");
            Some(group)
        };
        first().or_else(second)
    }

    /// `controller` is the name of a controller of version 1, or "" for a group of version 2.
    fn new(controller: &str, (file, setting): (&str, &str)) -> Option<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("multiproc-{}-{}", std::process::id(), COUNT.fetch_add(1, Relaxed));
        let folder = own_folder(controller)?.join(name);
        fs::create_dir(&folder).ok()?;
        let group = Self { folder, unified: controller.is_empty() };
        fs::write(group.folder.join(file), setting).ok()?;
        Some(group)
    }

    /// The command, with its process in the group from its first moment on.
    pub(crate) fn of(&self, command: &Command) -> Command {
        let mut inside = Command::new("sh");
        inside.args(["-c", r#"echo $$ > "$0" && exec "$@""#]).arg(self.folder.join("cgroup.procs"));
        inside.arg(command.get_program()).args(command.get_args());
        inside
    }

    /// The processes in the group.
    pub(crate) fn processes(&self) -> Vec<u32> {
        let listed = fs::read_to_string(self.folder.join("cgroup.procs")).unwrap();
        listed.lines().map(|pid| pid.parse().unwrap()).collect()
    }

    /// Stops all processes of the group, in a way that they cannot see.
    pub(crate) fn freeze(&self) {
        self.set_frozen("FROZEN", "1");
    }

    /// Lets them go on.
    pub(crate) fn thaw(&self) {
        self.set_frozen("THAWED", "0");
    }

    fn set_frozen(&self, state: &str, flag: &str) {
        let (file, setting) = if self.unified { ("cgroup.freeze", flag) } else { ("freezer.state", state) };
        fs::write(self.folder.join(file), setting).unwrap();
        let is_so = || match self.unified {
            false => fs::read_to_string(self.folder.join(file)).unwrap().trim() == state,
            true => fs::read_to_string(self.folder.join("cgroup.events")).unwrap().contains(&format!("frozen {flag}")),
        };
        eventually(&format!("the group is {state}"), is_so);
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        // A process that has ended is in it until it is reaped.
        let until = std::time::Instant::now() + std::time::Duration::from_secs(10);
        while fs::remove_dir(&self.folder).is_err() && std::time::Instant::now() < until {
            std::thread::sleep(std::time::Duration::from_millis(2));
        }
    }
}

/// This process' group of a controller; see proc_pid_cgroup(5).
fn own_folder(controller: &str) -> Option<PathBuf> {
    let groups = fs::read_to_string("/proc/self/cgroup").ok()?;
    let own = groups.lines().find_map(|line| {
        let mut fields = line.splitn(3, ':').skip(1);
        let (controllers, path) = (fields.next()?, fields.next()?);
        controllers.split(',').any(|name| name == controller).then_some(path)
    })?;
    let mounts = fs::read_to_string("/proc/self/mountinfo").ok()?;
    mounts.lines().find_map(|line| {
        let (place, kind) = line.split_once(" - ")?;
        let mut place = place.split(' ').skip(3);
        let (root, point) = (place.next()?, place.next()?);
        let mut kind = kind.split(' ');
        let is_it = match kind.next()? {
            "cgroup" => !controller.is_empty() && kind.nth(1)?.split(',').any(|name| name == controller),
            "cgroup2" => controller.is_empty(),
            _ => false,
        };
        let below = Path::new(own).strip_prefix(root).ok()?;
        is_it.then(|| Path::new(point).join(below))
    })
}
