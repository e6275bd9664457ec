//! What each kind of component is on AWS: its rules, and the resources and outputs that it becomes. Pure: it knows names and
//! references, and calls nothing.
//!
//! A kind is a module with an implementation of [`Kind`], and a line of the table in [`kind_of`]. `code` has what all kinds
//! share that run code; `scope` gives each resource its URN, parent, region and tags in one place; `names` holds the physical
//! names.

mod code;
mod cors;
mod function;
mod function_url;
pub(super) mod names;
mod rest_api;
mod scope;
#[cfg(test)]
mod tests;

use self::scope::Scope;
use super::validation::Circumstances;
use crate::domain::component::{Component, ComponentSpec};
use crate::domain::names::ComponentName;
use crate::domain::violation::Violation;
use crate::ports::{Blueprint, BlueprintRequest, PackagedCode, ProviderError};

/// A kind of component on AWS.
trait Kind {
    /// Every rule of AWS that the component breaks, errors and warnings.
    fn check(&self, name: &ComponentName, circumstances: &Circumstances<'_>) -> Vec<Violation>;

    /// Adds its resources and what it shows.
    ///
    /// # Errors
    /// When project or environment aren't names, or code is missing.
    fn add(&self, scope: &mut Scope<'_>, package: Option<&PackagedCode>) -> Result<(), ProviderError>;
}

/// The table of kinds.
fn kind_of(component: &Component) -> &dyn Kind {
    match component.spec() {
        ComponentSpec::Function(function) => function,
        ComponentSpec::RestApi(api) => api,
    }
}

/// The resources of all components.
///
/// # Errors
/// When project or environment aren't names.
pub(super) fn blueprint(request: &BlueprintRequest, region: &str) -> Result<Blueprint, ProviderError> {
    let mut blueprint = Blueprint::default();
    for deployment in &request.components {
        let mut scope = Scope::begin(&mut blueprint, request, &deployment.component, region);
        kind_of(&deployment.component).add(&mut scope, deployment.package.as_ref())?;
    }
    Ok(blueprint)
}

/// Every rule of AWS that `component` breaks, errors and warnings.
pub fn check(component: &Component, circumstances: &Circumstances<'_>) -> Vec<Violation> {
    kind_of(component).check(component.name(), circumstances)
}

/// Every rule that one of `components` breaks, with the component's name.
pub fn check_all(components: &[Component], circumstances: &Circumstances<'_>) -> Vec<(ComponentName, Violation)> {
    components
        .iter()
        .flat_map(|component| {
            let name = component.name().clone();
            check(component, circumstances).into_iter().map(move |violation| (name.clone(), violation))
        })
        .collect()
}
