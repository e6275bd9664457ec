//! What is refused, and what the program says then.

mod authentication;
mod bad_input;
mod names;
mod obstacles;
mod ownership;
