//! The context of a message that is encoded or decoded: the handles in it.

use std::cell::Cell;
use std::mem::ManuallyDrop;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de, ser};

use crate::fds::Descriptor;
use crate::fds::handles::{Handles, MAX_HANDLES, Travel};
use crate::kind::ObjectKind;

/// What serializing or deserializing a handle does in a thread now.
#[derive(Debug, Clone, Copy)]
enum Mode {
    /// It is an error, for this reason.
    Nowhere(&'static str),
    Packing,
    /// As `Packing`, for the result of a task.
    Returning,
    Unpacking,
}

const NO_CARRIER: &str = "a handle (connection, queue, lock, file, …) can go to another process only as an argument or result of a task or process, as a \
     pool's state, or through a Connection or channel";

/// The mode of a thread, and the handles that were packed, or that are left to unpack.
///
/// Cells, because each task's result has a context of its own: they are moved, and never borrowed.
///
/// It has no destructor, since values are also sent by those of a thread's other variables. No
/// scope is open when a thread ends, and outside of one there are no handles.
struct Context {
    mode: Cell<Mode>,
    handles: Cell<ManuallyDrop<Handles>>,
}

thread_local! {
    static CONTEXT: Context =
        const { Context { mode: Cell::new(Mode::Nowhere(NO_CARRIER)), handles: Cell::new(ManuallyDrop::new(Handles::NONE)) } };
    /// Counts the handles that were added to a context of this thread. A number of its own, because
    /// it is read with every task.
    static PACKED: Cell<u64> = const { Cell::new(0) };
}

impl Context {
    /// Takes the handles, and leaves others in their place.
    #[inline]
    fn replace(&self, handles: Handles) -> Handles {
        ManuallyDrop::into_inner(self.handles.replace(ManuallyDrop::new(handles)))
    }

    /// Returns what `look` returns of the handles.
    fn with_handles<R>(&self, look: impl FnOnce(&mut Handles) -> R) -> R {
        let mut handles = self.replace(Handles::default());
        let result = look(&mut handles);
        self.replace(handles);
        result
    }
}

/// A context of its own, until it is dropped: the previous one is restored then, also by a panic.
#[must_use]
pub(crate) struct Scope {
    previous: Mode,
    handles: Handles,
}

impl Scope {
    #[inline]
    fn enter(mode: Mode, handles: Handles) -> Self {
        CONTEXT.with(|context| {
            let (previous, handles) = (context.mode.replace(mode), context.replace(handles));
            Self { previous, handles }
        })
    }

    /// Begins the encoding of a task's result.
    #[inline]
    pub(crate) fn of_result() -> Self {
        Self::enter(Mode::Returning, Handles::default())
    }

    /// Returns the handles that were packed, or that are left.
    #[inline]
    pub(crate) fn end(self) -> Handles {
        CONTEXT.with(|context| context.replace(Handles::default()))
    }
}

impl Drop for Scope {
    #[inline]
    fn drop(&mut self) {
        CONTEXT.with(|context| {
            context.mode.set(self.previous);
            context.replace(std::mem::take(&mut self.handles));
        });
    }
}

/// Runs `run` in a context of its own; returns the handles that are there afterwards.
fn run_in_context<R>(mode: Mode, handles: Handles, run: impl FnOnce() -> R) -> (R, Handles) {
    let scope = Scope::enter(mode, handles);
    let result = run();
    (result, scope.end())
}

/// Fails, with the reason, unless handles that this thread serializes now are sent with a message.
pub(crate) fn require_packing() -> Result<(), String> {
    match CONTEXT.with(|context| context.mode.get()) {
        Mode::Packing | Mode::Returning => Ok(()),
        Mode::Nowhere(reason) => Err(reason.into()),
        Mode::Unpacking => Err(NO_CARRIER.into()),
    }
}

/// As [`require_packing`], for what is sent on this machine only, and so never as a result: that
/// goes on to other machines where the caller is on one.
#[cfg(feature = "manager-tcp")]
pub(crate) fn require_message() -> Result<(), String> {
    require_packing()?;
    match CONTEXT.with(|context| context.mode.get()) {
        Mode::Returning => {
            Err("a proxy of a manager on another machine cannot be the result of a task: it has the manager's key"
                .into())
        }
        Mode::Nowhere(_) | Mode::Packing | Mode::Unpacking => Ok(()),
    }
}

/// Runs `encode`, and adds the handles that it serializes to `handles`.
pub(crate) fn pack<R>(handles: &mut Handles, encode: impl FnOnce() -> R) -> R {
    let (result, packed) = run_in_context(Mode::Packing, std::mem::take(handles), encode);
    *handles = packed;
    result
}

/// Takes the handles that this thread has packed so far, which belong to what was encoded so far.
pub(crate) fn packed() -> Handles {
    CONTEXT.with(|context| match context.mode.get() {
        Mode::Packing => context.replace(Handles::default()),
        Mode::Nowhere(_) | Mode::Returning | Mode::Unpacking => Handles::default(),
    })
}

/// Returns the number of handles that were ever packed in this thread. If it is the same after a
/// value was encoded, the value has no handles.
#[inline]
pub(crate) fn packed_count() -> u64 {
    PACKED.get()
}

/// The result of [`packed_since`].
pub(crate) struct Packed {
    /// Handles packed so far.
    pub(crate) count: usize,
    /// Whether one of the new ones has one owner at a time.
    pub(crate) moved: bool,
    /// Whether there are so many that no more should be added.
    pub(crate) crowded: bool,
}

/// Describes the handles that were packed so far in this thread, of which the first `before` are
/// not new.
pub(crate) fn packed_since(before: usize) -> Packed {
    CONTEXT.with(|context| match context.mode.get() {
        Mode::Packing => context.with_handles(|handles| {
            let count = handles.len();
            Packed { count, moved: handles.any_moved_from(before), crowded: count > MAX_HANDLES / 2 }
        }),
        Mode::Nowhere(_) | Mode::Returning | Mode::Unpacking => Packed { count: 0, moved: false, crowded: false },
    })
}

/// Runs `decode` on a message that arrived with `handles`; those that it does not take stay.
pub(crate) fn unpack<R>(handles: &mut Handles, decode: impl FnOnce() -> R) -> R {
    let (result, left) = run_in_context(Mode::Unpacking, std::mem::take(handles), decode);
    *handles = left;
    result
}

/// Returns whether the message that this thread decodes now has handles.
pub(crate) fn is_unpacking_handles() -> bool {
    CONTEXT.with(|context| match context.mode.get() {
        Mode::Unpacking => context.with_handles(|handles| !handles.is_empty()),
        Mode::Nowhere(_) | Mode::Packing | Mode::Returning => false,
    })
}

/// Runs `encode`, in which serializing a handle is an error with this reason.
pub(crate) fn forbid<R>(reason: &'static str, encode: impl FnOnce() -> R) -> R {
    run_in_context(Mode::Nowhere(reason), Handles::default(), encode).0
}

/// Serializes a handle: adds its descriptor and kind to the context of the message, and writes the
/// index there.
pub(crate) fn serialize<S: Serializer>(
    descriptor: &Arc<Descriptor>,
    kind: ObjectKind,
    travel: Travel,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    put(descriptor, kind, travel).map_err(ser::Error::custom)?.serialize(serializer)
}

/// Deserializes what [`serialize`] wrote, if it was for a handle of this kind. The kind is what the
/// sender claims: code that maps memory, or uses a socket, must check that it is right.
pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
    kind: ObjectKind,
    deserializer: D,
) -> Result<Arc<Descriptor>, D::Error> {
    let index = u32::deserialize(deserializer)?;
    take(index, kind).map_err(de::Error::custom)
}

/// Adds a handle to the message that is being encoded; returns its index.
fn put(descriptor: &Arc<Descriptor>, kind: ObjectKind, travel: Travel) -> Result<u32, String> {
    PACKED.set(PACKED.get() + 1);
    CONTEXT.with(|context| match context.mode.get() {
        Mode::Packing | Mode::Returning => context.with_handles(|handles| handles.add(descriptor, kind, travel)),
        Mode::Nowhere(reason) => Err(reason.into()),
        Mode::Unpacking => Err(NO_CARRIER.into()),
    })
}

/// Takes the handle at `index` of the message that is being decoded, if it is of this kind.
fn take(index: u32, kind: ObjectKind) -> Result<Arc<Descriptor>, String> {
    CONTEXT.with(|context| match context.mode.get() {
        Mode::Unpacking => context.with_handles(|handles| handles.take(index as usize, kind)),
        Mode::Packing | Mode::Returning | Mode::Nowhere(_) => Err(NO_CARRIER.into()),
    })
}
