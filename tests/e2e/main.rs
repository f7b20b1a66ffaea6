//! Real clients, a real registry, the real program.
