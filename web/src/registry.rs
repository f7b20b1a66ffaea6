//! For docker and registries: tokens, their keys, notifications.

pub mod keys;
pub mod notifications;
pub mod realm;
pub mod reconciler;
pub mod recorder;
pub mod signer;
pub mod token;
