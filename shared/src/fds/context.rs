//! The context of a message that is encoded or decoded: the handles in it.

use std::cell::{Cell, RefCell};
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de, ser};

use crate::fds::Descriptor;
use crate::kind::ObjectKind;

/// Handles that a message may have: the kernel takes 253 descriptors at a time (`SCM_MAX_FD` in
/// `include/net/scm.h`).
pub(super) const MAX_HANDLES: usize = 250;

/// What becomes of a handle when it is sent to another process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Travel {
    /// Several processes may have it: the message keeps a copy, in case it has to be sent once
    /// more.
    Shared,
    /// It has one owner at a time, and is dropped here once it was sent.
    Moved,
}

/// A handle that is sent.
#[derive(Debug, Clone)]
pub(super) struct Handle {
    pub(super) descriptor: Arc<Descriptor>,
    pub(super) kind: ObjectKind,
    pub(super) travel: Travel,
}

/// The handles of a message, in the order of their indices. Small where there are none: every task
/// has one of these.
#[derive(Debug, Clone, Default)]
pub(crate) struct Handles(Option<Box<Slots>>);

/// Handles, and gaps in the place of those that were moved out.
#[derive(Debug, Clone, Default)]
struct Slots(Vec<Option<Handle>>);

/// What serializing or deserializing a handle does in this thread now.
enum FdContext {
    /// It is an error, for this reason.
    Nowhere(&'static str),
    Packing(Handles),
    /// As `Packing`, for the result of a task.
    Returning(Handles),
    Unpacking(Handles),
}

const NO_CARRIER: &str = "a handle (connection, queue, lock, file, …) can go to another process only as an argument or result of a task or process, as a \
     pool's state, or through a Connection or channel";

thread_local! {
    static CONTEXT: RefCell<FdContext> = const { RefCell::new(FdContext::Nowhere(NO_CARRIER)) };
    /// Counts the handles that were added to a context of this thread. A number of its own, because
    /// it is read with every task.
    static PACKED: Cell<u64> = const { Cell::new(0) };
}

/// Restores the previous context, also after a panic.
struct Restore(Option<FdContext>);

impl Drop for Restore {
    fn drop(&mut self) {
        if let Some(context) = self.0.take() {
            CONTEXT.replace(context);
        }
    }
}

fn run_in_context<R>(context: FdContext, run: impl FnOnce() -> R) -> (R, FdContext) {
    let mut restore = Restore(Some(CONTEXT.replace(context)));
    let result = run();
    let previous = restore.0.take().unwrap_or(FdContext::Nowhere(NO_CARRIER));
    (result, CONTEXT.replace(previous))
}

/// Fails, with the reason, unless handles that this thread serializes now are sent with a message.
pub(crate) fn require_packing() -> Result<(), String> {
    let carried = CONTEXT.with_borrow(|context| match context {
        FdContext::Packing(_) | FdContext::Returning(_) => Ok(()),
        FdContext::Nowhere(reason) => Err(*reason),
        FdContext::Unpacking(_) => Err(NO_CARRIER),
    });
    carried.map_err(Into::into)
}

/// As [`require_packing`], for what is sent on this machine only, and so never as a result: that
/// goes on to other machines where the caller is on one.
#[cfg(feature = "manager-tcp")]
pub(crate) fn require_message() -> Result<(), String> {
    require_packing()?;
    CONTEXT.with_borrow(|context| match context {
        FdContext::Returning(_) => {
            Err("a proxy of a manager on another machine cannot be the result of a task: it has the manager's key"
                .into())
        }
        FdContext::Nowhere(_) | FdContext::Packing(_) | FdContext::Unpacking(_) => Ok(()),
    })
}

/// Runs `encode`, and adds the handles that it serializes to `handles`.
pub(crate) fn pack<R>(handles: &mut Handles, encode: impl FnOnce() -> R) -> R {
    match run_in_context(FdContext::Packing(std::mem::take(handles)), encode) {
        (result, FdContext::Packing(packed)) => {
            *handles = packed;
            result
        }
        (result, _) => result,
    }
}

/// Runs `encode`, which encodes a task's result, and returns the handles that it serializes as
/// well.
#[inline]
pub(crate) fn pack_result<R>(encode: impl FnOnce() -> R) -> (R, Handles) {
    match run_in_context(FdContext::Returning(Handles::default()), encode) {
        (result, FdContext::Returning(packed)) => (result, packed),
        (result, _) => (result, Handles::default()),
    }
}

/// Takes the handles that this thread has packed so far, which belong to what was encoded so far.
pub(crate) fn packed() -> Handles {
    CONTEXT.with_borrow_mut(|context| match context {
        FdContext::Packing(handles) => std::mem::take(handles),
        FdContext::Nowhere(_) | FdContext::Returning(_) | FdContext::Unpacking(_) => Handles::default(),
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
    CONTEXT.with_borrow(|context| match context {
        FdContext::Packing(handles) => {
            let count = handles.len();
            Packed { count, moved: handles.any_moved_from(before), crowded: count > MAX_HANDLES / 2 }
        }
        FdContext::Nowhere(_) | FdContext::Returning(_) | FdContext::Unpacking(_) => {
            Packed { count: 0, moved: false, crowded: false }
        }
    })
}

/// Runs `decode` on a message that arrived with `handles`; those that it does not take stay.
pub(crate) fn unpack<R>(handles: &mut Handles, decode: impl FnOnce() -> R) -> R {
    match run_in_context(FdContext::Unpacking(std::mem::take(handles)), decode) {
        (result, FdContext::Unpacking(left)) => {
            *handles = left;
            result
        }
        (result, _) => result,
    }
}

/// Returns whether the message that this thread decodes now has handles.
pub(crate) fn is_unpacking_handles() -> bool {
    CONTEXT.with_borrow(|context| matches!(context, FdContext::Unpacking(handles) if !handles.is_empty()))
}

/// Runs `encode`, in which serializing a handle is an error with this reason.
pub(crate) fn forbid<R>(reason: &'static str, encode: impl FnOnce() -> R) -> R {
    run_in_context(FdContext::Nowhere(reason), encode).0
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
    CONTEXT.with_borrow_mut(|context| match context {
        FdContext::Packing(handles) | FdContext::Returning(handles) => handles.add(descriptor, kind, travel),
        FdContext::Nowhere(reason) => Err((*reason).into()),
        FdContext::Unpacking(_) => Err(NO_CARRIER.into()),
    })
}

/// Takes the handle at `index` of the message that is being decoded, if it is of this kind.
fn take(index: u32, kind: ObjectKind) -> Result<Arc<Descriptor>, String> {
    CONTEXT.with_borrow_mut(|context| match context {
        FdContext::Unpacking(handles) => handles.take(index as usize, kind),
        FdContext::Packing(_) | FdContext::Returning(_) | FdContext::Nowhere(_) => Err(NO_CARRIER.into()),
    })
}

impl Handles {
    /// Collects those that arrived with a message; one of an unknown kind is a gap.
    pub(super) fn received(descriptors: impl IntoIterator<Item = (Descriptor, Option<ObjectKind>, Travel)>) -> Self {
        let handle = |(descriptor, kind, travel): (_, Option<ObjectKind>, _)| {
            kind.map(|kind| Handle { descriptor: Arc::new(descriptor), kind, travel })
        };
        Self::of(descriptors.into_iter().map(handle).collect())
    }

    fn of(slots: Vec<Option<Handle>>) -> Self {
        Self((!slots.is_empty()).then(|| Box::new(Slots(slots))))
    }

    fn slots(&self) -> &[Option<Handle>] {
        self.0.as_ref().map_or(&[], |slots| &slots.0)
    }

    fn slots_mut(&mut self) -> &mut [Option<Handle>] {
        self.0.as_mut().map_or(&mut [], |slots| &mut slots.0)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    pub(crate) fn len(&self) -> usize {
        self.slots().len()
    }

    /// Returns whether one of them has one owner at a time.
    pub(crate) fn any_moved(&self) -> bool {
        self.any_moved_from(0)
    }

    fn any_moved_from(&self, first: usize) -> bool {
        self.slots().iter().skip(first).flatten().any(|handle| handle.travel == Travel::Moved)
    }

    /// Clones the first `count` of them.
    pub(crate) fn first(&self, count: usize) -> Self {
        Self::of(self.slots().iter().take(count).cloned().collect())
    }

    /// Has the files among them go to each process that the message is sent to, instead of to one.
    pub(crate) fn for_many(mut self) -> Self {
        let files = self.slots_mut().iter_mut().flatten().filter(|handle| handle.kind == ObjectKind::File);
        files.for_each(|file| file.travel = Travel::Shared);
        self
    }

    /// Returns whether one of them was moved out, so that the message cannot be sent once more.
    pub(crate) fn is_spent(&self) -> bool {
        self.slots().iter().any(Option::is_none)
    }

    /// Returns all handles; `None` if one of them was moved out.
    pub(super) fn all(&self) -> Option<Vec<&Handle>> {
        self.slots().iter().map(Option::as_ref).collect()
    }

    /// Adds one behind all others, which no value refers to. Returns whether there was room.
    pub(crate) fn push(&mut self, descriptor: Descriptor, kind: ObjectKind) -> bool {
        let has_room = self.len() < MAX_HANDLES;
        if has_room {
            let handle = Handle { descriptor: Arc::new(descriptor), kind, travel: Travel::Shared };
            self.0.get_or_insert_default().0.push(Some(handle));
        }
        has_room
    }

    /// Takes the one that was [pushed](Handles::push), if it is of this kind.
    pub(crate) fn pop(&mut self, kind: ObjectKind) -> Option<Arc<Descriptor>> {
        let last = self.0.as_mut()?.0.pop()??;
        (last.kind == kind).then_some(last.descriptor)
    }

    /// Drops those that have one owner, after they were sent.
    pub(super) fn sent(&mut self) {
        for handle in self.slots_mut() {
            handle.take_if(|handle| handle.travel == Travel::Moved);
        }
    }

    fn add(&mut self, descriptor: &Arc<Descriptor>, kind: ObjectKind, travel: Travel) -> Result<u32, String> {
        let is_same = |it: &Handle| Arc::ptr_eq(&it.descriptor, descriptor) && it.kind == kind;
        let same = |handle: &Option<Handle>| handle.as_ref().is_some_and(is_same);
        if let Some(index) = self.slots().iter().position(same) {
            return Ok(index as u32);
        }
        let slots = &mut self.0.get_or_insert_default().0;
        if slots.len() == MAX_HANDLES {
            return Err(format!("more than {MAX_HANDLES} handles in one message (or chunk of tasks)"));
        }
        slots.push(Some(Handle { descriptor: descriptor.clone(), kind, travel }));
        Ok(slots.len() as u32 - 1)
    }

    fn take(&mut self, index: usize, kind: ObjectKind) -> Result<Arc<Descriptor>, String> {
        let slot = self
            .slots_mut()
            .get_mut(index)
            .ok_or("the message came without its handles; its receiver may have no descriptors left")?;
        let gone = || "this handle has one owner at a time, and was taken already".to_string();
        let handle = slot.as_ref().ok_or_else(gone)?;
        if handle.kind != kind {
            return Err(format!("{} came in the place of {}", handle.kind.name(), kind.name()));
        }
        match handle.travel {
            // Each file that arrives has one owner, however many processes have received it.
            Travel::Shared if kind != ObjectKind::File => slot.as_ref().map(|handle| handle.descriptor.clone()),
            Travel::Shared | Travel::Moved => slot.take().map(|handle| handle.descriptor),
        }
        .ok_or_else(gone)
    }
}
