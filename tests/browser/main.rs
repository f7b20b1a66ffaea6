//! Pages in a real Chromium: what a checker of accessibility says, whether anything overflows,
//! complains or asks elsewhere; and the main ways through, without script and by keyboard alone.
//!
//! Where there is no Chromium, each test says so and passes; with `CI=true` it fails.
#![allow(clippy::unwrap_used, clippy::panic)] // a failing step fails its test

mod chromium;
mod errands;
mod flows;
mod keyboard;
mod live;
mod pictures;
mod samples;
mod tour;
mod ways;
mod world;
