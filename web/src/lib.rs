//! HTTP (token endpoint, notifications, REST, pages), the command line, configuration, wiring.

pub mod api;
pub mod app;
pub mod auth;
pub mod cli;
pub mod client;
pub mod config;
pub mod data_dir;
pub mod database;
pub mod demo;
pub mod embedded_pg;
pub mod error;
pub mod foundation;
pub mod health;
pub mod mail;
pub mod notify;
pub mod registry;
pub mod registry_child;
pub mod router;
pub mod server;
pub mod supervise;
pub mod sweeper;
pub mod telemetry;
mod texts;
pub mod ui;
