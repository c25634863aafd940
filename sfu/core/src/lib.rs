//! The media plane's decisions: which packet goes where. No sockets, no clock.
