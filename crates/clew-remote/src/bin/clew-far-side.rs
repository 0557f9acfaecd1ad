//! The server side for the ssh tests: does the same as `clew serve --stdio FOLDER`. Never installed.

use std::io::{stdin, stdout};
use std::path::PathBuf;

fn main() -> std::io::Result<()> {
    let folder = std::env::args_os().next_back().map(PathBuf::from);
    clew_remote::serve(&folder.expect("a folder"), stdin(), stdout())
}
