//! The far side of the tests of ssh: does what `clew serve --stdio FOLDER` does. Nothing installs it.

use std::io::{stdin, stdout};
use std::path::PathBuf;

fn main() -> std::io::Result<()> {
    let folder = std::env::args_os().next_back().map(PathBuf::from);
    clew_remote::serve(&folder.expect("a folder"), stdin(), stdout())
}
