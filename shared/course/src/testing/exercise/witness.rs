//! Witnesses: the functions that an exercise gives, and the tasks of its tests, report each of
//! their calls to the test. The kernel names the process that a report comes from, so that it does
//! not matter which pids a solution returns.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::process;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

use nix::sys::socket::{getsockopt, sockopt::PeerCredentials};

use super::TIMEOUT;
use super::isolated::meeting_place;

/// A call, as a witness has seen it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// The process that made it.
    pub pid: u32,
    /// Its arguments, as `{:?}` prints them.
    pub input: String,
}

/// A call that is under way. Dropping it ends the call.
#[derive(Debug)]
pub struct Witness(Option<UnixStream>);

/// Reports a call with these arguments to the test that runs, if there is one, which lasts until
/// the returned value is dropped. Waits for calls in other processes if the test wants them to
/// [meet](super::attempt_to_meet).
pub fn witness(input: impl Debug) -> Witness {
    let stream = meeting_place().and_then(|place| UnixStream::connect(place).ok());
    let report = |stream: &mut UnixStream| {
        writeln!(stream, "{input:?}")?;
        stream.read_exact(&mut [0])
    };
    // An error means that the test is over.
    Witness(stream.and_then(|mut stream| report(&mut stream).is_ok().then_some(stream)))
}

impl Drop for Witness {
    fn drop(&mut self) {
        if let Some(stream) = &mut self.0 {
            let _ = stream.shutdown(Shutdown::Write);
            // The call has ended when the test has noted it, and so before the next one begins.
            let _ = stream.read(&mut [0]);
        }
    }
}

/// What was seen.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// The calls, in the order of their begins.
    pub(super) calls: Vec<Call>,
    /// The calls that are under way, by process.
    running: BTreeMap<u32, usize>,
    /// The largest number of calls under way at any one time, by process.
    pub(super) max_in_one: BTreeMap<u32, usize>,
    /// The largest number of processes, without the test's own, with a call under way at any one
    /// time.
    pub(super) max_at_a_time: usize,
    /// Whether to wait no more.
    given_up: bool,
}

/// Receives the reports of witnesses.
pub(super) struct Listener {
    room: Arc<Room>,
    place: PathBuf,
    accepting: JoinHandle<()>,
}

struct Room {
    /// The number of processes that are to meet.
    crowd: usize,
    seen: Mutex<Seen>,
    changed: Condvar,
    over: AtomicBool,
}

impl Listener {
    /// Begins to listen. The first calls wait until `crowd` processes have one under way.
    pub(super) fn start(crowd: usize) -> Self {
        let place = meeting_place().expect("an attempt is made in a test that is `isolated`");
        let listener = UnixListener::bind(&place).expect("the folder is the test's own");
        let room = Room { crowd, seen: Mutex::default(), changed: Condvar::new(), over: AtomicBool::new(false) };
        let room = Arc::new(room);
        let accepting = {
            let room = room.clone();
            thread::spawn(move || {
                for stream in listener.incoming().map_while(Result::ok) {
                    if room.over.load(Ordering::Relaxed) {
                        break;
                    }
                    let room = room.clone();
                    thread::spawn(move || room.attend(stream));
                }
            })
        };
        Self { room, place, accepting }
    }

    /// Ends listening, and returns what was seen.
    pub(super) fn stop(self) -> Seen {
        self.room.over.store(true, Ordering::Relaxed);
        // It wakes the thread that accepts.
        let _ = UnixStream::connect(&self.place);
        let _ = self.accepting.join();
        let _ = fs::remove_file(&self.place);
        std::mem::take(&mut *self.room.seen())
    }
}

impl Room {
    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Follows one call from its begin to its end, which is that of the connection.
    fn attend(&self, mut stream: UnixStream) {
        let Ok(credentials) = getsockopt(&stream, PeerCredentials) else { return };
        let pid = credentials.pid().cast_unsigned();
        let mut input = String::new();
        if BufReader::new(&stream).read_line(&mut input).is_err() {
            return;
        }
        self.begin(pid, input.trim_end().to_owned());
        // An error means that the process has ended.
        let _ = stream.write_all(&[0]);
        let _ = stream.read(&mut [0]);
        if let Some(running) = self.seen().running.get_mut(&pid) {
            *running -= 1;
        }
    }

    /// Notes a call, and waits until enough processes have one.
    fn begin(&self, pid: u32, input: String) {
        let mut seen = self.seen();
        seen.calls.push(Call { pid, input });
        let running = seen.running.entry(pid).or_default();
        *running += 1;
        let running = *running;
        let max = seen.max_in_one.entry(pid).or_default();
        *max = running.max(*max);
        let own = process::id();
        let busy = seen.running.iter().filter(|(pid, running)| **pid != own && **running > 0).count();
        seen.max_at_a_time = busy.max(seen.max_at_a_time);
        // A call in this process will be complained of anyway.
        seen.given_up |= pid == own;
        let met = |seen: &mut Seen| seen.given_up || seen.max_at_a_time >= self.crowd;
        let (mut seen, _) =
            self.changed.wait_timeout_while(seen, TIMEOUT, |seen| !met(seen)).unwrap_or_else(PoisonError::into_inner);
        seen.given_up = true;
        self.changed.notify_all();
    }
}
