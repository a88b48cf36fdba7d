//! MPI's own calls, each with the memory that it works on: the only file that uses MPI.
//!
//! No call waits. What a call sends or fills is kept by its [`Request`] until MPI is done with it,
//! and leaked if the request is dropped before: MPI may use it until the process ends. Each call
//! takes the [`World`] by a unique reference, so that no two threads are in MPI at a time.
#![allow(unsafe_code)]

use std::ffi::c_int;
use std::mem::{ManuallyDrop, MaybeUninit};
use std::ops::Range;
use std::ptr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use mpi::Threading;
use mpi::environment::Universe;
use mpi::ffi;
use mpi::topology::Communicator;
use mpi::traits::AsRaw;

use crate::error::{Error, Result};
use crate::sys::memory::on_large_pages;

/// All ranks of the program. There is one in the life of a process, as MPI starts once.
pub(super) struct World {
    /// Finalizes MPI when it is dropped.
    _universe: Universe,
    comm: ffi::MPI_Comm,
    rank: usize,
    size: usize,
}

// SAFETY: the handle, which may be a pointer, belongs to the process, and may be used by any of its
// threads, one at a time, as MPI has granted `Threading::Serialized`: it is used through `&mut`.
unsafe impl Send for World {}

impl World {
    /// Initialises MPI, whose calls return errors from now on. The thread that drops the world
    /// finalizes it, which should be the same one.
    pub(super) fn start() -> Result<Self> {
        let refused =
            || Error::InvalidState("MPI was initialised by this process before, which can be done once".into());
        let (universe, threading) = mpi::initialize_with_threading(Threading::Serialized).ok_or_else(refused)?;
        if threading < Threading::Serialized {
            return Err(Error::InvalidState(format!("{} can be used by one thread only", library())));
        }
        let world = universe.world();
        let (comm, rank, size) = (world.as_raw(), world.rank() as usize, world.size() as usize);
        // SAFETY: `comm` is the world, which lives as long as the universe; the handler is one of
        // MPI's own.
        unsafe { ffi::MPI_Comm_set_errhandler(comm, ffi::RSMPI_ERRORS_RETURN) };
        Ok(Self { _universe: universe, comm, rank, size })
    }

    /// Returns the rank of this process.
    pub(super) fn rank(&self) -> usize {
        self.rank
    }

    /// Returns the number of ranks.
    pub(super) fn size(&self) -> usize {
        self.size
    }

    /// Begins to send a piece of a message, which must be within it and shorter than 2 GiB. Returns
    /// `None` if MPI does not accept it.
    pub(super) fn send(
        &mut self,
        message: &Arc<Vec<u8>>,
        piece: Range<usize>,
        to: usize,
        tag: c_int,
    ) -> Option<Request<Arc<Vec<u8>>>> {
        let bytes = &message[piece];
        let mut request = MaybeUninit::uninit();
        // SAFETY: the bytes are within a vector that nothing changes while it is shared, and that
        // the request keeps.
        let code = unsafe {
            ffi::MPI_Isend(
                bytes.as_ptr().cast(),
                c_int::try_from(bytes.len()).ok()?,
                ffi::RSMPI_UINT8_T,
                to as c_int,
                tag,
                self.comm,
                request.as_mut_ptr(),
            )
        };
        // SAFETY: a call that succeeded has filled the request in.
        succeeded(code).then(|| Request::new(unsafe { request.assume_init() }, message.clone()))
    }

    /// Returns the next message that is about to come from a rank, or from any.
    pub(super) fn probe(&mut self, from: Option<usize>) -> Option<Arrival> {
        let (mut found, mut len) = (0, 0);
        let (mut message, mut status) = (MaybeUninit::uninit(), MaybeUninit::<ffi::MPI_Status>::uninit());
        // SAFETY: all pointers are to locals that live through the call, and the constants are
        // MPI's own.
        let code = unsafe {
            let from = from.map_or(ffi::RSMPI_ANY_SOURCE, |rank| rank as c_int);
            let (message, status) = (message.as_mut_ptr(), status.as_mut_ptr());
            ffi::MPI_Improbe(from, ffi::RSMPI_ANY_TAG, self.comm, &mut found, message, status)
        };
        if !succeeded(code) || found == 0 {
            return None;
        }
        // SAFETY: the probe found a message, so that it has filled in both.
        let (message, status) = unsafe { (message.assume_init(), status.assume_init()) };
        // SAFETY: the status is of a message found, and the count a local.
        unsafe { ffi::MPI_Get_count(&status, ffi::RSMPI_UINT8_T, &mut len) };
        let from = usize::try_from(status.MPI_SOURCE).ok()?;
        Some(Arrival { message, from, tag: status.MPI_TAG, len })
    }
}

/// A message that is about to come, and that nobody else receives.
pub(super) struct Arrival {
    message: ffi::MPI_Message,
    pub(super) from: usize,
    pub(super) tag: c_int,
    len: c_int,
}

impl Arrival {
    /// Returns the length in bytes.
    pub(super) fn len(&self) -> usize {
        usize::try_from(self.len).unwrap_or(0)
    }

    /// Begins to receive it in memory of its own.
    pub(super) fn receive(self, world: &mut World) -> Option<Request<Vec<u8>>> {
        let mut bytes = vec![0; self.len()];
        let to = bytes.as_mut_ptr();
        // SAFETY: the buffer is as long as the message; the request keeps it, and nothing else
        // knows it.
        unsafe { self.receive_at(world, to, bytes) }
    }

    /// Begins to receive it behind what was received in a buffer before. Returns `None` if there is
    /// no room left for it.
    pub(super) fn receive_into(self, world: &mut World, buffer: &Arc<Buffer>) -> Option<Request<Arc<Buffer>>> {
        let to = buffer.take(self.len())?;
        // SAFETY: the place is within the buffer, which the request keeps, and is given out once.
        unsafe { self.receive_at(world, to, buffer.clone()) }
    }

    /// # Safety
    /// The bytes at `to`, as many as the message has, must be used by nobody else for as long as
    /// `memory` is kept.
    unsafe fn receive_at<M>(mut self, _world: &mut World, to: *mut u8, memory: M) -> Option<Request<M>> {
        let mut request = MaybeUninit::uninit();
        // SAFETY: the caller promises that the bytes are there; the message was not received yet.
        let code = unsafe {
            ffi::MPI_Imrecv(to.cast(), self.len, ffi::RSMPI_UINT8_T, &mut self.message, request.as_mut_ptr())
        };
        // SAFETY: a call that succeeded has filled the request in.
        succeeded(code).then(|| Request::new(unsafe { request.assume_init() }, memory))
    }
}

/// What a buffer has more than it was asked for, in bytes.
const SLACK: usize = 64;

/// Memory that messages fill, one behind the other.
pub(super) struct Buffer {
    /// A vector's parts.
    bytes: *mut u8,
    len: usize,
    capacity: usize,
    /// How many bytes have been given out.
    taken: AtomicUsize,
}

// SAFETY: the bytes belong to the buffer alone; each is given out once, and read only by the one
// owner that is left.
unsafe impl Send for Buffer {}
// SAFETY: as above.
unsafe impl Sync for Buffer {}

impl Buffer {
    /// Returns a buffer of so many bytes, in the memory of `spare` if there is one.
    pub(super) fn new(len: usize, spare: Option<Vec<u8>>) -> Self {
        let mut bytes = spare.unwrap_or_else(|| {
            // Zeroes come from the kernel, with the pages. A result that is as long as the
            // arguments, but for its head, finds room in their memory.
            let mut bytes = vec![0; len.saturating_add(SLACK)];
            on_large_pages(&mut bytes);
            bytes
        });
        bytes.resize(len, 0);
        let mut bytes = ManuallyDrop::new(bytes);
        Self { bytes: bytes.as_mut_ptr(), len, capacity: bytes.capacity(), taken: AtomicUsize::new(0) }
    }

    /// Gives out the next bytes, if there are so many.
    fn take(&self, len: usize) -> Option<*mut u8> {
        let end = |taken: usize| taken.checked_add(len).filter(|end| *end <= self.len);
        let at = self.taken.fetch_update(Relaxed, Relaxed, end).ok()?;
        // SAFETY: `at` lies within the bytes, or at their end if `len` is 0.
        Some(unsafe { self.bytes.add(at) })
    }

    /// Returns the bytes if no request fills them any more.
    pub(super) fn into_bytes(self: Arc<Self>) -> Option<Vec<u8>> {
        let buffer = ManuallyDrop::new(Arc::into_inner(self)?);
        // SAFETY: these are the parts of a vector, whose bytes are all initialised; the buffer is
        // not dropped.
        Some(unsafe { Vec::from_raw_parts(buffer.bytes, buffer.len, buffer.capacity) })
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        // SAFETY: these are the parts of a vector; no request fills it any more, since each keeps
        // it.
        drop(unsafe { Vec::from_raw_parts(self.bytes, self.len, self.capacity) });
    }
}

/// Something that MPI does in the background, and the memory that it uses.
pub(super) struct Request<M> {
    raw: ffi::MPI_Request,
    memory: ManuallyDrop<M>,
    done: bool,
}

// SAFETY: the handle belongs to the process, as the world's does.
unsafe impl<M: Send> Send for Request<M> {}

impl<M> Request<M> {
    fn new(raw: ffi::MPI_Request, memory: M) -> Self {
        Self { raw, memory: ManuallyDrop::new(memory), done: false }
    }

    /// Moves it on. Returns whether MPI is done with it; one that failed counts as done.
    pub(super) fn is_done(&mut self, _world: &mut World) -> bool {
        if !self.done {
            let mut done = 0;
            // SAFETY: the request was made by MPI and is not done; all pointers are to what lives
            // through the call.
            let code = unsafe { ffi::MPI_Test(&mut self.raw, &mut done, ffi::RSMPI_STATUS_IGNORE) };
            self.done = !succeeded(code) || done != 0;
        }
        self.done
    }

    /// Returns the memory if MPI is done with it.
    pub(super) fn into_memory(self) -> Option<M> {
        let request = ManuallyDrop::new(self);
        // SAFETY: the request is not dropped, so that the memory is read once.
        request.done.then(|| ManuallyDrop::into_inner(unsafe { ptr::read(&request.memory) }))
    }
}

impl<M> Drop for Request<M> {
    fn drop(&mut self) {
        if self.done {
            // SAFETY: it is dropped once, here.
            unsafe { ManuallyDrop::drop(&mut self.memory) };
        }
    }
}

/// Returns the name and version of the MPI library.
pub(super) fn library() -> String {
    let version = mpi::environment::library_version().unwrap_or_default();
    let name = version.trim().split([',', '\n']).next().unwrap_or_default();
    name.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn succeeded(code: c_int) -> bool {
    code == ffi::MPI_SUCCESS as c_int
}
