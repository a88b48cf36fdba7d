//! The file that this program's code comes from, to be run once more.

use std::ffi::{CString, OsStr, OsString};
use std::fs::{self, Metadata};
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use nix::errno::Errno;

use crate::error::{Error, Result};
use crate::sys::modules::{Module, own_address};

/// The running executable, even if its file was renamed, replaced or deleted since.
const RUNNING: &str = "/proc/self/exe";
/// The same file. Tools that run a program inside of themselves emulate the other name, but not
/// this one.
const REALLY_RUNNING: &str = "/proc/thread-self/exe";

/// Identifies a build of the program by its file: device, inode, size and time of modification.
pub(crate) type BuildStamp = [u64; 5];

/// The file of this program, to be run once more.
#[derive(Debug, Clone)]
pub(crate) struct Executable {
    pub(crate) path: CString,
    pub(crate) build: BuildStamp,
}

impl Executable {
    /// Finds the file that holds the code of this crate.
    ///
    /// # Errors
    /// [`Error::Executable`] if a new run of the program would not, or might not, be a run of this
    /// code; [`Error::Io`] if there are no descriptors or memory to find out.
    pub(crate) fn own() -> Result<Self> {
        static OWN: OnceLock<Result<Executable>> = OnceLock::new();
        let own = match OWN.get() {
            Some(known) => known.clone()?,
            None => match find() {
                // Descriptors or memory may be free the next time.
                Err(error @ Error::Io { .. }) => return Err(error),
                found => OWN.get_or_init(|| found).clone()?,
            },
        };
        let is_running = own.path.as_bytes() == RUNNING.as_bytes();
        if !is_running && fs::metadata(own.path()).map(build_of).ok() != Some(own.build) {
            return Err(refuse(format!("{} was replaced or deleted since it was started", own.path().display())));
        }
        Ok(own)
    }

    /// Returns the path of the file.
    pub(crate) fn path(&self) -> &Path {
        Path::new(OsStr::from_bytes(self.path.as_bytes()))
    }

    /// Returns the build that the kernel runs in this process.
    pub(crate) fn running() -> Result<BuildStamp> {
        fs::metadata(RUNNING).map(build_of).map_err(|error| unreadable(&error))
    }
}

fn build_of(file: Metadata) -> BuildStamp {
    [file.dev(), file.ino(), file.size(), file.mtime() as u64, file.mtime_nsec() as u64]
}

fn refuse(why: impl Into<String>) -> Error {
    Error::Executable(why.into())
}

/// Returns the error of a file below /proc that cannot be read. A process without free descriptors
/// or memory is not one without /proc.
fn unreadable(error: &io::Error) -> Error {
    match error.raw_os_error().map(Errno::from_raw) {
        Some(errno @ (Errno::EMFILE | Errno::ENFILE | Errno::ENOMEM)) => Error::io("cannot read /proc", errno),
        _ => refuse("/proc cannot be read (is it mounted?), so that the program's file cannot be found"),
    }
}

fn find() -> Result<Executable> {
    let running =
        fs::read_link(REALLY_RUNNING).or_else(|_| fs::read_link(RUNNING)).map_err(|error| unreadable(&error))?;
    let maps = fs::read("/proc/self/maps").map_err(|error| unreadable(&error))?;
    let files = || maps.split(|byte| *byte == b'\n').filter_map(Mapped::parse);
    if files().any(|file| file.name().is_some_and(|name| name.starts_with(b"vgpreload_"))) {
        return Err(refuse("the program runs under valgrind, which cannot start the program once more"));
    }
    let own = files().find(|file| file.contains(own_address()));
    let own = own.ok_or_else(|| refuse("no file holds the program's code"))?;
    // In the map, a newline in a name is these four characters.
    let running = PathBuf::from(OsString::from_vec(escaped(running.as_os_str().as_bytes())));
    if own.path == running {
        return Ok(Executable { path: c_string(RUNNING)?, build: Executable::running()? });
    }
    if !Module::own().is_some_and(|module| module.is_program) {
        let (library, program) = (own.path.display(), running.display());
        return Err(refuse(format!(
            "the pool is part of the shared library {library}, which a fresh run of {program} would not have (StartMethod::Fork \
             needs no run)"
        )));
    }
    // A loader was started, and has loaded the program: `ld.so program`, or an interpreter of
    // binfmt_misc.
    let loader = running.display();
    let path = own.path.display();
    let unlike = || refuse(format!("the program was started through {loader}, and {path} is not its file (any more)"));
    let file = fs::metadata(&own.path).map_err(|_| unlike())?;
    if file.ino() != own.inode {
        return Err(unlike());
    }
    Ok(Executable { path: c_string(own.path.as_os_str().as_bytes())?, build: build_of(file) })
}

fn escaped(path: &[u8]) -> Vec<u8> {
    path.iter()
        .flat_map(|byte| if *byte == b'\n' { b"\\012".as_slice() } else { std::slice::from_ref(byte) })
        .copied()
        .collect()
}

fn c_string(path: impl Into<Vec<u8>>) -> Result<CString> {
    CString::new(path).map_err(|_| refuse("the name of the program's file has a zero byte"))
}

/// A line of the memory map that belongs to a file; see proc_pid_maps(5).
struct Mapped {
    start: usize,
    end: usize,
    inode: u64,
    path: PathBuf,
}

impl Mapped {
    fn parse(line: &[u8]) -> Option<Self> {
        let slash = line.iter().position(|byte| *byte == b'/')?;
        let fields = std::str::from_utf8(&line[..slash]).ok()?;
        let mut fields = fields.split_ascii_whitespace();
        let (start, end) = fields.next()?.split_once('-')?;
        let inode = fields.nth(3)?.parse().ok()?;
        let address = |text| usize::from_str_radix(text, 16).ok();
        let path = OsString::from_vec(line[slash..].to_vec()).into();
        Some(Self { start: address(start)?, end: address(end)?, inode, path })
    }

    fn contains(&self, address: usize) -> bool {
        (self.start..self.end).contains(&address)
    }

    fn name(&self) -> Option<&[u8]> {
        Some(self.path.file_name()?.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ordinary_program_is_what_the_kernel_runs() {
        let own = Executable::own().unwrap();
        assert_eq!(own.path.as_bytes(), RUNNING.as_bytes());
        assert_eq!(own.build, Executable::running().unwrap());
    }

    #[test]
    fn lines_of_the_memory_map_are_read() {
        let line = b"7f00-7f0a r-xp 00001000 fe:00 10020067                   /tmp/a b (deleted)";
        let file = Mapped::parse(line).unwrap();
        assert_eq!((file.start, file.end, file.inode), (0x7f00, 0x7f0a, 10_020_067));
        assert_eq!(file.name().unwrap(), b"a b (deleted)");
        assert!(Mapped::parse(b"7f00-7f0a rw-p 00000000 00:00 0").is_none());
        assert!(Mapped::parse(b"7f00-7f0a rw-p 00000000 00:00 0    [heap]").is_none());
        assert!(Mapped::parse(b"").is_none());
    }
}
