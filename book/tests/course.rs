//! Course and book belong together: no example without its place in the chapter, no chapter of what
//! is not there.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// A package of examples and its chapter.
struct Lesson {
    name: String,
    folder: PathBuf,
    /// The names that `main.rs` declares, in order.
    examples: Vec<String>,
    /// Empty if nobody has written it.
    chapter: String,
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten();
    entries.map(|entry| entry.unwrap().path()).filter(|path| path.is_file()).collect()
}

/// The names of the files of `folder` that end in `.extension`, without it.
fn stems(folder: &Path, extension: &str) -> BTreeSet<String> {
    let of_kind = |path: &PathBuf| path.extension().is_some_and(|it| it == extension);
    files(folder).iter().filter(|path| of_kind(path)).map(|path| stem(path)).collect()
}

/// The pages of the book: their names, and what is written there.
fn written() -> impl Iterator<Item = (String, String)> {
    let pages =
        files(&root().join("book/chapters")).into_iter().filter(|path| path.extension().is_some_and(|it| it == "md"));
    pages.map(|path| (stem(&path), fs::read_to_string(path).unwrap()))
}

/// All that is written in the book.
fn pages() -> String {
    written().map(|(_, text)| text).collect()
}

fn stem(path: &Path) -> String {
    path.file_stem().unwrap().to_str().unwrap().to_string()
}

/// Returns the names of the examples that `main.rs` declares, a line for each: `map: "what to watch
/// for",`.
fn declared(main: &str) -> Vec<String> {
    let (_, rest) = main.split_once("course::lesson! {\n").unwrap_or_default();
    let lines = rest.lines().take_while(|line| *line != "}");
    lines.filter_map(|line| Some(line.trim().split_once(": \"")?.0.to_string())).collect()
}

/// All packages that are menus of examples: the lessons, and the gallery of pitfalls.
fn lessons() -> Vec<Lesson> {
    let mut folders: Vec<_> = fs::read_dir(root()).unwrap().map(|entry| entry.unwrap().path()).collect();
    folders.retain(|path| path.join("src/main.rs").is_file() && stem(path).starts_with("lesson"));
    folders.sort();
    assert!(folders.len() >= 5, "{folders:?}");
    folders.push(root().join("book/pitfalls"));
    folders
        .into_iter()
        .map(|folder| {
            let name = stem(&folder);
            let main = fs::read_to_string(folder.join("src/main.rs")).unwrap();
            let examples = declared(&main);
            assert!(!examples.is_empty(), "{name} has no examples");
            let chapter = fs::read_to_string(root().join(format!("book/chapters/{name}.md"))).unwrap_or_default();
            Lesson { name, folder, examples, chapter }
        })
        .collect()
}

impl Lesson {
    /// How the chapter leads to a file of the lesson.
    fn included(&self, file: &str) -> String {
        let folder = self.folder.strip_prefix(root()).unwrap().display();
        format!("{{{{#include ../../{folder}/{file}")
    }
}

/// Nothing is missing, or all that is: a line for each.
#[track_caller]
fn none(missing: Vec<String>) {
    assert!(missing.is_empty(), "\n{}", missing.join("\n"));
}

#[test]
fn the_menu_has_every_example_that_the_sources_have() {
    let mut wrong = Vec::new();
    for lesson in lessons() {
        let sources = files(&lesson.folder.join("src"))
            .into_iter()
            .filter(|path| stem(path) != "main" && fs::read_to_string(path).unwrap().contains("\npub fn main() -> "));
        let sources: BTreeSet<_> = sources.map(|path| stem(&path)).collect();
        let menu: BTreeSet<_> = lesson.examples.iter().cloned().collect();
        for name in sources.symmetric_difference(&menu) {
            wrong.push(format!("{}: `{name}` is in the menu or in the sources, but not in both", lesson.name));
        }
    }
    none(wrong);
}

#[test]
fn every_example_has_a_transcript_and_every_transcript_an_example() {
    let mut wrong = Vec::new();
    for lesson in lessons() {
        let transcripts = stems(&lesson.folder.join("transcripts"), "txt");
        let menu: BTreeSet<_> = lesson.examples.iter().cloned().collect();
        for name in transcripts.symmetric_difference(&menu) {
            wrong.push(format!("{}: `{name}` is an example or has a transcript, but not both", lesson.name));
        }
    }
    none(wrong);
}

#[test]
fn every_example_is_in_its_chapter_with_what_it_prints() {
    let mut wrong = Vec::new();
    for lesson in lessons() {
        for example in &lesson.examples {
            for file in [format!("src/{example}.rs:"), format!("transcripts/{example}.txt}}}}")] {
                let included = lesson.included(&file);
                if !lesson.chapter.contains(&included) {
                    wrong.push(format!("book/chapters/{}.md lacks {included}", lesson.name));
                }
            }
        }
    }
    none(wrong);
}

#[test]
fn every_example_is_shown_whole_somewhere_in_its_chapter() {
    let mut wrong = Vec::new();
    for lesson in lessons() {
        for example in &lesson.examples {
            let included = lesson.included(&format!("src/{example}.rs:program}}}}"));
            if !lesson.chapter.contains(&included) {
                wrong.push(format!("book/chapters/{}.md lacks {included}", lesson.name));
            }
        }
    }
    none(wrong);
}

#[test]
fn chapters_have_the_examples_in_the_order_of_the_menu() {
    let mut wrong = Vec::new();
    for lesson in lessons().iter().filter(|lesson| lesson.name.starts_with("lesson")) {
        let place = |example: &String| lesson.chapter.find(&lesson.included(&format!("transcripts/{example}.txt}}}}")));
        for pair in lesson.examples.windows(2).filter(|pair| place(&pair[0]) > place(&pair[1])) {
            wrong.push(format!(
                "{}: `{}` comes before `{}` in the menu, but not in the chapter",
                lesson.name, pair[0], pair[1]
            ));
        }
    }
    none(wrong);
}

#[test]
fn every_exercise_is_in_its_chapter_with_hints() {
    let mut wrong = Vec::new();
    for lesson in lessons().iter().filter(|lesson| lesson.name.starts_with("lesson")) {
        let exercises = stems(&lesson.folder.join("exercises"), "rs");
        let tests: BTreeSet<_> =
            stems(&lesson.folder.join("tests"), "rs").into_iter().filter(|name| name.starts_with("ex")).collect();
        if tests.len() < 2 || tests != exercises {
            wrong.push(format!("{}: the exercises are {exercises:?}, their tests {tests:?}", lesson.name));
        }
        let page = fs::read_to_string(lesson.folder.join("exercises.md")).unwrap_or_default();
        for name in &tests {
            if !page.contains(&format!("{{{{#include exercises/{name}.rs}}}}")) {
                wrong.push(format!("{}/exercises.md does not show {name}", lesson.name));
            }
        }
        if page.matches("<summary>Hint 1</summary>").count() != tests.len() {
            wrong.push(format!("{}/exercises.md lacks a first hint for an exercise", lesson.name));
        }
        if !lesson.chapter.contains(&lesson.included("exercises.md}}")) {
            wrong.push(format!("book/chapters/{}.md lacks {}", lesson.name, lesson.included("exercises.md}}")));
        }
    }
    none(wrong);
}

#[test]
fn every_chapter_has_a_picture() {
    let without =
        lessons().into_iter().filter(|lesson| !lesson.chapter.contains("](") || !lesson.chapter.contains("!["));
    none(without.map(|lesson| format!("book/chapters/{}.md has no picture", lesson.name)).collect());
}

#[test]
fn every_picture_has_a_caption() {
    let mut without = Vec::new();
    for (page, text) in written() {
        // `<figure>`, an empty line, the picture, an empty line, `<figcaption>`.
        let lines: Vec<_> = text.lines().collect();
        for (at, line) in lines.iter().enumerate().filter(|(_, line)| line.starts_with("![")) {
            let (before, after) = (lines[..at].iter().nth_back(1), lines.get(at + 2));
            if before != Some(&"<figure>") || after != Some(&"<figcaption>") {
                without.push(format!("{page}:{}: no caption for {line}", at + 1));
            }
        }
    }
    none(without);
}

#[test]
fn every_block_has_a_word_before_it() {
    let mut without = Vec::new();
    for (page, text) in written() {
        let (mut is_open, mut before) = (false, "");
        for (at, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
            if line.starts_with("```") {
                if !is_open && (before.starts_with("```") || before.starts_with('#')) {
                    without.push(format!("{page}:{}: nothing says what this is", at + 1));
                }
                is_open = !is_open;
            }
            before = line;
        }
    }
    none(without);
}

#[test]
fn every_picture_is_on_a_page() {
    let (chapters, pages) = (root().join("book/chapters"), pages());
    let mut unused = Vec::new();
    let mut folders = vec![chapters.join("diagrams"), chapters.join("pictures")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if !pages.contains(path.strip_prefix(&chapters).unwrap().to_str().unwrap()) {
                unused.push(format!("{} is on no page", path.display()));
            }
        }
    }
    none(unused);
}

#[test]
fn every_anchor_of_an_example_is_on_a_page() {
    let pages = pages();
    let mut unused = Vec::new();
    for lesson in lessons() {
        for path in files(&lesson.folder.join("src")) {
            let source = fs::read_to_string(&path).unwrap();
            for anchor in source.lines().filter_map(|line| line.trim().strip_prefix("// ANCHOR: ")) {
                let end = format!("/{}.rs:{anchor}}}}}", stem(&path));
                if !pages.contains(&end) {
                    unused.push(format!("{}: nobody includes the anchor `{anchor}`", path.display()));
                }
            }
        }
    }
    none(unused);
}

/// A row of the instructors' table: names of Python's in back-quotes, examples, and the pages that
/// have them.
struct Taught {
    names: Vec<String>,
    examples: Vec<String>,
    pages: Vec<String>,
}

/// Returns the texts between back-quotes.
fn quoted(text: &str) -> Vec<String> {
    text.split('`').skip(1).step_by(2).map(String::from).collect()
}

fn taught() -> Vec<Taught> {
    let page = fs::read_to_string(root().join("book/chapters/instructors.md")).unwrap();
    let (_, rest) = page.split_once("| Python | example | page |\n|---|---|---|\n").unwrap();
    let rows = rest.lines().take_while(|line| line.starts_with('|'));
    let rows: Vec<_> = rows
        .map(|line| {
            let cells: Vec<_> = line.trim_matches('|').split('|').collect();
            let [names, examples, pages] = cells[..] else { panic!("not three columns: {line}") };
            let target = |link: &str| link.split([')', '#']).next().unwrap().strip_suffix(".md").unwrap().to_string();
            Taught {
                names: quoted(names),
                examples: quoted(examples),
                pages: pages.split("](").skip(1).map(target).collect(),
            }
        })
        .collect();
    assert!(rows.len() > 60, "{}", rows.len());
    rows
}

#[test]
fn what_is_taught_where_names_examples_of_pages_that_show_them() {
    let lessons = lessons();
    let recipes = stems(&root().join("recipes/src/bin"), "rs");
    let mut wrong = Vec::new();
    for row in taught() {
        let mut shown: BTreeSet<String> = BTreeSet::new();
        for page in &row.pages {
            if !root().join(format!("book/chapters/{page}.md")).is_file() {
                wrong.push(format!("{:?}: there is no page {page}", row.names));
            }
            if page == "recipes" {
                shown.extend(recipes.iter().cloned());
            }
            let lesson = lessons.iter().find(|lesson| lesson.name == *page);
            shown.extend(lesson.iter().flat_map(|lesson| lesson.examples.iter().cloned()));
        }
        let missing = row.examples.iter().filter(|example| !shown.contains(*example));
        wrong.extend(missing.map(|example| format!("{:?} has no example `{example}`", row.pages)));
    }
    none(wrong);
}

#[test]
fn what_is_taught_where_has_every_example_of_the_lessons() {
    let rows = taught();
    let mut missing = Vec::new();
    for lesson in lessons().into_iter().filter(|lesson| lesson.name.starts_with("lesson")) {
        let of_lesson = || rows.iter().filter(|row| row.pages.contains(&lesson.name));
        let without = lesson.examples.iter().filter(|example| !of_lesson().any(|row| row.examples.contains(example)));
        missing.extend(without.map(|example| format!("`{example}` of {} is in no row", lesson.name)));
    }
    none(missing);
}

#[test]
fn what_is_taught_where_has_every_documented_call_with_a_counterpart() {
    let listed: BTreeSet<_> = taught().into_iter().flat_map(|row| row.names).collect();
    let counterparts = fs::read_to_string(root().join("book/chapters/from-python.md")).unwrap();
    let counterparts: BTreeSet<_> = counterparts
        .lines()
        .filter_map(|line| line.strip_prefix("| ")?.split_once(" | "))
        .filter(|(_, here)| !here.starts_with("none"))
        .flat_map(|(python, _)| quoted(python))
        .collect();
    let names = fs::read_to_string(root().join("book/tests/python/names.txt")).unwrap();
    let documented = names.lines().filter_map(|line| match line.split_once(' ')? {
        ("multiprocessing" | "multiprocessing.pool" | "multiprocessing.process", name) => {
            Some(name.rsplit('.').next().unwrap())
        }
        ("concurrent.futures", name) if !name.contains('.') => Some(name),
        _ => None,
    });
    let missing = documented.filter(|name| counterparts.contains(*name) && !listed.contains(*name));
    none(missing.map(|name| format!("`{name}` is not in the table of what is taught where")).collect());
}
