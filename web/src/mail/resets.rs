//! From a wish for a new password to a mail with a link. The answer to whoever asks is given when
//! the wish is in the queue, before anybody has looked whether there is such an account.

use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use commands::desk::{Desk, Origin};
use commands::limit::{Limit, network};
use commands::users::reset::{ResetMail, Resets};
use jiff::SignedDuration;
use tokio::sync::{Mutex, mpsc};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::Mailer;
use crate::auth::{External, Sessions};
use crate::texts::Lang;

/// Wishes that wait; with more, whoever asks is told to come back.
pub const QUEUE: usize = 256;
/// Wishes from one address within [`ASKED_WINDOW`].
pub const ASKED_PER_ADDRESS: u32 = 10;
/// See [`ASKED_PER_ADDRESS`].
pub const ASKED_WINDOW: SignedDuration = SignedDuration::from_hours(1);

/// How long what waits may take at the end.
const FLUSH: Duration = Duration::from_secs(5);

/// Somebody wants a new password.
#[derive(Debug)]
pub struct Wish {
    typed: String,
    origin: Origin,
    lang: Lang,
}

/// Where wishes are taken. Cheap to clone.
#[derive(Clone)]
pub struct ResetDesk {
    queue: mpsc::Sender<Wish>,
    addresses: Arc<Limit>,
}

/// Why a wish was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NotTaken {
    /// Too many from there.
    TooMany(Duration),
    /// Too many in all.
    Full,
}

impl ResetDesk {
    /// A desk, and what it puts its wishes into.
    #[must_use]
    pub fn new() -> (Self, mpsc::Receiver<Wish>) {
        let (queue, wishes) = mpsc::channel(QUEUE);
        let addresses = Arc::new(Limit::new(ASKED_PER_ADDRESS, ASKED_WINDOW));
        (Self { queue, addresses }, wishes)
    }

    /// Takes a wish. Takes the same time for everybody: nothing is looked up.
    pub(crate) fn take(
        &self,
        typed: &str,
        origin: Origin,
        lang: Lang,
        now: jiff::Timestamp,
    ) -> Result<(), NotTaken> {
        let from: Option<IpAddr> = origin.address;
        self.addresses.take(from.map(network), now).map_err(NotTaken::TooMany)?;
        let wish = Wish { typed: typed.to_owned(), origin, lang };
        self.queue.try_send(wish).map_err(|_| NotTaken::Full)
    }
}

/// Works the queue off.
pub struct Postman {
    /// Where accounts are looked up.
    pub desk: Desk,
    /// Who hands the mail over.
    pub mailer: Mailer,
    /// Which links there are.
    pub resets: Resets,
    /// Where people have said which language they read.
    pub sessions: Sessions,
    /// What links begin with; never taken from a request (SR-WEB-8).
    pub external: External,
    /// What waits.
    pub wishes: Mutex<mpsc::Receiver<Wish>>,
}

impl Postman {
    /// Runs until told to stop, and then works off what waits for a moment.
    ///
    /// # Errors
    ///
    /// Never.
    pub async fn run(&self, stop: CancellationToken) -> Result<(), Infallible> {
        let mut wishes = self.wishes.lock().await;
        loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => break,
                wish = wishes.recv() => match wish {
                    Some(wish) => self.serve(wish).await,
                    None => break,
                },
            }
        }
        let rest = async {
            while let Ok(wish) = wishes.try_recv() {
                self.serve(wish).await;
            }
        };
        if timeout(FLUSH, rest).await.is_err() {
            tracing::warn!(waiting = wishes.len(), "mails for new passwords were not sent");
        }
        Ok(())
    }

    async fn serve(&self, wish: Wish) {
        match self.resets.ask(&self.desk, &wish.typed, &wish.origin).await {
            Ok(mails) => {
                for mail in mails {
                    self.send(mail, wish.lang).await;
                }
            }
            Err(error) => tracing::error!(%error, "a wish for a new password was lost"),
        }
    }

    async fn send(&self, mail: ResetMail, asked_in: Lang) {
        let ResetMail { user, address, secret } = mail;
        let looks = self.sessions.preferences(&user).await.unwrap_or_default();
        let t = looks.lang.unwrap_or(asked_in);
        let link = format!("{}/password/{}", self.external.origin(), *secret);
        let minutes = self.resets.life().as_mins();
        let text = t.mail_reset_text(user.as_str(), &link, minutes);
        let now = self.desk.clock.now();
        let sent =
            self.mailer.send(&address, &t.mail_reset_subject(user.as_str()), text, now).await;
        let outcome = if sent.is_ok() { "sent" } else { "failed" };
        metrics::counter!("portus_mails_total", "outcome" => outcome).increment(1);
        if let Err(error) = sent {
            tracing::error!(%user, %error, "a mail for a new password could not be sent");
        }
    }
}
