//! A mail server that keeps what it is given, for tests to read.
#![allow(clippy::unwrap_used, clippy::expect_used)] // a failing bench fails its test

use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::timeout;

/// How long a mail may take to come.
const PATIENCE: Duration = Duration::from_secs(20);

/// The name and password that it takes.
pub const ACCOUNT: (&str, &str) = ("portus", "the mail server's password");
/// To this address it takes nothing.
pub const REFUSED: &str = "nobody@refused.example";

/// The server.
pub struct MailServer {
    /// Where it listens on 127.0.0.1.
    pub port: u16,
    mails: mpsc::UnboundedReceiver<Mail>,
}

/// A mail that it took.
#[derive(Debug)]
pub struct Mail {
    /// To whom the envelope said.
    pub to: Vec<String>,
    /// Whether the client signed in.
    pub signed_in: bool,
    /// Header and body as they came.
    pub raw: String,
}

impl MailServer {
    /// A server on a free port.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (taken, mails) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let taken = taken.clone();
                tokio::spawn(async move { talk(client, taken).await });
            }
        });
        Self { port, mails }
    }

    /// The next mail.
    pub async fn next(&mut self) -> Mail {
        timeout(PATIENCE, self.mails.recv()).await.expect("no mail came").unwrap()
    }

    /// How many have come that nobody has read yet.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.mails.len()
    }
}

impl Mail {
    /// A header's value, unfolded.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<String> {
        let head = self.raw.split("\r\n\r\n").next()?.replace("\r\n ", " ");
        head.lines()
            .filter_map(|line| line.split_once(": "))
            .find(|(found, _)| found.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.to_owned())
    }

    /// What it says, decoded.
    #[must_use]
    pub fn text(&self) -> String {
        let body = self.raw.split_once("\r\n\r\n").unwrap().1;
        match self.header("Content-Transfer-Encoding").as_deref() {
            Some("base64") => {
                let bytes = BASE64_STANDARD.decode(body.replace("\r\n", "")).unwrap();
                String::from_utf8(bytes).unwrap().replace("\r\n", "\n")
            }
            Some("quoted-printable") => quoted_printable(body),
            _ => body.replace("\r\n", "\n"),
        }
    }

    /// The one address that it leads to.
    #[must_use]
    pub fn link(&self) -> String {
        let text = self.text();
        let links: Vec<_> = text.lines().filter(|line| line.starts_with("http")).collect();
        assert_eq!(links.len(), 1, "{text}");
        links[0].to_owned()
    }
}

fn quoted_printable(body: &str) -> String {
    let body = body.replace("=\r\n", "").replace("\r\n", "\n");
    let (mut bytes, mut rest) = (Vec::new(), body.as_bytes());
    while let [first, after @ ..] = rest {
        if *first == b'=' {
            bytes.extend(hex::decode(&after[..2]).unwrap());
            rest = &after[2..];
        } else {
            bytes.push(*first);
            rest = after;
        }
    }
    String::from_utf8(bytes).unwrap()
}

async fn talk(client: TcpStream, taken: mpsc::UnboundedSender<Mail>) {
    let (read, mut write) = client.into_split();
    let mut lines = BufReader::new(read).lines();
    let mut signed_in = false;
    let mut to = Vec::new();
    if write.write_all(b"220 double\r\n").await.is_err() {
        return;
    }
    while let Ok(Some(line)) = lines.next_line().await {
        let word = line.split([' ', ':']).next().unwrap_or_default().to_uppercase();
        let answer = match word.as_str() {
            "EHLO" | "HELO" => "250-double\r\n250 AUTH PLAIN\r\n",
            "AUTH" => {
                let shown = line.split(' ').nth(2).unwrap_or_default();
                let right = BASE64_STANDARD.encode(format!("\0{}\0{}", ACCOUNT.0, ACCOUNT.1));
                signed_in = shown == right;
                if signed_in { "235 welcome\r\n" } else { "535 no\r\n" }
            }
            "RCPT" => {
                let address = line.split(['<', '>']).nth(1).unwrap_or_default().to_owned();
                let refused = address == REFUSED;
                to.push(address);
                if refused { "550 nobody@refused.example is nobody\r\n" } else { "250 ok\r\n" }
            }
            "DATA" => {
                if write.write_all(b"354 go on\r\n").await.is_err() {
                    return;
                }
                let mut raw = String::new();
                while let Ok(Some(line)) = lines.next_line().await {
                    if line == "." {
                        break;
                    }
                    raw.push_str(line.strip_prefix('.').unwrap_or(&line));
                    raw.push_str("\r\n");
                }
                let mail = Mail { to: std::mem::take(&mut to), signed_in, raw };
                let _ = taken.send(mail);
                "250 taken\r\n"
            }
            "QUIT" => {
                let _ = write.write_all(b"221 bye\r\n").await;
                return;
            }
            _ => "250 ok\r\n",
        };
        if write.write_all(answer.as_bytes()).await.is_err() {
            return;
        }
    }
}
