//! semantest-iac as a library: domain, application, ports, adapters and the command line.
//!
//! Arrows point inward: `cli → application → domain`, `adapters → ports`. The binary is a thin call of [`cli`].

pub mod adapters;
pub mod application;
pub mod cli;
pub mod domain;
pub mod ports;
