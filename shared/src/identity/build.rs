//! The build of the program.

use std::fmt::Write;
use std::fs::{self, File};

use object::Object;
use object::read::ReadCache;
use sha2::{Digest, Sha256};

use crate::error::{Context, Error, Result};
use crate::sys::executable::Executable;

/// Returns a text that only runs of the same executable have in common, on whichever machine: the
/// build id that the linker wrote, which stands for all that it put together; without one, a digest
/// of the file.
pub(crate) fn build_id() -> Result<String> {
    let context = "cannot read the executable";
    let executable = Executable::own()?;
    let cache = ReadCache::new(File::open(executable.path()).context(context)?);
    let unreadable = |error: object::Error| Error::Config(format!("the executable cannot be understood: {error}"));
    let file = object::File::parse(&cache).map_err(unreadable)?;
    if let Some(id) = file.build_id().map_err(unreadable)? {
        return Ok(format!("build-id {}", hex(id)));
    }
    Ok(format!("sha256 {}", hex(&Sha256::digest(fs::read(executable.path()).context(context)?))))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_executable_has_the_same_build() {
        let own = build_id().unwrap();
        assert!(own.len() > 20, "{own}");
        assert_eq!(build_id().unwrap(), own);
    }
}
