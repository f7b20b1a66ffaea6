//! The program `portus`.

fn main() {}
