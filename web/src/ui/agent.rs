//! What a program calls itself, in words: "Firefox 132 on Linux". It is a claim and no more; what
//! was sent stays beside it.

use super::reader::Reader;
use crate::texts::Lang;

/// The longest name of a tool that counts as one, in bytes.
const MAX_NAME_BYTES: usize = 40;

/// Browsers by their mark. Many name those as well that they want to be taken for, so the order
/// decides: whoever is imitated comes last.
const BROWSERS: [(&str, &str); 13] = [
    ("Edg/", "Edge"),
    ("EdgA/", "Edge"),
    ("EdgiOS/", "Edge"),
    ("OPR/", "Opera"),
    ("Vivaldi/", "Vivaldi"),
    ("SamsungBrowser/", "Samsung Internet"),
    ("FxiOS/", "Firefox"),
    ("Firefox/", "Firefox"),
    ("CriOS/", "Chrome"),
    ("HeadlessChrome/", "Chrome"),
    ("Chromium/", "Chromium"),
    ("Chrome/", "Chrome"),
    ("Version/", "Safari"),
];

/// Systems by their mark, in the order in which they imitate each other.
const SYSTEMS: [(&str, &str); 10] = [
    ("Android", "Android"),
    ("iPhone", "iOS"),
    ("iPad", "iPadOS"),
    ("CrOS", "ChromeOS"),
    ("Windows", "Windows"),
    ("Macintosh", "macOS"),
    ("os/darwin", "macOS"),
    ("os/windows", "Windows"),
    ("os/linux", "Linux"),
    ("Linux", "Linux"),
];

/// A program and its system, as far as it says so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Agent<'a> {
    name: &'a str,
    version: Option<String>,
    system: Option<&'static str>,
}

impl<'a> Agent<'a> {
    /// Reads a `User-Agent`; `None`: it names no program that we know how to read.
    pub(super) fn of(text: &'a str) -> Option<Self> {
        let system = SYSTEMS.iter().find(|(mark, _)| text.contains(mark)).map(|(_, name)| *name);
        if text.starts_with("Mozilla/") {
            let (rest, name) =
                BROWSERS.iter().find_map(|(mark, name)| Some((text.split_once(mark)?.1, *name)))?;
            if name == "Safari" && !text.contains("Safari/") {
                return None;
            }
            return Some(Self { name, version: Some(numbers(rest, 1)?), system });
        }
        let (name, rest) = text.split_ascii_whitespace().next()?.split_once('/')?;
        let plain = |c: char| c.is_ascii_alphanumeric() || "._+-".contains(c);
        if name.is_empty() || name.len() > MAX_NAME_BYTES || !name.chars().all(plain) {
            return None;
        }
        let version = numbers(rest.strip_prefix('v').unwrap_or(rest), 2);
        Some(Self { name, version, system })
    }

    /// `docker 27.3`
    pub(super) fn program(&self) -> String {
        match &self.version {
            Some(version) => format!("{} {version}", self.name),
            None => self.name.to_owned(),
        }
    }

    /// `Firefox 132 on Linux`
    pub(super) fn in_words(&self, t: Lang) -> String {
        match self.system {
            Some(system) => t.program_on(&self.program(), system),
            None => self.program(),
        }
    }
}

/// The program in words; what we cannot read, as it was sent.
pub(super) fn in_words(reader: &Reader, text: &str) -> String {
    Agent::of(text).map_or_else(|| text.to_owned(), |agent| agent.in_words(reader.lang))
}

/// The first so many numbers of a version: `27.3` of `27.3.1-rc2`.
fn numbers(text: &str, most: usize) -> Option<String> {
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let parts: Vec<_> = text[..end].split('.').take(most).take_while(|n| !n.is_empty()).collect();
    (!parts.is_empty()).then(|| parts.join("."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_called_as_people_call_them() {
        let known = [
            (
                "Mozilla/5.0 (X11; Linux x86_64; rv:132.0) Gecko/20100101 Firefox/132.0",
                "Firefox 132 on Linux",
            ),
            (
                "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36",
                "Chrome 131 on Windows",
            ),
            (
                "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36 Edg/131.0.2903.51",
                "Edge 131 on Windows",
            ),
            (
                "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/130.0.0.0 Safari/537.36",
                "Chrome 130 on Linux",
            ),
            (
                "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Safari/605.1.15",
                "Safari 18 on macOS",
            ),
            (
                "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Mobile/15E148 Safari/604.1",
                "Safari 18 on iOS",
            ),
            (
                "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) CriOS/131.0.6778.73 Mobile/15E148 Safari/604.1",
                "Chrome 131 on iOS",
            ),
            (
                "Mozilla/5.0 (Linux; Android 14; SM-S911B) AppleWebKit/537.36 (KHTML, like Gecko) SamsungBrowser/26.0 Chrome/122.0.0.0 Mobile Safari/537.36",
                "Samsung Internet 26 on Android",
            ),
            (
                r"docker/27.3.1 go/go1.22.7 git-commit/41ca978 kernel/6.8.0 os/linux arch/amd64 UpstreamClient(Docker-Client/27.3.1 \(linux\))",
                "docker 27.3 on Linux",
            ),
            ("containers/5.33.0 (github.com/containers/image)", "containers 5.33"),
            ("buildkit/v0.17-dev", "buildkit 0.17"),
            ("Go-http-client/1.1", "Go-http-client 1.1"),
            ("curl/8.5.0", "curl 8.5"),
            ("tool/next", "tool"),
        ];
        for (sent, said) in known {
            let agent = Agent::of(sent).unwrap_or_else(|| panic!("{sent}"));
            assert_eq!(agent.in_words(Lang::En), said, "{sent}");
        }
        let german = Agent::of(known[0].0).map(|agent| agent.in_words(Lang::De));
        assert_eq!(german.as_deref(), Some("Firefox 132 unter Linux"));
    }

    #[test]
    fn what_we_cannot_read_is_shown_as_it_was_sent() {
        let long = format!("{}/1", "a".repeat(MAX_NAME_BYTES + 1));
        for odd in [
            "",
            " ",
            "/",
            "/1",
            "Mozilla/5.0",
            "Mozilla/5.0 Firefox/",
            "a tool",
            "<b>/1",
            "ä/1",
            &long,
        ] {
            assert_eq!(Agent::of(odd), None, "{odd}");
            assert_eq!(in_words(&Reader::default(), odd), odd);
        }
    }
}
