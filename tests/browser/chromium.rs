//! A real Chromium, spoken to by its own protocol over a pipe: no driver beside it, no port.

use std::collections::HashMap;
use std::process::Stdio;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::{Child, ChildStdin, Command};
use tokio::sync::{Notify, oneshot};

/// How long one answer may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// One browser with one tab.
pub(crate) struct Chromium {
    _child: Child,
    to: tokio::sync::Mutex<ChildStdin>,
    heard: Arc<Heard>,
    next: AtomicU64,
    session: String,
    _profile: tempfile::TempDir,
}

#[derive(Default)]
struct Heard {
    waiting: Mutex<HashMap<u64, oneshot::Sender<Value>>>,
    events: Mutex<Vec<Value>>,
    more: Notify,
}

/// Where Chromium is; `None`, loudly, where it is not, and a failure where everything must be there.
pub(crate) fn program() -> Option<&'static str> {
    let known = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];
    let found = known.into_iter().find(|path| std::path::Path::new(path).exists());
    if found.is_none() {
        tests::watched::absent(
            "there is no Chromium on this machine (Debian: apt install chromium)",
        );
    }
    found
}

impl Chromium {
    pub(crate) async fn start() -> Option<Self> {
        let program = program()?;
        let profile = tempfile::tempdir().unwrap();
        // The protocol's pipe is at 3 and 4; a shell can put our two ends there.
        let line = format!(
            "exec {program} --headless=new --no-sandbox --disable-gpu --disable-dev-shm-usage \
             --hide-scrollbars --force-color-profile=srgb --no-first-run --disable-extensions \
             --disable-background-networking --disable-component-update --disable-sync \
             --user-data-dir={} --remote-debugging-pipe about:blank \
             3<&0 4>&1 </dev/null >/dev/null 2>/dev/null",
            profile.path().display()
        );
        let mut child = Command::new("/bin/sh")
            .args(["-c", &line])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let (to, from) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let heard = Arc::new(Heard::default());
        tokio::spawn(listen(BufReader::new(from), heard.clone()));
        let mut this = Self {
            _child: child,
            to: tokio::sync::Mutex::new(to),
            heard,
            next: AtomicU64::new(1),
            session: String::new(),
            _profile: profile,
        };
        let tab = this.call("Target.createTarget", json!({ "url": "about:blank" })).await;
        let tab = json!({ "targetId": tab["targetId"], "flatten": true });
        let attached = this.call("Target.attachToTarget", tab).await;
        this.session = attached["sessionId"].as_str().unwrap().to_owned();
        for domain in ["Page", "Runtime", "Log", "Network", "DOM"] {
            this.call(&format!("{domain}.enable"), json!({})).await;
        }
        Some(this)
    }

    /// One command, and its result.
    pub(crate) async fn call(&self, method: &str, params: Value) -> Value {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let mut message = json!({ "id": id, "method": method, "params": params });
        if !self.session.is_empty() {
            message["sessionId"] = json!(self.session);
        }
        let (tell, told) = oneshot::channel();
        self.heard.waiting.lock().unwrap().insert(id, tell);
        let mut bytes = message.to_string().into_bytes();
        bytes.push(0);
        self.to.lock().await.write_all(&bytes).await.unwrap();
        let answer = tokio::time::timeout(PATIENCE, told).await;
        let answer = answer.unwrap_or_else(|_| panic!("no answer to {method}")).unwrap();
        assert!(answer.get("error").is_none(), "{method}: {}", answer["error"]);
        answer["result"].clone()
    }

    /// Opens a page, and waits until it is loaded.
    pub(crate) async fn open(&self, url: &str) {
        self.forget();
        let done = self.call("Page.navigate", json!({ "url": url })).await;
        assert!(done.get("errorText").is_none(), "{url}: {}", done["errorText"]);
        self.loaded().await;
    }

    /// Waits until the page that was asked for is loaded.
    pub(crate) async fn loaded(&self) {
        self.event("Page.loadEventFired").await;
    }

    /// Forgets everything that was heard so far.
    pub(crate) fn forget(&self) {
        self.heard.events.lock().unwrap().clear();
    }

    async fn event(&self, name: &str) {
        let wait = async {
            loop {
                let more = self.heard.more.notified();
                if self.heard.events.lock().unwrap().iter().any(|event| event["method"] == name) {
                    return;
                }
                more.await;
            }
        };
        let heard = tokio::time::timeout(PATIENCE, wait).await;
        heard.unwrap_or_else(|_| panic!("{name} did not happen"));
    }

    /// What an expression is; promises are awaited.
    pub(crate) async fn eval(&self, expression: &str) -> Value {
        let params =
            json!({ "expression": expression, "awaitPromise": true, "returnByValue": true });
        let answer = self.call("Runtime.evaluate", params).await;
        assert!(answer.get("exceptionDetails").is_none(), "{}", answer["exceptionDetails"]);
        answer["result"]["value"].clone()
    }

    /// Waits until an expression is true.
    pub(crate) async fn until(&self, expression: &str) {
        let wait = async {
            while self.eval(expression).await != json!(true) {
                tokio::task::yield_now().await;
            }
        };
        let done = tokio::time::timeout(PATIENCE, wait).await;
        done.unwrap_or_else(|_| panic!("never true: {expression}"));
    }

    /// The size of the window, in CSS pixels.
    pub(crate) async fn size(&self, width: u32, height: u32) {
        let params =
            json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false });
        self.call("Emulation.setDeviceMetricsOverride", params).await;
    }

    /// What the device says of light and dark.
    pub(crate) async fn scheme(&self, scheme: &str) {
        let feature = json!([
            { "name": "prefers-color-scheme", "value": scheme },
            // What fades has no colour that could be measured.
            { "name": "prefers-reduced-motion", "value": "reduce" },
        ]);
        self.call("Emulation.setEmulatedMedia", json!({ "features": feature })).await;
    }

    /// What the device says of these features, and nothing of others.
    pub(crate) async fn media(&self, features: &[(&str, &str)]) {
        let features: Vec<_> =
            features.iter().map(|(name, value)| json!({ "name": name, "value": value })).collect();
        self.call("Emulation.setEmulatedMedia", json!({ "features": features })).await;
    }

    /// Whether pages may run scripts.
    pub(crate) async fn scripts(&self, on: bool) {
        self.call("Emulation.setScriptExecutionDisabled", json!({ "value": !on })).await;
    }

    /// A key by its name, such as `Tab`, `Enter` or `/`.
    pub(crate) async fn press(&self, key: &str) {
        let (code, text) = match key {
            "Tab" => (9, ""),
            "Enter" => (13, "\r"),
            "Escape" => (27, ""),
            "ArrowDown" => (40, ""),
            " " => (32, " "),
            key => (key.to_ascii_uppercase().bytes().next().map_or(0, u32::from), key),
        };
        let mut down = json!({ "type": "keyDown", "key": key, "windowsVirtualKeyCode": code });
        if !text.is_empty() {
            down["text"] = json!(text);
        }
        self.call("Input.dispatchKeyEvent", down).await;
        let up = json!({ "type": "keyUp", "key": key, "windowsVirtualKeyCode": code });
        self.call("Input.dispatchKeyEvent", up).await;
    }

    /// What somebody types.
    pub(crate) async fn type_text(&self, text: &str) {
        self.call("Input.insertText", json!({ "text": text })).await;
    }

    /// Clicks in the middle of what fits a selector.
    pub(crate) async fn click(&self, css: &str) {
        let find = format!(
            "(() => {{ const e = document.querySelector({css:?}); if (!e) return null; \
             e.scrollIntoView({{block: 'center'}}); const r = e.getBoundingClientRect(); \
             return [r.left + r.width / 2, r.top + r.height / 2]; }})()"
        );
        let at = self.eval(&find).await;
        assert!(at.is_array(), "nothing to click: {css}");
        for kind in ["mousePressed", "mouseReleased"] {
            let params =
                json!({ "type": kind, "x": at[0], "y": at[1], "button": "left", "clickCount": 1 });
            self.call("Input.dispatchMouseEvent", params).await;
        }
    }

    /// Clicks on what leads to another page, and waits until that is loaded.
    pub(crate) async fn follow(&self, css: &str) {
        self.forget();
        self.click(css).await;
        self.loaded().await;
    }

    /// Everything that went wrong since the page was asked for: console, policy, exceptions, and
    /// requests to anywhere but `origin`.
    pub(crate) fn complaints(&self, origin: &str) -> Vec<String> {
        let events = self.heard.events.lock().unwrap();
        let said = |event: &Value| -> Option<String> {
            let params = &event["params"];
            match event["method"].as_str()? {
                "Runtime.consoleAPICalled" => Some(format!("console: {}", params["args"])),
                "Runtime.exceptionThrown" => {
                    Some(format!("thrown: {}", params["exceptionDetails"]))
                }
                // Advice that nobody sees who has not asked for it is no complaint.
                "Log.entryAdded" => {
                    let quiet = params["entry"]["level"] == "verbose";
                    (!quiet).then(|| format!("log: {}", params["entry"]))
                }
                "Network.requestWillBeSent" => {
                    let url = params["request"]["url"].as_str()?;
                    let ours = url.starts_with(origin) || url.starts_with("data:");
                    (!ours).then(|| format!("asks elsewhere: {url}"))
                }
                _ => None,
            }
        };
        events.iter().filter_map(said).collect()
    }

    /// A picture of what is in the window.
    pub(crate) async fn picture(&self) -> Vec<u8> {
        use base64::Engine as _;
        let taken = self.call("Page.captureScreenshot", json!({ "format": "png" })).await;
        base64::prelude::BASE64_STANDARD.decode(taken["data"].as_str().unwrap()).unwrap()
    }
}

async fn listen(mut from: BufReader<tokio::process::ChildStdout>, heard: Arc<Heard>) {
    let mut bytes = Vec::new();
    while from.read_until(0, &mut bytes).await.is_ok_and(|read| read > 0) {
        bytes.pop();
        if let Ok(message) = serde_json::from_slice::<Value>(&bytes) {
            match message["id"].as_u64() {
                Some(id) => {
                    if let Some(tell) = heard.waiting.lock().unwrap().remove(&id) {
                        let _gone = tell.send(message);
                    }
                }
                None => {
                    heard.events.lock().unwrap().push(message);
                    heard.more.notify_waiters();
                }
            }
        }
        bytes.clear();
    }
}
