//! Forgetting resources: they stay in the cloud, and the state knows nothing of them any more.

use std::collections::{HashMap, HashSet};

use resource_graph::Urn;

use super::EditError;
use crate::model::deployment::Deployment;
use crate::model::integrity::provider_id;
use crate::model::resource::Resource;

/// A resource that was forgotten.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeletedResource {
    /// Its name.
    pub urn: Urn,
    /// Its id in the cloud, where it lives on.
    pub id: Option<String>,
    /// Whether it was protected.
    pub protected: bool,
    /// Whether it went because it depended on another that was named.
    pub dependent: bool,
}

impl Deployment {
    /// Forgets resources, or all without names. With `dependents` those go, too, that depend on nothing else of the name; with
    /// `force` protected ones.
    ///
    /// # Errors
    /// When a resource isn't there, is protected, or others depend on it.
    pub fn delete_resources(
        &mut self,
        urns: Option<&[Urn]>,
        force: bool,
        dependents: bool,
    ) -> Result<Vec<DeletedResource>, EditError> {
        let named = match urns {
            Some(urns) => self.only_places(urns)?,
            None => (0..self.resources.len()).collect(),
        };
        let refuse_protected = |place: usize| {
            let resource = &self.resources[place];
            match resource.protect && !force {
                true => Err(EditError::Protected { urn: resource.urn.clone() }),
                false => Ok(()),
            }
        };
        named.iter().try_for_each(|place| refuse_protected(*place))?;
        let condemned = self.dependents_of(&named);
        let further: Vec<usize> =
            (0..condemned.len()).filter(|place| condemned[*place] && !named.contains(place)).collect();
        if !further.is_empty() && !dependents {
            return Err(self.has_dependents(&named));
        }
        further.iter().try_for_each(|place| refuse_protected(*place))?;
        let mut deleted = Vec::new();
        let mut place = 0;
        self.resources.retain(|resource| {
            let goes = condemned[place];
            if goes {
                deleted.push(DeletedResource {
                    urn: resource.urn.clone(),
                    id: resource.id.clone(),
                    protected: resource.protect,
                    dependent: !named.contains(&place),
                });
            }
            place += 1;
            !goes
        });
        Ok(deleted)
    }

    /// The error for the first of the named resources that others depend on.
    fn has_dependents(&self, named: &[usize]) -> EditError {
        let urn = |place: usize| self.resources[place].urn.clone();
        let of = |place: usize| -> Vec<Urn> {
            let reached = self.dependents_of(&[place]);
            (0..reached.len()).filter(|other| reached[*other] && !named.contains(other)).map(urn).collect()
        };
        let found = named.iter().map(|place| (*place, of(*place))).find(|(_, dependents)| !dependents.is_empty());
        // Each alone may keep what all of them together don't.
        let (place, dependents) = found.unwrap_or_else(|| (named[0], Vec::new()));
        EditError::HasDependents { urn: urn(place), dependents }
    }

    /// Which resources are among those at these places, or depend on them alone: what refers to a name of which another
    /// resource is left doesn't.
    fn dependents_of(&self, places: &[usize]) -> Vec<bool> {
        let mut condemned = vec![false; self.resources.len()];
        places.iter().for_each(|place| condemned[*place] = true);
        loop {
            let (mut gone, mut providers) = (HashSet::new(), HashSet::new());
            let mut left: HashMap<&str, usize> = HashMap::new();
            for (resource, goes) in self.resources.iter().zip(&condemned) {
                if *goes {
                    gone.insert(resource.urn.as_str());
                    providers.insert(format!("{}::{}", resource.urn, provider_id(resource)));
                } else {
                    *left.entry(resource.urn.as_str()).or_default() += 1;
                }
            }
            let is_gone = |urn: &str| gone.contains(urn) && !left.contains_key(urn);
            let further: Vec<usize> = self
                .resources
                .iter()
                .enumerate()
                .filter(|(place, resource)| !condemned[*place] && depends(resource, &is_gone, &providers))
                .map(|(place, _)| place)
                .collect();
            if further.is_empty() {
                return condemned;
            }
            further.into_iter().for_each(|place| condemned[place] = true);
        }
    }
}

fn depends(resource: &Resource, is_gone: &dyn Fn(&str) -> bool, providers: &HashSet<String>) -> bool {
    let mut others = resource.parent.iter().chain(&resource.dependencies).chain(&resource.rare().deleted_with);
    if others.any(|urn| is_gone(urn.as_str())) || resource.provider.as_deref().is_some_and(|it| providers.contains(it))
    {
        return true;
    }
    let mut found = false;
    resource.for_each_other_reference(&mut |urn| found |= is_gone(urn));
    found
}

#[cfg(test)]
mod tests {
    use resource_graph::TypeToken;

    use super::*;
    use crate::{Manifest, ResourceFields};

    fn urn(name: &str) -> Urn {
        Urn::new("dev", "shop", None, &TypeToken::new("a:b:C"), name)
    }

    /// `a`, `b` that depends on it, `c` whose parent is `b`, a protected `p`, and a provider that `b` has.
    fn state() -> Deployment {
        let mut deployment = Deployment::new(Manifest::default(), None);
        let mut provider =
            ResourceFields::new(Urn::new("dev", "shop", None, &TypeToken::provider("a"), "default"), true);
        provider.id = Some("1".into());
        let a = ResourceFields::new(urn("a"), false);
        let mut b = ResourceFields::new(urn("b"), false);
        b.dependencies = vec![urn("a")];
        b.provider = Some(format!("{}::1", provider.urn).into());
        let mut c = ResourceFields::new(urn("c"), false);
        c.parent = Some(urn("b"));
        let mut p = ResourceFields::new(urn("p"), false);
        p.protect = true;
        deployment.resources = [provider, a, b, c, p].map(Resource::from).into();
        deployment
    }

    fn names(deployment: &Deployment) -> Vec<&str> {
        deployment.resources.iter().map(|resource| resource.urn.name()).collect()
    }

    #[test]
    fn what_others_depend_on_stays_unless_they_go_too() {
        for name in ["a", "b"] {
            let mut deployment = state();
            let error = deployment.delete_resources(Some(&[urn(name)]), false, false).unwrap_err();
            assert!(
                error.to_string().contains("resources depend on it:") && error.to_string().contains("::c"),
                "{error}"
            );
            assert_eq!(deployment, state(), "nothing was changed");
        }
        let mut deployment = state();
        let deleted = deployment.delete_resources(Some(&[urn("a")]), false, true).unwrap();
        assert_eq!(
            deleted.iter().map(|it| (it.urn.name(), it.dependent)).collect::<Vec<_>>(),
            [("a", false), ("b", true), ("c", true)]
        );
        assert_eq!(names(&deployment), ["default", "p"]);
        let mut deployment = state();
        deployment.delete_resources(Some(&[urn("c"), urn("b"), urn("a")]), false, false).unwrap();
        assert_eq!(names(&deployment), ["default", "p"]);
    }

    #[test]
    fn a_provider_goes_only_with_what_it_provides() {
        let mut deployment = state();
        let provider = deployment.resources[0].urn.clone();
        assert!(deployment.delete_resources(Some(std::slice::from_ref(&provider)), false, false).is_err());
        deployment.delete_resources(Some(&[provider]), false, true).unwrap();
        assert_eq!(names(&deployment), ["a", "p"]);
    }

    #[test]
    fn protected_and_unknown_resources_are_refused() {
        let mut deployment = state();
        let error = deployment.delete_resources(Some(&[urn("p")]), false, true).unwrap_err();
        assert!(matches!(&error, EditError::Protected { .. }) && error.hint().unwrap().contains("--force"), "{error}");
        assert!(deployment.delete_resources(None, false, true).is_err());
        let error = deployment.delete_resources(Some(&[urn("x"), urn("y")]), true, true).unwrap_err();
        assert_eq!(error.to_string().lines().count(), 2, "{error}");
        assert!(deployment.delete_resources(Some(&[urn("p")]), true, false).unwrap()[0].protected);
        deployment.delete_resources(None, false, false).unwrap();
        assert!(deployment.resources.is_empty());
    }

    #[test]
    fn a_name_of_several_resources_is_ambiguous_and_does_not_condemn_what_one_of_them_holds() {
        let mut deployment = state();
        let mut old = ResourceFields::new(urn("a"), true);
        (old.delete, old.id) = (true, Some("old".into()));
        deployment.resources.push(old.into());
        let error = deployment.delete_resources(Some(&[urn("a")]), false, true).unwrap_err();
        assert!(matches!(error, EditError::Ambiguous { .. }), "{error}");
        assert_eq!(deployment.dependents_of(&[1]).iter().filter(|goes| **goes).count(), 1);
    }
}
