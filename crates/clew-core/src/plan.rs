//! Plans and Outcomes: the steps to a chosen state, shown before they are performed, and what became of each root.

pub mod carry;
pub mod cut;
mod diff;
mod outcome;

pub use diff::{AvailableValues, LiveObjectComparison, Plan, PlanStep, RerunPermission, Scope, StepKind, plan};
pub use outcome::{Outcome, OutcomeKind, Report, TakenStep, UnrestoredEffects};
