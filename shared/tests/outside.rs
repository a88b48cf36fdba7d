//! Programs of other packages: what the crate is like without the feature `test-support`, and what
//! does not compile.
//!
//! The programs are the files in `outside/`. They need a package of their own, because this one
//! turns the feature on for its tests. It is made in a temporary folder and built into the folder
//! of this build, so that what is compiled once stays.

mod support;

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::Mutex;

use support::{DEADLINE, within};

/// A crate whose tokens have no size; as this package has it, so that its sources are there.
const QCELL: &str = "qcell = { version = \"0.5\", default-features = false, features = [\"std\"] }\n";

/// Building takes longer than any test may.
const BUILD: std::time::Duration = DEADLINE.saturating_mul(10);

/// Cargo writes the programs where this binary is: `target/debug/deps/outside-…`.
fn profile_folder() -> PathBuf {
    let own = std::env::current_exe().unwrap();
    own.ancestors().nth(2).unwrap().to_path_buf()
}

fn package(folder: &Path, name: &str) {
    let shared = Path::new(env!("CARGO_MANIFEST_DIR"));
    let source = shared.join("tests/outside").join(name).with_extension("rs");
    let manifest = format!(
        "[package]\nname = \"outside-{name}\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n\
         [[bin]]\nname = \"outside-{name}\"\npath = {source:?}\n\n\
         [dependencies]\nmultiproc = {{ path = {shared:?} }}\n{QCELL}\n[workspace]\n"
    );
    std::fs::write(folder.join("Cargo.toml"), manifest).unwrap();
    std::fs::copy(shared.join("../Cargo.lock"), folder.join("Cargo.lock")).unwrap();
}

/// Builds a program of `outside/`, with these flags for the compiler.
fn build_with(name: &str, flags: &[&str]) -> Output {
    static ONE: Mutex<()> = Mutex::new(());
    let _turn = ONE.lock().unwrap();
    let folder = tempfile::tempdir().unwrap();
    package(folder.path(), name);
    let profile = profile_folder();
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(["rustc", "--offline", "--color=never"]).current_dir(folder.path());
    if profile.file_name() == Some(OsStr::new("release")) {
        cargo.arg("--release");
    }
    cargo.arg("--").args(flags);
    cargo.env("CARGO_TARGET_DIR", profile.parent().unwrap()).env_remove("RUSTFLAGS").output().unwrap()
}

fn build(name: &str) -> Output {
    build_with(name, &[])
}

/// Builds and runs a program; says what it printed.
fn run(name: &str) -> String {
    let built = build(name);
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    let program = profile_folder().join(format!("outside-{name}"));
    let output = Command::new(program).stdin(Stdio::null()).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    text
}

/// Tries to build a program that must not compile; says why it does not.
fn refusal(name: &str) -> String {
    let built = build(name);
    assert!(!built.status.success(), "it compiles");
    String::from_utf8(built.stderr).unwrap()
}

#[test]
fn a_forgotten_init_is_refused_with_the_line_to_add_and_main_runs_once() {
    within(BUILD, || {
        let text = run("forgot");
        assert_eq!(text.matches("main runs").count(), 1, "{text}");
        assert_eq!(text.matches("multiproc::init();").count(), 4, "{text}");
        assert!(text.contains("forked: Ok([1, 2, 3])"), "{text}");
        Ok(())
    });
}

#[test]
fn with_init_main_runs_once_too() {
    within(BUILD, || {
        let text = run("remembered");
        let once = "main runs\n[1, 2, 3]\n[1, 2, 3]\n";
        assert_eq!(text, format!("{once}{once}exit status: 0\n"));
        Ok(())
    });
}

/// The bytes of each profile that the program's processes wrote.
fn profiles(program: &Path, method: &str) -> Vec<u64> {
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new(program);
    command.arg(method).env("LLVM_PROFILE_FILE", folder.path().join("%p.profraw")).stdin(Stdio::null());
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let files = std::fs::read_dir(folder.path()).unwrap();
    files.map(|file| file.unwrap().metadata().unwrap().len()).collect()
}

#[test]
fn workers_write_coverage_profiles() {
    within(BUILD, || {
        let built = build_with("covered", &["-C", "instrument-coverage"]);
        assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
        let program = profile_folder().join("outside-covered");
        // Each of the program's processes has a file of its own.
        let alone = profiles(&program, "spawn");
        assert_eq!(alone, [alone[0]; 3]);
        for method in ["forkserver", "fork"] {
            // A forked process appends to the file of the one that it is a copy of.
            assert_eq!(profiles(&program, method).iter().sum::<u64>(), 3 * alone[0], "{method}");
        }
        Ok(())
    });
}

#[test]
fn a_closure_that_captures_does_not_compile_and_the_message_says_what_to_do() {
    within(BUILD, || {
        let why = refusal("captures");
        let message = "this closure captures variables";
        assert!(why.contains(message) && why.contains("partial(function, state)"), "{why}");
        // One for each closure.
        assert_eq!(why.matches("error[E0080]").count(), 2, "{why}");
        Ok(())
    });
}

#[test]
fn a_closure_that_captures_a_token_does_not_compile_and_the_message_says_why() {
    within(BUILD, || {
        let why = refusal("owns");
        let message =
            "cannot be a task's function: it captures something that cannot be copied or shared between threads";
        assert_eq!(why.matches(message).count(), 4, "{why}");
        assert!(why.contains("partial(function, state)"), "{why}");
        Ok(())
    });
}

#[test]
fn a_borrowed_argument_does_not_compile() {
    within(BUILD, || {
        let why = refusal("borrows");
        assert!(why.contains("implementation of `OwnedNotBorrowed` is not general enough"), "{why}");
        Ok(())
    });
}

#[test]
fn mistakes_do_not_compile_and_the_messages_say_what_to_do() {
    within(BUILD, || {
        let why = refusal("mistakes");
        let messages = [
            "`&[u32]` cannot be an argument of a task",
            "a task owns its arguments: `String` instead of `&str`, `Vec<T>` instead of `&[T]`",
            "`Own` cannot be an argument of a task",
            "`Own` cannot be the result of a task",
            "`Result<u32, Box<",
            "return `multiproc::TaskError`, to which `?` converts",
            "`impl Future<Output = u32>` cannot be the result of a task",
            "an async function runs with `Pool::map_concurrent`",
            "is not a tuple of a task's arguments",
            "put more of them into a struct or a tuple",
            "a single argument is a tuple, too: `(argument,)`",
        ];
        messages.iter().for_each(|message| assert!(why.contains(message), "{message}\n{why}"));
        Ok(())
    });
}
