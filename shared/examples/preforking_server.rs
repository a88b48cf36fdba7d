//! A server whose workers share one socket: each of them accepts, and the kernel gives a client to
//! one that is free.
//!
//! ```sh
//! cargo run --release -p multiproc --example preforking_server -- 127.0.0.1:7000 4
//! echo hello | nc -q 1 127.0.0.1 7000      # in another terminal; `kill` ends the server
//! ```

use std::io::{self, BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::time::Duration;

use multiproc::{Error, Fd, Service, ServiceManager, ServiceWorker};
use nix::poll::{PollFd, PollFlags, poll};

/// A client that says nothing for this long is let go.
const READ_TIMEOUT: Duration = Duration::from_secs(10);

/// Answers one line.
fn answer(worker: &ServiceWorker, client: &TcpStream) -> io::Result<()> {
    client.set_read_timeout(Some(READ_TIMEOUT))?;
    let mut line = String::new();
    BufReader::new(client).read_line(&mut line)?;
    writeln!(&*client, "{} (process {}) has read {:?}", worker.name(), std::process::id(), line.trim_end())
}

/// One worker. A request that it has begun is answered before it stops.
fn serve(worker: ServiceWorker, listener: Fd<TcpListener>) {
    while !worker.should_stop() {
        // Wakes up for a client, or after 100 ms to see whether it should stop.
        let _ = poll(&mut [PollFd::new(listener.as_fd(), PollFlags::POLLIN)], 100u8);
        // Does not wait: another worker may have been quicker.
        let Ok((client, _)) = listener.accept() else { continue };
        if let Err(error) = answer(&worker, &client) {
            eprintln!("{}: {error}", worker.name());
        }
    }
}

/// Runs the server until SIGTERM or Ctrl-C. A worker that dies is replaced, and no client that
/// waits in the socket is lost with it.
pub(crate) fn run(listener: TcpListener, workers: usize) -> multiproc::Result<()> {
    listener.set_nonblocking(true)?;
    let mut manager = ServiceManager::new();
    manager.add(Service::new(serve, (Fd::new(listener),)), workers)?;
    manager.on_dead_worker(|_, number, exit| eprintln!("worker {number} {exit}"));
    manager.run()
}

fn main() -> multiproc::Result<()> {
    multiproc::init();
    let mut args = std::env::args().skip(1);
    let address = args.next().unwrap_or_else(|| "127.0.0.1:0".into());
    let workers = args.next().map_or(Ok(2), |text| text.parse());
    let workers = workers.map_err(|error| Error::Config(format!("the number of workers: {error}")))?;
    let listener = TcpListener::bind(address)?;
    println!("listening on {}, as process {}", listener.local_addr()?, std::process::id());
    run(listener, workers)
}
