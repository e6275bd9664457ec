//! The laws that every resource type keeps: create → read equals → update each property → read equals → replace on each
//! replacing one → delete → read says gone → delete again is fine → what exists and is ours is found, what isn't ours is
//! found as such.

use resource_graph::{PropertyMap, Value};
use semantest_iac::ports::{ProviderErrorKind, ResourceProvider, ResourceState, Whose};

use crate::aws::schema;
use crate::aws::support::{Account, IDENTITY, PROJECT, REGION, tags, with};

/// How one type is tried.
pub struct Case {
    pub token: &'static str,
    /// Inputs to begin with, tags apart.
    pub inputs: PropertyMap,
    /// Changes to make in place, one after the other.
    pub updates: Vec<Vec<(&'static str, Value)>>,
    /// Another value for each input that replaces.
    pub replacements: Vec<(&'static str, Value)>,
    /// Outputs that change by themselves.
    pub volatile: &'static [&'static str],
    /// Whether it carries tags.
    pub tagged: bool,
    /// Inputs that replace, but that the emulator doesn't keep.
    pub untried: &'static [&'static str],
}

impl Default for Case {
    fn default() -> Self {
        Self {
            token: "",
            inputs: PropertyMap::new(),
            updates: Vec::new(),
            replacements: Vec::new(),
            volatile: &[],
            tagged: false,
            untried: &[],
        }
    }
}

impl Case {
    pub fn inputs_for(&self, project: &str) -> PropertyMap {
        let mut inputs = self.inputs.clone();
        if !self.token.starts_with("aws:iam/") {
            inputs.insert("region", REGION);
        }
        if self.tagged {
            inputs.insert("tags", tags(project, self.token, "one"));
        }
        inputs
    }

    fn steady(&self, outputs: &PropertyMap) -> PropertyMap {
        let mut outputs = outputs.clone();
        outputs.retain(|name, _| !self.volatile.contains(&name));
        outputs
    }
}

async fn assert_reads_as(
    account: &Account,
    case: &Case,
    provider: &dyn ResourceProvider,
    made: &ResourceState,
    step: &str,
) {
    let context = account.context(case.token, "one");
    let read = provider.read(&context, &made.id, &made.inputs).await.unwrap();
    let read = read.unwrap_or_else(|| panic!("{} is gone after {step}", case.token));
    assert_eq!(read.id, made.id, "{} after {step}", case.token);
    assert_eq!(read.inputs, made.inputs, "inputs of {} after {step}", case.token);
    assert_eq!(case.steady(&read.outputs), case.steady(&made.outputs), "outputs of {} after {step}", case.token);
    assert_eq!(made.outputs.string("id"), Some(made.id.as_str()));
    schema::check(case.token, made);
    schema::check(case.token, &read);
}

/// Runs all laws.
pub async fn hold(account: &Account, case: &Case) {
    let provider = account.provider(case.token);
    let (provider, context) = (provider.as_ref(), account.context(case.token, "one"));
    let inputs = case.inputs_for(PROJECT);

    assert_eq!(account.find(case.token, "one", &inputs).await, None, "{} before it is made", case.token);
    let mut made = account.create(case.token, "one", &inputs).await;
    assert_eq!(made.inputs, inputs);
    assert_reads_as(account, case, provider, &made, "create").await;

    found_and_not_made_twice(account, case, &made).await;

    for changes in &case.updates {
        let names: Vec<_> = changes.iter().map(|(name, _)| *name).collect();
        let wanted = with(&made.inputs, changes.clone());
        for name in &names {
            assert!(!provider.info().replace_on.contains(name), "{name} of {} is said to replace", case.token);
        }
        let updated = provider
            .update(&context, &made, &wanted)
            .await
            .unwrap_or_else(|error| panic!("{} {names:?}: {error:?}", case.token));
        assert_eq!(updated.inputs, wanted);
        assert_reads_as(account, case, provider, &updated, &format!("update of {names:?}")).await;
        // An update that was cut off is made again from the same old state.
        let again = provider.update(&context, &made, &wanted).await.unwrap();
        assert_eq!(case.steady(&again.outputs), case.steady(&updated.outputs), "{} {names:?} twice", case.token);
        for output in provider.info().stable_outputs {
            assert_eq!(
                updated.outputs.get(output),
                made.outputs.get(output),
                "stable output {output} of {}",
                case.token
            );
        }
        made = updated;
    }

    for (name, value) in &case.replacements {
        assert!(provider.info().replace_on.contains(name), "{name} of {} isn't said to replace", case.token);
        let wanted = with(&made.inputs, [(*name, value.clone())]);
        let replaced = if provider.info().delete_before_replace {
            provider.delete(&context, &made).await.unwrap();
            account.create(case.token, "one", &wanted).await
        } else {
            let new = account.create(case.token, "one", &wanted).await;
            assert_ne!(new.outputs, made.outputs, "{} {name}", case.token);
            provider.delete(&context, &made).await.unwrap();
            new
        };
        assert_reads_as(account, case, provider, &replaced, &format!("replacement for {name}")).await;
        // Two that differ in what identifies them are two things, so their ids must not be taken for one.
        if provider.identifying_inputs().contains(name) && replaced.id == made.id {
            let within = provider.info().id_within;
            assert!(within.contains(name), "the id of {} is unique only within its {name}", case.token);
        }
        made = replaced;
    }
    // Nothing is said to replace that the case doesn't try, but for what every type has.
    for name in provider.info().replace_on {
        let tried = case.replacements.iter().any(|(tried, _)| tried == name);
        let general = matches!(*name, "region" | "namePrefix" | "statementIdPrefix" | "bucketPrefix" | "apiId");
        assert!(tried || general || case.untried.contains(name), "the case of {} doesn't try {name}", case.token);
    }

    provider.delete(&context, &made).await.unwrap();
    assert_eq!(provider.read(&context, &made.id, &made.inputs).await.unwrap(), None, "{} after delete", case.token);
    provider.delete(&context, &made).await.unwrap_or_else(|error| panic!("{} deleted twice: {error:?}", case.token));
    assert_eq!(account.find(case.token, "one", &made.inputs).await, None, "{} after delete", case.token);
    let update =
        provider.update(&context, &made, &with(&made.inputs, case.updates.first().cloned().unwrap_or_default())).await;
    if !case.updates.is_empty() {
        assert_eq!(update.unwrap_err().kind, ProviderErrorKind::NotFound, "update of a {} that is gone", case.token);
    }

    others_are_told_apart(account, case).await;
}

/// A create that was cut off is settled by looking for what it made, by its identifying inputs alone.
async fn found_and_not_made_twice(account: &Account, case: &Case, made: &ResourceState) {
    let provider = account.provider(case.token);
    let found =
        account.find(case.token, "one", &made.inputs).await.unwrap_or_else(|| panic!("{} isn't found", case.token));
    assert_eq!(found.whose, Whose::Ours, "{}", case.token);
    assert_eq!(found.state.id, made.id);
    assert_eq!(found.state.inputs, made.inputs, "{} as found", case.token);
    assert_eq!(case.steady(&found.state.outputs), case.steady(&made.outputs), "{} as found", case.token);

    let mut identity = made.inputs.clone();
    identity.retain(|name, _| provider.identifying_inputs().contains(&name));
    let found = account
        .find(case.token, "one", &identity)
        .await
        .unwrap_or_else(|| panic!("{} isn't found by {identity:?}", case.token));
    assert_eq!((found.whose, &found.state.id), (Whose::Ours, &made.id));

    // A stack of the same name that isn't this one, and a state that was lost, know whose it is and since when.
    let mut namesake = account.context(case.token, "one");
    namesake.tags.identity = "another".to_owned();
    let found =
        provider.find(&namesake, &identity).await.unwrap().unwrap_or_else(|| panic!("{} isn't found", case.token));
    let Whose::Namesake(maker) = found.whose else { panic!("{} is taken for {:?}", case.token, found.whose) };
    assert_eq!(maker.identity.as_deref(), Some(IDENTITY), "{}", case.token);
    let told = (maker.deployment.as_deref(), maker.user.as_deref());
    assert_eq!(told, (Some("d-1"), Some("somebody")), "{}", case.token);

    if !provider.has_generated_id() {
        let error = provider.create(&account.context(case.token, "one"), &made.inputs).await.unwrap_err();
        assert_eq!(error.kind, ProviderErrorKind::AlreadyExists, "{}: {error:?}", case.token);
    }
}

/// What another stack made is found as not ours, or (where only tags can find it) not at all.
async fn others_are_told_apart(account: &Account, case: &Case) {
    let provider = account.provider(case.token);
    if !case.tagged {
        // What it belongs to says whose it is: the function, the API, the role.
        let made = account.create(case.token, "one", &case.inputs_for(PROJECT)).await;
        let theirs = account.context_of("other", case.token, "one");
        let found = provider.find(&theirs, &made.inputs).await.unwrap();
        let found = found.unwrap_or_else(|| panic!("{} of another stack isn't found", case.token));
        assert_eq!(found.whose, Whose::Others, "{} of another stack", case.token);
        provider.delete(&account.context(case.token, "one"), &made).await.unwrap();
        return;
    }
    let theirs = account.context_of("other", case.token, "one");
    let made = provider.create(&theirs, &case.inputs_for("other")).await.unwrap();
    match account.find(case.token, "one", &case.inputs_for(PROJECT)).await {
        Some(found) => assert_eq!(found.whose, Whose::Others, "{} of another stack", case.token),
        None => assert!(provider.has_generated_id(), "{} of another stack isn't found", case.token),
    }
    provider.delete(&theirs, &made).await.unwrap();
}

crate::aws::cases::for_each_case!(hold);
