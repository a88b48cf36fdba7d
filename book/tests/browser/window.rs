//! A window of a browser without a screen, and what goes on in it.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};
use std::{env, fs};

use headless_chrome::protocol::cdp::types::Event;
use headless_chrome::protocol::cdp::{Emulation, Log, Network, Page, Runtime};
use headless_chrome::{Browser, LaunchOptions, Tab};
use tempfile::TempDir;

/// Longer than anything takes on a slow machine.
const DEADLINE: Duration = Duration::from_secs(60);

const HEIGHT: u32 = 900;

pub(crate) struct Window {
    tab: Arc<Tab>,
    width: u32,
    /// Errors on the console, and requests that leave the disk.
    complaints: Arc<Mutex<Vec<String>>>,
    /// Ends with the window.
    _browser: Browser,
    /// What the browser would leave behind; gone after it.
    _folder: TempDir,
}

impl Window {
    pub(crate) fn open(width: u32) -> Self {
        // The pages are the book's own, and the browser's sandbox needs rights that a container may
        // not have.
        let folder = tempfile::tempdir().unwrap();
        let options = LaunchOptions {
            sandbox: false,
            idle_browser_timeout: DEADLINE,
            process_envs: Some(HashMap::from([("TMPDIR".into(), folder.path().to_str().unwrap().into())])),
            ..LaunchOptions::default()
        };
        let browser = Browser::new(options).expect("the test needs Chromium: apt-get install chromium");
        let tab = browser.new_tab().unwrap();
        tab.set_default_timeout(DEADLINE);
        let complaints = Arc::new(Mutex::new(Vec::new()));
        let found = Arc::clone(&complaints);
        tab.add_event_listener(Arc::new(move |event: &Event| found.lock().unwrap().extend(complaint(event)))).unwrap();
        tab.enable_log().unwrap().enable_runtime().unwrap();
        tab.call_method(Network::Enable {
            max_total_buffer_size: None,
            max_resource_buffer_size: None,
            max_post_data_size: None,
            report_direct_socket_traffic: None,
            enable_durable_messages: None,
        })
        .unwrap();
        let window = Self { tab, width, complaints, _browser: browser, _folder: folder };
        window.resize(HEIGHT);
        window
    }

    fn resize(&self, height: u32) {
        self.tab
            .call_method(Emulation::SetDeviceMetricsOverride {
                width: self.width,
                height,
                device_scale_factor: 1.0,
                mobile: self.width < 600,
                scale: None,
                screen_width: None,
                screen_height: None,
                position_x: None,
                position_y: None,
                dont_set_visible_size: None,
                screen_orientation: None,
                viewport: None,
                display_feature: None,
                device_posture: None,
            })
            .unwrap();
    }

    /// Opens a page of the book in `folder`, from the disk.
    pub(crate) fn go(&self, folder: &Path, page: &str) {
        let address = format!("file://{}", folder.join(page).display());
        self.tab.navigate_to(&address).unwrap().wait_until_navigated().unwrap();
        self.wait_for("document.readyState == 'complete'");
    }

    /// From the next page on. Choosing it in the page's menu has the same effect.
    pub(crate) fn set_theme(&self, theme: &str) {
        self.tab.evaluate(&format!("localStorage.setItem('mdbook-theme', '{theme}')"), false).unwrap();
    }

    pub(crate) fn press(&self, key: &str) {
        self.tab.press_key(key).unwrap();
    }

    pub(crate) fn type_text(&self, text: &str) {
        self.tab.type_str(text).unwrap();
    }

    /// Waits until `condition`, in JavaScript, holds.
    #[track_caller]
    pub(crate) fn wait_for(&self, condition: &str) {
        let start = Instant::now();
        // While a page gives way to the next, there is nobody to ask.
        while !self.tab.evaluate(&format!("!!({condition})"), false).is_ok_and(|it| it.value == Some(true.into())) {
            assert!(start.elapsed() < DEADLINE, "waited in vain for {condition} at {}", self.tab.get_url());
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// The strings that `expression`, in JavaScript, gives.
    pub(crate) fn words(&self, expression: impl AsRef<str>) -> Vec<String> {
        // An array would come back as a reference to one.
        let words = self.tab.evaluate(&format!("({}).join('\\n')", expression.as_ref()), false).unwrap();
        words.value.unwrap().as_str().unwrap().lines().map(str::to_string).collect()
    }

    /// What was amiss since the last call.
    pub(crate) fn complaints(&self) -> Vec<String> {
        std::mem::take(&mut self.complaints.lock().unwrap())
    }

    /// Leaves a picture of the whole page in the folder `BOOK_SCREENSHOTS`, if somebody asks for
    /// it.
    pub(crate) fn keep_screenshot(&self, name: &str) {
        let Some(folder) = env::var_os("BOOK_SCREENSHOTS") else { return };
        let height = self.tab.evaluate("document.documentElement.scrollHeight", false).unwrap().value.unwrap();
        self.resize(height.as_u64().unwrap() as u32);
        let picture = self.tab.capture_screenshot(Page::CaptureScreenshotFormatOption::Png, None, None, true).unwrap();
        fs::create_dir_all(&folder).unwrap();
        fs::write(Path::new(&folder).join(name), picture).unwrap();
        self.resize(HEIGHT);
    }
}

/// What `event` says that should not happen.
fn complaint(event: &Event) -> Option<String> {
    match event {
        Event::LogEntryAdded(event) if event.params.entry.level == Log::LogEntryLevel::Error => {
            Some(format!("the browser says: {}", event.params.entry.text))
        }
        Event::RuntimeConsoleAPICalled(event)
            if event.params.Type == Runtime::ConsoleAPICalledEventTypeOption::Error =>
        {
            Some(format!("an error on the console: {:?}", event.params.args))
        }
        Event::RuntimeExceptionThrown(event) => Some(format!("a script failed: {:?}", event.params.exception_details)),
        Event::NetworkRequestWillBeSent(event) => {
            let address = &event.params.request.url;
            let own = ["file:", "data:", "about:", "chrome:"].iter().any(|scheme| address.starts_with(scheme));
            (!own).then(|| format!("{address} is not on the disk"))
        }
        _ => None,
    }
}
