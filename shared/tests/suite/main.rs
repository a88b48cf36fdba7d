//! The crate's promises, by subject. Each test runs in a process of its own; see
//! `support/harness.rs`.
//!
//! `cargo test -p multiproc --test suite -- channels::queues` runs those of `channels/queues.rs`.

mod calls;
mod channels;
mod documents;
mod environment;
mod foreign_code;
mod managers;
mod processes;
mod resources;
mod runtimes;
mod security;
mod services;
#[path = "../support/mod.rs"]
mod support;
mod sync;
mod workers;

use std::process::ExitCode;

fn main() -> ExitCode {
    let tests = [
        calls::TESTS,
        workers::TESTS,
        processes::TESTS,
        channels::TESTS,
        sync::TESTS,
        managers::TESTS,
        services::TESTS,
        environment::TESTS,
        foreign_code::TESTS,
        resources::TESTS,
        security::TESTS,
        &[documents::TESTS],
    ];
    let programs = [
        workers::PROGRAMS,
        processes::PROGRAMS,
        managers::PROGRAMS,
        services::PROGRAMS,
        environment::PROGRAMS,
        foreign_code::PROGRAMS,
        resources::PROGRAMS,
    ];
    support::run_each_in_a_process(&tests.concat(), &programs.concat())
}
