//! Says in one sentence where the crate cannot be built, in the place of the compiler's many.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    if std::env::var_os("CARGO_CFG_TARGET_OS").is_none_or(|system| system != "linux") {
        println!(
            "cargo::error=multiproc runs on Linux only, whose forks, futexes and memory files it is made of; on \
             Windows, build in WSL 2; on macOS, in a container or a virtual machine"
        );
    }
}
