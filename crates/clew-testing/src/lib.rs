//! Tools for tests: a toy kernel, a reference model, and generators of test data. Development only.
#![forbid(unsafe_code)]

pub mod disk;
pub mod toy;

pub mod raw;

mod encoding;
mod evidence;
pub use encoding::encoding;
pub use evidence::evidence_of;

mod run;
pub use run::bare_run;

mod same;
pub use same::{bound_alike, same, visibly_same};

mod dice;
pub use dice::Dice;
mod program;
pub use program::{Flavour, random_cell};

pub mod remote;

mod reference;
pub use reference::Reference;

pub mod life;

mod long;
pub use long::LongHistory;

pub mod recording;

mod rounds;
pub use rounds::Rounds;

mod still;
pub use still::Still;

mod unchanged;
pub use unchanged::Unchanged;

pub mod writers;

mod texts;
pub use texts::lines;

pub mod machine;
