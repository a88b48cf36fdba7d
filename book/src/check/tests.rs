//! A book that is right is built, and each thing that can be wrong fails the build, with file and
//! line.

use std::fs;
use std::path::Path;

use tempfile::TempDir;

/// A book of two pages, with a source to include and a picture.
fn book() -> TempDir {
    let root = tempfile::tempdir().unwrap();
    let files = [
        ("book.toml", "[book]\nsrc = \"chapters\"\n[build]\nbuild-dir = \"built\"\n"),
        (
            "code.rs",
            "// ANCHOR: program\nfn main() {\n    // ANCHOR: task\n    work();\n    // ANCHOR_END: task\n}\n// ANCHOR_END: program\n",
        ),
        ("chapters/SUMMARY.md", "# Summary\n\n- [One](one.md)\n- [Two](two.md)\n"),
        ("chapters/two.md", "# Two\n\n## A part\n"),
        ("chapters/picture.svg", "<svg xmlns=\"http://www.w3.org/2000/svg\"><title>One</title></svg>\n"),
    ];
    fs::create_dir(root.path().join("chapters")).unwrap();
    for (file, text) in files {
        fs::write(root.path().join(file), text).unwrap();
    }
    one(&root, "");
    root
}

/// Writes the page `one.md`: its heading, then `body` from line 3 on.
fn one(root: &TempDir, body: &str) {
    fs::write(root.path().join("chapters/one.md"), format!("# One\n\n{body}\n")).unwrap();
}

/// What the build of `root` says, without the folder's name.
fn build(root: &TempDir) -> Result<(), String> {
    let name = format!("{}/", root.path().display());
    crate::build(root.path(), None).map(drop).map_err(|error| format!("{error:#}").replace(&name, ""))
}

/// The build fails because of `body`, with `problem` and nothing else.
#[track_caller]
fn fails(body: &str, problem: &str) {
    let root = book();
    one(&root, body);
    let error = build(&root).expect_err("it was built");
    assert_eq!(error, format!("{problem}\nthe book is not built: one thing is wrong with it"));
}

#[test]
fn a_book_that_is_right_is_built() {
    let root = book();
    let body = "[two](two.md), [its part](two.md#a-part), [here](#one), [elsewhere](https://example.org)\n\n\
        ![A picture](picture.svg)\n\n<img src=\"picture.svg\" alt=\"A picture\">\n\n\
        ```rust,ignore\n{{#include ../code.rs:task}}\n```\n\n```rust,ignore\n{{#include ../code.rs:program}}\n```\n";
    one(&root, body);
    build(&root).unwrap();
    let page = fs::read_to_string(root.path().join("built/one.html")).unwrap();
    assert!(page.contains("work"), "{page}");
    assert!(!page.contains("ANCHOR"), "{page}");
}

#[test]
fn it_is_built_where_it_is_asked_for() {
    let (root, into) = (book(), tempfile::tempdir().unwrap());
    let folder = crate::build(root.path(), Some(into.path())).unwrap();
    assert_eq!(folder, into.path().canonicalize().unwrap());
    assert!(folder.join("index.html").exists());
    assert!(!root.path().join("built").exists());
}

#[test]
fn a_missing_include_file_fails() {
    fails(
        "{{#include ../gone.rs}}",
        "chapters/one.md:3: cannot include ../gone.rs: No such file or directory (os error 2)",
    );
}

#[test]
fn an_empty_include_file_fails() {
    let root = book();
    fs::write(root.path().join("empty.txt"), "\n").unwrap();
    one(&root, "{{#include ../empty.txt}}");
    assert!(build(&root).unwrap_err().starts_with("chapters/one.md:3: ../empty.txt is empty\n"));
}

#[test]
fn a_missing_anchor_fails() {
    fails("\n```rust\n{{#include ../code.rs:gone}}\n```", "chapters/one.md:5: ../code.rs: there is no anchor `gone`");
}

#[test]
fn anchors_that_are_wrong_fail() {
    let cases = [
        ("// ANCHOR: a\n\n// ANCHOR_END: a\n", "the anchor `a` is empty"),
        ("// ANCHOR: a\n// ANCHOR: b\n// ANCHOR_END: b\n// ANCHOR_END: a\n", "the anchor `a` is empty"),
        ("// ANCHOR: a\nwork();\n", "the anchor `a` is never closed"),
        ("// ANCHOR_END: a\n// ANCHOR: a\nwork();\n", "the anchor `a` is never closed"),
        ("// ANCHOR: a\nwork();\n// ANCHOR_END: a\n// ANCHOR: a\nrest();\n", "the anchor `a` is there twice"),
    ];
    for (code, what) in cases {
        let root = book();
        fs::write(root.path().join("code.rs"), code).unwrap();
        one(&root, "{{#include ../code.rs:a}}");
        let error = build(&root).expect_err(code);
        assert!(error.starts_with(&format!("chapters/one.md:3: ../code.rs: {what}\n")), "{error}");
    }
}

#[test]
fn a_whole_file_with_anchors_fails() {
    fails(
        "{{#include ../code.rs}}",
        "chapters/one.md:3: ../code.rs is to be included by one of its anchors: their marks would show",
    );
}

#[test]
fn an_include_by_line_numbers_fails() {
    fails(
        "{{#include ../code.rs:2:3}}",
        "chapters/one.md:3: ../code.rs is to be included by an anchor: line numbers move",
    );
}

#[test]
fn an_escaped_include_is_text() {
    let root = book();
    one(&root, "\\{{#include ../gone.rs}}");
    build(&root).unwrap();
}

#[test]
fn a_dead_link_fails() {
    fails("\nsee [three](three.md)", "chapters/one.md:4: the link to three.md is dead");
    fails("<a href=\"three.md\">three</a>", "chapters/one.md:3: the link to three.md is dead");
    fails("[outside](../book.toml)", "chapters/one.md:3: the link to ../book.toml is dead");
    fails("[three][3]\n\n[3]: three.md", "chapters/one.md:3: the link to three.md is dead");
    fails("[three]()", "chapters/one.md:3: the link leads nowhere");
}

#[test]
fn a_link_without_its_definition_fails() {
    fails("see [three][3]", "chapters/one.md:3: no link is defined for [3]");
}

#[test]
fn a_dead_fragment_fails() {
    let what = "is dead: the page has no such part";
    fails("[part](two.md#another-part)", &format!("chapters/one.md:3: the link to two.md#another-part {what}"));
    fails("[here](#two)", &format!("chapters/one.md:3: the link to #two {what}"));
}

#[test]
fn a_fragment_that_sets_fields_names_fields_of_the_page() {
    let root = book();
    let form = "<form><input name=\"a\"><select name=\"b\"></select></form>\n\n";
    one(&root, &format!("{form}[set](#a=1&b=x) and [set](one.md#b=2)"));
    build(&root).unwrap();
    let what = "is dead: the page has no such part";
    fails(&format!("{form}[set](#a=1&c=x)"), &format!("chapters/one.md:5: the link to #a=1&c=x {what}"));
    fails("[set](two.md#a-part=1)", &format!("chapters/one.md:3: the link to two.md#a-part=1 {what}"));
}

#[test]
fn a_missing_picture_fails() {
    fails("![A picture](gone.svg)", "chapters/one.md:3: there is no picture gone.svg");
    fails("<img src=\"gone.svg\" alt=\"A picture\">", "chapters/one.md:3: there is no picture gone.svg");
}

#[test]
fn a_picture_without_words_fails() {
    fails("![](picture.svg)", "chapters/one.md:3: the picture has no alternative text");
    fails("<p>\n<img src=\"picture.svg\">\n</p>", "chapters/one.md:4: the picture has no alternative text");
    fails("<img src=\"picture.svg\" alt=\" \">", "chapters/one.md:3: the picture has no alternative text");
}

#[test]
fn what_is_loaded_from_elsewhere_fails() {
    let loaded = "is loaded from elsewhere: the book has to be whole without a network";
    for body in [
        "![A picture](https://example.org/x)",
        "<script src=\"https://example.org/x\"></script>",
        "<div><link rel=\"stylesheet\" href=\"https://example.org/x\"></div>",
        "<style>@import \"https://example.org/x\";</style>",
    ] {
        fails(body, &format!("chapters/one.md:3: https://example.org/x {loaded}"));
    }
}

#[test]
fn a_picture_that_loads_from_elsewhere_fails() {
    let root = book();
    let picture = "<svg xmlns=\"http://www.w3.org/2000/svg\">\n<image href=\"//example.org/x.png\"/></svg>";
    fs::write(root.path().join("chapters/picture.svg"), picture).unwrap();
    let error = build(&root).unwrap_err();
    assert!(error.starts_with("chapters/picture.svg:2: //example.org/x.png is loaded from elsewhere\n"), "{error}");
}

#[test]
fn a_style_sheet_that_loads_from_elsewhere_fails() {
    let root = book();
    let config = root.path().join("book.toml");
    let text = fs::read_to_string(&config).unwrap();
    fs::write(config, text + "[output.html]\nadditional-css = [\"more.css\"]\n").unwrap();
    fs::write(root.path().join("more.css"), "p {}\n@font-face { src: url(https://example.org/x.woff2) }\n").unwrap();
    let error = build(&root).unwrap_err();
    assert!(error.contains(":2: https://example.org/x.woff2 is loaded from elsewhere"), "{error}");
}

#[test]
fn a_page_that_is_not_in_the_summary_fails() {
    let root = book();
    fs::write(root.path().join("chapters/three.md"), "# Three\n").unwrap();
    assert!(build(&root).unwrap_err().starts_with("chapters/three.md:1: the page is not in SUMMARY.md\n"));
}

#[test]
fn a_page_that_only_the_summary_has_fails() {
    let root = book();
    fs::remove_file(root.path().join("chapters/two.md")).unwrap();
    assert!(build(&root).unwrap_err().starts_with("chapters/SUMMARY.md:4: the link to two.md is dead\n"));
    assert!(!root.path().join("chapters/two.md").exists());
}

#[test]
fn a_folder_without_a_book_fails() {
    let error = crate::build(Path::new("/nowhere"), None).unwrap_err();
    assert_eq!(error.to_string(), "/nowhere/book.toml is missing");
}

#[test]
fn all_that_is_wrong_is_told_at_once() {
    let root = book();
    one(&root, "[three](three.md)\n\n![](picture.svg)");
    let error = build(&root).unwrap_err();
    assert!(
        error.contains("one.md:3") && error.contains("one.md:5") && error.ends_with("these things are wrong with it")
    );
}
