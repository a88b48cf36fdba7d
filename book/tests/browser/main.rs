//! The book as readers see it, in a real browser: on a wide and on a narrow window, in a light and
//! in a dark theme.
//!
//! `cargo test -p book --features browser --test browser`. With `BOOK_SCREENSHOTS=FOLDER` it leaves
//! a picture of every page there.

mod schedule;
mod window;

use std::path::Path;

use tempfile::TempDir;
use window::Window;

const WIDE: u32 = 1280;
const NARROW: u32 = 390;

/// The book, built into a folder of its own.
fn book() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    book::build(Path::new(env!("CARGO_MANIFEST_DIR")), Some(folder.path())).unwrap();
    folder
}

/// Goes to every page, in the order of the table of contents, and asks for what is wrong with it.
fn check_every_page(width: u32, theme: &str) {
    let book = book();
    let window = Window::open(width);
    window.go(book.path(), "index.html");
    window.set_theme(theme);
    // The table of contents also has the headings of the page that is shown: `#…`.
    let pages = window.words(
        "[...document.querySelectorAll('#mdbook-sidebar a[href]')].map(a => a.getAttribute('href')) \
         .filter(page => !page.startsWith('#'))",
    );
    assert!(pages.len() > 10, "{pages:?}");

    let mut wrong = Vec::new();
    for page in pages {
        window.go(book.path(), &page);
        window.keep_screenshot(&format!("{}-{width}-{theme}.png", page.trim_end_matches(".html")));
        assert_eq!(
            window.words("[...document.documentElement.classList].filter(name => name == '".to_string() + theme + "')"),
            [theme]
        );
        let told = format!("{IN_ANOTHER_SCHEME}('{}')", if theme == "light" { "light" } else { "dark" });
        for what in [WIDER_THAN_THE_WINDOW, NOT_LOADED, &told].into_iter().flat_map(|found| window.words(found)) {
            wrong.push(format!("{page}: {what}"));
        }
        wrong.extend(window.complaints().into_iter().map(|what| format!("{page}: {what}")));
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

/// Parts of the page that reach beyond the window, but for those in a box that scrolls.
const WIDER_THAN_THE_WINDOW: &str = "
    [...document.querySelectorAll('main *')].filter(part => {
        for (let box = part.parentElement; box && box.tagName != 'MAIN'; box = box.parentElement)
            if (['auto', 'scroll', 'hidden'].includes(getComputedStyle(box).overflowX)) return false;
        return part.getBoundingClientRect().right > innerWidth + 1;
    }).map(part => `<${part.tagName}> is wider than the window: ${part.textContent.slice(0, 60)}`)";

const NOT_LOADED: &str = "
    [...document.querySelectorAll('img')].filter(picture => !(picture.complete && picture.naturalWidth > 0))
        .map(picture => `${picture.src} is not loaded`)";

/// Pictures that the browser takes for parts of a page of other colours.
const IN_ANOTHER_SCHEME: &str = "
    (scheme => [...document.querySelectorAll('main img')].filter(it => getComputedStyle(it).colorScheme != scheme)
        .map(picture => `${picture.src} is not ${scheme}`))";

#[test]
fn pages_are_whole_on_a_wide_window_in_a_light_theme() {
    check_every_page(WIDE, "light");
}

#[test]
fn pages_are_whole_on_a_wide_window_in_a_dark_theme() {
    check_every_page(WIDE, "navy");
}

#[test]
fn pages_are_whole_on_a_narrow_window_in_a_light_theme() {
    check_every_page(NARROW, "light");
}

#[test]
fn pages_are_whole_on_a_narrow_window_in_a_dark_theme() {
    check_every_page(NARROW, "navy");
}

#[test]
fn who_searches_for_a_name_of_python_finds_ours() {
    let book = book();
    let window = Window::open(WIDE);
    window.go(book.path(), "introduction.html");
    window.press("s");
    window.wait_for("document.activeElement.id == 'mdbook-searchbar'");
    window.type_text("maxtasksperchild");
    window.wait_for("document.querySelector('#mdbook-searchresults a')");
    window.press("ArrowDown");
    window.press("Enter");
    window.wait_for("!location.pathname.endsWith('/introduction.html')");
    window.wait_for("document.querySelector('main')?.innerText.includes('max_tasks_per_child')");
    assert_eq!(window.complaints(), [""; 0]);
}

#[test]
fn arrow_keys_turn_the_pages() {
    let book = book();
    let window = Window::open(WIDE);
    window.go(book.path(), "introduction.html");
    for (key, page) in [
        ("ArrowRight", "lesson01-processes.html"),
        ("ArrowRight", "lesson02-config.html"),
        ("ArrowLeft", "lesson01-processes.html"),
    ] {
        window.press(key);
        window.wait_for(&format!("location.pathname.endsWith('/{page}') && document.readyState == 'complete'"));
    }
}
