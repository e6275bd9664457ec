//! The references that a resource holds to others by name, walked in one place (SPEC.md section 1.12).

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::LazyLock;

use memchr::memmem::Finder;
use resource_graph::Urn;

use super::deployment::Deployment;
use super::resource::ResourceFields;
use crate::codec::json::Json;
use crate::codec::value::Properties;

impl ResourceFields {
    /// Gives each reference outside of inputs, outputs and the replacement trigger the name that `map` says.
    pub fn map_references(&mut self, map: impl Fn(&Urn) -> Urn) {
        for urn in self.parent.iter_mut().chain(&mut self.dependencies) {
            *urn = map(urn);
        }
        if let Some((urn, id)) = self.provider.as_deref().and_then(|provider| provider.rsplit_once("::"))
            && let Ok(urn) = Urn::parse(urn)
        {
            self.provider = Some(format!("{}::{id}", map(&urn)).into());
        }
        let dependencies = self.property_dependencies();
        let mapped: Vec<(String, Vec<Urn>)> =
            dependencies.iter().map(|(name, urns)| (name.clone(), urns.iter().map(&map).collect())).collect();
        if mapped != dependencies {
            self.set_property_dependencies(&mapped);
        }
        if self.has_rare() {
            let rare = self.rare_mut();
            let urns = rare.aliases.iter_mut().chain(&mut rare.replace_with);
            for urn in urns.chain(&mut rare.deleted_with).chain(&mut rare.view_of) {
                *urn = map(urn);
            }
        }
    }

    /// Whether it refers, in any way but inside of an encrypted secret, to a resource whose name `is_one` knows.
    fn mentions(&self, is_one: impl Fn(&str) -> bool) -> bool {
        let rare = self.rare();
        let rare_urns = rare.aliases.iter().chain(&rare.replace_with).chain(&rare.deleted_with).chain(&rare.view_of);
        let mut found = self.parent.iter().chain(&self.dependencies).chain(rare_urns).any(|urn| is_one(urn.as_str()));
        self.for_each_other_reference(&mut |urn| found |= is_one(urn));
        found |= self.provider.as_deref().and_then(|it| it.rsplit_once("::")).is_some_and(|(urn, _)| is_one(urn));
        found
    }
}

impl Deployment {
    /// Lets every resource that refers to one of the old names refer to the new one instead, in the state and in its pending
    /// operations; others keep their text. A reference inside of an encrypted secret stays: no integrity check sees it, and no
    /// passphrase is needed.
    pub fn redirect_references(&mut self, renames: &HashMap<Urn, Urn>) {
        let by_text: HashMap<&str, &Urn> = renames.iter().map(|(old, new)| (old.as_str(), new)).collect();
        let pending = self.pending_operations.iter_mut().map(|operation| &mut operation.resource);
        for resource in self.resources.iter_mut().chain(pending) {
            if resource.mentions(|urn| by_text.contains_key(urn)) {
                resource.edit().map_references(|urn| renames.get(urn).unwrap_or(urn).clone());
            }
            let inputs = redirected(&resource.inputs, &by_text);
            let outputs = redirected(&resource.outputs, &by_text);
            if inputs.is_some() || outputs.is_some() {
                let fields = resource.edit();
                fields.inputs = inputs.unwrap_or_else(|| fields.inputs.clone());
                fields.outputs = outputs.unwrap_or_else(|| fields.outputs.clone());
            }
        }
    }
}

/// The properties with each `"urn": "…"` of an old name changed, if there is any: the texts around it stay as they are,
/// ciphertexts among them.
fn redirected(properties: &Properties, renames: &HashMap<&str, &Urn>) -> Option<Properties> {
    static KEY: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("\"urn\""));
    let json = properties.json().filter(|_| properties.contain_resource_reference())?;
    let (mut rest, mut text) = (json.as_str(), String::new());
    while let Some(at) = KEY.find(rest.as_bytes()) {
        let (before, after) = rest.split_at(at + "\"urn\"".len());
        text.push_str(before);
        rest = match renamed_value(after, renames) {
            Some((new, behind)) => {
                text.push(':');
                text.push_str(&serde_json::Value::from(new.as_str()).to_string());
                behind
            }
            None => after,
        };
    }
    text.push_str(rest);
    if text == json.as_str() {
        return None;
    }
    Json::new(text).ok().map(Properties::new)
}

/// The new name of a member's value, and what stands behind that value.
fn renamed_value<'t, 'r>(member: &'t str, renames: &HashMap<&str, &'r Urn>) -> Option<(&'r Urn, &'t str)> {
    let value = member.trim_start().strip_prefix(':')?.trim_start();
    let mut texts = serde_json::Deserializer::from_str(value).into_iter::<Cow<'_, str>>();
    let urn = texts.next()?.ok()?;
    Some((renames.get(urn.as_ref())?, &value[texts.byte_offset()..]))
}

#[cfg(test)]
mod tests {
    use resource_graph::TypeToken;

    use super::super::resource::Resource;
    use super::*;
    use crate::codec::value::{RESOURCE, SIGNATURE};

    fn urn(name: &str) -> Urn {
        Urn::new("dev", "shop", None, &TypeToken::new("a:b:C"), name)
    }

    fn resource(name: &str) -> ResourceFields {
        ResourceFields::new(urn(name), true)
    }

    #[test]
    fn all_kinds_of_references_follow_and_other_texts_stay() {
        let (old, new) = (urn("old"), Urn::new("dev", "shop", Some("x:y:Z"), &TypeToken::new("a:b:C"), "new"));
        let mut referring = resource("referring");
        (referring.parent, referring.dependencies) = (Some(old.clone()), vec![urn("other"), old.clone()]);
        referring.provider = Some(format!("{old}::id").into());
        referring.set_property_dependencies(&[("a".into(), vec![old.clone()]), ("b".into(), vec![urn("other")])]);
        let rare = referring.rare_mut();
        (rare.deleted_with, rare.replace_with) = (Some(old.clone()), vec![old.clone()]);
        let reference = |urn: &Urn| {
            let json = serde_json::json!({ "r": { SIGNATURE: RESOURCE, "urn": urn, "id": "1" }, "text": old.as_str() });
            Properties::new(Json::new(serde_json::to_string_pretty(&json).unwrap()).unwrap())
        };
        referring.outputs = reference(&old);
        let mut deployment = Deployment {
            resources: vec![resource("other").into(), Resource::from(referring)],
            ..Deployment::default()
        };
        let untouched = deployment.resources[0].clone();
        deployment.redirect_references(&HashMap::from([(old.clone(), new.clone())]));
        assert_eq!(deployment.resources[0], untouched);
        let fields = &deployment.resources[1];
        assert_eq!((fields.parent.as_ref(), &fields.dependencies), (Some(&new), &vec![urn("other"), new.clone()]));
        assert_eq!(fields.provider.as_deref(), Some(&*format!("{new}::id")));
        assert_eq!(fields.property_dependencies(), [("a".into(), vec![new.clone()]), ("b".into(), vec![urn("other")])]);
        let rare = fields.rare();
        assert_eq!((rare.deleted_with.as_ref(), &rare.replace_with), (Some(&new), &vec![new.clone()]));
        let json = |properties: &Properties| properties.json().unwrap().parse::<serde_json::Value>().unwrap();
        assert_eq!(json(&fields.outputs), json(&reference(&new)), "a text that isn't a reference stays");
    }
}
