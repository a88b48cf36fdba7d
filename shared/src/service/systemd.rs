//! Telling the service manager above, such as systemd, how things stand. See sd_notify(3).
//!
//! Three messages, by hand: the crate sd-notify (0.5) takes an abstract name for a path, and waits
//! while nobody reads.

use std::env;
use std::ffi::OsString;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};

use crate::sys::clock::now_ns;

/// Where to send the messages; nowhere if nobody has asked for them.
#[derive(Debug, Default)]
pub(super) struct Systemd(Option<(UnixDatagram, SocketAddr)>);

impl Systemd {
    /// Reads `NOTIFY_SOCKET`: a path, or the name of an abstract socket after an `@`. What cannot
    /// be reached is as good as not set: the service is not worse for it.
    pub(super) fn from_env() -> Self {
        Self(env::var_os("NOTIFY_SOCKET").and_then(Self::open))
    }

    fn open(name: OsString) -> Option<(UnixDatagram, SocketAddr)> {
        let address = match name.as_bytes().strip_prefix(b"@") {
            Some(name) => SocketAddr::from_abstract_name(name),
            None => SocketAddr::from_pathname(&name),
        };
        let socket = UnixDatagram::unbound().ok()?;
        // Services must not stand still because nobody reads this.
        socket.set_nonblocking(true).ok()?;
        Some((socket, address.ok()?))
    }

    pub(super) fn ready(&self) {
        self.send("READY=1\n");
    }

    /// The time is asked for since systemd 253: it tells this reload from an earlier one.
    pub(super) fn reloading(&self) {
        self.send(&format!("RELOADING=1\nMONOTONIC_USEC={}\n", now_ns() / 1000));
    }

    pub(super) fn stopping(&self) {
        self.send("STOPPING=1\n");
    }

    fn send(&self, message: &str) {
        if let Some((socket, address)) = &self.0 {
            let _ = socket.send_to_addr(message.as_bytes(), address);
        }
    }
}
