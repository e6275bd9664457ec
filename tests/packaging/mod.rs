//! Packaging end to end: real folders become archives, and archives run under real Node.js as a Lambda sandbox would run
//! them, with API Gateway's events as input.

#![cfg(unix)]

mod answers;
mod archives;
mod builds;
mod events;
mod folders;
mod frameworks;
mod lifecycle;
mod local_node;
mod platforms;
mod ports;
mod sandbox;
mod secrets;
mod translation;
