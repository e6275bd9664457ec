//! The whole program from outside: the real binary against MiniStack, with a proxy between them that counts calls, and plain
//! HTTP requests to what was deployed.

mod authentication;
mod bad_input;
mod concurrency;
mod interruption;
mod lifecycle;
mod ownership;
mod secrets;
mod support;
