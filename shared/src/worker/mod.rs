//! The life of a worker process: take a record from the task ring, do what it says, put frames into the result ring.

mod inbox;
mod outlet;
mod run;

use std::collections::HashMap;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::Ordering::Release;

use bytemuck::Zeroable;

use crate::handle::{self, Carried, Handles};
use crate::identity;
use crate::kind::ObjectKind;
use crate::protocol::{Envelope, Kind, RECORD_LEN, Record, RecordKind, Setup};
use crate::ring::{Corrupt, Segment};
use crate::sys::bell::Bell;
use crate::sys::process;
use crate::sys::socket::Socket;
use crate::task::{State, panic};

use inbox::Inbox;
use outlet::Outlet;

/// What a fresh worker starts from.
pub(crate) struct Seed {
    /// The shared memory.
    pub(crate) segment: OwnedFd,
    /// The parent's bell.
    pub(crate) bell: OwnedFd,
    /// The socket that handles come through.
    pub(crate) handles: OwnedFd,
}

/// The exit code of a worker that found its memory or its orders unreadable.
const CONFUSED: i32 = 70;

/// Works until told to quit; ends the process.
pub(crate) fn run(seed: Seed) -> ! {
    let Ok(segment) = Segment::open(&seed.segment, ObjectKind::Worker) else { process::exit_now(CONFUSED) };
    drop(seed.segment);
    panic::install_hook();
    let outcome = Worker::new(Arc::new(segment), Bell::from_fd(seed.bell), Socket::from_fd(seed.handles)).serve();
    process::flush_stdio();
    process::exit_now(outcome.unwrap_or(CONFUSED))
}

struct Worker {
    segment: Arc<Segment>,
    inbox: Inbox,
    outlet: Outlet,
    handles: Socket,
    states: HashMap<u64, State>,
    /// Whether the latest task failed.
    failed: bool,
    /// A process of its own, not one of a pool: it exits with 1 if its task failed.
    single: bool,
    /// Tasks begun.
    started: u64,
    /// When the last chunk ended, if nothing was waited for since: the next begins then.
    now: Option<u64>,
}

impl Worker {
    fn new(segment: Arc<Segment>, bell: Bell, handles: Socket) -> Self {
        let bell = Arc::new(bell);
        Self {
            inbox: Inbox::new(segment.clone(), bell.clone()),
            outlet: Outlet::new(segment.clone(), bell),
            segment,
            handles,
            states: HashMap::new(),
            failed: false,
            single: false,
            started: 0,
            now: None,
        }
    }

    /// Works until told to quit; says with which code to exit.
    fn serve(mut self) -> Result<i32, Corrupt> {
        loop {
            if self.inbox.wait()? {
                self.now = None;
            }
            let mut record = Record::zeroed();
            bytemuck::bytes_of_mut(&mut record).copy_from_slice(self.inbox.take(RECORD_LEN)?);
            let len = usize::try_from(record.len).map_err(|_| Corrupt)?;
            match record.kind().ok_or(Corrupt)? {
                RecordKind::Setup => self.set_up(len)?,
                RecordKind::Initialize => self.initialize(&record, len)?,
                RecordKind::State => {
                    let carried = Carried { handles: self.handles_of(&record)?, bytes: self.inbox.take_owned(len)? };
                    self.states.insert(record.state, State { carried, value: None });
                }
                RecordKind::Forget => drop(self.states.remove(&record.state)),
                RecordKind::RunOne | RecordKind::RunMany => self.run_chunk(&record, len)?,
                RecordKind::Quit => return Ok(i32::from(self.single && self.failed)),
            }
        }
    }

    /// The handles that come with a record.
    fn handles_of(&self, record: &Record) -> Result<Handles, Corrupt> {
        if record.handles == 0 {
            return Ok(Handles::default());
        }
        handle::wait(&self.handles).map_err(|_| Corrupt)
    }

    fn set_up(&mut self, len: usize) -> Result<(), Corrupt> {
        let setup: Setup = postcard::from_bytes(self.inbox.take(len)?).map_err(|_| Corrupt)?;
        process::set_title(&setup.identity.name);
        self.outlet.set_cap(setup.cap);
        if let Some(bytes) = setup.memory_limit {
            // Without its limit the worker must not go on; the pool gives up after a few such ends.
            process::limit_memory(bytes).map_err(|_| Corrupt)?;
        }
        self.single = setup.single;
        identity::become_worker(setup.identity);
        if setup.ready {
            self.be_ready();
        }
        Ok(())
    }

    fn be_ready(&self) {
        self.segment.header().worker.ready.store(1, Release);
    }

    /// Runs the initializer. If it panics, the worker ends: what the tasks need is not there.
    fn initialize(&mut self, record: &Record, len: usize) -> Result<(), Corrupt> {
        let input = Carried { handles: self.handles_of(record)?, bytes: self.inbox.take_owned(len)? };
        let Some((kind, mut payload)) = self.run_initializer(record, input)? else {
            self.be_ready();
            return Ok(());
        };
        if kind != Kind::Panicked {
            let message = String::from_utf8_lossy(&payload).into_owned();
            payload = panic::encode(&Envelope { message, location: None, backtrace: None });
        }
        self.outlet.send(Kind::Initializer, None, &mut payload)?;
        self.outlet.show();
        process::flush_stdio();
        process::exit_now(1)
    }
}
