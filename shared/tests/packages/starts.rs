//! Programs begun in unusual ways: amid threads, through a loader, as the first process of a
//! namespace, by an exec of themselves, with files open, under valgrind; and pools of shared
//! libraries.

use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{LazyLock, Mutex};

use super::{cargo, profile_folder, within_deadline};

/// What a program prints where everything works.
const WORKS: &str = "main runs\nForkServer: works\nSpawn: works\nFork: works\n";

/// A second version of the crate in `folder`: the same sources under another number.
fn other_version(folder: &Path) {
    let shared = Path::new(env!("CARGO_MANIFEST_DIR"));
    let manifest = fs::read_to_string(shared.join("../Cargo.toml")).unwrap();
    let (head, rest) = manifest.split_once("members = [").unwrap();
    let (_, rest) = rest.split_once("[workspace.package]").unwrap();
    let rest = rest.replacen("version = \"0.1.0\"", "version = \"0.0.9\"", 1);
    fs::write(folder.join("Cargo.toml"), format!("{head}members = [\"shared\"]\n[workspace.package]{rest}")).unwrap();
    let copy = Command::new("cp").arg("-rp").arg(shared).arg(folder).status().unwrap();
    assert!(copy.success());
}

fn write_package(folder: &Path) {
    let shared = Path::new(env!("CARGO_MANIFEST_DIR"));
    let source = |name: &str| shared.join("tests/packages/starts").join(name).with_extension("rs");
    let program = |name: &str| format!("[[bin]]\nname = \"starts-{name}\"\npath = {:?}\n\n", source(name));
    let programs: String = ["program", "reexec", "first", "host", "copies"].map(program).concat();
    let manifest = format!(
        "[package]\nname = \"starts\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n{programs}\
         [lib]\nname = \"starts_library\"\ncrate-type = [\"cdylib\"]\npath = {:?}\n\n\
         [dependencies]\nmultiproc = {{ path = {shared:?}, features = [\"tokio\"] }}\n\
         other = {{ package = \"multiproc\", path = \"../other/shared\" }}\n\
         tokio = {{ version = \"1\", default-features = false, features = [\"rt-multi-thread\", \"time\"] }}\n\n[workspace]\n",
        source("library")
    );
    fs::write(folder.join("Cargo.toml"), manifest).unwrap();
    fs::copy(shared.join("../Cargo.lock"), folder.join("Cargo.lock")).unwrap();
}

/// Builds the programs, once; says where they are.
fn built() -> &'static Path {
    static FOLDER: LazyLock<PathBuf> = LazyLock::new(|| {
        let profile = profile_folder();
        // Always in the same place, so that what was compiled stays; outside of this workspace,
        // which has one version of the crate.
        let mut hasher = DefaultHasher::new();
        profile.hash(&mut hasher);
        let folder = std::env::temp_dir().join(format!("multiproc-starts-{:x}", hasher.finish()));
        let [package, other] = ["package", "other"].map(|name| folder.join(name));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&package).unwrap();
        fs::create_dir_all(&other).unwrap();
        write_package(&package);
        other_version(&other);
        let output = cargo("build", &package).output().unwrap();
        fs::remove_dir_all(&folder).unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        profile
    });
    &FOLDER
}

fn program(name: &str) -> PathBuf {
    built().join(format!("starts-{name}"))
}

/// Runs a command, which must succeed within a minute; says what was printed.
fn output(command: &mut Command) -> String {
    static ONE: Mutex<()> = Mutex::new(());
    let _turn = ONE.lock().unwrap_or_else(|poison| poison.into_inner());
    let mut bounded = Command::new("timeout");
    bounded.args(["--signal=KILL", "60"]).arg(command.get_program()).args(command.get_args()).stdin(Stdio::null());
    for (name, value) in command.get_envs() {
        bounded.env(name, value.unwrap_or_default());
    }
    let output = bounded.output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{}: {text}{}", output.status, String::from_utf8_lossy(&output.stderr));
    text
}

fn begun_with(what: &str) -> String {
    output(Command::new(program("program")).arg(what))
}

/// Pools work, but for `Fork`, which is refused.
fn assert_works_without_fork(text: &str) {
    let (works, fork) = text.split_once("Fork: ").unwrap_or((text, ""));
    assert_eq!(works, WORKS.split_once("Fork: works").unwrap().0, "{text}");
    assert!(fork.starts_with("cannot fork safely: this process has "), "{text}");
}

/// The loader that the programs ask for.
fn loader() -> Option<PathBuf> {
    let names = ["/lib64/ld-linux-x86-64.so.2", "/lib/ld-linux-aarch64.so.1"];
    names.into_iter().map(PathBuf::from).find(|path| path.exists())
}

/// A copy of a program that may be deleted or replaced.
fn copy_of(name: &str, folder: &Path) -> PathBuf {
    let copy = folder.join(name);
    fs::copy(program(name), &copy).unwrap();
    copy
}

#[test]
fn pools_work_in_an_ordinary_program() {
    within_deadline(|| {
        assert_eq!(begun_with("nothing"), WORKS);
        Ok(())
    });
}

#[test]
fn pools_work_beside_threads_that_run_before_init() {
    within_deadline(|| {
        assert_works_without_fork(&begun_with("thread"));
        assert_works_without_fork(&begun_with("late"));
        Ok(())
    });
}

#[test]
fn pools_work_with_init_inside_an_event_loop() {
    within_deadline(|| {
        assert_works_without_fork(&begun_with("runtime"));
        assert_eq!(begun_with("current"), WORKS);
        Ok(())
    });
}

#[test]
fn pools_work_beside_a_preloaded_library_with_a_thread() {
    within_deadline(|| {
        let library = built().join("libstarts_library.so");
        let mut command = Command::new(program("program"));
        assert_works_without_fork(&output(command.arg("nothing").env("LD_PRELOAD", library)));
        Ok(())
    });
}

#[test]
fn files_opened_before_init_stay_open_and_the_same() {
    within_deadline(|| {
        assert_eq!(begun_with("files"), format!("{WORKS}files: as they were\n"));
        Ok(())
    });
}

#[test]
fn exit_before_init_is_reported_with_its_status() {
    within_deadline(|| {
        for (what, end) in [("ends", "exited with code 3"), ("dies", "killed by SIGABRT (signal 6)")] {
            let text = begun_with(what);
            assert_eq!(text.matches(&format!("the last one {end}\n")).count(), 2, "{text}");
            assert!(text.ends_with("Fork: works\n"), "{text}");
        }
        Ok(())
    });
}

#[test]
fn lost_execute_permission_is_reported() {
    within_deadline(|| {
        let folder = tempfile::tempdir().unwrap();
        let text = output(Command::new(copy_of("program", folder.path())).arg("unexecutable"));
        assert!(text.contains("Spawn: cannot execute the program once more for a worker: Permission denied"), "{text}");
        assert!(text.contains("ForkServer: works\n") && text.ends_with("Fork: works\n"), "{text}");
        Ok(())
    });
}

#[test]
fn program_started_by_its_loader_runs_only_itself() {
    within_deadline(|| {
        let Some(loader) = loader() else { return Ok(()) };
        let folder = tempfile::tempdir().unwrap();
        let trap = folder.path().join("ran");
        // Were the loader run again as the program was, the argument would be taken for the
        // program.
        let mut command = Command::new(&loader);
        command.arg(program("program")).arg("nothing").args(["/bin/touch", trap.to_str().unwrap()]);
        assert_eq!(output(&mut command), WORKS);
        assert!(!trap.exists());
        Ok(())
    });
}

#[test]
fn replaced_program_works_unless_behind_a_loader() {
    within_deadline(|| {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(output(Command::new(copy_of("program", folder.path())).arg("replaced")), WORKS);
        let Some(loader) = loader() else { return Ok(()) };
        let text = output(Command::new(loader).arg(copy_of("program", folder.path())).arg("replaced"));
        assert_eq!(text.matches("cannot start this program once more for its workers").count(), 2, "{text}");
        assert!(text.ends_with("Fork: works\n"), "{text}");
        Ok(())
    });
}

#[test]
fn valgrind_is_named_in_the_error() {
    within_deadline(|| {
        if Command::new("valgrind").arg("--version").output().is_err() {
            return Ok(());
        }
        let text = output(Command::new("valgrind").args(["-q", "--tool=none"]).arg(program("program")).arg("nothing"));
        assert_eq!(text.matches("under valgrind").count(), 2, "{text}");
        Ok(())
    });
}

/// Whether this user may make namespaces, with the options that follow.
fn unshares(options: &[&str]) -> Option<Command> {
    let command = || {
        let mut command = Command::new("unshare");
        command.args(options);
        command
    };
    command().arg("true").output().is_ok_and(|output| output.status.success()).then(command)
}

#[test]
fn missing_proc_is_named_in_the_error() {
    within_deadline(|| {
        let Some(mut command) = unshares(&["--mount", "--map-root-user"]) else { return Ok(()) };
        command.args(["sh", "-c", "mount -t tmpfs none /proc && exec \"$0\" nothing"]).arg(program("program"));
        let text = output(&mut command);
        assert_eq!(text.matches("/proc cannot be read").count(), 2, "{text}");
        assert!(text.contains("Fork: cannot count this process' threads (is /proc mounted?)"), "{text}");
        Ok(())
    });
}

#[test]
fn init_process_of_a_namespace_is_left_no_zombies() {
    within_deadline(|| {
        let options = ["--pid", "--fork", "--mount-proc", "--map-root-user"];
        let Some(mut command) = unshares(&options) else { return Ok(()) };
        let text = output(command.arg(program("first")));
        assert_eq!(text, "ForkServer: 0 left\nSpawn: 0 left\nFork: 0 left\n");
        Ok(())
    });
}

#[test]
fn exec_of_the_program_itself_leaves_no_children() {
    within_deadline(|| {
        let text = output(&mut Command::new(program("reexec")));
        assert_eq!(text, "children: \"\"\n".repeat(5));
        Ok(())
    });
}

#[test]
fn pools_of_a_shared_library_work_only_with_fork() {
    within_deadline(|| {
        let text = output(Command::new(program("host")).arg(built().join("libstarts_library.so")));
        assert_eq!(text.matches("the pool is part of the shared library").count(), 2, "{text}");
        assert!(text.ends_with("Fork: [1, 2, 3]\n"), "{text}");
        Ok(())
    });
}

#[test]
fn two_versions_of_the_crate_start_workers_of_their_own() {
    within_deadline(|| {
        let results = |n: u32| format!("Ok({})\nOk({})\nOk({})\n", n + 1, n + 2, n + 3);
        let expected = format!("main runs\nOk((false, true))\n{}{}{}", results(0), results(1), results(2));
        assert_eq!(output(&mut Command::new(program("copies"))), expected);
        Ok(())
    });
}
