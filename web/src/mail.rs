//! Mail: plain text over SMTP, from a queue, so that nobody who waits for a page waits for a mail
//! server, and the time of an answer tells nothing.

mod resets;

use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use lettre::message::{Mailbox, Message};
use lettre::transport::smtp::authentication::Credentials;
use lettre::{Address, AsyncSmtpTransport, AsyncTransport as _, Tokio1Executor};
use secrecy::ExposeSecret as _;

use crate::config::{Mail, MailTls};

pub(crate) use resets::NotTaken;
pub use resets::{ASKED_PER_ADDRESS, ASKED_WINDOW, Postman, QUEUE, ResetDesk, Wish};

/// How long one step of talking to the mail server may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// Hands mail to one server. Cheap to clone.
#[derive(Clone)]
pub struct Mailer {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
}

/// Why a mail was not handed over. Names no address: those are personal.
#[derive(Debug, thiserror::Error)]
pub enum MailError {
    /// A setting.
    #[error("mail: {0}")]
    Setting(String),
    /// The account's address is none.
    #[error("the account's e-mail address is none that mail can be sent to")]
    Address,
    /// The server's answer.
    #[error("the mail server refuses it with {0}")]
    Refused(String),
    /// Whatever else is wrong on the way.
    #[error("the mail server does not serve: {0}")]
    Unreachable(String),
}

impl Mailer {
    /// By the settings; nothing is connected yet.
    ///
    /// # Errors
    ///
    /// [`MailError::Setting`].
    pub fn new(mail: &Mail) -> Result<Self, MailError> {
        let setting = |error: &dyn std::fmt::Display| MailError::Setting(error.to_string());
        let from: Mailbox = mail.from.parse().map_err(|error| setting(&error))?;
        type Smtp = AsyncSmtpTransport<Tokio1Executor>;
        let mut builder = match mail.tls {
            MailTls::Tls => Smtp::relay(&mail.host).map_err(|error| setting(&error))?,
            MailTls::Starttls => {
                Smtp::starttls_relay(&mail.host).map_err(|error| setting(&error))?
            }
            MailTls::None => Smtp::builder_dangerous(&mail.host),
        };
        if let Some(port) = mail.port {
            builder = builder.port(port);
        }
        if let (Some(user), Some(password)) = (&mail.user, &mail.password) {
            let password = password.expose_secret().to_owned();
            builder = builder.credentials(Credentials::new(user.clone(), password));
        }
        Ok(Self { transport: builder.timeout(Some(PATIENCE)).build(), from })
    }

    /// Whether the server can be talked to, and takes our name and password.
    ///
    /// # Errors
    ///
    /// [`MailError`].
    pub async fn check(&self) -> Result<(), MailError> {
        match self.transport.test_connection().await {
            Ok(true) => Ok(()),
            Ok(false) => Err(MailError::Unreachable("it does not answer".to_owned())),
            Err(error) => Err(told(&error)),
        }
    }

    /// Hands one mail over.
    ///
    /// # Errors
    ///
    /// [`MailError`].
    pub async fn send(
        &self,
        to: &str,
        subject: &str,
        text: String,
        now: Timestamp,
    ) -> Result<(), MailError> {
        let to: Address = to.parse().map_err(|_| MailError::Address)?;
        let mut message = Message::builder()
            .from(self.from.clone())
            .to(Mailbox::new(None, to))
            .subject(subject)
            .date(SystemTime::from(now))
            .message_id(None)
            .header(ContentType::TEXT_PLAIN)
            .body(text)
            .map_err(|error| MailError::Setting(error.to_string()))?;
        // So that no vacation notice answers (RFC 3834).
        message.headers_mut().insert_raw(HeaderValue::new(
            HeaderName::new_from_ascii_str("Auto-Submitted"),
            "auto-generated".to_owned(),
        ));
        self.transport.send(message).await.map(drop).map_err(|error| told(&error))
    }
}

/// What the server said, without its words: they repeat addresses.
fn told(error: &lettre::transport::smtp::Error) -> MailError {
    match error.status() {
        Some(code) => MailError::Refused(code.to_string()),
        None => {
            let mut text = error.to_string();
            let mut source = std::error::Error::source(error);
            while let Some(cause) = source {
                text = format!("{text}: {cause}");
                source = cause.source();
            }
            MailError::Unreachable(text)
        }
    }
}

impl std::fmt::Debug for Mailer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Mailer")
    }
}
