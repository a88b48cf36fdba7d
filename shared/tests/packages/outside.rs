//! Programs that forget `init()`, that are measured for coverage, or that do not compile.
//!
//! What the compiler says of a program is compared as far as it comes from the crate. The rest
//! differs from version to version, and a whole message (as trybuild compares it) would fail with
//! those that the crate supports and that were never tried.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::Mutex;

use serde_json::Value;

use super::{cargo, profile_folder, within_deadline};

/// A crate whose tokens have no size, and one with an error for everything; as this workspace has
/// them, so that their sources are there.
const OTHERS: &str =
    "qcell = { version = \"0.5\", default-features = false, features = [\"std\"] }\nanyhow = \"1.0\"\n";

fn package(folder: &Path, name: &str) {
    let shared = Path::new(env!("CARGO_MANIFEST_DIR"));
    let source = shared.join("tests/packages/outside").join(name).with_extension("rs");
    let manifest = format!(
        "[package]\nname = \"outside-{name}\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n\
         [[bin]]\nname = \"outside-{name}\"\npath = {source:?}\n\n\
         [dependencies]\nmultiproc = {{ path = {shared:?} }}\n{OTHERS}\n[workspace]\n"
    );
    std::fs::write(folder.join("Cargo.toml"), manifest).unwrap();
    std::fs::copy(shared.join("../Cargo.lock"), folder.join("Cargo.lock")).unwrap();
}

/// Builds a program of `outside/`, with these flags for Cargo and for the compiler.
fn build_with(name: &str, cargo_flags: &[&str], flags: &[&str]) -> Output {
    static ONE: Mutex<()> = Mutex::new(());
    let _turn = ONE.lock().unwrap();
    let folder = tempfile::tempdir().unwrap();
    package(folder.path(), name);
    let mut cargo = cargo("rustc", folder.path());
    cargo.args(cargo_flags).arg("--").args(flags).output().unwrap()
}

/// Builds and runs a program; says what it printed.
fn run(name: &str) -> String {
    let built = build_with(name, &[], &[]);
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    let program = profile_folder().join(format!("outside-{name}"));
    let output = Command::new(program).stdin(Stdio::null()).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    text
}

/// The compiler's errors about a program that must not compile, by the line that they are about, if
/// it is one of the program's.
fn errors(name: &str) -> Vec<(Option<usize>, String)> {
    let built = build_with(name, &["--message-format=json"], &[]);
    assert!(!built.status.success(), "it compiles");
    let text = String::from_utf8(built.stdout).unwrap();
    let messages = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()["message"].take());
    let errors = messages.filter(|message| message["level"] == "error");
    let place = |error: &Value| {
        let span = error["spans"].as_array()?.iter().find(|span| span["is_primary"] == true)?;
        let own = span["file_name"].as_str()?.ends_with(&format!("outside/{name}.rs"));
        own.then_some(span["line_start"].as_u64()? as usize)
    };
    errors.map(|error| (place(&error), error["rendered"].as_str().unwrap().to_string())).collect()
}

/// Builds a program that must not compile. Below each line that is wrong are the texts that its
/// errors must have, each after `//~`, and indented further where one goes on; no other line has an
/// error.
fn is_refused_as_it_says(name: &str) {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/packages/outside").join(name).with_extension("rs");
    let source = std::fs::read_to_string(source).unwrap();
    let (mut expected, mut wrong) = (BTreeMap::<_, Vec<String>>::new(), 0);
    for (number, line) in (1..).zip(source.lines()) {
        match line.trim_start().strip_prefix("//~ ") {
            Some(text) => {
                let texts = expected.entry(wrong).or_default();
                match (text.strip_prefix("  "), texts.last_mut()) {
                    (Some(more), Some(last)) => *last += &format!(" {more}"),
                    _ => texts.push(text.into()),
                }
            }
            None => wrong = number,
        }
    }
    let mut said = BTreeMap::<_, String>::new();
    for (line, error) in errors(name).into_iter().filter_map(|(line, error)| Some((line?, error))) {
        said.entry(line).or_default().push_str(&error);
    }
    assert!(expected.keys().eq(said.keys()), "errors in the lines {:?}, not {:?}", said.keys(), expected.keys());
    for (line, texts) in expected {
        texts.iter().for_each(|text| assert!(said[&line].contains(text), "{text}\n{}", said[&line]));
    }
}

#[test]
fn forgotten_init_is_an_error_with_the_line_to_add() {
    within_deadline(|| {
        let text = run("forgot");
        assert_eq!(text.matches("main runs").count(), 1, "{text}");
        assert_eq!(text.matches("multiproc::init();").count(), 4, "{text}");
        assert!(text.contains("forked: Ok([1, 2, 3])"), "{text}");
        Ok(())
    });
}

#[test]
fn main_runs_once_with_init() {
    within_deadline(|| {
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
    within_deadline(|| {
        let built = build_with("covered", &[], &["-C", "instrument-coverage"]);
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
fn capturing_closure_is_rejected_with_advice() {
    within_deadline(|| {
        let errors = errors("captures");
        let of_captures = |(_, error): &&(_, String)| error.starts_with("error[E0080]");
        let errors: Vec<_> = errors.iter().filter(of_captures).collect();
        // One for each closure.
        assert_eq!(errors.len(), 2, "{errors:?}");
        for (_, why) in errors {
            assert!(
                why.contains("this closure captures variables") && why.contains("partial(function, state)"),
                "{why}"
            );
        }
        Ok(())
    });
}

#[test]
fn closure_with_a_zero_sized_capture_is_rejected() {
    within_deadline(|| {
        is_refused_as_it_says("owns");
        Ok(())
    });
}

#[test]
fn borrowed_argument_does_not_compile() {
    within_deadline(|| {
        is_refused_as_it_says("borrows");
        Ok(())
    });
}

#[test]
fn mistakes_are_rejected_with_advice() {
    within_deadline(|| {
        is_refused_as_it_says("mistakes");
        Ok(())
    });
}

/// Cargo gets the crates that dependencies need on another system before it builds anything, and
/// they may not be there. So a package without dependencies has the crate's build script.
#[test]
fn other_systems_are_refused_in_a_sentence() {
    within_deadline(|| {
        let (folder, shared) = (tempfile::tempdir().unwrap(), Path::new(env!("CARGO_MANIFEST_DIR")));
        let manifest = "[package]\nname = \"outside-elsewhere\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n\
                        [lib]\npath = \"lib.rs\"\n\n[workspace]\n";
        std::fs::write(folder.path().join("Cargo.toml"), manifest).unwrap();
        std::fs::write(folder.path().join("lib.rs"), "").unwrap();
        std::fs::copy(shared.join("build.rs"), folder.path().join("build.rs")).unwrap();
        for target in ["x86_64-pc-windows-gnu", "aarch64-apple-darwin"] {
            let built = cargo("check", folder.path()).args(["--target", target]).output().unwrap();
            let text = String::from_utf8(built.stderr).unwrap();
            assert!(!built.status.success(), "{text}");
            let errors: Vec<_> = text.lines().filter(|line| line.starts_with("error")).collect();
            assert!(errors[0].contains("multiproc runs on Linux only"), "{text}");
            assert_eq!(errors[1..], ["error: build script logged errors"], "{text}");
        }
        Ok(())
    });
}

#[test]
fn no_dependency_is_built_on_other_systems() {
    let flags = ["metadata", "--offline", "--no-deps", "--format-version=1"];
    let metadata = Command::new(env!("CARGO")).args(flags).current_dir(env!("CARGO_MANIFEST_DIR")).output().unwrap();
    let metadata: Value = serde_json::from_slice(&metadata.stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    let crate_itself = packages.iter().find(|package| package["name"] == "multiproc").unwrap();
    let dependencies = crate_itself["dependencies"].as_array().unwrap();
    // Those of tests have the kind "dev".
    let built: Vec<_> = dependencies.iter().filter(|dependency| dependency["kind"] != "dev").collect();
    assert!(built.len() > 10, "{built:#?}");
    for dependency in built {
        let target = dependency["target"].as_str().unwrap_or_default();
        assert!(["cfg(target_os = \"linux\")", "cfg(multiproc_loom)"].contains(&target), "{dependency:#}");
    }
}
