//! The tests across crates, as one program: each more would link the clouds' SDKs once more, which takes longer than most
//! of these tests run. A room has its own folder; `cargo test --test it saga::` runs one.

mod architecture;
mod aws;
mod cli;
mod end_to_end;
mod interop;
mod keys;
mod packaging;
mod saga;
mod stacks;
mod test_cloud;
