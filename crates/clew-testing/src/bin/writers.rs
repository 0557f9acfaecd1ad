//! Tests many processes on one store for `CLEW_SECONDS` (600): `make writers`. Exits with an error if anything was lost.

use std::process::ExitCode;
use std::time::Duration;

use clew_testing::writers::{Plan, Planted, play, watch};

fn main() -> ExitCode {
    if play() {
        return ExitCode::SUCCESS;
    }
    let number = |name: &str, usual| {
        std::env::var(name)
            .ok()
            .and_then(|text| text.parse().ok())
            .unwrap_or(usual)
    };
    let folder = std::env::temp_dir().join(format!("clew-writers-{}", std::process::id()));
    let plan = Plan {
        folder: folder.clone(),
        duration: Duration::from_secs(number("CLEW_SECONDS", 600)),
        writers: number("CLEW_WRITERS", 10),
        planted: match std::env::var("CLEW_PLANT").as_deref() {
            Ok("loss") => Some(Planted::Loss),
            Ok("damage") => Some(Planted::Damage),
            _ => None,
        },
    };
    std::fs::create_dir_all(&folder).expect("there is room for the stores");
    let counts = watch(&plan);
    print!("{counts}");
    if counts.is_good() {
        std::fs::remove_dir_all(&folder).ok();
        ExitCode::SUCCESS
    } else {
        println!("The stores are left in {}", folder.display());
        ExitCode::FAILURE
    }
}
