//! The composition root: builds adapters out of configuration, arguments and environment.

pub mod aws;
pub mod config_values;
pub mod local_cloud;
pub mod locks;
pub mod new_passphrase;
pub mod passphrases;
pub mod ports;
pub mod store;
