//! Random stacks, random changes of mind, and failures, deaths and stops at random points in between: in the end one
//! command without a fault gets to what is wanted.

use proptest::prelude::*;
use resource_graph::{Interpolation, PropertyMap, ResourceOptions, Value};
use semantest_iac::application::Refresh;
use semantest_iac::ports::ProviderErrorKind;

use super::lab::faults::{Act, Fault, Moment};
use super::lab::kinds;
use super::lab::lab::{Command, How, Lab};
use super::lab::program::{Program, Want, output, urn};
use super::lab::store::Tail;
use crate::saga::kills::finish;

/// A resource of a random stack: what it is, which of the earlier ones it needs, and what it looks like.
#[derive(Clone, Copy, Debug)]
struct Gene {
    kind: u8,
    pick: u8,
    look: u8,
}

fn gene() -> impl Strategy<Value = Gene> {
    (0_u8..9, any::<u8>(), 0_u8..16).prop_map(|(kind, pick, look)| Gene { kind, pick, look })
}

/// A stack of up to a dozen resources. Places keep their names, so that two stacks have resources in common.
fn stack() -> impl Strategy<Value = Vec<Gene>> {
    prop::collection::vec(gene(), 0..12)
}

fn pick<'n>(names: &'n [(&'static str, String)], token: &str, pick: u8) -> Option<&'n str> {
    let all: Vec<&str> = names.iter().filter(|(kind, _)| *kind == token).map(|(_, name)| name.as_str()).collect();
    (!all.is_empty()).then(|| all[usize::from(pick) % all.len()])
}

fn program(genes: &[Gene]) -> Program {
    let mut names: Vec<(&'static str, String)> = Vec::new();
    let mut wants: Vec<Want> = Vec::new();
    for (place, gene) in genes.iter().enumerate() {
        let token = kinds::ALL[usize::from(gene.kind)].info.token;
        let name = format!("n{place}");
        let look = |bit: u8| u32::from(gene.look >> bit & 1);
        let physical = || Value::from(format!("p{place}-{}", look(0)));
        let of = |kind: &str, property: &str| Some(output(kind, pick(&names, kind, gene.pick)?, property));
        let inputs: Option<PropertyMap> = match token {
            kinds::ROLE => Some([("name", physical()), ("description", look(1).into())].into()),
            kinds::POLICY => of(kinds::ROLE, "name")
                .map(|role| [("role", role), ("name", format!("q{place}").into()), ("policy", look(0).into())].into()),
            kinds::LOGS => Some([("name", physical()), ("days", look(1).into())].into()),
            kinds::FUNCTION => of(kinds::ROLE, "arn").map(|role| {
                [
                    ("name", format!("f{place}").into()),
                    ("role", role),
                    ("memory", look(0).into()),
                    ("architecture", look(1).into()),
                ]
                .into()
            }),
            kinds::ALIAS => {
                of(kinds::FUNCTION, "name").zip(of(kinds::FUNCTION, "version")).map(|(function, version)| {
                    [("functionName", function), ("name", format!("a{place}").into()), ("functionVersion", version)]
                        .into()
                })
            }
            kinds::PERMISSION => of(kinds::FUNCTION, "name").map(|function| {
                let source = of(kinds::API, "arn").unwrap_or_else(|| "anybody".into());
                [("functionName", function), ("statementId", format!("s{place}").into()), ("source", source)].into()
            }),
            kinds::API => Some(
                [("name", Value::from(name.as_str())), ("protocol", look(0).into()), ("cors", look(1).into())].into(),
            ),
            kinds::INTEGRATION => of(kinds::API, "id").map(|api| {
                let to = of(kinds::ALIAS, "arn").unwrap_or_else(|| look(1).into());
                let uri = Interpolation::new([format!("u{place}/").into(), Interpolation::new([to]).into()]);
                [("apiId", api), ("uri", Value::from(uri)), ("kind", look(0).into())].into()
            }),
            kinds::ROUTE => of(kinds::API, "id").map(|api| {
                let target = of(kinds::INTEGRATION, "id").unwrap_or_else(|| "nothing".into());
                [("apiId", api), ("key", format!("k{place}").into()), ("target", target)].into()
            }),
            _ => None,
        };
        let Some(inputs) = inputs else { continue };
        let mut options = ResourceOptions::default();
        if look(3) == 1
            && let Some((token, name)) = names.get(usize::from(gene.pick) % names.len().max(1))
        {
            options.depends_on.push(urn(token, name));
        }
        names.push((token, name.clone()));
        wants.push(Want { token, name, inputs, options });
    }
    Program::default().with("random", wants)
}

/// What happens during a command, at a part of its way.
#[derive(Clone, Copy, Debug)]
enum Trouble {
    Nothing,
    Act(Act, Moment),
    Death(Moment, usize),
}

fn trouble() -> impl Strategy<Value = Trouble> {
    use ProviderErrorKind::{Conflict, Internal, Refused, Throttled, Timeout, Unavailable};
    let moment = || prop_oneof![Just(Moment::Before), Just(Moment::After)];
    let unclear = prop_oneof![Just(Conflict), Just(Internal), Just(Timeout), Just(Unavailable)];
    prop_oneof![
        1 => Just(Trouble::Nothing),
        4 => (moment(), 0_usize..8).prop_map(|(moment, kept)| Trouble::Death(moment, kept)),
        2 => (unclear, moment()).prop_map(|(kind, moment)| Trouble::Act(Act::Fail(kind), moment)),
        1 => prop_oneof![Just(Refused), Just(Throttled)].prop_map(|kind| Trouble::Act(Act::Fail(kind), Moment::Before)),
        1 => moment().prop_map(|moment| Trouble::Act(Act::FailStore, moment)),
        1 => moment().prop_map(|moment| Trouble::Act(Act::Stop, moment)),
        1 => moment().prop_map(|moment| Trouble::Act(Act::StopAtOnce, moment)),
    ]
}

#[derive(Clone, Debug)]
struct Action {
    /// `None` destroys.
    stack: Option<Vec<Gene>>,
    refresh: Refresh,
    /// How far the command gets before the trouble, of 1.
    part: f64,
    trouble: Trouble,
}

fn action() -> impl Strategy<Value = Action> {
    let refresh = prop_oneof![4 => Just(Refresh::Changed), 1 => Just(Refresh::All), 1 => Just(Refresh::None)];
    (prop::option::weighted(0.85, stack()), refresh, 0.0..1.0, trouble())
        .prop_map(|(stack, refresh, part, trouble)| Action { stack, refresh, part, trouble })
}

fn command(stack: Option<&Vec<Gene>>) -> Command {
    stack.map_or(Command::Destroy, |genes| Command::Deploy(program(genes)))
}

/// Does all that came before, with the troubles; the last one is told apart since its length isn't known before it ran.
fn lab_after(actions: &[Action], lengths: &[usize]) -> Lab {
    let lab = Lab::default();
    for (action, length) in actions.iter().zip(lengths) {
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "small"
        )]
        let at = (*length as f64 * action.part) as usize;
        let how = How { refresh: action.refresh, ..How::default() };
        let fault = match action.trouble {
            Trouble::Nothing => None,
            Trouble::Act(act, moment) => Some(Fault { at, moment, act }),
            Trouble::Death(moment, _) => Some(Fault { at, moment, act: Act::Die }),
        };
        let ended = lab.run(&command(action.stack.as_ref()), &how, fault.as_slice());
        let kept = match action.trouble {
            Trouble::Death(_, kept) => kept,
            _ => 0,
        };
        if ended.is_none() || lab.store.is_locked() {
            lab.store.crash(if kept == 0 { Tail::Lost } else { Tail::Kept(kept) });
        }
    }
    lab
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_one_more_command_gets_there(
        actions in prop::collection::vec(action(), 1..5),
        last in prop::option::weighted(0.8, stack()),
    ) {
        let mut lengths: Vec<usize> = Vec::new();
        for place in 0..actions.len() {
            // How long the command is when nothing happens to it.
            let probe = lab_after(&actions[..place], &lengths);
            let _ = probe.run(&command(actions[place].stack.as_ref()), &How { refresh: actions[place].refresh, ..How::default() }, &[]);
            lengths.push(probe.points().len());
        }
        let lab = lab_after(&actions, &lengths);
        let wrong = finish(&lab, &command(last.as_ref()));
        prop_assert!(wrong.is_empty(), "{}", wrong.join("\n"));
        let again = lab.run(&command(last.as_ref()), &How::default(), &[]).expect("it lives").expect("a report");
        prop_assert_eq!(again.deployment_id, None, "nothing is left to be done");
    }
}
