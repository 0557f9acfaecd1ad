//! Writers who race for one head, each from what it read.

use std::collections::BTreeMap;
use std::sync::{Arc, Barrier};
use std::thread;

use clew_remote::{Backend, Name, RemoteError, Token};

/// Has `writers` threads add `turns` lines each to a head, again after each conflict. Every swap that was said to be won must be in what is left,
/// once, on top of what its writer had read.
pub fn check(place: &Arc<dyn Backend>, head: &Name, writers: usize, turns: usize) {
    let start = Barrier::new(writers);
    let one = |writer| {
        start.wait();
        write(&**place, head, writer, turns)
    };
    let one = &one;
    let won: usize = thread::scope(|scope| {
        let threads: Vec<_> = (0..writers).map(|writer| scope.spawn(move || one(writer))).collect();
        threads
            .into_iter()
            .map(|thread| thread.join().expect("a writer ends"))
            .sum()
    });
    assert_eq!(won, writers * turns);
    let left = place.head(head).expect("it can be read").expect("it is there");
    assert_chain(&left.bytes, writers, turns);
}

/// Adds `turns` lines to a head; how many swaps were said to be won.
pub fn write(place: &dyn Backend, head: &Name, writer: usize, turns: usize) -> usize {
    (0..turns)
        .filter(|turn| add(place, head, &format!("{writer} {turn}\n")))
        .count()
}

/// Adds a line to what is there, again until nobody came between.
fn add(place: &dyn Backend, head: &Name, line: &str) -> bool {
    loop {
        let (bytes, token) = read(place, head);
        let next = [bytes.as_slice(), line.as_bytes()].concat();
        match place.swap(head, token.as_ref(), &next) {
            Ok(_) => return true,
            Err(RemoteError::Conflict { .. }) => (),
            Err(error) => panic!("{error}"),
        }
    }
}

fn read(place: &dyn Backend, head: &Name) -> (Vec<u8>, Option<Token>) {
    match place.head(head).expect("it can be read") {
        Some(head) => (head.bytes, Some(head.token)),
        None => (Vec::new(), None),
    }
}

/// A head has one line for each swap that was won, those of each writer in their order: none was lost, none is there twice.
pub fn assert_chain(bytes: &[u8], writers: usize, turns: usize) {
    let mut turns_of: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    let text = std::str::from_utf8(bytes).expect("lines");
    for line in text.lines() {
        let (writer, turn) = line.split_once(' ').expect("a writer and a turn");
        turns_of
            .entry(writer)
            .or_default()
            .push(turn.parse().expect("a number"));
    }
    assert_eq!(turns_of.len(), writers);
    for (writer, found) in turns_of {
        assert!(
            found.iter().copied().eq(0..turns),
            "the turns of writer {writer}: {found:?}"
        );
    }
}
