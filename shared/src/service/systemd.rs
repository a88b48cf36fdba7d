//! Notifications to the service manager above this one, such as systemd: sd_notify(3).
//!
//! The three messages are sent without the crate sd-notify (0.5), which takes an abstract name for
//! a path, and blocks while the other side does not read.

use std::env;
use std::ffi::OsString;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};

use crate::sys::now_ns;

/// The socket to which the messages are sent, if there is one.
#[derive(Debug, Default)]
pub(super) struct Systemd(Option<(UnixDatagram, SocketAddr)>);

impl Systemd {
    /// Reads `NOTIFY_SOCKET`: a path, or the name of an abstract socket after an `@`. A socket that
    /// cannot be opened is ignored: the services are not worse for it.
    pub(super) fn from_env() -> Self {
        Self(env::var_os("NOTIFY_SOCKET").and_then(Self::open))
    }

    fn open(name: OsString) -> Option<(UnixDatagram, SocketAddr)> {
        let address = match name.as_bytes().strip_prefix(b"@") {
            Some(name) => SocketAddr::from_abstract_name(name),
            None => SocketAddr::from_pathname(&name),
        };
        let socket = UnixDatagram::unbound().ok()?;
        // The manager must not block because the other side does not read.
        socket.set_nonblocking(true).ok()?;
        Some((socket, address.ok()?))
    }

    /// Reports that the services run, or that they have reloaded.
    pub(super) fn ready(&self) {
        self.send("READY=1\n");
    }

    /// Reports that a reload begins. systemd 253 and later require the time, by which they
    /// distinguish this reload from an earlier one.
    pub(super) fn reloading(&self) {
        self.send(&format!("RELOADING=1\nMONOTONIC_USEC={}\n", now_ns() / 1000));
    }

    /// Reports that the services are being ended.
    pub(super) fn stopping(&self) {
        self.send("STOPPING=1\n");
    }

    fn send(&self, message: &str) {
        if let Some((socket, address)) = &self.0 {
            let _ = socket.send_to_addr(message.as_bytes(), address);
        }
    }
}
