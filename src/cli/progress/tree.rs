//! What the live display shows: the planned operations grouped by component, each with how far it is. Pure: time and
//! the window's size are handed in.

use std::collections::BTreeMap;
use std::time::Duration;

use resource_graph::Urn;

use super::format::{duration, mark, past, progressive};
use crate::cli::terminal::palette::Palette;
use crate::domain::deployment::{DeploymentCommand, DeploymentEvent, ResourceOperation, is_bookkeeping};

/// How far an operation is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Waiting,
    Running {
        since: Duration,
    },
    /// The operation may have turned out to be a lesser one than was planned.
    Done {
        operation: ResourceOperation,
        milliseconds: u64,
    },
    Failed {
        milliseconds: u64,
    },
    Skipped,
}

#[derive(Clone, Debug)]
struct Step {
    operation: ResourceOperation,
    token: String,
    name: String,
    phase: Phase,
}

/// The size of the window, in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WindowSize {
    /// Characters in a line.
    pub columns: usize,
    /// Lines.
    pub rows: usize,
}

/// The operations of a deployment, grouped by component.
#[derive(Clone, Debug, Default)]
pub struct ProgressTree {
    title: String,
    components: Vec<String>,
    groups: BTreeMap<String, BTreeMap<u32, Step>>,
    places: BTreeMap<u32, String>,
    /// What goes on beside the operations, by component: packaging, health checks.
    activities: BTreeMap<String, (String, Duration)>,
    left_out: Duration,
}

/// The pictures of the wheel that turns beside what is under way.
const WHEEL: [&str; 10] = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"];

impl ProgressTree {
    /// Takes an event that happened `now`, counted from any start.
    pub fn apply(&mut self, event: &DeploymentEvent, now: Duration) {
        use DeploymentEvent as E;
        match event {
            E::DeploymentRequested { command, stack, components, .. } => {
                let verb = match command {
                    DeploymentCommand::Deploy => "Deploying",
                    DeploymentCommand::Destroy => "Destroying",
                };
                self.title = format!("{verb} {stack}");
                // The lock is there: nobody waits for it any more.
                self.end("");
                self.components.clone_from(components);
            }
            E::DeploymentPlanned { steps, .. } => {
                for planned in steps
                    .iter()
                    .filter(|planned| planned.operation != ResourceOperation::Same && !is_bookkeeping(&planned.urn))
                {
                    let parent = planned.parent.as_ref().filter(|urn| !urn.type_token().is_stack()).map(Urn::name);
                    let by_name = || component_of(&planned.urn, &self.components);
                    let component = parent.or_else(by_name).unwrap_or_default().to_owned();
                    let step = Step {
                        operation: planned.operation,
                        token: planned.urn.type_token().to_string(),
                        name: planned.urn.name().to_owned(),
                        phase: Phase::Waiting,
                    };
                    self.places.insert(planned.step, component.clone());
                    self.groups.entry(component).or_default().insert(planned.step, step);
                }
            }
            E::ResourceOperationStarted { step, .. } => self.advance(*step, Phase::Running { since: now }),
            E::ResourceOperationSucceeded { step, operation, duration_ms, .. } => {
                self.advance(*step, Phase::Done { operation: *operation, milliseconds: *duration_ms });
            }
            E::ResourceOperationFailed { step, duration_ms, .. } => {
                self.advance(*step, Phase::Failed { milliseconds: *duration_ms });
            }
            E::ResourceOperationSkipped { step, .. } => self.advance(*step, Phase::Skipped),
            E::StepStarted { step, .. } if step == "health-check" => self.begin("", "checking health", now),
            E::StepCompleted { step, .. } | E::StepFailed { step, .. } if step == "health-check" => self.end(""),
            _ => {}
        }
    }

    fn advance(&mut self, step: u32, phase: Phase) {
        let group = self.places.get(&step).and_then(|component| self.groups.get_mut(component));
        if let Some(step) = group.and_then(|group| group.get_mut(&step)) {
            step.phase = phase;
        }
    }

    /// Something beside the operations began; the empty component stands for all.
    pub fn begin(&mut self, component: &str, activity: &str, now: Duration) {
        self.activities.insert(component.to_owned(), (activity.to_owned(), now));
    }

    /// It is over.
    pub fn end(&mut self, component: &str) {
        self.activities.remove(component);
    }

    /// A question waited so long for its answer, which isn't the deployment's time.
    pub fn leave_out(&mut self, time: Duration) {
        self.left_out += time;
    }

    /// Whether there is anything to show.
    pub fn is_empty(&self) -> bool {
        self.groups.is_empty() && self.activities.is_empty()
    }

    fn steps(&self) -> impl Iterator<Item = &Step> {
        self.groups.values().flat_map(BTreeMap::values)
    }

    /// The lines of the live display at the time `now`; `began` is when the deployment was asked for.
    pub fn lines(&self, began: Duration, now: Duration, size: WindowSize, palette: Palette) -> Vec<String> {
        let total = self.steps().count();
        let done = self.steps().filter(|step| !matches!(step.phase, Phase::Waiting | Phase::Running { .. })).count();
        let time = duration(milliseconds(now.saturating_sub(began).saturating_sub(self.left_out)));
        let title = if self.title.is_empty() { "Preparing" } else { &self.title };
        let mut lines = vec![if total == 0 {
            format!("{} {}", palette.strong(title), palette.faint(time))
        } else {
            format!("{} {}", palette.strong(title), palette.faint(format!("{done}/{total}, {time}")))
        }];
        // One line of the window stays free for the cursor.
        let room = size.rows.saturating_sub(2).max(1);
        lines.extend(self.activity_lines(now, palette));
        let hidden = self.body(Detail::chosen(self, room), now, palette, &mut lines);
        if hidden > 0 {
            lines.push(palette.faint(format!("  … and {hidden} more")));
        }
        lines.truncate(room + 1);
        // A line that reaches the last column makes some terminals wrap.
        let longest = size.columns.saturating_sub(1).max(1);
        lines.iter().map(|line| console::truncate_str(line, longest, "…").into_owned()).collect()
    }

    /// All operations with how they ended, as lines that stay.
    pub fn final_lines(&self, palette: Palette) -> Vec<String> {
        let mut lines = Vec::new();
        self.body(Detail::All, Duration::ZERO, palette, &mut lines);
        lines
    }

    /// What is under way beside the steps: what ends together with the drawing leaves nothing behind.
    fn activity_lines(&self, now: Duration, palette: Palette) -> Vec<String> {
        let lines = self.activities.iter().map(|(component, (activity, since))| {
            let what = if component.is_empty() { activity.clone() } else { format!("{component}: {activity}") };
            format!("  {} {what} {}", wheel(now, palette), palette.faint(elapsed(*since, now)))
        });
        lines.collect()
    }

    fn body(&self, detail: Detail, now: Duration, palette: Palette, lines: &mut Vec<String>) -> usize {
        let mut hidden = 0;
        let columns = Columns::of(self.steps().filter(|step| detail.shows(step)));
        for (component, group) in &self.groups {
            let shown: Vec<_> = group.values().filter(|step| detail.shows(step)).collect();
            hidden += group.len() - shown.len();
            if shown.is_empty() {
                continue;
            }
            if !component.is_empty() {
                lines.push(format!("  {}", palette.strong(component)));
            }
            lines.extend(shown.into_iter().map(|step| step.line(&columns, now, palette)));
        }
        hidden
    }
}

/// What is shown when the window is too small for everything: what matters most.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Detail {
    All,
    NotDone,
    RunningAndFailed,
}

impl Detail {
    fn chosen(tree: &ProgressTree, room: usize) -> Self {
        let rows = |detail: Self| {
            let groups = tree.groups.iter().map(|(component, group)| {
                let shown = group.values().filter(|step| detail.shows(step)).count();
                if shown == 0 { 0 } else { shown + usize::from(!component.is_empty()) }
            });
            groups.sum::<usize>() + tree.activities.len() + usize::from(detail != Self::All)
        };
        [Self::All, Self::NotDone].into_iter().find(|detail| rows(*detail) <= room).unwrap_or(Self::RunningAndFailed)
    }

    fn shows(self, step: &Step) -> bool {
        match self {
            Self::All => true,
            Self::NotDone => !matches!(step.phase, Phase::Done { .. }),
            Self::RunningAndFailed => matches!(step.phase, Phase::Running { .. } | Phase::Failed { .. }),
        }
    }
}

struct Columns {
    token: usize,
    name: usize,
}

impl Columns {
    fn of<'a>(steps: impl Iterator<Item = &'a Step>) -> Self {
        steps.fold(Self { token: 0, name: 0 }, |columns, step| Self {
            token: columns.token.max(console::measure_text_width(&step.token)),
            name: columns.name.max(console::measure_text_width(&step.name)),
        })
    }
}

impl Step {
    fn line(&self, columns: &Columns, now: Duration, palette: Palette) -> String {
        let (sign, state) = match self.phase {
            Phase::Waiting => (palette.faint("·"), palette.faint("waiting")),
            Phase::Running { since } => {
                let state = format!("{} {}", progressive(self.operation), palette.faint(elapsed(since, now)));
                (wheel(now, palette), state)
            }
            Phase::Done { operation, milliseconds } => {
                let state = format!("{} {}", past(operation), palette.faint(duration(milliseconds)));
                (mark(operation, palette), state)
            }
            Phase::Failed { milliseconds } => {
                (palette.bad("!"), format!("{} {}", palette.bad("failed"), palette.faint(duration(milliseconds))))
            }
            Phase::Skipped => (palette.faint("·"), palette.faint("not tried")),
        };
        let pad = |text: &str, width: usize| console::pad_str(text, width, console::Alignment::Left, None).into_owned();
        format!("    {sign} {} {}  {state}", pad(&self.token, columns.token), pad(&self.name, columns.name))
    }
}

fn wheel(now: Duration, palette: Palette) -> String {
    let picture = usize::try_from(now.as_millis() / 100).unwrap_or_default() % WHEEL.len();
    palette.busy(WHEEL[picture])
}

fn elapsed(since: Duration, now: Duration) -> String {
    duration(milliseconds(now.saturating_sub(since)))
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// The component that a resource belongs to: the one with the longest name that the resource's name begins with.
pub fn component_of<'a>(urn: &Urn, components: &'a [String]) -> Option<&'a str> {
    let name = urn.name();
    let belongs = |component: &&String| {
        name.strip_prefix(component.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
    };
    components.iter().filter(belongs).max_by_key(|component| component.len()).map(String::as_str)
}

#[cfg(test)]
mod tests {
    use super::super::plain::tests::{story, urn};
    use super::*;

    const SIZE: WindowSize = WindowSize { columns: 100, rows: 24 };

    fn told(count: usize) -> ProgressTree {
        let mut tree = ProgressTree::default();
        story().iter().take(count).for_each(|event| tree.apply(&event.event, Duration::from_secs(1)));
        tree
    }

    fn lines(tree: &ProgressTree, size: WindowSize) -> String {
        tree.lines(Duration::ZERO, Duration::from_millis(2_500), size, Palette::new(false)).join("\n")
    }

    #[test]
    fn operations_stand_below_their_components() {
        insta::assert_snapshot!(lines(&told(9), SIZE));
        insta::assert_snapshot!(told(15).final_lines(Palette::new(false)).join("\n"));
    }

    #[test]
    fn a_small_window_shows_what_is_under_way() {
        insta::assert_snapshot!(lines(&told(9), WindowSize { columns: 40, rows: 7 }));
        for (columns, rows) in [(1, 1), (10, 3), (40, 5)] {
            let tree = told(9);
            let lines = tree.lines(Duration::ZERO, Duration::ZERO, WindowSize { columns, rows }, Palette::new(true));
            assert!(lines.len() <= rows.max(2), "{} lines in {rows} rows", lines.len());
            assert!(lines.iter().all(|line| console::measure_text_width(line) <= columns), "{columns}: {lines:?}");
        }
    }

    #[test]
    fn what_goes_on_beside_operations_is_shown_too() {
        let mut tree = ProgressTree::default();
        assert!(tree.is_empty());
        tree.begin("rest-api", "packaging", Duration::ZERO);
        assert_eq!(lines(&tree, SIZE), "Preparing 2.5 s\n  ⠴ rest-api: packaging 2.5 s");
        assert!(tree.final_lines(Palette::new(false)).is_empty(), "what was interrupted leaves no line behind");
        tree.begin("", "waiting for the stack's lock", Duration::ZERO);
        tree.apply(&story()[0].event, Duration::ZERO);
        assert!(!lines(&tree, SIZE).contains("waiting"), "{}", lines(&tree, SIZE));
        tree.end("rest-api");
        assert!(tree.is_empty());
    }

    #[test]
    fn what_a_person_takes_to_answer_is_left_out() {
        let mut tree = ProgressTree::default();
        tree.leave_out(Duration::from_millis(1_500));
        assert_eq!(lines(&tree, SIZE), "Preparing 1.0 s");
    }

    #[test]
    fn a_component_isnt_mistaken_for_one_with_a_longer_name() {
        let components = ["rest", "rest-api"].map(str::to_owned);
        let of = |name| component_of(&urn("aws:iam/role:Role", name), &components);
        assert_eq!(of("rest-api-role"), Some("rest-api"));
        assert_eq!(of("rest-role"), Some("rest"));
        assert_eq!(of("rest-api"), Some("rest-api"));
        assert_eq!(of("restful"), None);
    }
}
