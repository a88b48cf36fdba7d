//! Each recipe prints what its page shows, ends in time, and leaves no process behind.

mod program;

use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::Path;
use std::{fs, io, thread};

use program::Program;

/// Runs a program to its end, and returns what it printed.
#[track_caller]
fn run(path: &str, args: &[&str]) -> String {
    let (succeeded, output, errors) = Program::start(path, args).end();
    assert!(succeeded, "{output}{errors}");
    output
}

#[test]
fn pipeline_goes_on_after_each_failure() {
    assert_eq!(run(env!("CARGO_BIN_EXE_pipeline"), &[]), include_str!("../transcripts/pipeline.txt"));
}

#[test]
fn large_array_is_changed_in_place() {
    assert_eq!(run(env!("CARGO_BIN_EXE_large_array"), &[]), include_str!("../transcripts/large_array.txt"));
}

#[test]
fn pinned_workers_have_one_cpu_each() {
    assert_eq!(run(env!("CARGO_BIN_EXE_pinning"), &[]), "each of 100 tasks had one CPU\n");
}

#[test]
fn retries_end_with_their_budget() {
    // Of six retries the second task takes two, and the third four.
    assert_eq!(run(env!("CARGO_BIN_EXE_retry"), &[]), include_str!("../transcripts/retry.txt"));
}

#[test]
fn workers_log_through_the_program() {
    let printed = run(env!("CARGO_BIN_EXE_logging"), &[]);
    let mut texts: Vec<_> = printed.lines().map(|line| line.split_once(": ").unwrap()).collect();
    texts.sort_by_key(|(_, text)| text.split_once(' ').unwrap().0);
    assert_eq!(texts.len(), 8, "{printed}");
    for (number, (from, text)) in (1..).zip(texts) {
        let (level, rest) = if number % 4 == 0 { ("WARN", "is a multiple of four") } else { ("INFO", "is none") };
        assert!(from.starts_with(&format!("{level} worker ")), "{from}");
        assert_eq!(text, format!("{number} {rest}"));
    }
}

#[test]
fn actor_replies_to_each_request() {
    assert_eq!(run(env!("CARGO_BIN_EXE_actor"), &[]), include_str!("../transcripts/actor.txt"));
}

const TWO_PROGRAMS: &str = env!("CARGO_BIN_EXE_two_programs");

/// Writes a key into a file of `folder`, and returns its path.
fn key_file(folder: &tempfile::TempDir, name: &str, key: &str) -> String {
    let file = folder.path().join(name);
    fs::write(&file, key).unwrap();
    file.to_str().unwrap().to_string()
}

/// Starts the program that serves, and returns its address, too.
fn serve(key: &str) -> (Program, String) {
    let mut server = Program::start(TWO_PROGRAMS, &["serve", key, "127.0.0.1:0"]);
    let address = server.line();
    (server, address)
}

/// The session that the page shows. The port is another in each run.
#[test]
fn two_programs_meet_if_they_have_the_same_key() {
    let folder = tempfile::tempdir().unwrap();
    let right = key_file(&folder, "key", "correct horse battery");
    let wrong = key_file(&folder, "another-key", "wrong horse battery");
    let (server, address) = serve(&right);
    let ask = |key: &str, number| Program::start(TWO_PROGRAMS, &["ask", key, &address, number]).end();

    let (first, refused, second) = (ask(&right, "12"), ask(&wrong, "12"), ask(&right, "3"));
    assert_eq!([&first, &refused, &second].map(|outcome| outcome.0), [true, false, true]);
    let session = format!(
        "$ two_programs serve key 127.0.0.1:0 &\n{address}\n\
         $ two_programs ask key {address} 12\n{}{}\
         $ two_programs ask another-key {address} 12\n{}{}\
         $ two_programs ask key {address} 3\n{}{}",
        first.1, first.2, refused.1, refused.2, second.1, second.2
    );
    let transcript = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("transcripts/two_programs.txt"));
    let transcript = transcript.unwrap();
    let written = transcript.lines().nth(1).unwrap();
    assert_eq!(session, transcript.replace(written, &address));

    server.terminate();
    // By the signal, with all that it has started.
    assert_eq!(server.end(), (false, String::new(), String::new()));
}

/// Accepts connections, and passes the bytes of each on to `address` and back, as a tunnel does.
/// Returns where it listens.
fn tunnel(address: String) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let here = listener.local_addr().unwrap().to_string();
    thread::spawn(move || {
        for near in listener.incoming().map(Result::unwrap) {
            let far = TcpStream::connect(&address).unwrap();
            for (mut from, mut to) in [(near.try_clone().unwrap(), far.try_clone().unwrap()), (far, near)] {
                thread::spawn(move || {
                    // A connection that breaks ends both ways, as one that ends in good order.
                    let _ = io::copy(&mut from, &mut to);
                    let _ = to.shutdown(Shutdown::Write);
                });
            }
        }
    });
    here
}

#[test]
fn two_programs_meet_through_a_tunnel() {
    let folder = tempfile::tempdir().unwrap();
    let key = key_file(&folder, "key", "correct horse battery");
    let (server, address) = serve(&key);
    let near = tunnel(address);
    assert_eq!(run(TWO_PROGRAMS, &["ask", &key, &near, "12"]), "the square of 12 is 144\n");
    server.terminate();
    assert!(!server.end().0);
}

#[test]
fn every_recipe_is_short_and_on_the_page() {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = fs::read_to_string(package.join("../book/chapters/recipes.md")).unwrap();
    let programs = fs::read_dir(package.join("src/bin")).unwrap().map(|entry| entry.unwrap().path());
    for program in programs {
        let name = program.file_name().unwrap().to_str().unwrap();
        assert!(page.contains(&format!("recipes/src/bin/{name}}}}}")), "{name} is not on the page");
        let lines = fs::read_to_string(&program).unwrap().lines().count();
        assert!(lines < 80, "{name} has {lines} lines");
    }
}
