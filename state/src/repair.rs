//! Repairing a state whose references lead nowhere: a last resort, for when refusing to write it would lose more.

use std::collections::HashSet;

use resource_graph::Urn;

use crate::deployment::Deployment;
use crate::integrity::parse_reference;

impl Deployment {
    /// Drops references to resources that aren't there, and says what was dropped.
    pub fn drop_dangling_references(&mut self) -> Vec<String> {
        let known: HashSet<Urn> = self.resources.iter().map(|resource| resource.urn.clone()).collect();
        let providers: HashSet<String> = self
            .resources
            .iter()
            .filter(|resource| resource.type_token.is_provider())
            .filter_map(|resource| Some(format!("{}::{}", resource.urn, resource.id.as_ref()?)))
            .collect();
        let mut dropped = Vec::new();
        for resource in &mut self.resources {
            let mut missing: Vec<String> = Vec::new();
            let mut keep = |urn: &Urn| {
                let is_known = known.contains(urn);
                if !is_known && !missing.iter().any(|missing| missing == urn.as_str()) {
                    missing.push(urn.to_string());
                }
                is_known
            };
            let mut fields = (**resource).clone();
            fields.parent = fields.parent.filter(&mut keep);
            fields.dependencies.retain(&mut keep);
            let mut dependencies = fields.property_dependencies();
            dependencies.iter_mut().for_each(|(_, urns)| urns.retain(&mut keep));
            if fields.rare.is_some() {
                let rare = fields.rare_mut();
                rare.deleted_with = rare.deleted_with.take().filter(&mut keep);
                rare.replace_with.retain(&mut keep);
            }
            if let Some(provider) = fields
                .provider
                .take_if(|provider| parse_reference(provider).is_err() || !providers.contains(&**provider))
            {
                missing.push(provider.to_string());
            }
            if !missing.is_empty() {
                fields.set_property_dependencies(&dependencies);
                dropped.push(format!("{} refers to {}", resource.urn, missing.join(", ")));
                *resource.edit() = fields;
            }
        }
        dropped
    }
}

#[cfg(test)]
mod tests {
    use resource_graph::TypeToken;

    use super::*;
    use crate::{Manifest, Resource, ResourceFields};

    #[test]
    fn what_leads_nowhere_goes_and_the_rest_stays() {
        let urn = |name: &str| Urn::new("dev", "shop", None, &TypeToken::new("a:b:C"), name);
        let mut deployment = Deployment::new(Manifest::default(), None);
        let there = ResourceFields::new(urn("there"), false);
        let mut refers = ResourceFields::new(urn("refers"), false);
        refers.parent = Some(urn("gone"));
        refers.dependencies = vec![urn("there"), urn("gone")];
        refers.set_property_dependencies(&[("x".into(), vec![urn("there"), urn("gone")])]);
        refers.rare_mut().deleted_with = Some(urn("gone"));
        refers.rare_mut().replace_with = vec![urn("gone"), urn("there")];
        refers.provider = Some("urn:pulumi:dev::shop::pulumi:providers:a::default::1".into());
        deployment.resources = [there, refers].map(Resource::from).into();
        assert!(deployment.verify().is_err());
        let dropped = deployment.drop_dangling_references();
        assert_eq!(dropped.len(), 1, "{dropped:?}");
        deployment.verify().unwrap();
        let left = &deployment.resources[1];
        assert_eq!((&left.parent, left.dependencies.as_slice()), (&None, [urn("there")].as_slice()));
        assert_eq!(left.property_dependencies(), [("x".into(), vec![urn("there")])]);
        assert_eq!(left.rare().replace_with, [urn("there")]);
        assert!(deployment.drop_dangling_references().is_empty());
    }
}
