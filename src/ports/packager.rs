//! Turning a component's source into code that can be uploaded.

use async_trait::async_trait;

use super::{NoticeHandler, PackagedCode};
use crate::domain::code::function::ServerlessFunction;
use crate::domain::deployment::ErrorDetail;
use crate::domain::names::ComponentName;

/// Builds and packages components.
#[async_trait]
pub trait Packager: Send + Sync {
    /// Builds (where the component says how, and something changed) and packages.
    ///
    /// # Errors
    /// What is wrong with the source, with the build's last output where it failed.
    async fn package(
        &self,
        component: &ComponentName,
        code: &ServerlessFunction,
        notices: &dyn NoticeHandler,
    ) -> Result<PackagedCode, ErrorDetail>;
}
