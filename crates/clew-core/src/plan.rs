//! Plans and outcomes: the steps to a target state, which can be shown before they are performed, and the outcome for each root.

pub mod carry;
pub mod cut;
mod diff;
mod outcome;

pub use diff::{AvailableValues, LiveObjectComparison, Plan, PlanStep, RerunPermission, Scope, StepKind, plan};
pub use outcome::{Outcome, OutcomeKind, Report, TakenStep, UnrestoredEffects};
