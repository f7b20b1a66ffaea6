//! `docs/tour.md`, walked as it stands there: each command in one shell, what it prints, and each
//! page that it shows a picture of.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tests::docker::Engine;
use tests::program::{Program, binary};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

use super::chromium::Chromium;
use super::pictures::FOLDER;

/// How long one block of commands may take.
const PATIENCE: Duration = Duration::from_secs(180);
/// The addresses that stand in the tour.
const PORTUS: &str = "127.0.0.1:3000";
const REGISTRY: &str = "127.0.0.1:5000";

/// What a reader of the tour does or sees.
#[derive(Debug, PartialEq)]
enum Step {
    /// `make run`.
    Start,
    Run {
        code: String,
        fails: bool,
    },
    /// Only asks; what comes next is printed before long.
    Ask {
        code: String,
    },
    /// Lines that the commands before printed, in this order; `…` is anything.
    Says(Vec<String>),
    Page {
        path: String,
        who: String,
        picture: String,
    },
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_command_of_the_tour_does_what_the_tour_says() {
    if !tests::watched::have(&["docker", "dockerd", "docker-registry", "initdb"]) {
        return;
    }
    let site = Program::start_unclaimed().await;
    let browser = Chromium::start().await;
    let mut shell = Shell::start(&site);
    let mut printed = String::new();
    let mut asked = None;
    for step in steps(&text()) {
        match step {
            Step::Start => printed = site.log(),
            Step::Run { code, fails } => {
                let (status, said) = shell.run(&site_words(&code, &site)).await;
                assert_eq!(status != 0, fails, "{code}\nended with {status} and said\n{said}");
                printed = said;
            }
            Step::Ask { code } => asked = Some(code),
            Step::Says(lines) => {
                let lines: Vec<_> = lines.iter().map(|line| site_words(line, &site)).collect();
                if let Some(code) = asked.take() {
                    let code = site_words(&code, &site);
                    printed = shell.run_until(&code, |said| missing(said, &lines).is_none()).await;
                }
                if let Some(line) = missing(&printed, &lines) {
                    panic!("no line (after those before) is\n{line}\nin\n{printed}");
                }
            }
            Step::Page { path, who, picture } => {
                if let Some(browser) = &browser {
                    show(browser, &site, &shell, &path, &who, &picture).await;
                }
            }
        }
    }
}

#[test]
fn every_picture_of_the_documents_is_there() {
    let docs = docs();
    for file in ["../README.md", "tour.md"] {
        let file = docs.join(file);
        let text = std::fs::read_to_string(&file).unwrap();
        let pictures: Vec<_> = text.match_indices("](").map(|(at, _)| &text[at + 2..]).collect();
        let pictures = pictures.iter().filter_map(|rest| rest.split_once(')'));
        let mut seen = 0;
        for (path, _) in pictures.filter(|(path, _)| path.ends_with(".png")) {
            assert!(file.parent().unwrap().join(path).is_file(), "there is no {path}");
            seen += 1;
        }
        assert!(seen > 3, "{}", file.display());
    }
}

#[test]
fn the_tour_starts_what_make_run_starts() {
    let makefile = std::fs::read_to_string(docs().join("../Makefile")).unwrap();
    assert!(makefile.contains("$(PROGRAM) serve --embedded --registry $(REGISTRY)"));
    assert!(makefile.contains(&format!("REGISTRY = {REGISTRY}\n")));
    let first = steps(&text()).into_iter().next();
    assert_eq!(first, Some(Step::Start));
}

fn docs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs")
}

fn text() -> String {
    std::fs::read_to_string(docs().join("tour.md")).unwrap()
}

/// The tour's words with the addresses of this test's site.
fn site_words(text: &str, site: &Program) -> String {
    text.replace(PORTUS, site.url().trim_start_matches("http://"))
        .replace(REGISTRY, site.registry())
}

fn steps(text: &str) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if let Some(kind) = line.strip_prefix("```") {
            let block: Vec<_> = lines.by_ref().take_while(|line| *line != "```").collect();
            let code = block.join("\n");
            steps.push(match kind {
                "sh start" => {
                    assert_eq!(code, "make run");
                    Step::Start
                }
                "sh" => Step::Run { code, fails: false },
                "sh soon" => Step::Ask { code },
                "sh fails" => Step::Run { code, fails: true },
                "text" => Step::Says(block.into_iter().map(str::to_owned).collect()),
                other => panic!("a block of the tour is `{other}`"),
            });
        } else if let Some(page) = line.strip_prefix("<!-- page ") {
            let (path, who) = page.trim_end_matches(" -->").split_once(" as ").unwrap();
            let picture = lines.next().unwrap();
            let picture = picture.split_once("(screenshots/").unwrap().1.trim_end_matches(')');
            let [path, who, picture] = [path, who, picture].map(str::to_owned);
            steps.push(Step::Page { path, who, picture });
        }
    }
    steps
}

/// The first of `lines` that is not in `text`, in this order.
fn missing<'a>(text: &str, lines: &'a [String]) -> Option<&'a String> {
    let mut rest = text;
    lines.iter().find(|line| match find(rest, line) {
        Some(end) => {
            rest = &rest[end..];
            false
        }
        None => true,
    })
}

/// Where the first line ends that is `pattern`: blanks count as one, `…` as anything.
fn find(text: &str, pattern: &str) -> Option<usize> {
    let squeeze = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let pattern = squeeze(pattern);
    let mut end = 0;
    for line in text.split_inclusive('\n') {
        end += line.len();
        if matches(&squeeze(line), &pattern) {
            return Some(end);
        }
    }
    None
}

fn matches(line: &str, pattern: &str) -> bool {
    let mut parts = pattern.split('…').map(str::trim);
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = line.strip_prefix(first) else { return false };
    let mut whole = true;
    for part in parts {
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
        whole = part.is_empty();
    }
    // A pattern may be the beginning of a line: what follows is for the reader.
    whole || rest.is_empty() || !pattern.contains('…')
}

/// One shell for the whole tour, so that what is exported stays.
struct Shell {
    to: ChildStdin,
    from: BufReader<ChildStdout>,
    home: tempfile::TempDir,
    _child: Child,
}

impl Shell {
    fn start(site: &Program) -> Self {
        let home = tempfile::tempdir().unwrap();
        let program = binary();
        let path = std::env::var("PATH").unwrap_or_default();
        let path = format!("{}:{path}", program.parent().unwrap().display());
        let mut child = Command::new("/bin/bash")
            .args(["--noprofile", "--norc"])
            .current_dir(home.path())
            .env_clear()
            .envs([("PATH", path.as_str()), ("TZ", "UTC"), ("LANG", "C.UTF-8")])
            .env("HOME", home.path())
            .env("PORTUS_DATA_DIR", site.data())
            .env("DOCKER_HOST", format!("unix://{}", Engine::shared().socket().display()))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let to = child.stdin.take().unwrap();
        let from = BufReader::new(child.stdout.take().unwrap());
        Self { to, from, home, _child: child }
    }

    /// Runs a block: the code with which its first failing command ended, or 0; and all it said.
    async fn run(&mut self, code: &str) -> (i32, String) {
        const END: &str = "=-=-= the block ended with ";
        std::fs::write(self.home.path().join(".block"), code).unwrap();
        // No command may read the rest of the tour as its input; the first that fails ends the block.
        let line = format!(
            "block() {{ trap 'status=$?; trap - ERR; return $status' ERR; . ./.block; }}; \
             set -o pipefail; block < /dev/null 2>&1; status=$?; trap - ERR; \
             printf '\\n{END}%s\\n' $status\n"
        );
        self.to.write_all(line.as_bytes()).await.unwrap();
        let mut said = String::new();
        let read = async {
            loop {
                let mut line = String::new();
                assert!(
                    self.from.read_line(&mut line).await.unwrap() > 0,
                    "the shell ended: {said}"
                );
                if let Some(status) = line.strip_prefix(END) {
                    return status.trim().parse().unwrap();
                }
                said.push_str(&line);
            }
        };
        let status = tokio::time::timeout(PATIENCE, read).await;
        (status.unwrap_or_else(|_| panic!("takes too long: {code}")), said)
    }

    /// Asks again until the answer is good, or for too long: the last answer.
    async fn run_until(&mut self, code: &str, good: impl Fn(&str) -> bool) -> String {
        let start = std::time::Instant::now();
        loop {
            let (_, said) = self.run(code).await;
            if good(&said) || start.elapsed() > tests::program::PATIENCE {
                return said;
            }
        }
    }
}

/// Opens a page as somebody sees it, and keeps the picture where somebody wants pictures.
async fn show(
    browser: &Chromium,
    site: &Program,
    shell: &Shell,
    path: &str,
    who: &str,
    picture: &str,
) {
    browser.size(1_280, 860).await;
    browser.call("Network.clearBrowserCookies", serde_json::json!({})).await;
    if who != "nobody" {
        let password = std::fs::read_to_string(shell.home.path().join(format!("{who}-password")));
        browser.open(&format!("{}/sign-in", site.url())).await;
        browser.click("#name").await;
        browser.type_text(who).await;
        browser.click("#password").await;
        browser.type_text(password.unwrap().trim()).await;
        browser.follow("main button.primary").await;
    }
    browser.open(&format!("{}{path}", site.url())).await;
    assert_eq!(browser.eval("document.querySelectorAll('h1').length").await, 1, "{path}");
    if let Some(folder) = std::env::var_os(FOLDER) {
        std::fs::write(Path::new(&folder).join(picture), browser.picture().await).unwrap();
    }
}
