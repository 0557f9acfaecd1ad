//! Places that don't keep their word are found out.

use std::sync::Arc;
use std::time::Duration;

use clew_remote::probe::{ProbeFailure, probe};
use clew_remote::{Backend, Directory, RemoteError};
use clew_testing::remote::{Asked, Failing, Fault};

/// What the probe says of a folder with a plan before it.
fn said(plan: impl Fn(u64, Asked) -> Fault + Send + Sync + 'static) -> Result<(), ProbeFailure> {
    let folder = tempfile::tempdir().expect("a folder");
    let place = Arc::new(Directory::create(folder.path()).expect("it is made"));
    let said = probe(&Failing::new(Arc::clone(&place) as Arc<dyn Backend>, plan)).expect("it could be asked");
    let left = place.list(&"probes".parse().expect("a name"));
    assert_eq!(left, Ok(Vec::new()), "nothing is left");
    said
}

fn each(kind: Asked, fault: Fault) -> impl Fn(u64, Asked) -> Fault {
    move |_, asked| if asked == kind { fault.clone() } else { Fault::None }
}

#[test]
fn a_place_that_keeps_its_word_is_taken() {
    assert_eq!(said(|_, _| Fault::None), Ok(()));
}

#[test]
fn a_place_that_overwrites_what_is_there_is_found_out() {
    assert_eq!(said(each(Asked::Create, Fault::Blind)), Err(ProbeFailure::Overwrites));
}

#[test]
fn a_place_that_takes_an_old_token_is_found_out() {
    assert_eq!(said(each(Asked::Swap, Fault::Blind)), Err(ProbeFailure::TakesStale));
}

#[test]
fn a_place_that_checks_first_and_writes_later_is_found_out() {
    let found = said(each(Asked::Swap, Fault::Late(Duration::from_millis(30))));
    assert!(
        matches!(found, Err(ProbeFailure::ManyWinners { winners: 2.. })),
        "{found:?}"
    );
}

#[test]
fn a_place_that_pretends_is_found_out() {
    assert_eq!(said(each(Asked::Swap, Fault::Pretended)), Err(ProbeFailure::TakesStale));
    let later = |call, asked| match asked {
        Asked::Swap if call > 6 => Fault::Pretended,
        _ => Fault::None,
    };
    let found = said(later);
    assert!(
        matches!(found, Err(ProbeFailure::ManyWinners { .. } | ProbeFailure::Forgets)),
        "{found:?}"
    );
}

#[test]
fn a_place_without_conditions_says_so() {
    let unable = RemoteError::Unable {
        place: "there".to_owned(),
        what: "do this",
        said: "501 NotImplemented".to_owned(),
    };
    let found = said(each(Asked::Create, Fault::Before(unable)));
    assert_eq!(
        found,
        Err(ProbeFailure::Unable {
            said: "501 NotImplemented".to_owned()
        })
    );
}
