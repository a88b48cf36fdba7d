//! The page "From Python" leaves out no public name of Python's modules, and names nothing here
//! that is not there.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// A row of a table: the names in back-quotes on Python's side, and what is here.
struct Row {
    section: String,
    names: Vec<String>,
    here: String,
}

fn read(path: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    fs::read_to_string(root.join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Returns the texts between back-quotes.
fn quoted(text: &str) -> Vec<String> {
    text.split('`').skip(1).step_by(2).map(String::from).collect()
}

/// Returns the rows of all tables of the page, the heads included: a head may name a class.
fn rows() -> Vec<Row> {
    let (mut section, mut rows) = (String::new(), Vec::new());
    for line in read("book/chapters/from-python.md").lines() {
        if let Some(heading) = line.strip_prefix("## ") {
            section = heading.into();
        }
        if let Some(cells) = line.strip_prefix("| ").and_then(|line| line.strip_suffix(" |")) {
            let (python, here) = cells.split_once(" | ").unwrap_or_else(|| panic!("not two columns: {line}"));
            rows.push(Row { section: section.clone(), names: quoted(python), here: here.into() });
        }
    }
    rows
}

/// A member of a class must stand in a section that has the class, unless the class has no
/// counterpart: then its members have none either.
fn is_covered(rows: &[Row], name: &str) -> bool {
    let (owner, member) = name.split_once('.').map_or((name, None), |(owner, member)| (owner, Some(member)));
    let has = |row: &Row, name: &str| row.names.iter().any(|other| other == name);
    rows.iter().filter(|row| has(row, owner)).any(|row| match member {
        None => true,
        Some(_) if row.here.starts_with("none") => true,
        Some(member) => rows.iter().any(|other| other.section == row.section && has(other, member)),
    })
}

#[test]
fn every_public_name_of_python_is_on_the_page() {
    let (rows, names) = (rows(), read("book/tests/python/names.txt"));
    let names: Vec<_> = names.lines().filter(|line| !line.starts_with('#')).collect();
    assert!(names.len() > 450, "{names:?}");
    let missing: Vec<_> =
        names.into_iter().filter(|line| !is_covered(&rows, line.split_once(' ').unwrap().1)).collect();
    assert!(missing.is_empty(), "no counterpart of:\n{}", missing.join("\n"));
}

#[test]
fn the_page_names_the_version_that_its_names_are_of() {
    let names = read("book/tests/python/names.txt");
    let version = names.lines().next().unwrap().split([' ', ':']).nth(2).unwrap();
    let minor = version.rsplit_once('.').unwrap().0;
    assert!(read("book/chapters/from-python.md").contains(&format!("CPython {minor}")), "{minor}");
}

/// Returns the text of every source file below `folder`.
fn sources(folder: &Path) -> String {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.map(|path| if path.is_dir() { sources(&path) } else { fs::read_to_string(path).unwrap() }).collect()
}

/// Who searches the crate's documentation for Python's name finds what it is called here.
#[test]
fn rustdoc_finds_pythons_documented_names() {
    let (rows, names, listing) = (rows(), read("book/tests/python/names.txt"), read("shared/public-api.txt"));
    let code = sources(&Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("shared/src"));
    let aliases: BTreeSet<_> = code
        .split("#[doc(alias(")
        .skip(1)
        .flat_map(|rest| rest.split_once(')').unwrap().0.split('"').skip(1).step_by(2))
        .collect();
    let exported: BTreeSet<_> = listing.split(|c: char| !c.is_alphanumeric() && c != '_').collect();
    let documented = names.lines().filter_map(|line| match line.split_once(' ')? {
        ("multiprocessing" | "concurrent.futures", name) if !name.contains('.') => Some(name),
        _ => None,
    });
    let has_counterpart = |name: &&str| {
        rows.iter().any(|row| row.names.iter().any(|other| other == name) && !row.here.starts_with("none"))
    };
    let missing: Vec<_> =
        documented.filter(has_counterpart).filter(|name| !exported.contains(name) && !aliases.contains(name)).collect();
    assert!(missing.is_empty(), "add #[doc(alias(\"…\"))] to the counterparts of {missing:?}");
}

/// Returns the words of `text` that are names: of a type or variant, or of what is called.
fn called(text: &str) -> Vec<String> {
    let mut words: Vec<(String, char)> = vec![(String::new(), ' ')];
    for c in text.chars() {
        match words.last_mut().unwrap() {
            (word, _) if c.is_alphanumeric() || c == '_' => word.push(c),
            (word, _) if word.is_empty() => {}
            (_, end) => {
                *end = c;
                words.push((String::new(), ' '));
            }
        }
    }
    let is_name = |(word, end): &(String, char)| *end == '(' || word.starts_with(char::is_uppercase);
    // Parameters such as `A` and `B` name types of the reader's.
    words.into_iter().filter(is_name).map(|(word, _)| word).filter(|word| word.len() > 1).collect()
}

/// What is on our side of the tables and belongs to the language or to serde.
const OF_RUST: &[&str] =
    &["Deserialize", "Drop", "Duration", "Err", "LazyLock", "Mutex", "None", "Pod", "Result", "Serialize", "Vec"];

#[test]
fn what_the_page_names_here_is_there() {
    // `cluster` needs MPI, so that the listing has none of it.
    let mut exported: BTreeSet<_> = ["MpiExecutor", "processes_per_rank", "ranks"].map(String::from).into();
    let listing = read("shared/public-api.txt");
    exported.extend(listing.split(|c: char| !c.is_alphanumeric() && c != '_').map(String::from));
    // A variable of the environment is no item of the crate.
    let variables = read("shared/src/cpu.rs");
    let is_variable = |name: &str| name.to_uppercase() == name && variables.contains(&format!("\"{name}\""));
    let mut unknown = BTreeSet::new();
    for row in rows() {
        for code in quoted(&row.here) {
            let names = called(&code).into_iter().filter(|name| !exported.contains(name));
            let names = names.filter(|name| !OF_RUST.contains(&&**name) && !is_variable(name));
            unknown.extend(names.map(|name| format!("{name}, beside {:?}", row.names)));
        }
    }
    assert!(unknown.is_empty(), "not in shared/public-api.txt:\n{}", Vec::from_iter(unknown).join("\n"));
}
