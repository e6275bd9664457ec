//! The simulated cloud: what is in it, how its calls behave, and the port on top of it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use resource_graph::{
    Clock, PropertyMap, Quota, Recorded, ResourceRecord, ResourceTypeInfo, ResourceTypes, TypeToken, Urn, Value,
};
use semantest_iac::domain::provider::Provider;
use semantest_iac::ports::{
    Account, AdoptionFacts, Blueprint, BlueprintRequest, Blueprints, CallKind, Catalogue, CloudIdentity, Diagnostics,
    Found, ImportedId, Invoked, Maker, OperationContext, ProviderError, ProviderErrorKind, ResourceProvider,
    ResourceState, Whose,
};

use super::faults::{Act, Kind, Moment, Script};
use super::kinds::{self, Identity, SimulatedType};
use super::program::Program;
use super::store::MemoryStore;

/// Whose a resource is, as its tags say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tags {
    pub stack: String,
    /// The stack's.
    pub identity: String,
    pub urn: Urn,
    pub deployment: String,
}

impl Tags {
    fn of(context: &OperationContext) -> Self {
        Self {
            stack: context.tags.stack.clone(),
            identity: context.tags.identity.clone(),
            urn: context.urn.clone(),
            deployment: context.tags.deployment.clone(),
        }
    }

    /// Who made what has these tags; `whole` asks for what belongs to it.
    fn whose(&self, context: &OperationContext, whole: bool) -> Whose {
        if self.stack != context.tags.stack || !(whole || self.urn == context.urn) {
            return Whose::Others;
        }
        if self.identity == context.tags.identity {
            return Whose::Ours;
        }
        let (identity, deployment) = (Some(self.identity.clone()), Some(self.deployment.clone()));
        Whose::Namesake(Maker { identity, deployment, user: None })
    }
}

/// A resource in the cloud.
#[derive(Clone, Debug)]
pub struct Object {
    pub kind: &'static SimulatedType,
    pub id: String,
    pub inputs: PropertyMap,
    pub tags: Option<Tags>,
    pub version: u32,
    pub published: bool,
    /// Counts creations, so that the newest is known.
    pub number: u64,
}

impl Object {
    /// Inputs as a reading shows them. One whose change wasn't published shows it.
    pub fn shown_inputs(&self) -> PropertyMap {
        let mut inputs = self.inputs.clone();
        if self.kind.publishes && !self.published {
            inputs.insert("published", false);
        }
        inputs
    }

    pub fn outputs(&self) -> PropertyMap {
        let mut outputs = self.inputs.clone();
        let short = self.kind.info.token.rsplit(':').next().unwrap_or_default().to_lowercase();
        outputs.insert("arn", format!("arn:sim:{short}/{}", self.id));
        if self.kind.publishes {
            outputs.insert("version", self.version.to_string());
        }
        if self.kind.info.token == kinds::API {
            outputs.insert("endpoint", format!("https://{}.sim.test", self.id));
        }
        outputs
    }

    /// Whether a record is about this.
    pub fn is(&self, record: &ResourceRecord) -> bool {
        let is_of_id = self.kind.info.token == record.type_token.as_str() && Some(&self.id) == record.id.as_ref();
        is_of_id && scope_of(self.kind, &record.inputs) == scope_of(self.kind, &self.inputs)
    }

    fn state(&self) -> ResourceState {
        ResourceState { id: self.id.clone(), inputs: self.shown_inputs(), outputs: self.outputs() }
    }

    fn text(&self, input: &str) -> &str {
        self.inputs.string(input).unwrap_or_default()
    }
}

/// What an id is unique within.
pub fn scope_of<'a>(kind: &SimulatedType, inputs: &'a PropertyMap) -> Vec<Option<&'a str>> {
    kind.info.id_within.iter().map(|input| inputs.string(input)).collect()
}

type Key = (&'static str, String);

#[derive(Default)]
struct World {
    objects: BTreeMap<Key, Object>,
    created: u64,
    late: Vec<Late>,
}

/// What a call comes to that is carried out late.
struct Late {
    due: Duration,
    /// What is there then, and whether it is new.
    put: Vec<(Key, Object, bool)>,
    gone: Vec<Key>,
}

impl World {
    fn of(&self, token: &'static str, id: &str) -> Option<&Object> {
        self.objects.get(&(token, id.to_owned()))
    }

    /// What belongs to an object.
    fn parts(&self, whole: &Object) -> Vec<(&'static str, String)> {
        let parts = self.objects.iter().filter(|(_, part)| {
            part.kind
                .belongs
                .is_some_and(|(input, token)| token == whole.kind.info.token && part.text(input) == whole.id)
        });
        parts.map(|(key, _)| key.clone()).collect()
    }

    fn whole_of(&self, kind: &SimulatedType, inputs: &PropertyMap) -> Option<&Object> {
        let (input, token) = kind.belongs?;
        self.of(token, inputs.string(input)?)
    }

    /// Takes back what has happened since `before`, to be carried out when it is due.
    fn defer(&mut self, before: BTreeMap<Key, Object>, due: Duration) {
        let after = std::mem::replace(&mut self.objects, before);
        let gone = self.objects.keys().filter(|key| !after.contains_key(*key)).cloned().collect();
        let put = after.into_iter().filter_map(|(key, object)| match self.objects.get(&key) {
            None => Some((key, object, true)),
            Some(before) if (&before.inputs, before.published) == (&object.inputs, object.published) => None,
            Some(before) => {
                // Whether it's the code that changes, or a version of what is there that is published.
                let object = Object { published: object.published && !before.published, ..object };
                Some((key, object, false))
            }
        });
        let put = put.collect();
        self.late.push(Late { due, put, gone });
    }

    /// Carries out what is due.
    fn arrive(&mut self, now: Duration) {
        for late in self.late.extract_if(.., |late| late.due <= now).collect::<Vec<_>>() {
            late.gone.iter().for_each(|key| self.remove(key));
            for (key, object, is_new) in late.put {
                // What is there by now is in the way of another of its name.
                let is_like = |other: &Object| match object.kind.identity {
                    Identity::Keyed { inputs, unique: true } => {
                        other.kind.info.token == object.kind.info.token
                            && inputs.iter().all(|input| other.inputs.get(input) == object.inputs.get(input))
                    }
                    _ => false,
                };
                let is_in_the_way = self.objects.contains_key(&key) || self.objects.values().any(is_like);
                match self.objects.get_mut(&key) {
                    None if is_new && !is_in_the_way => drop(self.objects.insert(key, object)),
                    Some(there) if !is_new && object.published => {
                        there.version += u32::from(!there.published);
                        there.published = true;
                    }
                    Some(there) if !is_new => (there.inputs, there.published) = (object.inputs, false),
                    _ => {}
                }
            }
        }
    }

    fn remove(&mut self, key: &(&'static str, String)) {
        if let Some(object) = self.objects.remove(key) {
            for part in self.parts(&object) {
                self.remove(&part);
            }
        }
    }
}

/// The simulated cloud.
pub struct SimulatedCloud {
    world: Mutex<World>,
    program: Mutex<Program>,
    pub script: Arc<Script>,
    /// Where intents are looked up; `None` when the state is on a disk.
    store: Option<Arc<MemoryStore>>,
    broken_laws: Mutex<Vec<String>>,
    /// The type that nobody may read or look for.
    closed: Mutex<Option<&'static str>>,
    /// What the components print, and when it can be read.
    printed: Mutex<Option<(Duration, String)>>,
    /// When that was asked for.
    asked: Mutex<Vec<Duration>>,
}

impl SimulatedCloud {
    pub fn new(script: Arc<Script>, store: Option<Arc<MemoryStore>>) -> Self {
        Self {
            world: Mutex::default(),
            program: Mutex::default(),
            script,
            store,
            broken_laws: Mutex::default(),
            closed: Mutex::default(),
            printed: Mutex::default(),
            asked: Mutex::default(),
        }
    }

    fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sets what the configuration asks for from now on.
    pub fn wants(&self, program: &Program) {
        *self.program.lock().unwrap_or_else(PoisonError::into_inner) = program.clone();
    }

    /// Lets the components have printed something that can be read from some time on.
    pub fn prints(&self, from: Duration, text: &str) {
        *self.printed.lock().unwrap_or_else(PoisonError::into_inner) = Some((from, text.to_owned()));
    }

    /// When somebody wanted to know what the components print.
    pub fn output_asked(&self) -> Vec<Duration> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Everything that is there, in order.
    pub fn objects(&self) -> Vec<Object> {
        let mut world = self.world();
        world.arrive(Duration::MAX);
        world.objects.values().cloned().collect()
    }

    /// Rules of conduct that were broken.
    pub fn broken_laws(&self) -> Vec<String> {
        self.broken_laws.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Changes a property behind everybody's back.
    pub fn meddle(&self, token: &'static str, input: &str, value: impl Into<Value>) {
        let mut world = self.world();
        let object = world.objects.values_mut().find(|object| object.kind.info.token == token).expect("an object");
        object.inputs.insert(input, value);
    }

    /// Everything in it was made by another program, which gives no tags of ours.
    pub fn disown(&self) {
        self.world().objects.values_mut().for_each(|object| object.tags = None);
    }

    /// Deletes one of a type, and what belongs to it, behind everybody's back.
    pub fn lose(&self, token: &'static str) {
        let mut world = self.world();
        let key = world.objects.keys().find(|(kind, _)| *kind == token).cloned().expect("an object");
        world.remove(&key);
    }

    /// Deletes an object, and what belongs to it, as another program does.
    pub fn delete(&self, token: &str, id: &str) {
        let mut world = self.world();
        let key = world.objects.keys().find(|(kind, known)| *kind == token && known == id).cloned();
        key.iter().for_each(|key| world.remove(key));
    }

    /// Forbids to read what is of this type, and to look for it.
    pub fn close(&self, token: Option<&'static str>) {
        *self.closed.lock().unwrap_or_else(PoisonError::into_inner) = token;
    }

    /// Puts something there that isn't ours.
    pub fn plant(&self, token: &'static str, id: &str, inputs: PropertyMap) {
        let kind = kinds::of_token(token).expect("a known type");
        let object = Object { kind, id: id.to_owned(), inputs, tags: None, version: 1, published: true, number: 0 };
        self.world().objects.insert((token, id.to_owned()), object);
    }

    /// One call: waits for its turn and a little while, passes the script, takes effect, passes the script again.
    async fn call<T>(
        &self,
        context: &OperationContext,
        kind: CallKind,
        what: &str,
        effect: impl FnOnce(&mut World) -> Result<T, ProviderError>,
    ) -> Result<T, ProviderError> {
        let permit = context.gate.acquire("sim", kind).await?;
        let label = format!("{what} {}", context.urn.name());
        let at = self.script.enter(if kind == CallKind::Write { Kind::Write } else { Kind::Read }, label.clone());
        // Calls take different times, so that they overlap.
        for _ in 0..(context.urn.as_str().len() * 7 + at) % 5 {
            tokio::task::yield_now().await;
        }
        let is_intended = || self.store.as_ref().is_none_or(|store| store.has_durable_intent(&context.urn));
        if kind == CallKind::Write && !is_intended() {
            self.broken_laws
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(format!("{label} was called before its intent was durable"));
        }
        let failed = |act: Option<Act>| match act {
            Some(Act::Fail(kind)) => Some(ProviderError::new(kind, format!("{label} failed by the script"))),
            Some(Act::LoseLock) => {
                self.store.iter().for_each(|store| store.lock_by_another());
                None
            }
            _ => None,
        };
        if let Some(error) = failed(self.script.meet(at, Moment::Before).await) {
            return Err(error);
        }
        self.script.take_time().await;
        let closed = *self.closed.lock().unwrap_or_else(PoisonError::into_inner);
        if kind == CallKind::Read && closed == Some(context.urn.type_token().as_str()) {
            return Err(ProviderError::new(ProviderErrorKind::Denied, format!("{label} isn't allowed")));
        }
        let result = {
            let mut world = self.world();
            let now = self.script.clock.now();
            world.arrive(now);
            let before = self.script.late(at).map(|late| (late, world.objects.clone()));
            let result = effect(&mut world);
            if let Some((late, before)) = before {
                world.defer(before, now + late);
            }
            result
        };
        tokio::task::yield_now().await;
        if let Some(error) = failed(self.script.meet(at, Moment::After).await) {
            return Err(error);
        }
        drop(permit);
        result
    }
}

fn error(kind: ProviderErrorKind, message: String) -> ProviderError {
    ProviderError::new(kind, message)
}

/// Values as the cloud keeps them: it knows no secrets.
fn exposed(inputs: &PropertyMap) -> PropertyMap {
    inputs.iter().map(|(name, value)| (name, expose(value))).collect()
}

fn expose(value: &Value) -> Value {
    match value.exposed() {
        Value::List(list) => Value::List(list.iter().map(expose).collect()),
        Value::Map(map) => Value::Map(exposed(map)),
        value => value.clone(),
    }
}

impl ResourceTypes for SimulatedCloud {
    fn info(&self, token: &TypeToken) -> Option<&ResourceTypeInfo> {
        kinds::of_token(token.as_str()).map(|kind| &kind.info)
    }
}

/// The port; a type of its own, since providers hold the cloud.
pub struct CloudPort(pub Arc<SimulatedCloud>);

impl ResourceTypes for CloudPort {
    fn info(&self, token: &TypeToken) -> Option<&ResourceTypeInfo> {
        self.0.info(token)
    }
}

impl Catalogue for CloudPort {
    fn longest_operation(&self) -> Option<Duration> {
        None
    }

    fn resource(&self, token: &TypeToken) -> Option<Arc<dyn ResourceProvider>> {
        let kind = kinds::of_token(token.as_str())?;
        Some(Arc::new(SimulatedProvider { cloud: Arc::clone(&self.0), kind }))
    }

    fn type_tokens(&self) -> Vec<&'static str> {
        Vec::new()
    }

    fn quotas(&self) -> BTreeMap<&'static str, Quota> {
        BTreeMap::new()
    }

    fn provider_resource(&self, identity: &CloudIdentity) -> (String, PropertyMap) {
        ("default_1".into(), [("region", identity.region.as_str())].into())
    }

    fn mark(&self, _inputs: &mut PropertyMap, _identity: &str) {}

    fn account_of(&self, _record: &dyn Recorded) -> Option<String> {
        None
    }

    fn is_elsewhere(&self, _record: &dyn Recorded) -> bool {
        false
    }
}

impl Blueprints for CloudPort {
    fn blueprint(&self, request: &BlueprintRequest) -> Result<Blueprint, ProviderError> {
        let names: Vec<&str> =
            request.components.iter().map(|deployment| deployment.component.name().as_str()).collect();
        let program = self.0.program.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(program.blueprint(&names))
    }
}

#[async_trait]
impl Account for CloudPort {
    fn provider(&self) -> Provider {
        Provider::known("aws")
    }

    async fn identity(&self) -> Result<CloudIdentity, ProviderError> {
        let at = self.0.script.enter(Kind::Read, "identity".into());
        for moment in [Moment::Before, Moment::After] {
            if let Some(Act::Fail(kind)) = self.0.script.meet(at, moment).await {
                return Err(error(kind, "identity failed by the script".into()));
            }
        }
        Ok(CloudIdentity { account: "1".into(), principal: "arn:sim:user".into(), region: "here".into() })
    }
}

#[async_trait]
impl Diagnostics for CloudPort {
    async fn invoke(&self, _: &PropertyMap, _: &str, _: Duration) -> Result<Invoked, ProviderError> {
        Ok(Invoked::Well("null".into()))
    }

    fn health_headers(&self, _identity: &CloudIdentity) -> Vec<(String, String)> {
        Vec::new()
    }

    async fn recent_output(&self, _: &PropertyMap) -> Result<Option<String>, ProviderError> {
        let now = self.0.script.clock.now();
        self.0.asked.lock().unwrap_or_else(PoisonError::into_inner).push(now);
        let printed = self.0.printed.lock().unwrap_or_else(PoisonError::into_inner).clone();
        Ok(printed.filter(|(from, _)| now >= *from).map(|(_, text)| text))
    }
}

struct SimulatedProvider {
    cloud: Arc<SimulatedCloud>,
    kind: &'static SimulatedType,
}

impl SimulatedProvider {
    fn token(&self) -> &'static str {
        self.kind.info.token
    }

    fn composed(inputs: &PropertyMap, names: &[&str]) -> String {
        names.iter().map(|name| inputs.string(name).unwrap_or_default()).collect::<Vec<_>>().join("/")
    }

    /// What has the same natural key or name, of this type.
    fn same<'w>(&self, world: &'w World, inputs: &PropertyMap) -> Option<&'w Object> {
        let mut all = world.objects.values().filter(|object| object.kind.info.token == self.token());
        match self.kind.identity {
            Identity::Generated => None,
            Identity::Named => all.find(|object| object.text("name") == inputs.string("name").unwrap_or_default()),
            Identity::Keyed { inputs: names, .. }
            | Identity::Composed(names)
            | Identity::Scoped(names)
            | Identity::Put(names) => {
                all.find(|object| Self::composed(&object.inputs, names) == Self::composed(inputs, names))
            }
        }
    }

    fn refuse_without_whole(&self, world: &World, inputs: &PropertyMap) -> Result<(), ProviderError> {
        if self.kind.belongs.is_some() && world.whole_of(self.kind, inputs).is_none() {
            let message = format!("what the {} would belong to isn't there: {inputs:?}", self.token());
            return Err(error(ProviderErrorKind::NotFound, message));
        }
        Ok(())
    }

    /// Where it stands among all objects: by its id, and what it belongs to where that alone says too little.
    fn key(&self, id: &str, inputs: &PropertyMap) -> (&'static str, String) {
        let key = match self.kind.identity {
            Identity::Scoped(names) => Self::composed(inputs, names),
            _ => id.to_owned(),
        };
        (self.token(), key)
    }

    async fn publish(&self, context: &OperationContext, id: &str) -> Result<(), ProviderError> {
        let key = (self.token(), id.to_owned());
        self.cloud
            .call(context, CallKind::Write, "publish", |world| {
                let object = world
                    .objects
                    .get_mut(&key)
                    .ok_or_else(|| error(ProviderErrorKind::NotFound, format!("{id} is gone")))?;
                if !object.published {
                    object.published = true;
                    object.version += 1;
                }
                Ok(())
            })
            .await
    }

    fn state(&self, id: &str, inputs: &PropertyMap) -> Result<ResourceState, ProviderError> {
        let world = self.cloud.world();
        let object = world.objects.get(&self.key(id, inputs));
        let object = object.ok_or_else(|| error(ProviderErrorKind::NotFound, format!("{id} is gone")))?;
        Ok(object.state())
    }
}

#[async_trait]
impl ResourceProvider for SimulatedProvider {
    fn info(&self) -> &'static ResourceTypeInfo {
        &self.kind.info
    }

    fn has_generated_id(&self) -> bool {
        self.kind.has_generated_id()
    }

    fn identifying_inputs(&self) -> &'static [&'static str] {
        self.kind.identifying()
    }

    fn adoption_facts(&self) -> AdoptionFacts {
        AdoptionFacts::default()
    }

    fn unmanaged_inputs(&self, _inputs: &PropertyMap) -> Vec<String> {
        Vec::new()
    }

    fn default_inputs(&self, _inputs: &PropertyMap) -> Vec<String> {
        Vec::new()
    }

    fn import_id(&self, id: &str, _inputs: &PropertyMap) -> String {
        id.to_owned()
    }

    fn of_import_id(&self, import_id: &str) -> Result<ImportedId, ProviderError> {
        Ok(ImportedId::Read { id: import_id.to_owned(), inputs: PropertyMap::new() })
    }

    async fn create(&self, context: &OperationContext, inputs: &PropertyMap) -> Result<ResourceState, ProviderError> {
        let id = self
            .cloud
            .call(context, CallKind::Write, "create", |world| {
                self.refuse_without_whole(world, inputs)?;
                let same = self.same(world, inputs).map(|object| object.id.clone());
                let is_put = matches!(self.kind.identity, Identity::Put(_));
                if let Some(id) = &same
                    && !is_put
                    && !matches!(self.kind.identity, Identity::Keyed { unique: false, .. })
                {
                    return Err(error(ProviderErrorKind::AlreadyExists, format!("{id} exists already")));
                }
                world.created += 1;
                let id = match self.kind.identity {
                    Identity::Named => inputs.string("name").unwrap_or_default().to_owned(),
                    Identity::Generated | Identity::Keyed { .. } => format!("{:x}", 0xa000 + world.created),
                    Identity::Composed(names) | Identity::Put(names) => Self::composed(inputs, names),
                    Identity::Scoped(names) => Self::composed(inputs, &names[names.len() - 1..]),
                };
                let tags = Tags::of(context);
                let object = Object {
                    kind: self.kind,
                    id: id.clone(),
                    inputs: exposed(inputs),
                    tags: self.kind.is_tagged().then_some(tags),
                    version: 0,
                    published: false,
                    number: world.created,
                };
                world.objects.insert(self.key(&id, inputs), object);
                Ok(id)
            })
            .await?;
        if self.kind.publishes {
            self.publish(context, &id).await?;
        }
        self.state(&id, inputs)
    }

    async fn read(
        &self,
        context: &OperationContext,
        id: &str,
        inputs: &PropertyMap,
    ) -> Result<Option<ResourceState>, ProviderError> {
        let key = self.key(id, inputs);
        self.cloud.call(context, CallKind::Read, "read", |world| Ok(world.objects.get(&key).map(Object::state))).await
    }

    async fn update(
        &self,
        context: &OperationContext,
        old: &ResourceState,
        inputs: &PropertyMap,
    ) -> Result<ResourceState, ProviderError> {
        let key = self.key(&old.id, &old.inputs);
        self.cloud
            .call(context, CallKind::Write, "update", |world| {
                let object = world
                    .objects
                    .get_mut(&key)
                    .ok_or_else(|| error(ProviderErrorKind::NotFound, format!("{} is gone", key.1)))?;
                // Tags are among the inputs: whoever changes something says whose it is.
                let is_ours = |tags: &Tags| tags.whose(context, false) == Whose::Ours;
                if self.kind.is_tagged() && !object.tags.as_ref().is_some_and(is_ours) {
                    object.tags = Some(Tags::of(context));
                }
                let inputs = exposed(inputs);
                object.published &= object.inputs == inputs;
                object.inputs = inputs;
                Ok(())
            })
            .await?;
        if self.kind.publishes {
            self.publish(context, &old.id).await?;
        }
        self.state(&old.id, &old.inputs)
    }

    async fn delete(&self, context: &OperationContext, old: &ResourceState) -> Result<(), ProviderError> {
        let key = self.key(&old.id, &old.inputs);
        self.cloud
            .call(context, CallKind::Write, "delete", |world| {
                let Some(object) = world.objects.get(&key) else { return Ok(()) };
                let parts = world.parts(object);
                if !self.kind.takes_along && !parts.is_empty() {
                    let message = format!("{} is still used by {parts:?}", key.1);
                    return Err(error(ProviderErrorKind::Refused, message));
                }
                world.remove(&key);
                Ok(())
            })
            .await
    }

    async fn find(&self, context: &OperationContext, inputs: &PropertyMap) -> Result<Option<Found>, ProviderError> {
        self.cloud
            .call(context, CallKind::Read, "find", |world| {
                let whose = |tags: &Option<Tags>, whole: bool| {
                    tags.as_ref().map_or(Whose::Others, |tags| tags.whose(context, whole))
                };
                let found = match self.kind.identity {
                    Identity::Generated => world
                        .objects
                        .values()
                        .filter(|object| {
                            object.kind.info.token == self.token() && whose(&object.tags, false) != Whose::Others
                        })
                        .max_by_key(|object| {
                            let tags = object.tags.as_ref();
                            let is_ours = whose(&object.tags, false) == Whose::Ours;
                            let is_new = tags.is_some_and(|tags| tags.deployment == context.tags.deployment);
                            (is_new, is_ours, object.number)
                        }),
                    _ => self.same(world, inputs),
                };
                Ok(found.map(|object| {
                    let whole = world.whole_of(self.kind, &object.inputs);
                    let whose = match whole {
                        Some(whole) => whose(&whole.tags, true),
                        None => whose(&object.tags, false),
                    };
                    Found { whose, state: object.state() }
                }))
            })
            .await
    }
}
