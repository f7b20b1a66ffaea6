//! For docker and registries: tokens, their keys, notifications.

pub mod hints;
pub mod keys;
mod known;
pub mod notifications;
pub mod pulse;
pub mod realm;
pub mod reconciler;
pub mod recorder;
pub mod signer;
pub mod signing_key;
pub mod token;
