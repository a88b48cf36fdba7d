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
use crate::protocol::{Kind, RECORD_LEN, Record, RecordKind, Setup};
use crate::ring::{Corrupt, Segment};
use crate::sys::bell::Bell;
use crate::sys::exit;
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
    /// As long as it is open, the kernel ends this process when its nursery ends.
    pub(crate) lifeline: Option<OwnedFd>,
}

/// The exit code of a worker that found its memory or its orders unreadable.
const CONFUSED: i32 = 70;

/// Works until told to quit; ends the process.
pub(crate) fn run(seed: Seed) -> ! {
    let Ok(segment) = Segment::open(&seed.segment) else { process::exit_now(CONFUSED) };
    drop(seed.segment);
    let _lifeline = seed.lifeline;
    panic::install_hook();
    let outcome = Worker::new(Arc::new(segment), Bell::from_fd(seed.bell), Socket::from_fd(seed.handles)).serve();
    process::flush_stdio();
    match outcome {
        Ok(code) => exit::in_order(code),
        Err(Corrupt) => process::exit_now(CONFUSED),
    }
}

struct Worker {
    segment: Arc<Segment>,
    inbox: Inbox,
    outlet: Outlet,
    handles: Socket,
    states: HashMap<u64, State>,
    /// Whether the latest task failed.
    failed: bool,
    /// What to run before the end.
    finalizer: Option<(Record, Carried)>,
    /// How long the end may take, in nanoseconds.
    end_limit: u64,
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
            finalizer: None,
            end_limit: u64::MAX,
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
                RecordKind::Finalize => {
                    let carried = Carried { handles: self.handles_of(&record)?, bytes: self.inbox.take_owned(len)? };
                    self.finalizer = Some((record, carried));
                }
                RecordKind::Quit => return Ok(self.finalize()),
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
        self.end_limit = setup.end_limit;
        identity::become_worker(setup.identity);
        if setup.ready {
            self.be_ready();
        }
        Ok(())
    }

    fn be_ready(&self) {
        self.segment.header().worker.ready.store(1, Release);
    }

    /// Runs the finalizer, with a limit for that and all that follows; says with which code to exit.
    fn finalize(&mut self) -> i32 {
        exit::limit(self.end_limit);
        let finalizer = self.finalizer.take();
        let failed = finalizer.is_some_and(|(record, input)| !matches!(self.run_once(&record, input), Ok(None)));
        i32::from(failed || self.single && self.failed)
    }

    /// Runs the initializer. If it fails, the worker ends: what the tasks need is not there.
    fn initialize(&mut self, record: &Record, len: usize) -> Result<(), Corrupt> {
        let input = Carried { handles: self.handles_of(record)?, bytes: self.inbox.take_owned(len)? };
        let outcome = self.run_once(record, input)?;
        // An initializer may have given up rights.
        process::renew_death_signal();
        let Some(error) = outcome else {
            self.be_ready();
            return Ok(());
        };
        // Texts and numbers: postcard has nothing to refuse in them.
        let mut payload = postcard::to_stdvec(&error).unwrap_or_default();
        self.outlet.send(Kind::Initializer, None, &mut payload)?;
        self.outlet.show();
        process::flush_stdio();
        process::exit_now(1)
    }
}
