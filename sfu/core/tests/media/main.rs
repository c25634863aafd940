//! Stories about the media plane in virtual time: real DTLS and SRTP, a network that loses, delays and
//! reorders, and clients that check whatever reaches them.

#![allow(clippy::unwrap_used)]

mod adaptation;
mod chaos;
mod choosing;
mod codecs;
mod crowds;
mod encoder;
mod enforcement;
mod falling;
mod joining;
mod jumps;
mod layered;
mod layers;
mod listening;
mod loss;
mod malice;
mod networks;
mod pacing;
mod peer;
mod redundancy;
mod saving;
mod screens;
mod slots;
mod speakers;
mod statistics;
mod temporal;
mod timing;
mod together;
mod transports;
mod wire;
mod world;
