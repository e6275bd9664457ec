//! How a component wants its resources treated, put onto what the blueprint made of it.

use resource_graph::ResourceSpec;

use crate::application::error::{ApplicationError, ErrorKind};
use crate::application::request::StackTarget;
use crate::domain::deployment::ErrorDetail;
use crate::ports::ComponentDeployment;

/// Puts the components' treatments onto their resources.
///
/// # Errors
/// When one is said of a resource that the component doesn't have.
pub fn treat(
    target: &StackTarget,
    components: &[ComponentDeployment],
    specs: &mut [ResourceSpec],
) -> Result<(), ApplicationError> {
    let mut details = Vec::new();
    for ComponentDeployment { component, .. } in components {
        let (treatment, name) = (component.treatment(), component.name().as_str());
        let group = component.group_urn(&target.project, &target.stack);
        let mut known = Vec::new();
        for spec in specs.iter_mut().filter(|spec| spec.options.parent.as_ref() == Some(&group)) {
            let called = spec.urn.name();
            let called = called.strip_prefix(name).and_then(|rest| rest.strip_prefix('-')).unwrap_or(called).to_owned();
            let wanted = treatment.of(&called);
            spec.options.protect = wanted.protect;
            spec.options.retain_on_delete = wanted.retain;
            spec.options.ignore_changes = wanted.ignore_changes.iter().map(ToString::to_string).collect();
            spec.options.replace_on_changes = wanted.replace_on_changes.iter().map(ToString::to_string).collect();
            known.push(called);
        }
        let unknown = treatment.single.keys().filter(|single| !known.contains(single));
        details.extend(unknown.map(|single| ErrorDetail {
            urn: None,
            code: "unknown-resource".into(),
            message: format!("components.{name}.resources: the component has no resource {single:?}"),
            hint: Some(format!("it has: {}", known.join(", "))),
        }));
    }
    if details.is_empty() { Ok(()) } else { Err(ApplicationError { kind: ErrorKind::Usage, details }) }
}
