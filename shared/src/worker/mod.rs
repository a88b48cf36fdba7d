//! The loop of a worker process: it takes a record from the task ring, executes it, and writes
//! frames to the result ring.
//!
//! A task may fork, and then returns in both processes. The copy exits as soon as it is back in
//! this code: it has no rings ([`keep_from_copies`](crate::sys::shm::Mapping::keep_from_copies)),
//! and its original goes on.

mod descriptors;
mod output;
mod result_writer;
mod run;
mod streams;
mod task_reader;

use std::collections::HashMap;
use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering::Release;
use std::time::Duration;

use bytemuck::Zeroable;

use crate::codec;
use crate::error::Error;
use crate::fds::{self, Handles, Payload};
use crate::foreign;
use crate::identity;
use crate::kind::ObjectKind;
use crate::protocol::{Kind, RECORD_LEN, Record, RecordKind, Setup};
use crate::ring::{Corrupt, Segment};
use crate::shm;
use crate::sys::exit::{self, exit_now};
use crate::sys::memory;
use crate::sys::pid::Owner;
use crate::sys::poll::Notifier;
use crate::sys::process;
use crate::sys::sealed::Sealed;
use crate::sys::socket::Socket;
use crate::task::{StateBytes, TaskState, panic};

use descriptors::Descriptors;
use output::Output;
use result_writer::ResultWriter;
use streams::Marker;
use task_reader::TaskReader;

/// The descriptors that a new worker starts with.
pub(crate) struct WorkerFds {
    /// The shared memory.
    pub(crate) segment: OwnedFd,
    /// The parent's notifier.
    pub(crate) notifier: OwnedFd,
    /// The socket that handles arrive by, and leave by.
    pub(crate) handles: OwnedFd,
    /// As long as it is open, the kernel kills this process when its zygote ends.
    pub(crate) lifeline: Option<OwnedFd>,
}

/// The exit code of a worker whose memory or records can't be read.
const EXIT_CORRUPT: i32 = 70;

/// The time for which memory is kept that the next task's arguments may take.
const MAX_SPARE: Duration = Duration::from_secs(1);

/// Runs tasks until the record that ends the worker; then exits.
pub(crate) fn run(fds: WorkerFds) -> ! {
    let Ok(segment) = Segment::open(&fds.segment, ObjectKind::Worker) else { exit_now(EXIT_CORRUPT) };
    drop(fds.segment);
    let _lifeline = fds.lifeline;
    panic::install_hook();
    let mut worker = Worker::new(Arc::new(segment), Notifier::from_fd(fds.notifier), Socket::from_fd(fds.handles));
    let outcome = worker.serve();
    for state in std::mem::take(&mut worker.states) {
        foreign::run_or_forget(|| drop(state));
    }
    shm::unregister_all();
    let shown = worker.output.flush_last();
    match outcome {
        Ok(code) if shown => exit::exit(code),
        // The descriptors are not closed before: their numbers may be those of files of a task.
        outcome => exit_now(outcome.unwrap_or(EXIT_CORRUPT)),
    }
}

struct Worker {
    owner: Owner,
    segment: Arc<Segment>,
    tasks: TaskReader,
    results: ResultWriter,
    descriptors: Rc<Descriptors>,
    output: Output,
    /// Marks where tasks begin in what goes to standard error.
    marker: Option<Marker>,
    states: HashMap<u64, TaskState>,
    /// Whether the latest task failed.
    failed: bool,
    /// The finalizer and its arguments.
    finalizer: Option<(Record, Payload)>,
    /// The time that the end may take, in nanoseconds.
    end_limit: u64,
    /// Whether this is the worker of a [`Process`](crate::Process), which exits with 1 if its task
    /// failed.
    single: bool,
    /// The memory of the latest task's arguments or result, if it was large, for the arguments of
    /// the next: its pages are in memory already. (To clear new ones took more time than to copy
    /// the arguments.)
    spare: Vec<u8>,
    /// Whether there may be such memory: not if the worker's data is limited, which is for tasks.
    may_spare: bool,
    /// Tasks begun.
    started: u64,
    /// When the last chunk ended, if there was no wait since: the next begins then.
    now: Option<u64>,
}

impl Worker {
    fn new(segment: Arc<Segment>, notifier: Notifier, handles: Socket) -> Self {
        let descriptors = Rc::new(Descriptors::new(notifier, handles));
        Self {
            owner: Owner::here(),
            tasks: TaskReader::new(segment.clone(), descriptors.clone()),
            results: ResultWriter::new(segment.clone(), descriptors.clone()),
            segment,
            descriptors,
            output: Output::default(),
            marker: None,
            states: HashMap::new(),
            failed: false,
            finalizer: None,
            end_limit: u64::MAX,
            single: false,
            spare: Vec::new(),
            may_spare: true,
            started: 0,
            now: None,
        }
    }

    /// Runs tasks until the record that ends the worker; returns the exit code.
    fn serve(&mut self) -> Result<i32, Corrupt> {
        loop {
            // The drop of a value may have forked.
            self.owner.or_exit();
            if self.tasks.is_empty()? {
                // While there is nothing to do, output of tasks is flushed and the descriptors are
                // checked.
                self.output.flush();
                self.descriptors.check_now_and_then()?;
                if self.spare.capacity() > 0 {
                    self.tasks.sleep(Some(MAX_SPARE))?;
                    if self.tasks.is_empty()? {
                        self.spare = Vec::new();
                    }
                }
                self.tasks.sleep(None)?;
                self.now = None;
            }
            // It is for the next record, whatever that is: it never lies beside what a task needs.
            let spare = std::mem::take(&mut self.spare);
            let mut record = Record::zeroed();
            bytemuck::bytes_of_mut(&mut record).copy_from_slice(self.tasks.take(RECORD_LEN)?);
            let len = usize::try_from(record.len).map_err(|_| Corrupt)?;
            match record.kind().ok_or(Corrupt)? {
                RecordKind::Setup => self.set_up(&record, len)?,
                RecordKind::Initialize => self.initialize(&record, len)?,
                RecordKind::State => {
                    let handles = self.handles_of(&record)?;
                    let bytes = StateBytes::Own(self.tasks.take_owned(len, Vec::new())?);
                    self.states.insert(record.state, TaskState { bytes, handles, value: None });
                }
                RecordKind::SharedState => {
                    let mut handles = self.handles_of(&record)?;
                    // Without it, the tasks that need it fail.
                    if let Some(bytes) = handles.pop(ObjectKind::State).and_then(|memory| Sealed::open(memory).ok()) {
                        let bytes = StateBytes::Shared(bytes);
                        self.states.insert(record.state, TaskState { bytes, handles, value: None });
                    }
                }
                RecordKind::Forget => {
                    let state = self.states.remove(&record.state);
                    foreign::run_or_forget(|| drop(state));
                }
                RecordKind::RunOne | RecordKind::RunMany | RecordKind::RunManyTimed => {
                    self.run_chunk(&record, len, spare)?;
                }
                RecordKind::Finalize => {
                    let payload =
                        Payload { handles: self.handles_of(&record)?, bytes: self.tasks.take_owned(len, Vec::new())? };
                    self.finalizer = Some((record, payload));
                }
                RecordKind::Quit => return Ok(self.finalize()),
            }
        }
    }

    /// Receives the handles that belong to a record.
    fn handles_of(&self, record: &Record) -> Result<Handles, Corrupt> {
        if record.handles == 0 {
            return Ok(Handles::default());
        }
        self.descriptors.handles()
    }

    fn set_up(&mut self, record: &Record, len: usize) -> Result<(), Corrupt> {
        let mut handles = self.handles_of(record)?;
        let bytes = self.tasks.take(len)?;
        let setup: Setup = fds::unpack(&mut handles, || postcard::from_bytes(bytes)).map_err(|_| Corrupt)?;
        // As without its limit, it must not go on with another output than it should have.
        self.marker = streams::redirect(setup.streams).map_err(|_| Corrupt)?;
        process::set_title(&setup.identity.name);
        self.results.set_max_message(setup.max_message);
        if let Some(bytes) = setup.memory_limit {
            // Without its limit the worker must not go on; the pool fails after a few such ends.
            memory::limit_memory(bytes).map_err(|_| Corrupt)?;
            self.may_spare = false;
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

    /// Runs the finalizer, with a time limit for that and all that follows; returns the exit code.
    fn finalize(&mut self) -> i32 {
        exit::kill_after(self.end_limit);
        let finalizer = self.finalizer.take();
        let failed = finalizer.is_some_and(|(record, input)| !matches!(self.run_once(&record, input), Ok(None)));
        i32::from(failed || self.single && self.failed)
    }

    /// Runs the initializer. If that fails, the worker exits, as tasks may need what it sets up.
    fn initialize(&mut self, record: &Record, len: usize) -> Result<(), Corrupt> {
        let input = Payload { handles: self.handles_of(record)?, bytes: self.tasks.take_owned(len, Vec::new())? };
        let hook = panic::mark_hook();
        let outcome = self.run_once(record, input)?;
        self.owner.or_exit();
        panic::install_over_hook_since(hook);
        // An initializer may have changed the user, at which the kernel forgets the signal.
        exit::renew_death_signal();
        let Some(error) = outcome else {
            self.be_ready();
            return Ok(());
        };
        let mut payload = Vec::new();
        if let Err(why) = codec::encode_plain(&error, &mut payload) {
            payload.clear();
            // A text can be encoded.
            let _ = codec::encode_plain(&Error::Failed(why), &mut payload);
        }
        self.results.send(Kind::Initializer, None, &mut payload, Handles::default())?;
        self.results.publish()?;
        self.output.flush_last();
        exit_now(1)
    }
}
