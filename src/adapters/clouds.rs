//! The clouds that the program deploys to: one line for each.

use super::aws::AwsFactory;
use super::configuration::Clouds;

/// The table.
pub static CLOUDS: Clouds = Clouds::new(&[&AwsFactory]);
