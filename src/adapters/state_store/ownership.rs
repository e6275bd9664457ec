//! The mark by which the components that this program made are told from those of others: where they are declared.
//!
//! Every resource of ours belongs to a component, so one mark for each is enough. Pulumi has the field for the same purpose,
//! keeps it through all its edits of a state, and reads nothing out of it (SPEC.md section 1.5, `sourcePosition`). A name alone
//! proves nothing: a program of somebody else's may well have a component of the same type and name.

use state::Resource;

/// Where our components are declared.
const DECLARED_IN: &str = "project:///semantest-iac.yaml";

/// Marks a component as ours. Other resources go by the component that they belong to.
pub fn mark(resource: &mut Resource) {
    let is_component = !resource.custom && !resource.type_token.is_stack();
    if is_component && !is_marked(resource) {
        resource.edit().rare_mut().source_position = Some(DECLARED_IN.to_owned());
    }
}

/// Whether a resource has our mark.
pub fn is_marked(resource: &Resource) -> bool {
    resource.rare().source_position.as_deref() == Some(DECLARED_IN)
}

#[cfg(test)]
mod tests {
    use resource_graph::{TypeToken, Urn};
    use state::ResourceFields;

    use super::*;

    #[test]
    fn components_are_marked_and_nothing_else_is() {
        let urn = |token| Urn::new("dev", "shop", None, &TypeToken::new(token), "x");
        let mut component = Resource::from(ResourceFields::new(urn("semantest:index:RestApi"), false));
        assert!(!is_marked(&component));
        mark(&mut component);
        assert!(is_marked(&component));
        for (token, custom) in [("pulumi:pulumi:Stack", false), ("aws:iam/role:Role", true)] {
            let mut other = Resource::from(ResourceFields::new(urn(token), custom));
            mark(&mut other);
            assert!(!is_marked(&other), "{token}");
        }
    }
}
