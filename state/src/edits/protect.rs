//! Protecting resources from deletion, and taking that back.

use resource_graph::Urn;

use super::EditError;
use crate::model::deployment::Deployment;

impl Deployment {
    /// Protects resources, or all without names; or takes the protection away. Says whose protection changed. Old copies
    /// that wait to be deleted are never protected, but freed.
    ///
    /// # Errors
    /// When a resource isn't there.
    pub fn set_protection(&mut self, urns: Option<&[Urn]>, protect: bool) -> Result<Vec<Urn>, EditError> {
        let is_meant = |urn: &Urn| urns.is_none_or(|urns| urns.contains(urn));
        let known = |urn: &&Urn| self.resources.iter().any(|it| it.urn == **urn && !(protect && it.delete));
        let missing: Vec<Urn> = urns.into_iter().flatten().filter(|urn| !known(urn)).cloned().collect();
        if !missing.is_empty() {
            return Err(EditError::NoSuchResource { urns: missing });
        }
        let mut changed = Vec::new();
        for resource in &mut self.resources {
            let stays = resource.protect == protect || (protect && resource.delete);
            if !stays && is_meant(&resource.urn) {
                resource.edit().protect = protect;
                changed.push(resource.urn.clone());
            }
        }
        Ok(changed)
    }
}

#[cfg(test)]
mod tests {
    use resource_graph::TypeToken;

    use super::*;
    use crate::{Manifest, ResourceFields};

    #[test]
    fn only_those_whose_protection_changes_are_touched() {
        let urn = |name: &str| Urn::new("dev", "shop", None, &TypeToken::new("a:b:C"), name);
        let mut deployment = Deployment::new(Manifest::default(), None);
        let mut old = ResourceFields::new(urn("b"), true);
        (old.delete, old.protect) = (true, true);
        let resources = [ResourceFields::new(urn("a"), true), ResourceFields::new(urn("b"), true), old];
        deployment.resources = resources.map(Into::into).into();
        assert_eq!(deployment.set_protection(None, true).unwrap(), [urn("a"), urn("b")]);
        assert!(deployment.set_protection(Some(&[urn("a")]), true).unwrap().is_empty());
        assert_eq!(deployment.set_protection(Some(&[urn("b")]), false).unwrap(), [urn("b"), urn("b")]);
        let error = deployment.set_protection(Some(&[urn("a"), urn("x")]), false).unwrap_err();
        assert!(error.to_string().contains("::x") && deployment.resources[0].protect, "{error}");
    }
}
