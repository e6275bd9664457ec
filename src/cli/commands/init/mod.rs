//! `init`: writes a commented semantest-iac.yaml. What a source folder says of itself is detected, the rest is asked or
//! taken from options, and what comes out is checked like any configuration before it is written.

mod command;
mod detection;
mod template;

pub use command::{InitDocument, init};
