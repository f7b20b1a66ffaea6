//! The write side: wishes become facts.
//!
//! A command reads one stream, lets the domain decide, and appends. What must be unique is a
//! stream's key; commands never read a read model. The right to a command is a parameter: a
//! [`domain::access::Permit`], which only the access graph makes for a person.

pub mod desk;
pub mod execute;
pub mod log;
pub mod vault;
