//! The graph on toy heaps: walks, fingerprints, co-variables, and streams that come back.

use std::collections::BTreeSet;
use std::fmt::Write;

use clew_core::graph::{
    Arena, ArenaLimits, CoVariable, Heap, LookResult, SubgraphMark, first_difference, look, look_beside, look_jointly,
    look_marking,
};
use clew_core::id::{Root, RootKind};
use clew_core::kernel::{BuildError, Kernel, NoCellSources, RootChange, StoredCoVariable};
use clew_testing::toy::{Ref, ToyKernel, run_cell};
use clew_testing::{Dice, Flavour, bound_alike, random_cell, same};

fn kernel(source: &str) -> ToyKernel {
    kernel_of_life(1, source)
}

fn kernel_of_life(life: u64, source: &str) -> ToyKernel {
    let mut kernel = ToyKernel::new(life);
    run_cell(&mut kernel.world, source, 1).unwrap();
    kernel
}

fn look_at(kernel: &mut ToyKernel) -> LookResult<Ref> {
    let roots = kernel.roots().unwrap();
    look(kernel.heap(), roots)
}

/// The co-variables of a session as lists of names, its random state left out.
fn groups(source: &str) -> Vec<String> {
    let mut kernel = kernel(source);
    let looked = look_at(&mut kernel);
    let groups = looked.covariables.iter().map(|covariable| {
        let names: Vec<String> = covariable.roots.iter().map(ToString::to_string).collect();
        names.join(" ")
    });
    groups
        .filter(|names| !names.starts_with("random") && !names.starts_with("definition"))
        .collect()
}

fn fingerprint(kernel: &mut ToyKernel, name: &str) -> String {
    let looked = look_at(kernel);
    kernel.heap().release();
    let holds = |covariable: &&CoVariable| covariable.roots.contains(&Root::name(name));
    looked.covariables.iter().find(holds).unwrap().fingerprint.to_string()
}

/// Builds a co-variable from its own stream in another session.
fn rebuild(covariable: &CoVariable, from: &ToyKernel, into: &mut ToyKernel) -> Result<Vec<Ref>, BuildError> {
    let arena = Arena::parse(&covariable.stream, covariable.roots.len(), ArenaLimits::default()).unwrap();
    assert_eq!(arena.len(), covariable.nodes as usize);
    assert_eq!(arena.buffers() as usize, covariable.mentions.len());
    let memory = from.world.heap.memory();
    let bytes = |extent: &clew_core::graph::Extent| memory.bytes(extent.address, extent.length).unwrap().to_vec();
    into.build(StoredCoVariable {
        roots: &covariable.roots,
        arena: &arena,
        asides: &covariable.asides,
        extents: covariable.extents.iter().map(bytes).collect(),
        mentions: &covariable.mentions,
        cells: &NoCellSources,
    })
}

/// Everything of `from` that has a value, in a session of its own.
fn rebuild_all(from: &mut ToyKernel, life: u64) -> ToyKernel {
    let mut into = ToyKernel::new(life);
    let mut looked = look_at(from);
    looked
        .covariables
        .sort_by_key(|covariable| covariable.roots.iter().all(|root| root.kind != RootKind::Definition));
    let mut changes = Vec::new();
    for covariable in looked
        .covariables
        .iter()
        .filter(|covariable| covariable.opaque.is_empty())
    {
        let Ok(built) = rebuild(covariable, from, &mut into) else {
            continue;
        };
        let again: Vec<_> = covariable.roots.iter().cloned().zip(built).collect();
        let found = look_jointly(into.heap(), again.clone());
        assert_eq!(covariable.stream, found.stream, "{:?}", covariable.roots);
        assert_eq!(covariable.fingerprint, found.fingerprint, "{:?}", covariable.roots);
        assert_eq!(covariable.asides, found.asides);
        changes.extend(again.into_iter().map(|(root, object)| (root, RootChange::Bind(object))));
    }
    into.install(changes).unwrap();
    into.heap().release();
    into.clear_staging();
    from.heap().release();
    into
}

#[test]
fn p05_aliases_cycles_views_and_classes_come_back_in_another_process() {
    let mut from = kernel(
        "a = list\nb = is a\nappend a b\nt = token\ns = set t\nc = tuple a t s\nz = bytes 64 7\nv = view z 8 8\n\
         w = window z 4 16\nf = frame z\nclass C k=a\ni = new C x=t\nn = cell i\ndef g reads a i cells n defaults a\n\
         r = reduced a\nd = deep 10000\nq = weak s",
    );
    let into = rebuild_all(&mut from, 2);
    assert_eq!(same(&from.world, &into.world, None), Ok(()));
    assert_eq!(bound_alike(&from.world, &into.world), Ok(()));
}

#[test]
fn random_sessions_come_back_with_equal_streams_in_another_process() {
    let flavour = Flavour {
        hostile: false,
        live: false,
        failing: false,
        process: false,
    };
    for seed in 0..400 {
        let mut dice = Dice::new(seed);
        let mut from = ToyKernel::new(seed);
        for count in 0..12 {
            let cell = random_cell(&mut dice, &from.world, flavour);
            let _ = run_cell(&mut from.world, &cell, count);
        }
        let into = rebuild_all(&mut from, seed + 1_000_000);
        assert_eq!(same(&from.world, &into.world, None), Ok(()), "seed {seed}");
    }
}

#[test]
fn a_look_leaves_the_heap_as_it_was() {
    let mut kernel = kernel(
        "a = list\nb = reduced a\nclass C\nc = new C\ns = set c a1\n"
            .replace(" a1", "")
            .as_str(),
    );
    let (objects, before) = (kernel.world.heap.len(), kernel.world.clone());
    look_at(&mut kernel);
    kernel.heap().release();
    assert_eq!(kernel.world.heap.len(), objects);
    assert_eq!(same(&kernel.world, &before, None), Ok(()));
    let counts = |kernel: &ToyKernel| {
        kernel
            .world
            .bound
            .values()
            .map(|object| kernel.world.heap.count(*object))
            .collect::<Vec<_>>()
    };
    let after_one = counts(&kernel);
    look_at(&mut kernel);
    kernel.heap().release();
    assert_eq!(counts(&kernel), after_one);
}

#[test]
fn names_that_share_what_can_change_belong_together() {
    assert_eq!(groups("a = list\nb = list a\nc = list"), ["a b", "c"]);
    assert_eq!(groups("t = token\na = list t\nb = list t\ndel t"), ["a b"]);
    assert_eq!(groups("a = cell\ndef f cells a\ndef g cells a\ndel a"), ["f g"]);
}

#[test]
fn names_that_share_only_plain_values_stay_apart() {
    assert_eq!(groups("i = int 5\na = list i\nb = list i\ndel i"), ["a", "b"]);
    assert_eq!(groups("t = text interned\na = list t\nb = list t\ndel t"), ["a", "b"]);
    assert_eq!(
        groups("t = text a text that is not interned\na = list t\nb = list t\ndel t"),
        ["a", "b"]
    );
    assert_eq!(
        groups("i = int 5\nt = tuple i i\na = list t\nb = list t\ndel t\ndel i"),
        ["a", "b"]
    );
    assert_eq!(groups("class C\na = new C\nb = new C"), ["C", "a", "b"]);
}

#[test]
fn two_names_bound_to_one_object_join_unless_nobody_could_tell() {
    assert_eq!(groups("a = int 1000\nb = is a"), ["a b"]);
    assert_eq!(groups("a = int 10\nb = is a"), ["a", "b"]);
    assert_eq!(groups("a = text a text that is not interned\nb = is a"), ["a b"]);
    assert_eq!(groups("a = none\nb = is a"), ["a", "b"]);
}

#[test]
fn names_bound_to_an_object_that_was_met_inside_another_come_back_bound_to_it() {
    let mut from = kernel("x = list\na = list x\nb = is x\nc = is x\nd = int 1000\ne = is d\ny = is d\nz = list d d a");
    let into = rebuild_all(&mut from, 2);
    assert_eq!(same(&from.world, &into.world, None), Ok(()));
    assert_eq!(bound_alike(&from.world, &into.world), Ok(()));
}

#[test]
fn memory_joins_names_unless_both_copy_before_they_write() {
    assert_eq!(
        groups("a = bytes 64 0\nb = window a 8 8\nc = window a 16 8\ndel a"),
        ["b", "c"]
    );
    assert_eq!(
        groups("a = bytes 64 0\nb = window a 8 9\nc = window a 16 8\ndel a"),
        ["b c"]
    );
    assert_eq!(groups("a = bytes 64 0\nf = frame a\ng = frame a"), ["a f g"]);
    assert_eq!(groups("a = bytes 64 0\nf = frame a\ng = frame a\ndel a"), ["f", "g"]);
    assert_eq!(
        groups("a = bytes 64 0\nf = slice a 0 32\ng = slice a 16 32\nh = window a 40 2\ndel a"),
        ["f", "g h"]
    );
    assert_eq!(groups("a = bytes 64 0\nb = view a 0 4\nc = view a 8 4\ndel a"), ["b c"]);
}

#[test]
fn a_change_anywhere_changes_the_fingerprint_and_undoing_it_by_hand_brings_it_back() {
    for (setup, change, back) in [
        ("i = int 1\nx = list i", "put x 0 j", "put x 0 i"),
        ("x = bytes 100000 3", "poke x 99999 4", "poke x 99999 3"),
        ("z = bytes 8 3\nx = list z", "poke z 1 4", "poke z 1 3"),
        ("l = list\nx = reduced l", "append l l", "pop l"),
        ("l = list\nt = tuple l\nx = set", "add x j", "x = set"),
        ("c = cell\ndef x cells c", "cell c c", "c = cell\ndef x cells c"),
    ] {
        let mut kernel = kernel(&format!("j = int 7\n{setup}"));
        let before = fingerprint(&mut kernel, "x");
        assert_eq!(fingerprint(&mut kernel, "x"), before, "looking changes nothing");
        run_cell(&mut kernel.world, change, 2).unwrap();
        assert_ne!(fingerprint(&mut kernel, "x"), before, "{change}");
        run_cell(&mut kernel.world, back, 3).unwrap();
        assert_eq!(fingerprint(&mut kernel, "x"), before, "{back}");
    }
}

#[test]
fn aliasing_alone_changes_the_fingerprint() {
    let mut one = kernel("x = list\na = list x x\ndel x");
    let mut other = kernel("x = list\ny = list\na = list x y\ndel x\ndel y");
    assert_ne!(fingerprint(&mut one, "a"), fingerprint(&mut other, "a"));
}

/// A ring of instances: each has a number and a set of its two neighbours.
fn ring(numbers: &[u32]) -> String {
    let count = numbers.len();
    let mut source = "class C\n".to_owned();
    for (at, number) in numbers.iter().enumerate() {
        writeln!(source, "i = int {number}\nn{at} = new C i=i").unwrap();
    }
    for at in 0..count {
        let (one, other) = ((at + 1) % count, (at + count - 1) % count);
        writeln!(source, "q = set n{one} n{other}\nset n{at}.near q").unwrap();
    }
    source.push_str("x = is n0\ndel i\ndel q\n");
    (0..count).for_each(|at| writeln!(source, "del n{at}").unwrap());
    source
}

#[test]
fn sets_have_one_stream_wherever_their_members_lie() {
    let cases = [
        "t = token\nu = token\nv = token\nx = set t u v\na = list t x u\ndel t\ndel u\ndel v".to_owned(),
        // Members that hold their set.
        "class C\ni = int 1\nj = int 2\nk = int 3\np = new C i=i\nq = new C i=j\nr = new C i=k\nx = set p q r\n\
         set p.s x\nset q.s x\nset r.s x\ndel p\ndel q\ndel r\ndel i\ndel j\ndel k"
            .to_owned(),
        // What tells the members apart lies behind sets of theirs, and these hold what holds the first.
        "class C\ni = int 1\nj = int 2\na = new C i=i\nb = new C i=j\ns = set a i\nt = set b i\np = new C s=s\n\
         q = new C s=t\nx = set p q\nset a.x x\nset b.x x\ndel a\ndel b\ndel s\ndel t\ndel p\ndel q\ndel i\ndel j"
            .to_owned(),
        // Alike but for which of two tokens they hold in a set.
        "class C\nt = token\nu = token\na = set t\nb = set u\np = new C s=a\nq = new C s=b\ns = set p q\n\
         x = list t u s\ndel t\ndel u\ndel a\ndel b\ndel p\ndel q\ndel s"
            .to_owned(),
        ring(&[1, 2, 3, 4, 5, 6]),
        // Neighbours alike, and told apart by theirs.
        ring(&[1, 1, 1, 2, 1, 1, 3, 1]),
        ring(&[0, 5, 5, 5, 5, 5, 5, 5, 9, 5, 5, 5, 5, 5]),
        // Nothing tells its neighbours apart, and nothing need.
        ring(&[1, 2, 2, 2]),
    ];
    for case in cases {
        let prints: BTreeSet<String> = (0..40)
            .map(|before| fingerprint(&mut kernel(&format!("n = deep {before}\n{case}")), "x"))
            .collect();
        assert_eq!(prints.len(), 1, "{case}");
    }
}

#[test]
fn sets_in_sets_cost_no_power_of_their_depth() {
    // Members of toy sets are hashable: instances hold the inner sets.
    let level = "p = new C a=x\nq = set o p\no = new C s=q\ndel q\ndel p\n";
    let mut kernel = kernel(&format!("class C\nx = int 1\no = new C\n{}", level.repeat(60)));
    let started = std::time::Instant::now();
    fingerprint(&mut kernel, "o");
    assert!(started.elapsed().as_secs() < 20);
}

#[test]
fn what_has_no_value_is_opaque_and_the_rest_of_the_session_is_not() {
    let mut kernel = kernel("h = handle\na = list\nr = raising\nb = list r\n");
    let looked = look_at(&mut kernel);
    let opaque: Vec<String> = looked
        .covariables
        .iter()
        .filter(|covariable| !covariable.opaque.is_empty())
        .map(|covariable| format!("{} {}", covariable.roots[0], covariable.opaque[0].why))
        .collect();
    assert_eq!(
        opaque,
        [
            "b raising: its reducer raised TypeError",
            "h handle: running it is the only way to see what it holds"
        ]
    );
}

#[test]
fn classes_are_roots_of_their_own_and_their_instances_do_not_change_with_them() {
    let mut kernel = kernel("n = list\nclass C k=n\ni = new C\ndel n");
    let before = (fingerprint(&mut kernel, "i"), look_at(&mut kernel).covariables.len());
    run_cell(&mut kernel.world, "count C n", 2).unwrap();
    let looked = look_at(&mut kernel);
    assert_eq!((fingerprint(&mut kernel, "i"), looked.covariables.len()), before);
    let kinds: Vec<RootKind> = looked
        .covariables
        .iter()
        .flat_map(|found| &found.roots)
        .map(|root| root.kind)
        .collect();
    assert!(kinds.contains(&RootKind::Definition));
}

#[test]
fn the_first_difference_is_told_by_its_path() {
    let streams = [
        "i = int 1\na = list i i\nx = list a a i",
        "i = int 1\nj = int 2\na = list i j\nx = list a a i",
    ]
    .map(|source| {
        let mut kernel = kernel(source);
        let object = kernel.world.name("x").unwrap();
        look_jointly(kernel.heap(), vec![(Root::name("x"), object)]).stream
    });
    let [one, other] = streams
        .each_ref()
        .map(|stream| Arena::parse(stream, 1, ArenaLimits::default()).unwrap());
    assert_eq!(first_difference(&one, &other, &BTreeSet::new()), Some((0, vec![0, 1])));
    assert_eq!(first_difference(&one, &one, &BTreeSet::new()), None);
}

#[test]
fn p14_any_bytes_parse_or_fail_in_bounded_memory() {
    let mut kernel = kernel(
        "a = list\nb = reduced a\nc = set a1\nz = bytes 8 1\nd = tuple a b z\n"
            .replace(" a1", "")
            .as_str(),
    );
    let roots = kernel.roots().unwrap();
    let stream = look_jointly(kernel.heap(), roots).stream;
    let mut dice = Dice::new(7);
    for _ in 0..20_000 {
        let mut bytes = stream.clone();
        for _ in 0..=dice.below(3) {
            let at = dice.below(bytes.len() as u64) as usize;
            bytes[at] = dice.roll() as u8;
        }
        bytes.truncate(1 + dice.below(bytes.len() as u64) as usize);
        if let Ok(arena) = Arena::parse(&bytes, 6, ArenaLimits::default()) {
            assert!(arena.len() <= bytes.len());
            for number in 0..arena.len() as u32 {
                assert!(
                    arena
                        .node(number)
                        .children
                        .iter()
                        .all(|child| (*child as usize) < arena.len())
                );
            }
        }
    }
}

/// The mark of `name` in its co-variable, as a look at everything makes it.
fn marked(kernel: &mut ToyKernel, name: &str) -> Option<SubgraphMark> {
    let roots = kernel.roots().unwrap();
    let looked = look_marking(kernel.heap(), roots, &BTreeSet::from([Root::name(name)]));
    kernel.heap().release();
    let holds = |covariable: &CoVariable| covariable.roots.contains(&Root::name(name));
    looked.covariables.into_iter().find(holds).unwrap().subgraph
}

/// Whether what `name` reaches has this mark still, and shares nothing with `others`.
fn has(kernel: &mut ToyKernel, name: &str, mark: &SubgraphMark, others: &[&str]) -> bool {
    let mut roots = kernel.roots().unwrap();
    roots.retain(|(root, _)| root.key == name || others.contains(&root.key.as_str()));
    let looked = look_beside(kernel.heap(), roots, &BTreeSet::new(), &[mark]);
    kernel.heap().release();
    looked.is_some()
}

/// `x` is held by `a`, and so is a list that `x` holds.
const SHARED: &str = "inner = list\nbytes = bytes 8 0\nt = text more\nx = list inner bytes t\na = list x inner\ndel inner\ndel bytes\ndel t\nnew = list\nother = int 7";

#[test]
fn what_a_root_reaches_has_the_mark_that_it_had_until_something_of_it_changes() {
    for (cell, is_same) in [
        ("other = int 8", true),
        ("append a other", true),
        ("append x other", false),
        ("append a new\nappend x new", false),
        ("i = item x 0\nappend i other\ndel i", false),
        ("i = item a 1\nappend i other\ndel i", false),
        ("b = item x 1\npoke b 3 9\ndel b", false),
        // An equal one, and what `a` holds is another now.
        ("put x 0 new\ndel new", false),
        ("pop x", false),
        // It is what it was, and belongs together with more.
        ("append new x", false),
        ("i = item x 0\nappend new i\ndel i", false),
        ("b = item x 1\nother = window b 2 3\ndel b", false),
    ] {
        let mut kernel = kernel(SHARED);
        let mark = marked(&mut kernel, "x").unwrap();
        assert_eq!(mark.roots, [Root::name("x")]);
        assert!(has(&mut kernel, "x", &mark, &["new", "other"]), "{cell}");
        run_cell(&mut kernel.world, cell, 2).unwrap();
        assert_eq!(has(&mut kernel, "x", &mark, &["new", "other"]), is_same, "{cell}");
    }
}

#[test]
fn a_part_has_a_mark_where_all_of_it_can_be_compared() {
    let mut kernel = kernel(SHARED);
    assert!(
        marked(&mut kernel, "a").is_some(),
        "it holds all, and is not all the names"
    );
    assert!(marked(&mut kernel, "other").is_none(), "a co-variable of one root");
    run_cell(&mut kernel.world, "h = handle\nappend a h\ndel h", 2).unwrap();
    assert!(marked(&mut kernel, "x").is_some());
    assert!(marked(&mut kernel, "a").is_none());
}

#[test]
fn what_copies_before_it_writes_shows_memory_beside_what_reaches_it_unless_the_rest_shows_it_raw() {
    let mut kernel = kernel("b = bytes 64 2\nf = frame b\ndel b\na = list f\nraw = bytes 64 2\ng = frame raw");
    let (alone, exposed) = (marked(&mut kernel, "f").unwrap(), marked(&mut kernel, "g").unwrap());
    assert!(has(&mut kernel, "f", &alone, &[]) && has(&mut kernel, "g", &exposed, &[]));
    run_cell(&mut kernel.world, "h = slice f 1 2\ni = slice g 1 2", 2).unwrap();
    assert!(has(&mut kernel, "f", &alone, &["h"]));
    assert!(!has(&mut kernel, "g", &exposed, &["i"]));
}
