//! Turns components into resources. Pure: it knows names and references, and calls nothing.
//!
//! `rest_api` lists the resources of a REST API; `scope` gives each its URN, parent, region and tags in one place; `names`
//! holds the physical names.

mod names;
mod rest_api;
mod scope;

use resource_graph::{TypeToken, Urn};

use crate::domain::component::ComponentKind;
use crate::ports::{Blueprint, BlueprintRequest, ProviderError};

/// The type of the resource that groups a REST API's resources.
const REST_API: &str = "semantest:index:RestApi";

/// The resources of all components.
///
/// # Errors
/// When project or environment aren't names.
pub(super) fn blueprint(request: &BlueprintRequest, region: &str) -> Result<Blueprint, ProviderError> {
    let mut blueprint = Blueprint::default();
    for deployment in &request.components {
        match deployment.component.kind() {
            ComponentKind::RestApi => rest_api::add(&mut blueprint, request, deployment, region)?,
        }
    }
    Ok(blueprint)
}

/// The URN of a component's group resource.
pub(super) fn component_urn(project: &str, stack: &str, component: &str) -> Urn {
    Urn::new(stack, project, None, &TypeToken::new(REST_API), component)
}
