//! The messages and services of the EventStoreDB client protocol, made from `tests/proto` by
//! `tonic-build` 0.12 with `protox` (servers only, bytes as `Bytes`), and kept here so that
//! building needs neither. The definitions are those of the public client, under the MIT licence.
#![allow(clippy::all, clippy::pedantic, missing_docs, unreachable_pub, unused_qualifications)]

pub mod event_store {
    pub mod client {
        include!("wire/shared.rs");
        pub mod gossip {
            include!("wire/gossip.rs");
        }
        pub mod server_features {
            include!("wire/server_features.rs");
        }
        pub mod streams {
            include!("wire/streams.rs");
        }
    }
}
pub mod google {
    pub mod rpc {
        include!("wire/status.rs");
    }
}
