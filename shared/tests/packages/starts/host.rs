//! A program that loads a shared library with pools: `host LIBRARY`.

use std::ffi::{CString, c_char, c_int, c_void};

unsafe extern "C" {
    fn dlopen(name: *const c_char, flags: c_int) -> *mut c_void;
    fn dlsym(library: *mut c_void, name: *const c_char) -> *mut c_void;
}

fn main() {
    let name = CString::new(std::env::args().nth(1).unwrap()).unwrap();
    // SAFETY: the names are C strings, and the library has a function of this name and type.
    unsafe {
        let library = dlopen(name.as_ptr(), 2);
        assert!(!library.is_null());
        let function = dlsym(library, c"use_pools".as_ptr());
        assert!(!function.is_null());
        std::mem::transmute::<*mut c_void, extern "C" fn()>(function)();
    }
}
