//! What documents say of the code holds: CONTRIBUTING.md's folders import downwards, its files
//! exist, and both READMEs name the compiler that it takes.

use std::fs;
use std::path::{Path, PathBuf};

use multiproc::Result;

use crate::support::{Named, named};

pub(crate) const TESTS: &[Named] = named! {
    folders_import_only_from_those_below_them
    files_named_in_contributing_md_exist
    readmes_name_the_oldest_compiler
};

fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

fn contributing() -> String {
    fs::read_to_string(repository().join("CONTRIBUTING.md")).unwrap()
}

/// Lists the Rust files below `folder`.
fn sources(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries
        .flat_map(|path| match path.extension() {
            _ if path.is_dir() => sources(&path),
            Some(extension) if extension == "rs" => vec![path],
            _ => Vec::new(),
        })
        .collect()
}

/// Returns the texts between back-quotes.
fn quoted(line: &str) -> impl Iterator<Item = &str> {
    line.split('`').skip(1).step_by(2)
}

/// Returns the folders of the table "Where to look", from the top to the bottom, row by row.
fn floors() -> Vec<Vec<String>> {
    let text = contributing();
    let rows = text.lines().skip_while(|line| !line.starts_with("| folder")).skip(2);
    rows.take_while(|line| line.starts_with('|'))
        .map(|row| quoted(row.split('|').nth(1).unwrap()).map(|folder| folder.trim_end_matches('/').into()).collect())
        .collect()
}

/// Returns the code of a file, without its comments and without the tests at its end.
fn code(path: &Path) -> String {
    let text = fs::read_to_string(path).unwrap();
    let lines =
        text.lines().take_while(|line| !line.starts_with("#[cfg(test)]") && !line.starts_with("#[cfg(all(test"));
    lines.filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}

/// Returns the modules of the crate that a text names: `crate::module` and `crate::{module, …}`.
fn imports(code: &str) -> Vec<&str> {
    let is_name = |c: char| c.is_alphanumeric() || c == '_';
    code.split("crate::")
        .skip(1)
        .flat_map(|rest| match rest.strip_prefix('{') {
            Some(list) => list.split('}').next().unwrap().split(',').map(str::trim).collect(),
            None => vec![rest],
        })
        .map(|path| path.split(|c| !is_name(c)).next().unwrap())
        .collect()
}

fn folders_import_only_from_those_below_them() -> Result<()> {
    let floors = floors();
    assert!(floors.len() > 10, "{floors:?}");
    let floor = |module: &str| floors.iter().position(|row| row.iter().any(|folder| folder == module));
    let root = repository().join("shared/src");
    let mut wrong = Vec::new();
    for row in &floors {
        for folder in row {
            for path in sources(&root.join(folder)) {
                // Tests may look at whatever they test against.
                let name = path.strip_prefix(&root).unwrap().display().to_string();
                if ["tests", "model", "fuzz"].iter().any(|part| name.contains(part)) {
                    continue;
                }
                let code = code(&path);
                let named = imports(&code).into_iter().filter(|module| floor(module).is_some());
                let upwards = named.filter(|module| floor(module) < floor(folder));
                wrong.extend(upwards.map(|module| format!("{name} uses {module}")));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    Ok(())
}

fn files_named_in_contributing_md_exist() -> Result<()> {
    let text = contributing();
    let paths: Vec<_> =
        text.lines().flat_map(quoted).filter(|text| text.contains('/') && !text.contains(['N', ' '])).collect();
    assert!(paths.len() > 40, "{paths:?}");
    let root = repository();
    // Names of files of every lesson, and of what the course's folders hold.
    let everywhere = |path: &str| {
        ["src/", "transcripts/", "solutions/", "exercises/", "tests/"].iter().any(|folder| path.starts_with(folder))
    };
    let exists = |path: &&str| root.join("shared/src").join(path).exists() || root.join(path).exists();
    let missing: Vec<_> = paths.iter().filter(|path| !everywhere(path) && !exists(path)).collect();
    assert!(missing.is_empty(), "{missing:?}");
    Ok(())
}

fn readmes_name_the_oldest_compiler() -> Result<()> {
    let manifest = fs::read_to_string(repository().join("Cargo.toml")).unwrap();
    let version = manifest.lines().find_map(|line| line.strip_prefix("rust-version = ")).unwrap().trim_matches('"');
    for readme in ["README.md", "shared/README.md"] {
        let text = fs::read_to_string(repository().join(readme)).unwrap();
        let named: Vec<_> = text.split("Rust 1.").skip(1).map(|rest| rest.split([' ', '.']).next().unwrap()).collect();
        assert!(!named.is_empty(), "{readme} names no version");
        assert!(named.iter().all(|minor| format!("1.{minor}") == version), "{readme}: {named:?}, not {version}");
    }
    Ok(())
}
