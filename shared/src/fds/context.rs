//! The descriptors that go along with a message.

use std::cell::{Cell, RefCell};
use std::sync::Arc;

use crate::fds::{Descriptor, Travel};
use crate::kind::ObjectKind;

/// Handles a message may carry: the kernel takes 253 descriptors at a time (`SCM_MAX_FD` in
/// `include/net/scm.h`).
pub(super) const MAX_HANDLES: usize = 250;

/// One handle on its way.
#[derive(Debug, Clone)]
pub(super) struct Handle {
    pub(super) descriptor: Arc<Descriptor>,
    pub(super) kind: ObjectKind,
    pub(super) travel: Travel,
}

/// The handles of a message, in the order of their slots. Small where there are none: every task
/// has one of these.
#[derive(Debug, Clone, Default)]
pub(crate) struct Handles(Option<Box<Slots>>);

/// Handles, and the gaps that those leave which went away.
#[derive(Debug, Clone, Default)]
struct Slots(Vec<Option<Handle>>);

/// What (de)serializing a handle means in this thread now.
enum FdContext {
    /// Nothing carries it.
    Nowhere(&'static str),
    Packing(Handles),
    Unpacking(Handles),
}

const NO_CARRIER: &str = "a handle (connection, queue, lock, …) can go to another process only as an argument of a task or process, as a pool's \
     state, or through a Connection";

thread_local! {
    static CONTEXT: RefCell<FdContext> = const { RefCell::new(FdContext::Nowhere(NO_CARRIER)) };
    /// How often a handle was put into a context of this thread. A number alone, because it is asked for with every task.
    static PACKED: Cell<u64> = const { Cell::new(0) };
}

/// Puts the former context back, also after a panic.
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
    let former = restore.0.take().unwrap_or(FdContext::Nowhere(NO_CARRIER));
    (result, CONTEXT.replace(former))
}

/// Whether something carries what this thread serializes now to another process; otherwise the
/// reason to give.
pub(crate) fn require_packing() -> Result<(), String> {
    let carried = CONTEXT.with_borrow(|context| match context {
        FdContext::Packing(_) => Ok(()),
        FdContext::Nowhere(reason) => Err(*reason),
        FdContext::Unpacking(_) => Err(NO_CARRIER),
    });
    carried.map_err(Into::into)
}

/// Runs `encode`, and adds to `handles` those that what it wrote needs.
pub(crate) fn pack<R>(handles: &mut Handles, encode: impl FnOnce() -> R) -> R {
    match run_in_context(FdContext::Packing(std::mem::take(handles)), encode) {
        (result, FdContext::Packing(packed)) => {
            *handles = packed;
            result
        }
        (result, _) => result,
    }
}

/// The handles packed so far in this thread, which go with what was encoded so far.
pub(crate) fn packed() -> Handles {
    CONTEXT.with_borrow_mut(|context| match context {
        FdContext::Packing(handles) => std::mem::take(handles),
        FdContext::Nowhere(_) | FdContext::Unpacking(_) => Handles::default(),
    })
}

/// How often a handle was packed in this thread: if the number is the same after something was
/// encoded, that needs no handles.
#[inline]
pub(crate) fn packed_count() -> u64 {
    PACKED.get()
}

/// What [`packed_since`] tells.
pub(crate) struct Packed {
    /// How many handles were packed so far.
    pub(crate) count: usize,
    /// One of the new ones has one owner at a time.
    pub(crate) moved: bool,
    /// There are so many that no more should be added.
    pub(crate) crowded: bool,
}

/// What was packed so far in this thread; `before` of them are not new.
pub(crate) fn packed_since(before: usize) -> Packed {
    CONTEXT.with_borrow(|context| match context {
        FdContext::Packing(handles) => {
            let count = handles.len();
            Packed { count, moved: handles.any_moved_from(before), crowded: count > MAX_HANDLES / 2 }
        }
        FdContext::Nowhere(_) | FdContext::Unpacking(_) => Packed { count: 0, moved: false, crowded: false },
    })
}

/// Runs `decode` on a message that came with `handles`; those that it does not take stay.
pub(crate) fn unpack<R>(handles: &mut Handles, decode: impl FnOnce() -> R) -> R {
    match run_in_context(FdContext::Unpacking(std::mem::take(handles)), decode) {
        (result, FdContext::Unpacking(left)) => {
            *handles = left;
            result
        }
        (result, _) => result,
    }
}

/// Returns whether what this thread decodes now came with handles.
pub(crate) fn is_unpacking_handles() -> bool {
    CONTEXT.with_borrow(|context| matches!(context, FdContext::Unpacking(handles) if !handles.is_empty()))
}

/// Runs `encode`, in which a handle is an error that gives this reason.
pub(crate) fn forbid<R>(reason: &'static str, encode: impl FnOnce() -> R) -> R {
    run_in_context(FdContext::Nowhere(reason), encode).0
}

/// Adds a handle to the message that is being encoded; says its index.
pub(super) fn put(descriptor: &Arc<Descriptor>, kind: ObjectKind, travel: Travel) -> Result<u32, String> {
    PACKED.set(PACKED.get() + 1);
    CONTEXT.with_borrow_mut(|context| match context {
        FdContext::Packing(handles) => handles.add(descriptor, kind, travel),
        FdContext::Nowhere(reason) => Err((*reason).into()),
        FdContext::Unpacking(_) => Err(NO_CARRIER.into()),
    })
}

/// The handle of that kind at a index of the message that is being decoded.
pub(super) fn take(index: u32, kind: ObjectKind) -> Result<Arc<Descriptor>, String> {
    CONTEXT.with_borrow_mut(|context| match context {
        FdContext::Unpacking(handles) => handles.take(index as usize, kind),
        FdContext::Packing(_) | FdContext::Nowhere(_) => Err(NO_CARRIER.into()),
    })
}

impl Handles {
    /// Those that came with a message; nobody can take one whose kind is not known.
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

    /// Whether one of them has one owner at a time.
    pub(crate) fn any_moved(&self) -> bool {
        self.any_moved_from(0)
    }

    fn any_moved_from(&self, first: usize) -> bool {
        self.slots().iter().skip(first).flatten().any(|handle| handle.travel == Travel::Moved)
    }

    /// The first `count` of them.
    pub(crate) fn first(&self, count: usize) -> Self {
        Self::of(self.slots().iter().take(count).cloned().collect())
    }

    /// Whether one of them has gone, so that the message cannot be sent once more.
    pub(crate) fn is_spent(&self) -> bool {
        self.slots().iter().any(Option::is_none)
    }

    /// All handles; `None` if one of them has gone already.
    pub(super) fn all(&self) -> Option<Vec<&Handle>> {
        self.slots().iter().map(Option::as_ref).collect()
    }

    /// Lets go of those that have one owner, now that they were sent.
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
            return Err(format!("{} came in the index of {}", handle.kind.name(), kind.name()));
        }
        match handle.travel {
            Travel::Shared => slot.as_ref().map(|handle| handle.descriptor.clone()),
            Travel::Moved => slot.take().map(|handle| handle.descriptor),
        }
        .ok_or_else(gone)
    }
}
