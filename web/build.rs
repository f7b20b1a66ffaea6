//! Migrations are compiled in: a new file must make a new program.
#![allow(clippy::print_stdout)] // how a build script speaks to cargo

fn main() {
    println!("cargo:rerun-if-changed=../migrations");
}
