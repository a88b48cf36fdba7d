//! The page on schedules, operated: it computes what the model in Rust does, by links and by keys.

use std::path::Path;

use course::schedule::{Schedule, Setting};

use crate::window::Window;
use crate::{NARROW, WIDE, book};

const PAGE: &str = "schedule.html";

/// Each field, and each value of those that are a choice, is in one of them.
const SETTINGS: [&str; 14] = [
    "",
    "workers=1&tasks=1",
    "workers=16&tasks=200&chunk=1&mean=1000&cost=0",
    "workers=3&tasks=50&times=equal&mean=0.1&cost=0.2",
    "workers=3&tasks=50&times=equal&mean=0.1&cost=0.2&chunk=9",
    "workers=2&tasks=31&times=long&chunk=4&sort=1",
    "tasks=100&times=power&seed=7",
    "tasks=100&times=power&seed=7&sort=1&chunk=1",
    "tasks=100&times=power&mean=500&seed=9999&call=imap",
    "tasks=77&times=random&seed=12&call=imap&chunk=3",
    "tasks=77&times=random&seed=12&call=imap_unordered&chunk=3&serial=25",
    "workers=7&tasks=64&call=imap_unordered&cost=5&mean=5",
    "workers=9&serial=50&mean=200",
    "chunk=200&tasks=150&cost=0.01&mean=0.2&times=power",
];

fn open(width: u32, fragment: &str) -> (tempfile::TempDir, Window) {
    let book = book();
    let window = Window::open(width);
    go(&window, book.path(), fragment);
    (book, window)
}

fn go(window: &Window, book: &Path, fragment: &str) {
    // A link to another part of the page that is shown would not load it again.
    window.go(book, "introduction.html");
    window.go(book, &format!("{PAGE}#{fragment}"));
    window.wait_for("document.querySelector('.schedule svg rect')");
}

/// What the page shows: total, first result, half of them, idle, speed-up, and the two bounds.
fn numbers(window: &Window) -> Vec<f64> {
    let shown = window.words("[...document.querySelectorAll('[data-number]')].map(it => it.dataset.value)");
    shown.iter().map(|number| number.parse().unwrap()).collect()
}

#[track_caller]
fn shows(window: &Window, setting: &str) {
    let model = Schedule::new(&setting.parse::<Setting>().unwrap());
    let bars = window.words("[...document.querySelectorAll('[data-bar]')].map(it => it.dataset.bar)");
    let expected: Vec<_> =
        model.bars.iter().map(|bar| format!("{} {} {} {}", bar.task, bar.worker, bar.start, bar.end)).collect();
    assert_eq!(bars, expected, "{setting}");
    let half = model.results[model.results.len().div_ceil(2) - 1];
    let expected = [
        model.total() as f64,
        model.results[0] as f64,
        half as f64,
        model.idle(),
        model.speed_up(),
        model.amdahl(),
        model.longest_bound(),
    ];
    let numbers = numbers(window);
    assert_eq!(numbers.len(), expected.len());
    for (number, expected) in numbers.iter().zip(expected) {
        assert!((number - expected).abs() <= 1e-9 * expected.abs().max(1.0), "{setting}: {numbers:?}, not {expected}");
    }
}

fn fragment(window: &Window) -> String {
    window.words("[location.hash.slice(1)]").concat()
}

fn focus(window: &Window, field: &str) {
    window.words(format!("[document.querySelector('[name={field}]').focus()]"));
}

#[test]
fn links_set_the_page_and_it_computes_what_the_model_does() {
    let (book, window) = open(WIDE, "");
    for setting in SETTINGS {
        go(&window, book.path(), setting);
        shows(&window, setting);
    }
    assert_eq!(window.complaints(), [""; 0]);
}

#[test]
fn keys_set_the_page_its_address_and_what_screen_readers_are_told() {
    let (book, window) = open(WIDE, "");
    focus(&window, "workers");
    window.press("ArrowRight");
    window.press("ArrowRight");
    shows(&window, "workers=6");
    assert_eq!(fragment(&window), "workers=6");
    window.wait_for("document.querySelector('[role=status]').textContent.includes('on 6 workers')");

    focus(&window, "mean");
    window.press("ArrowLeft");
    focus(&window, "times");
    window.press("ArrowUp");
    focus(&window, "call");
    window.press("ArrowDown");
    window.press("ArrowDown");
    focus(&window, "sort");
    window.type_text(" ");
    let setting = "workers=6&mean=5&times=equal&call=imap_unordered&sort=1";
    shows(&window, setting);
    assert_eq!(fragment(&window), setting);
    // The arrows have turned no page.
    assert_eq!(window.words("[location.pathname.endsWith('/schedule.html')]"), ["true"]);

    go(&window, book.path(), &fragment(&window));
    shows(&window, setting);
    window.words("[document.querySelector('.schedule [type=reset]').click()]");
    window.wait_for("location.hash.length < 2");
    shows(&window, "");
    assert_eq!(window.complaints(), [""; 0]);
}

#[test]
fn links_of_the_text_set_the_page_that_is_shown() {
    let (_book, window) = open(NARROW, "");
    let links = window.words(
        "[...document.querySelectorAll('main a[href*=\"=\"]')].map(it => it.getAttribute('href')) \
         .filter(href => href.startsWith('#') || href.startsWith('schedule.html#'))",
    );
    assert!(links.len() > 8, "{links:?}");
    for link in links {
        window.words(format!("[document.querySelector('main a[href=\"{link}\"]').click()]"));
        let setting = link.split_once('#').unwrap().1;
        window.wait_for(&format!("location.hash == '#{setting}'"));
        // `hashchange` comes a moment after.
        window.wait_for("new Promise(resolve => setTimeout(() => resolve(true)))");
        shows(&window, setting);
    }
    assert_eq!(window.complaints(), [""; 0]);
}

#[test]
fn what_is_no_setting_is_passed_over_and_what_is_too_much_is_cut() {
    let (_book, window) = open(WIDE, "workers=99&mean=3&times=odd&colour=red&tasks=x&chunk=-1&seed=0");
    // The slider's end, and the least seed. For the rest, what there is at first.
    shows(&window, "workers=16");
}

#[test]
fn every_field_has_a_label_and_the_picture_words() {
    let (_book, window) = open(NARROW, "");
    let without =
        "[...document.querySelectorAll('.schedule form [name]')].filter(it => !it.labels.length).map(it => it.name)";
    assert_eq!(window.words(without), [""; 0]);
    let words = window.words("[document.querySelector('.schedule svg').getAttribute('aria-label')]");
    assert!(words[0].contains("4 workers"), "{words:?}");
    // Wide enough to be touched.
    let small = "[...document.querySelectorAll('.schedule form input, .schedule form select, .schedule form button')]
        .filter(it => it.type != 'checkbox' && it.getBoundingClientRect().height < 24).map(it => it.name)";
    assert_eq!(window.words(small), [""; 0]);
}

#[test]
fn page_without_scripts_has_its_numbers_and_no_dead_fields() {
    let book = book();
    let page = std::fs::read_to_string(book.path().join(PAGE)).unwrap();
    assert!(page.contains("<noscript>"), "{page}");
    assert!(page.contains("class=\"schedule\" hidden"), "{page}");
    assert!(page.contains("20.1 ms"), "{page}");
}
