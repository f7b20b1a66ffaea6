//! What Portus knows, without any way to do something about it.
//!
//! Names parsed once, facts that are never changed, the rules that decide, and the log as a port.
//!
//! | word | meaning |
//! | --- | --- |
//! | fact | something that has happened, recorded in the log ([`event::Event`]) |
//! | log | all facts in their one global order ([`log::EventLog`]) |
//! | stream | the facts of one thing, with a version ([`event::StreamName`]) |
//! | position | a place in the global order ([`event::Position`]) |
//! | projection | a fold over the log; may be thrown away and made again |
//! | subject | who asks: anonymous, person, bot, application token ([`access::Subject`]) |
//! | grant | what the token endpoint answers for one scope |
//!
//! Absent on purpose: clocks, randomness, SQL, HTTP, an async runtime. Time, chance and identity
//! are arguments.

pub mod access;
pub mod admin;
pub mod app_token;
pub mod auth;
pub mod comment;
pub mod decider;
pub mod digest;
pub mod event;
pub mod log;
pub mod name;
pub mod namespace;
pub mod registry;
pub mod repository;
pub mod scope;
pub mod star;
pub mod system;
pub mod team;
pub mod user;

#[cfg(any(test, feature = "testing"))]
pub mod testing;
