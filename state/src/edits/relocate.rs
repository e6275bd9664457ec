//! Moving resources from one stack's state to another's, as `pulumi state move` does: with all that belongs to them and
//! copies of their providers. References that would lead from one stack into the other are dropped and told.

use std::collections::{HashMap, HashSet};

use resource_graph::Urn;

use super::EditError;
use crate::codec::value::ValueDecoder;
use crate::model::deployment::Deployment;
use crate::model::integrity::provider_id;
use crate::model::resource::{Resource, ResourceFields};
use crate::repair::{ReferenceKind, drop_references};
use crate::secrets::Crypter;

/// What is to be moved, from which stack to which (project and name).
#[derive(Clone, Copy, Debug)]
pub struct Move<'m> {
    /// The resources; what belongs to them goes along.
    pub urns: &'m [Urn],
    /// Also those that they belong to.
    pub include_parents: bool,
    /// Where they are.
    pub from: (&'m str, &'m str),
    /// Where they go.
    pub to: (&'m str, &'m str),
}

/// A reference that was dropped, since what it led to is in the other stack now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrokenReference {
    /// The resource that referred, by its name before.
    pub urn: Urn,
    /// How.
    pub kind: ReferenceKind,
    /// To what, by its name before.
    pub target: Urn,
}

/// What a move does.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Moved {
    /// The resources: their names before and afterwards.
    pub resources: Vec<(Urn, Urn)>,
    /// Those that were there already, the same: an earlier move was cut off between its two writes. Names before.
    pub already_there: Vec<Urn>,
    /// Providers that were copied: their names in the other stack.
    pub providers: Vec<Urn>,
    /// Names that aren't in the stack.
    pub missing: Vec<Urn>,
    /// References of what stays.
    pub broken_here: Vec<BrokenReference>,
    /// References of what goes.
    pub broken_there: Vec<BrokenReference>,
}

impl Deployment {
    /// Moves resources into another state. Their secrets are decrypted by `from` and encrypted by `to`, unless both are of
    /// one manager.
    ///
    /// # Errors
    /// When nothing of it is there, it is a provider, or the other state has something else of that name.
    pub fn move_resources(
        &mut self,
        destination: &mut Self,
        request: &Move<'_>,
        from: &dyn Crypter,
        to: &dyn Crypter,
    ) -> Result<Moved, EditError> {
        let mut result = Moved::default();
        let chosen = self.choose(request, &mut result)?;
        let moved: HashSet<Urn> = chosen.iter().map(|place| self.resources[*place].urn.clone()).collect();
        let (project, stack) = request.to;
        let root = Urn::root(stack, project);
        if destination.root().is_none() {
            destination.resources.insert(0, ResourceFields::new(root.clone(), false).into());
        }
        let mut names: HashMap<Urn, Urn> = HashMap::new();
        for place in &chosen {
            let resource = &self.resources[*place];
            let new = placed(&resource.urn, resource.parent.as_ref().and_then(|parent| names.get(parent)), request);
            names.insert(resource.urn.clone(), new);
        }
        let mut carried = Self::default();
        let providers = self.copy_providers(&chosen, destination, &mut carried, &mut result, request, (from, to))?;
        for place in &chosen {
            let mut fields = ResourceFields::clone(&self.resources[*place]);
            let parent = fields.parent.take().filter(|parent| moved.contains(parent));
            let dropped = drop_references(&mut fields, &|urn| moved.contains(urn) || copied(&providers, urn));
            let urn = fields.urn.clone();
            result.broken_there.extend(dropped.into_iter().map(|it| BrokenReference {
                urn: urn.clone(),
                kind: it.kind,
                target: it.target,
            }));
            fields.parent = Some(parent.unwrap_or_else(|| root.clone()));
            if let Some(provider) = &mut fields.provider
                && let Some((_, new)) = providers.get(&**provider)
            {
                *provider = new.as_str().into();
            }
            carried.resources.push(fields.into());
        }
        if self.secrets_provider.is_none() || self.secrets_provider != destination.secrets_provider {
            carried.reencrypt_secrets(from, to)?;
        }
        carried.rename_urns(&|urn| names.get(urn).cloned(), to)?;
        destination.receive(carried, &names, &mut result)?;
        if destination.extensions.is_none() {
            destination.extensions.clone_from(&self.extensions);
        }
        self.let_go(&moved, &mut result);
        Ok(result)
    }

    /// Places of the resources that go, in order.
    fn choose(&self, request: &Move<'_>, result: &mut Moved) -> Result<Vec<usize>, EditError> {
        let mut goes = vec![false; self.resources.len()];
        for urn in request.urns {
            let places = self.places(urn);
            if places.is_empty() {
                result.missing.push(urn.clone());
            }
            for place in places {
                if self.resources[place].type_token.is_provider() {
                    return Err(EditError::MovesProvider);
                }
                goes[place] = true;
            }
        }
        if !goes.contains(&true) {
            return Err(EditError::NothingToMove);
        }
        let is_along = |resource: &Resource| !resource.type_token.is_provider();
        if request.include_parents {
            // Parents come before their children.
            for place in (0..goes.len()).rev().filter(|place| goes[*place]).collect::<Vec<_>>() {
                let mut parent = self.resources[place].parent.clone();
                while let Some(urn) = parent {
                    let found = self.places(&urn);
                    found
                        .iter()
                        .filter(|place| is_along(&self.resources[**place]))
                        .for_each(|place| goes[*place] = true);
                    parent = found.first().and_then(|place| self.resources[*place].parent.clone());
                }
            }
        }
        let mut names: HashSet<&Urn> =
            (0..goes.len()).filter(|place| goes[*place]).map(|place| &self.resources[place].urn).collect();
        // The root's children go where it was named by itself: parents on the way to others don't take all along.
        if !request.urns.iter().any(|urn| urn.type_token().is_stack()) {
            names.retain(|urn| !urn.type_token().is_stack());
        }
        for (place, resource) in self.resources.iter().enumerate() {
            if is_along(resource) && resource.parent.as_ref().is_some_and(|parent| names.contains(parent)) {
                goes[place] = true;
                names.insert(&resource.urn);
            }
        }
        // The other stack has a root of its own.
        Ok((0..goes.len()).filter(|place| goes[*place] && !self.resources[*place].is_root()).collect())
    }

    /// Copies the providers that the resources at these places have, where the other state hasn't got them. Gives their
    /// references in the other state by those here, each with the provider's name here.
    fn copy_providers(
        &self,
        chosen: &[usize],
        destination: &Self,
        carried: &mut Self,
        result: &mut Moved,
        request: &Move<'_>,
        (from, to): (&dyn Crypter, &dyn Crypter),
    ) -> Result<HashMap<String, (Urn, String)>, EditError> {
        let needed: HashSet<&str> =
            chosen.iter().filter_map(|place| self.resources[*place].provider.as_deref()).collect();
        let mut references = HashMap::new();
        for provider in self.resources.iter().filter(|resource| resource.type_token.is_provider()) {
            let reference = format!("{}::{}", provider.urn, provider_id(provider));
            if !needed.contains(reference.as_str()) {
                continue;
            }
            let new = placed(&provider.urn, None, request);
            let mut id = provider_id(provider).to_owned();
            match destination.resource(&new) {
                Some(there) if there.id == provider.id => {}
                Some(there) => {
                    let here = ValueDecoder::revealing(from).properties(&provider.inputs)?;
                    if ValueDecoder::revealing(to).properties(&there.inputs)? != here {
                        return Err(EditError::ProviderExistsThere { urn: new });
                    }
                    provider_id(there).clone_into(&mut id);
                }
                None => {
                    let mut fields = ResourceFields::clone(provider);
                    fields.parent = None;
                    drop_references(&mut fields, &|_| false);
                    fields.urn = new.clone();
                    carried.resources.push(fields.into());
                    result.providers.push(new.clone());
                }
            }
            references.insert(reference, (provider.urn.clone(), format!("{new}::{id}")));
        }
        Ok(references)
    }

    /// Takes in what comes from another state.
    fn receive(&mut self, carried: Self, names: &HashMap<Urn, Urn>, result: &mut Moved) -> Result<(), EditError> {
        let old: HashMap<&Urn, &Urn> = names.iter().map(|(old, new)| (new, old)).collect();
        for resource in carried.resources {
            let Some(before) = old.get(&resource.urn) else {
                self.resources.push(resource);
                continue;
            };
            let there = self.resources.iter().find(|it| it.urn == resource.urn && it.delete == resource.delete);
            match there {
                Some(there) if there.id == resource.id && there.type_token == resource.type_token => {
                    result.already_there.push((*before).clone());
                }
                Some(_) => return Err(EditError::ExistsThere { urn: resource.urn.clone() }),
                None => {
                    result.resources.push(((*before).clone(), resource.urn.clone()));
                    self.resources.push(resource);
                }
            }
        }
        self.sort();
        Ok(())
    }

    /// Forgets what has gone, and references to it.
    fn let_go(&mut self, moved: &HashSet<Urn>, result: &mut Moved) {
        self.resources.retain(|resource| !moved.contains(&resource.urn));
        for resource in &mut self.resources {
            let mut fields = ResourceFields::clone(resource);
            let dropped = drop_references(&mut fields, &|urn| !moved.contains(urn));
            if dropped.is_empty() {
                continue;
            }
            let urn = resource.urn.clone();
            let broken =
                dropped.into_iter().map(|it| BrokenReference { urn: urn.clone(), kind: it.kind, target: it.target });
            result.broken_here.extend(broken);
            *resource.edit() = fields;
        }
    }
}

/// The name of a resource in the other stack, below a parent that goes with it.
fn placed(urn: &Urn, parent: Option<&Urn>, request: &Move<'_>) -> Urn {
    let (project, stack) = request.to;
    Urn::new(stack, project, parent.map(Urn::qualified_type), &urn.type_token(), urn.name())
}

fn copied(providers: &HashMap<String, (Urn, String)>, urn: &Urn) -> bool {
    providers.values().any(|(provider, _)| provider == urn)
}

#[cfg(test)]
mod tests {
    use resource_graph::TypeToken;

    use super::*;
    use crate::Manifest;
    use crate::secrets::testing::NoSecrets;

    fn urn(parent: Option<&str>, name: &str) -> Urn {
        Urn::new("dev", "shop", parent, &TypeToken::new("a:b:C"), name)
    }

    /// A component `group` with a child `x`, which depends on `y`; `z` depends on `x`. All have a provider.
    fn source() -> Deployment {
        let mut deployment = Deployment::new(Manifest::default(), None);
        let root = ResourceFields::new(Urn::root("dev", "shop"), false);
        let mut provider =
            ResourceFields::new(Urn::new("dev", "shop", None, &TypeToken::provider("a"), "default"), true);
        provider.id = Some("p".into());
        let with = |mut fields: ResourceFields, id: &str| {
            fields.id = Some(id.into());
            fields.provider = Some(format!("{}::p", provider.urn).into());
            fields.parent.get_or_insert_with(|| root.urn.clone());
            fields
        };
        let mut group =
            ResourceFields::new(Urn::new("dev", "shop", None, &TypeToken::new("g:h:Group"), "group"), false);
        group.parent = Some(root.urn.clone());
        let y = with(ResourceFields::new(urn(None, "y"), true), "y");
        let mut x = ResourceFields::new(urn(Some("g:h:Group"), "x"), true);
        x.parent = Some(group.urn.clone());
        x.dependencies = vec![y.urn.clone()];
        let x = with(x, "x");
        let mut z = with(ResourceFields::new(urn(None, "z"), true), "z");
        z.set_property_dependencies(&[("in".into(), vec![x.urn.clone()])]);
        deployment.resources = [root, provider.clone(), group, y, x, z].map(Into::into).into();
        deployment.verify().unwrap();
        deployment
    }

    fn moved(source: &mut Deployment, destination: &mut Deployment, names: &[Urn]) -> Result<Moved, EditError> {
        let request = Move { urns: names, include_parents: false, from: ("shop", "dev"), to: ("store", "prod") };
        source.move_resources(destination, &request, &NoSecrets, &NoSecrets)
    }

    fn names(deployment: &Deployment) -> Vec<&str> {
        deployment.resources.iter().map(|resource| resource.urn.as_str()).collect()
    }

    #[test]
    fn what_belongs_to_a_resource_goes_along_and_both_states_stay_sound() {
        let (mut here, mut there) = (source(), Deployment::new(Manifest::default(), None));
        let group = here.resources[2].urn.clone();
        let result = moved(&mut here, &mut there, &[group, urn(None, "gone")]).unwrap();
        here.verify().unwrap();
        there.verify().unwrap();
        assert_eq!(
            names(&there),
            [
                "urn:pulumi:prod::store::pulumi:pulumi:Stack::store-prod",
                "urn:pulumi:prod::store::pulumi:providers:a::default",
                "urn:pulumi:prod::store::g:h:Group::group",
                "urn:pulumi:prod::store::g:h:Group$a:b:C::x",
            ]
        );
        assert_eq!(
            there.resources[3].provider.as_deref(),
            Some("urn:pulumi:prod::store::pulumi:providers:a::default::p")
        );
        assert_eq!(names(&here).len(), 4);
        assert_eq!((result.missing.len(), result.providers.len(), result.resources.len()), (1, 1, 2));
        let broken = |list: &[BrokenReference]| {
            list.iter().map(|it| (it.urn.name().to_owned(), it.kind.to_string())).collect::<Vec<_>>()
        };
        assert_eq!(broken(&result.broken_here), [("z".to_owned(), "property dependency: in".to_owned())]);
        assert_eq!(broken(&result.broken_there), [("x".to_owned(), "dependency".to_owned())]);
    }

    #[test]
    fn a_move_that_was_cut_off_is_finished_by_the_next() {
        let (mut here, mut there) = (source(), Deployment::new(Manifest::default(), None));
        let y = urn(None, "y");
        moved(&mut here, &mut there, std::slice::from_ref(&y)).unwrap();
        let result = moved(&mut source(), &mut there.clone(), std::slice::from_ref(&y)).unwrap();
        assert_eq!((result.already_there.len(), result.resources.len()), (1, 0));
        let mut other = there.clone();
        other.resources[2].edit().id = Some("another".into());
        assert!(matches!(moved(&mut source(), &mut other, &[y]), Err(EditError::ExistsThere { .. })));
    }

    #[test]
    fn providers_and_nothing_are_not_moved() {
        let mut there = Deployment::new(Manifest::default(), None);
        let provider = source().resources[1].urn.clone();
        assert!(matches!(moved(&mut source(), &mut there, &[provider]), Err(EditError::MovesProvider)));
        assert!(matches!(moved(&mut source(), &mut there, &[urn(None, "gone")]), Err(EditError::NothingToMove)));
        there.resources.push(Resource::from({
            let mut other =
                ResourceFields::new(Urn::new("prod", "store", None, &TypeToken::provider("a"), "default"), true);
            other.id = Some("q".into());
            other.inputs = crate::Properties::new(crate::Json::new(r#"{"region":"x"}"#).unwrap());
            other
        }));
        let error = moved(&mut source(), &mut there, &[urn(None, "y")]).unwrap_err();
        assert!(matches!(error, EditError::ProviderExistsThere { .. }), "{error}");
    }
}
