//! A model of a cloud and of the state that a deployment keeps, for property tests. It refuses what a cloud refuses: to
//! make what stands already, to refer to what isn't there, to delete what others hang on.

use std::collections::BTreeMap;
use std::sync::Mutex;

use resource_graph::resource::resource_type::never_equivalent;
use resource_graph::{
    CallCost, Operation, OperationCost, OutputReference, Phase, Plan, PlanOptions, PropertyMap, Reconsidered, Resolved,
    ResourceGraph, ResourceRecord, ResourceSpec, ResourceTypeInfo, ResourceTypes, Step, StepId, StepResult, TypeToken,
    Urn, Value, plan,
};

const fn cost(calls: &'static [CallCost], milliseconds: u64) -> OperationCost {
    OperationCost::new(calls, milliseconds)
}

const READ_WRITE: &[CallCost] = &[CallCost { quota: "write", calls: 1 }, CallCost { quota: "read", calls: 2 }];
const WRITE: &[CallCost] = &[CallCost { quota: "write", calls: 1 }];

/// `Plain` makes its replacement first, `First` deletes first, since its name is unique. `name` and `link` force a
/// replacement; what `link` refers to can't go while the link is there.
pub struct Types([ResourceTypeInfo; 2]);

impl Types {
    pub fn new() -> Self {
        let info = |token, delete_before_replace| ResourceTypeInfo {
            token,
            replace_on: &["name", "link"],
            stable_outputs: &["id", "arn"],
            delete_before_replace,
            conflict_input: Some("group"),
            conflict_scope: "group",
            id_within: &[],
            create: cost(READ_WRITE, 300),
            update: cost(READ_WRITE, 200),
            delete: cost(WRITE, 100),
            read: cost(WRITE, 100),
            equivalent: never_equivalent,
        };
        Self([info("t:m:Plain", false), info("t:m:First", true)])
    }
}

impl ResourceTypes for Types {
    fn info(&self, token: &TypeToken) -> Option<&ResourceTypeInfo> {
        self.0.iter().find(|info| info.token == token.as_str())
    }
}

/// A resource of a generated graph; references lead to other resources by their number.
#[derive(Clone, Debug, PartialEq)]
pub struct Shape {
    pub size: u8,
    pub name: u8,
    pub group: Option<u8>,
    pub uses: Option<(usize, &'static str)>,
    pub link: Option<usize>,
    pub depends_on: Option<usize>,
}

pub fn urn(index: usize, first: bool) -> Urn {
    let kind = if first { "First" } else { "Plain" };
    Urn::new("dev", "shop", None, &TypeToken::new(format!("t:m:{kind}")), &format!("r{index}"))
}

/// The resources of generated shapes; references to shapes that aren't there are left out. `kinds` tells which resources
/// are of the type `First`.
pub fn specs(shapes: &[Option<Shape>], kinds: &[bool]) -> Vec<ResourceSpec> {
    let target = |index: usize| shapes[index].is_some().then(|| urn(index, kinds[index]));
    let all = shapes.iter().enumerate().filter_map(|(index, shape)| {
        let shape = shape.as_ref()?;
        let mut spec = ResourceSpec::new(urn(index, kinds[index]), PropertyMap::new());
        spec.inputs.insert("size", f64::from(shape.size));
        spec.inputs.insert("name", format!("n{}", shape.name));
        if let Some(group) = shape.group {
            spec.inputs.insert("group", format!("g{group}"));
        }
        if let Some((urn, output)) = shape.uses.and_then(|(index, output)| Some((target(index)?, output))) {
            spec.inputs.insert("uses", OutputReference::new(urn, output));
        }
        if let Some(urn) = shape.link.and_then(target) {
            spec.inputs.insert("link", OutputReference::new(urn, "id"));
        }
        spec.options.depends_on = shape.depends_on.and_then(target).into_iter().collect();
        Some(spec)
    });
    all.collect()
}

/// What stands in the cloud, by id.
#[derive(Clone, Debug, PartialEq)]
struct Thing {
    urn: Urn,
    inputs: PropertyMap,
}

#[derive(Default)]
struct World {
    things: BTreeMap<String, Thing>,
    records: Vec<ResourceRecord>,
    made: u32,
}

/// The cloud and the state.
#[derive(Default)]
pub struct Model(Mutex<World>);

impl Model {
    pub fn records(&self) -> Vec<ResourceRecord> {
        self.0.lock().unwrap().records.clone()
    }

    pub fn plan(&self, specs: &[ResourceSpec]) -> Plan {
        let graph = ResourceGraph::new(specs.iter().cloned()).unwrap();
        plan(&graph, &self.records(), &Types::new(), &PlanOptions::default()).unwrap()
    }

    /// Carries out a step, as a deployment does.
    pub fn apply(&self, step: &Step) -> Result<StepResult, String> {
        let world = &mut *self.0.lock().unwrap();
        if step.spec.is_none() {
            world.remove(step)?;
            return Ok(StepResult::Done);
        }
        let deletes_first = step.operation == Operation::DeleteReplaced && step.phase == Phase::Make;
        if step.conditional && (deletes_first || step.operation != Operation::DeleteReplaced) {
            let inputs = world.resolve(&step.inputs)?;
            match step.reconsider(&inputs, &Types::new()) {
                // The second half finds out whether there is something to update.
                Reconsidered::Same | Reconsidered::Update(_) if deletes_first => return Ok(StepResult::BecameSame),
                Reconsidered::Same => {
                    world.write_options(step);
                    return Ok(StepResult::BecameSame);
                }
                Reconsidered::Update(_) if step.operation == Operation::CreateReplacement => {
                    world.update(step, inputs)?;
                    return Ok(StepResult::BecameUpdate);
                }
                Reconsidered::Update(_) | Reconsidered::Replace(_) => {}
                Reconsidered::Protected(_) => return Err("protected".into()),
            }
        }
        match step.operation {
            Operation::Create => {
                world.records.retain(|record| record.urn != step.urn || record.pending_deletion);
                world.create(step)?;
            }
            Operation::CreateReplacement => {
                if let Some(old) = world.live(&step.urn) {
                    if old.pending_replacement {
                        world.records.retain(|record| record.urn != step.urn || record.pending_deletion);
                    } else {
                        let id = old.id.clone();
                        let copy = world.records.iter_mut().find(|record| record.urn == step.urn && record.id == id);
                        copy.unwrap().pending_deletion = true;
                    }
                }
                world.create(step)?;
            }
            Operation::Update => {
                let inputs = world.resolve(&step.inputs)?;
                world.update(step, inputs)?;
            }
            Operation::DeleteReplaced | Operation::Delete | Operation::Forget => world.remove(step)?,
            Operation::Same => world.write_options(step),
            Operation::Read => {}
        }
        Ok(StepResult::Done)
    }

    /// Checks that cloud and state are just what is wanted.
    pub fn assert_is(&self, specs: &[ResourceSpec]) {
        let world = self.0.lock().unwrap();
        assert_eq!(world.things.len(), specs.len(), "things in the cloud: {:?}", world.things);
        assert_eq!(world.records.len(), specs.len(), "records: {:?}", world.records);
        for spec in specs {
            let record = world.live(&spec.urn).unwrap_or_else(|| panic!("{} isn't recorded", spec.urn));
            let thing = &world.things[record.id.as_ref().unwrap()];
            let wanted = world.resolve(&spec.inputs).unwrap();
            assert_eq!((&thing.urn, &thing.inputs, &record.inputs), (&spec.urn, &wanted, &wanted));
            assert_eq!(record.dependencies, spec.dependencies());
            assert!(!record.pending_deletion && !record.pending_replacement);
        }
    }
}

impl World {
    fn live(&self, urn: &Urn) -> Option<&ResourceRecord> {
        self.records.iter().find(|record| record.urn == *urn && !record.pending_deletion)
    }

    /// Inputs with all references resolved: they must lead to what is there.
    fn resolve(&self, inputs: &PropertyMap) -> Result<PropertyMap, String> {
        let resolved = inputs.resolve(&mut |reference| {
            let record = self.live(&reference.urn).filter(|record| !record.pending_replacement);
            let value = match (record, reference.path[0].as_str()) {
                (None, _) => None,
                (Some(record), "id") => record.id.clone().map(Value::from),
                (Some(record), _) => record.outputs.get_path(&reference.path).cloned(),
            };
            value.map_or(Resolved::Missing, Resolved::Known)
        });
        resolved.map_err(|error| error.to_string())
    }

    fn record(&self, step: &Step, id: &str, inputs: PropertyMap) -> ResourceRecord {
        let mut record = ResourceRecord::new(step.urn.clone(), true);
        // The version changes with the size, but not with the name or what is used.
        let version = format!("{}@{}", step.urn.name(), inputs.number("size").unwrap_or_default());
        record.outputs = [("arn", format!("arn:{id}")), ("version", version)].into_iter().collect();
        record.id = Some(id.to_owned());
        record.inputs = inputs;
        write_dependencies(&mut record, step);
        record
    }

    fn create(&mut self, step: &Step) -> Result<(), String> {
        let inputs = self.resolve(&step.inputs)?;
        let is_unique = step.type_token.name() == "First";
        if is_unique && self.things.values().any(|thing| thing.urn == step.urn) {
            return Err(format!("{} exists already", step.urn));
        }
        self.made += 1;
        let id = format!("{}#{}", step.urn.name(), self.made);
        let record = self.record(step, &id, inputs.clone());
        self.things.insert(id, Thing { urn: step.urn.clone(), inputs });
        self.records.push(record);
        Ok(())
    }

    fn update(&mut self, step: &Step, inputs: PropertyMap) -> Result<(), String> {
        let id = step.record.as_ref().unwrap().id.clone().unwrap();
        let thing = self.things.get_mut(&id).ok_or_else(|| format!("{id} to be updated is gone"))?;
        for input in ["name", "link"] {
            if thing.inputs.get(input) != inputs.get(input) {
                return Err(format!("{input} of {id} can't be changed in place"));
            }
        }
        thing.inputs = inputs.clone();
        let record = self.record(step, &id, inputs);
        let place = self.records.iter_mut().find(|record| record.id.as_ref() == Some(&id)).unwrap();
        *place = record;
        Ok(())
    }

    fn write_options(&mut self, step: &Step) {
        let dependencies = step.spec.as_ref().unwrap().dependencies();
        if let Some(record) = self.records.iter_mut().find(|record| record.urn == step.urn && !record.pending_deletion)
        {
            record.dependencies = dependencies;
        }
    }

    fn remove(&mut self, step: &Step) -> Result<(), String> {
        let id = step.record.as_ref().unwrap().id.clone();
        let known = id.clone().unwrap_or_default();
        if step.operation != Operation::Forget {
            self.things.remove(&known).ok_or_else(|| format!("{known} to be deleted is gone"))?;
            // What is deleted early may still be used by what will be updated, but nothing may be linked to it.
            let inputs: &[&str] = if step.phase == Phase::Make { &["link"] } else { &["link", "uses"] };
            for (other, thing) in &self.things {
                let refers =
                    |input: &&str| thing.inputs.string(input).is_some_and(|text| text.ends_with(known.as_str()));
                if let Some(input) = inputs.iter().find(|input| refers(input)) {
                    return Err(format!("{known} is deleted while {other} has it as {input}"));
                }
            }
        }
        let has_replacement_to_come = step.operation == Operation::DeleteReplaced && step.phase == Phase::Make;
        if has_replacement_to_come {
            let record = self.records.iter_mut().find(|record| record.urn == step.urn && record.id == id).unwrap();
            record.pending_replacement = true;
        } else {
            let before = self.records.len();
            self.records.retain(|record| record.urn != step.urn || record.id != id);
            assert_eq!(self.records.len() + 1, before, "{} is recorded once", step.urn);
        }
        Ok(())
    }
}

fn write_dependencies(record: &mut ResourceRecord, step: &Step) {
    let spec = step.spec.as_ref().unwrap();
    record.dependencies = spec.dependencies();
    record.property_dependencies.clear();
    for (input, value) in spec.inputs.iter() {
        let mut urns = Vec::new();
        value.for_each_reference(&mut |reference| urns.push(reference.urn.clone()));
        record.property_dependencies.push((input.to_owned(), urns));
    }
}

/// Carries out a plan one step at a time, in an order that `choices` picks among the legal ones, up to `limit` steps.
pub fn apply_in_some_order(model: &Model, plan: &Plan, choices: &[u16], limit: usize) -> Result<(), String> {
    let mut open: Vec<StepId> = plan.steps().iter().map(|step| step.id).collect();
    let mut done: Vec<bool> = vec![false; open.len()];
    let mut not_needed: Vec<bool> = vec![false; open.len()];
    for turn in 0..limit.min(open.len()) {
        let is_making = open.iter().any(|id| plan.step(*id).phase == Phase::Make);
        let ready: Vec<usize> = (0..open.len())
            .filter(|place| {
                let step = plan.step(open[*place]);
                let phase_has_come = step.phase == Phase::Make || !is_making;
                phase_has_come && plan.needs(step.id).iter().all(|needed| done[needed.index()])
            })
            .collect();
        assert!(!ready.is_empty(), "no step can run");
        let choice = choices.get(turn % choices.len().max(1)).copied().unwrap_or_default();
        let id = open.remove(ready[usize::from(choice) % ready.len()]);
        let step = plan.step(id);
        if !not_needed[id.index()] {
            let result = model.apply(step).map_err(|error| format!("{} {}: {error}", step.operation, step.urn))?;
            let stays_open = step.operation == Operation::DeleteReplaced && result == StepResult::BecameSame;
            if result != StepResult::Done
                && !stays_open
                && let Some(pair) = step.pair
            {
                not_needed[pair.index()] = true;
            }
        }
        done[id.index()] = true;
    }
    Ok(())
}
