//! Whatever is recorded and whatever is wanted: every plan, carried out in any order that it allows, ends in what is
//! wanted, also when it is broken off and planned again.

use proptest::prelude::*;
use resource_graph::{Operation, Phase};

mod model;

use model::{Model, Shape, apply_in_some_order, specs};

const MOST: usize = 8;

/// A resource whose references lead to those of lower numbers.
fn shape(index: usize) -> impl Strategy<Value = Shape> {
    let earlier = 0..index.max(1);
    let reference = prop::option::of(earlier);
    let output = prop::sample::select(&["id", "arn", "version"][..]);
    (0..3_u8, 0..2_u8, prop::option::of(0..2_u8), (reference.clone(), output), reference.clone(), reference).prop_map(
        move |(size, name, group, (uses, output), link, depends_on)| {
            let real = |target: Option<usize>| target.filter(|target| *target < index);
            let uses = real(uses).map(|target| (target, output));
            Shape { size, name, group, uses, link: real(link), depends_on: real(depends_on) }
        },
    )
}

fn shapes() -> impl Strategy<Value = Vec<Option<Shape>>> {
    (0..MOST).map(|index| prop::option::weighted(0.8, shape(index))).collect::<Vec<_>>()
}

/// Turns all references round, so that what was needed comes to need.
fn reversed(shapes: &[Option<Shape>]) -> Vec<Option<Shape>> {
    let turn = |index: usize| MOST - 1 - index;
    let mut turned: Vec<Option<Shape>> = shapes.to_vec();
    turned.reverse();
    for shape in turned.iter_mut().flatten() {
        shape.uses = shape.uses.map(|(index, output)| (turn(index), output));
        shape.link = shape.link.map(turn);
        shape.depends_on = shape.depends_on.map(turn);
    }
    turned
}

/// Old and new shapes that have much in common.
fn change() -> impl Strategy<Value = (Vec<Option<Shape>>, Vec<Option<Shape>>)> {
    (shapes(), shapes(), prop::collection::vec(0..4_u8, MOST), any::<bool>()).prop_map(|(old, other, mix, turned)| {
        let new = if turned {
            reversed(&other)
        } else {
            let mixed = old.iter().zip(other).zip(mix).map(|((old, other), mix)| match (mix, old, &other) {
                (0, ..) => other,
                (1, Some(old), Some(other)) => Some(Shape { size: other.size, ..old.clone() }),
                (2, Some(old), Some(other)) => Some(Shape { name: other.name, ..old.clone() }),
                _ => old.clone(),
            });
            mixed.collect()
        };
        (old, new)
    })
}

fn deploy(model: &Model, shapes: &[Option<Shape>], kinds: &[bool], choices: &[u16]) -> Result<(), TestCaseError> {
    let wanted = specs(shapes, kinds);
    apply_in_some_order(model, &model.plan(&wanted), choices, usize::MAX).map_err(TestCaseError::fail)?;
    model.assert_is(&wanted);
    prop_assert!(model.plan(&wanted).is_empty(), "a second deployment finds nothing to do");
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_legal_order_ends_in_what_is_wanted(
        (old, new) in change(),
        kinds in prop::collection::vec(any::<bool>(), MOST),
        choices in prop::collection::vec(any::<u16>(), 1..32),
    ) {
        let model = Model::default();
        deploy(&model, &old, &kinds, &choices)?;
        deploy(&model, &new, &kinds, &choices)?;
        deploy(&model, &[const { None }; MOST], &kinds, &choices)?;
    }

    #[test]
    fn a_deployment_that_was_broken_off_is_finished_by_the_next_one(
        (old, new) in change(),
        kinds in prop::collection::vec(any::<bool>(), MOST),
        choices in prop::collection::vec(any::<u16>(), 1..32),
        limits in prop::collection::vec(0..10_usize, 1..4),
    ) {
        let model = Model::default();
        deploy(&model, &old, &kinds, &choices)?;
        for limit in limits {
            let plan = model.plan(&specs(&new, &kinds));
            apply_in_some_order(&model, &plan, &choices, limit).map_err(TestCaseError::fail)?;
        }
        deploy(&model, &new, &kinds, &choices)?;
    }

    #[test]
    fn removals_come_last_unless_a_replacement_must_delete_first(
        (old, new) in change(),
        kinds in prop::collection::vec(any::<bool>(), MOST),
        choices in prop::collection::vec(any::<u16>(), 1..32),
    ) {
        let model = Model::default();
        deploy(&model, &old, &kinds, &choices)?;
        let plan = model.plan(&specs(&new, &kinds));
        let deletes_first = plan.steps().iter().any(|step| {
            step.operation == Operation::DeleteReplaced && step.phase == Phase::Make
        });
        for step in plan.steps() {
            let removes = matches!(step.operation, Operation::Delete | Operation::DeleteReplaced | Operation::Forget);
            prop_assert!(removes || step.phase == Phase::Make);
            prop_assert!(!removes || step.phase == Phase::Remove || deletes_first);
        }
        let order: Vec<Phase> = plan.in_order().map(|step| step.phase).collect();
        prop_assert!(order.is_sorted());
    }
}
