//! The folder of chapters, read once: the pages as they were written, and the other files.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Component, Path, PathBuf};

use anyhow::Context;
use walkdir::WalkDir;

/// Names the pages of the book, in order.
pub(crate) const SUMMARY: &str = "SUMMARY.md";

/// What is in the folder of chapters. Paths are relative to it.
pub(crate) struct Chapters {
    pub(crate) folder: PathBuf,
    /// Every `.md` file with its text, `SUMMARY.md` too.
    pub(crate) pages: BTreeMap<PathBuf, String>,
    /// All other files: pictures.
    pub(crate) files: BTreeSet<PathBuf>,
}

impl Chapters {
    pub(crate) fn read(folder: PathBuf) -> anyhow::Result<Self> {
        let (mut pages, mut files) = (BTreeMap::new(), BTreeSet::new());
        for entry in WalkDir::new(&folder) {
            let entry = entry?;
            if !entry.file_type().is_file() {
                continue;
            }
            let path = entry.path().strip_prefix(&folder)?.to_path_buf();
            if path.extension().is_some_and(|extension| extension == "md") {
                let text = fs::read_to_string(entry.path()).with_context(|| entry.path().display().to_string())?;
                pages.insert(path, text);
            } else {
                files.insert(path);
            }
        }
        Ok(Self { folder, pages, files })
    }
}

/// The number of the line that holds the byte at `offset`, counted from 1.
pub(crate) fn line_at(text: &str, offset: usize) -> usize {
    text[..offset].matches('\n').count() + 1
}

/// The file that `link` leads to from the file `from`, without a look at the disk; none if it
/// leaves the folder.
pub(crate) fn resolve(from: &Path, link: &str) -> Option<PathBuf> {
    let mut path = from.parent()?.to_path_buf();
    for part in Path::new(link).components() {
        match part {
            Component::Normal(name) => path.push(name),
            Component::CurDir => {}
            Component::ParentDir if path.pop() => {}
            _ => return None,
        }
    }
    Some(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_lead_from_the_folder_of_their_page() {
        let from = Path::new("lessons/one.md");
        assert_eq!(resolve(from, "two.md").unwrap(), Path::new("lessons/two.md"));
        assert_eq!(resolve(from, "../pictures/./a.svg").unwrap(), Path::new("pictures/a.svg"));
        assert_eq!(resolve(from, "../../README.md"), None);
        assert_eq!(resolve(from, "/two.md"), None);
    }
}
