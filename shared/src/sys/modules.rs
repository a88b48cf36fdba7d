//! The modules of this process: the program and the shared libraries that are loaded.
#![allow(unsafe_code)]

use std::ffi::{CStr, c_int, c_void};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::ops::Range;
use std::sync::OnceLock;

use nix::libc;

/// A loaded module, and which parts of its memory can never be written.
#[derive(Debug)]
pub(crate) struct Module {
    /// The address that offsets in the module count from.
    pub(crate) base: usize,
    /// Whether it is the program itself rather than a shared library.
    pub(crate) is_program: bool,
    /// Differs between modules, most likely, and between two builds of the same.
    pub(crate) tag: u16,
    code: Vec<Range<usize>>,
    constants: Vec<Range<usize>>,
}

impl Module {
    /// Finds the loaded module that `address` lies in.
    pub(crate) fn of(address: usize) -> Option<Self> {
        let mut search = Search { address, visited: 0, found: None };
        // SAFETY: the callback has the signature that is asked for, and the pointer is valid for
        // the call, which ends before `search` does.
        unsafe { libc::dl_iterate_phdr(Some(visit), (&raw mut search).cast::<c_void>()) };
        search.found
    }

    /// Returns the module that this copy of the crate is part of.
    pub(crate) fn own() -> Option<&'static Self> {
        static OWN: OnceLock<Option<Module>> = OnceLock::new();
        OWN.get_or_init(|| Self::of(own_address())).as_ref()
    }

    /// Returns whether `len` bytes from `address` on are constants: loaded from the module's file,
    /// and read-only since.
    pub(crate) fn has_constant(&self, address: usize, len: usize) -> bool {
        let inside = |range: &Range<usize>| range.contains(&address) && len <= range.end - address;
        self.constants.iter().any(inside)
    }

    /// Returns whether `address` lies in the module's code.
    pub(crate) fn has_code(&self, address: usize) -> bool {
        self.code.iter().any(|range| range.contains(&address))
    }
}

/// Returns an address in this copy of the crate.
pub(crate) fn own_address() -> usize {
    static HERE: u8 = 0;
    &raw const HERE as usize
}

struct Search {
    address: usize,
    visited: usize,
    found: Option<Module>,
}

/// Checks one module; the loader calls it for each, the program first.
unsafe extern "C" fn visit(info: *mut libc::dl_phdr_info, _: libc::size_t, search: *mut c_void) -> c_int {
    // SAFETY: the loader hands out a valid description, and the pointer that `Module::of` passed
    // in.
    let (info, search) = unsafe { (&*info, &mut *search.cast::<Search>()) };
    let is_program = search.visited == 0;
    search.visited += 1;
    if info.dlpi_phdr.is_null() {
        return 0;
    }
    // SAFETY: the loader says that so many headers are there; they stay while the module is loaded.
    let headers = unsafe { std::slice::from_raw_parts(info.dlpi_phdr, usize::from(info.dlpi_phnum)) };
    let base = info.dlpi_addr as usize;
    let range = |header: &libc::Elf64_Phdr| {
        let start = base.wrapping_add(header.p_vaddr as usize);
        start..start.saturating_add(header.p_memsz as usize)
    };
    let loaded = |header: &&libc::Elf64_Phdr| header.p_type == libc::PT_LOAD;
    if !headers.iter().filter(loaded).any(|header| range(header).contains(&search.address)) {
        return 0;
    }
    let has = |header: &&libc::Elf64_Phdr, flag| header.p_flags & flag != 0;
    let code = headers.iter().filter(loaded).filter(|header| has(header, libc::PF_X)).map(range).collect();
    let is_relro = |header: &&libc::Elf64_Phdr| header.p_type == libc::PT_GNU_RELRO;
    // Constants that hold addresses are written once, by the loader. A program that was linked
    // without the means to protect them afterwards has them among its variables.
    let protects = headers.iter().any(|header| is_relro(&header));
    let constant = |header: &&libc::Elf64_Phdr| {
        is_relro(header) || loaded(header) && has(header, libc::PF_R) && (!protects || !has(header, libc::PF_W))
    };
    let constants = headers.iter().filter(constant).map(range).collect();
    let mut hasher = DefaultHasher::new();
    headers
        .iter()
        .for_each(|header| (header.p_type, header.p_vaddr, header.p_filesz, header.p_memsz).hash(&mut hasher));
    if !info.dlpi_name.is_null() {
        // SAFETY: the loader's name of the module is a C string.
        unsafe { CStr::from_ptr(info.dlpi_name) }.hash(&mut hasher);
    }
    search.found = Some(Module { base, is_program, tag: hasher.finish() as u16, code, constants });
    1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_constants_and_code_are_told_apart() {
        static WORDS: [u64; 2] = [1, 2];
        static mut VARIABLE: u64 = 1;
        let own = Module::own().unwrap();
        assert!(own.is_program);
        assert!(own.has_constant(&raw const WORDS as usize, 16));
        assert!(!own.has_constant(&raw const VARIABLE as usize, 8));
        assert!(own.has_code(own_address as fn() -> usize as usize));
        assert!(!own.has_code(&raw const WORDS as usize));
        let allocated = Box::new(1u64);
        assert!(!own.has_constant(&raw const *allocated as usize, 8));
    }

    #[test]
    fn a_library_is_not_the_program() {
        let library = Module::of(libc::getpid as unsafe extern "C" fn() -> i32 as usize);
        assert!(library.is_none_or(|module| !module.is_program || cfg!(target_feature = "crt-static")));
        assert!(Module::of(16).is_none());
    }
}
