//! The script of a run: every call to the cloud and every access to the state passes here, is written down, and may fail,
//! be the last thing that the process does, or be the moment in which the user asks to stop.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use resource_graph::{Cancellation, Clock, VirtualClock};
use semantest_iac::ports::ProviderErrorKind;
use tokio::sync::Notify;

/// When, in relation to the effect of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    Before,
    After,
}

/// What happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// The cloud's call fails.
    Fail(ProviderErrorKind),
    /// The access to the state fails.
    FailStore,
    /// Somebody breaks the stack's lock.
    LoseLock,
    /// The process dies.
    Die,
    /// The process dies, and the cloud carries the call out only after this time. For [`Moment::After`] alone.
    DieLate(Duration),
    /// The user asks to stop.
    Stop,
    /// The user asks to stop at once.
    StopAtOnce,
}

/// One event of a script.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The number of the point, from 0.
    pub at: usize,
    pub moment: Moment,
    pub act: Act,
}

/// What a point is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Read,
    Write,
    Store,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Point {
    pub kind: Kind,
    pub label: String,
    /// When it was reached.
    pub time: Duration,
}

#[derive(Default)]
struct State {
    points: Vec<Point>,
    faults: Vec<Fault>,
    cancellation: Option<Cancellation>,
    met: usize,
}

/// The script and what has passed so far.
#[derive(Default)]
pub struct Script {
    /// The time that passes. It goes on from run to run.
    pub clock: VirtualClock,
    /// How long a call to the cloud takes.
    pub pace: Mutex<Duration>,
    state: Mutex<State>,
    death: Notify,
}

impl Script {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins a run: points are counted from 0 again.
    pub fn begin(&self, faults: &[Fault], cancellation: Cancellation) {
        let mut state = self.state();
        *state = State { faults: faults.to_vec(), cancellation: Some(cancellation), ..State::default() };
    }

    /// What has passed since the run began.
    pub fn points(&self) -> Vec<Point> {
        self.state().points.clone()
    }

    /// How many faults came to pass.
    pub fn met(&self) -> usize {
        self.state().met
    }

    /// A point is reached; its number.
    pub fn enter(&self, kind: Kind, label: String) -> usize {
        let mut state = self.state();
        state.points.push(Point { kind, label, time: self.clock.now() });
        state.points.len() - 1
    }

    /// What is to happen at a moment of a point; a death never returns.
    pub async fn meet(&self, at: usize, moment: Moment) -> Option<Act> {
        let act = {
            let mut state = self.state();
            let act = state.faults.iter().find(|fault| fault.at == at && fault.moment == moment).map(|fault| fault.act);
            state.met += usize::from(act.is_some());
            if let (Some(Act::Stop | Act::StopAtOnce), Some(cancellation)) = (act, &state.cancellation) {
                cancellation.request();
                if act == Some(Act::StopAtOnce) {
                    cancellation.request();
                }
            }
            act
        };
        if let Some(Act::Die | Act::DieLate(_)) = act {
            self.death.notify_one();
            std::future::pending::<()>().await;
        }
        act
    }

    /// How much later than it should the call of this point is carried out.
    pub fn late(&self, at: usize) -> Option<Duration> {
        self.state().faults.iter().find_map(|fault| match fault.act {
            Act::DieLate(time) if fault.at == at => Some(time),
            _ => None,
        })
    }

    /// Waits as long as a call takes.
    pub async fn take_time(&self) {
        let pace = *self.pace.lock().unwrap_or_else(PoisonError::into_inner);
        if !pace.is_zero() {
            self.clock.sleep_until(self.clock.now() + pace).await;
        }
    }

    /// Waits until the process dies.
    pub async fn death(&self) {
        self.death.notified().await;
    }
}
