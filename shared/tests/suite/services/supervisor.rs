//! Notifications for the service manager above, such as systemd, by `NOTIFY_SOCKET`.

use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

use multiproc::Result;
use nix::sys::signal::Signal;

use super::observe::{await_workers, end_well};
use crate::support::{Named, Program, named};

pub(crate) const TESTS: &[Named] = named! {
    supervisor_is_notified_by_path
    supervisor_is_notified_by_abstract_name
};

/// Follows the messages through a program's life.
fn is_told(socket: &UnixDatagram, name: &str) -> Result<()> {
    socket.set_read_timeout(Some(Duration::from_secs(30)))?;
    let receive = || {
        let mut buffer = [0; 200];
        let len = socket.recv(&mut buffer).unwrap();
        String::from_utf8(buffer[..len].to_vec()).unwrap()
    };
    let mut command = Program::command("prints");
    command.env("NOTIFY_SOCKET", name);
    let program = Program::start_with(command);
    assert_eq!(receive(), "READY=1\n");
    program.signal(Signal::SIGHUP);
    let reloading = receive();
    let time = reloading.strip_prefix("RELOADING=1\nMONOTONIC_USEC=").expect("the message of a reload");
    assert!(time.trim_end().parse::<u64>().is_ok(), "{reloading}");
    assert_eq!(receive(), "READY=1\n");
    // The new workers were started by then.
    await_workers(&program, "printer", 0..5);
    program.signal(Signal::SIGTERM);
    assert_eq!(receive(), "STOPPING=1\n");
    end_well(program);
    Ok(())
}

fn supervisor_is_notified_by_path() -> Result<()> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notify");
    is_told(&UnixDatagram::bind(&path)?, path.to_str().unwrap())
}

fn supervisor_is_notified_by_abstract_name() -> Result<()> {
    let name = format!("multiproc-test-{}", std::process::id());
    let socket = UnixDatagram::bind_addr(&SocketAddr::from_abstract_name(&name)?)?;
    is_told(&socket, &format!("@{name}"))
}
