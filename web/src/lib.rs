//! HTTP (token endpoint, notifications, REST, pages), the command line, configuration, wiring.
