//! t
use clew_testing::machine::{Mode, Player, Step};
fn cell(source: &str) -> Step { Step::Run { source: source.to_owned(), hooked: true } }
#[test]
fn seed699() {
    let mut player = Player::new(699, Mode::of(699));
    let steps = [
        cell("b = text short\ng = reduced b\nC = setting depth\na = list C C C\n"),
        Step::Outside("append a g".into()),
        cell("b = handle \nc = list a b"),
        cell("e = setting depth"),
        cell("put a 0 e"),
        cell("del c"),
        Step::Undo(3),
    ];
    for step in &steps {
        let done = player.apply(step);
        println!("{step:?}: {done:?}");
        if matches!(step, Step::Undo(_)) {
            for o in &player.report().unwrap().outcomes { println!("{} {} {:?}", o.root, o.word.text(), o.why); }
        }
        done.unwrap();
    }
}

#[test]
fn seed6891() {
    let mut player = Player::new(6891, Mode::of(6891));
    println!("{:?}", Mode::of(6891));
    let run = |source: &str, hooked| Step::Run { source: source.to_owned(), hooked };
    let steps = [
        Step::Outside("a = cell ".into()),
        run("def f reads  cells a a defaults ", false),
        Step::Fault(clew_testing::toy::Fault { after: 0, kind: clew_testing::toy::FaultKind::Fails }),
        run("h = text a text that is longer than that, 2", false),
        Step::Outside("y = call f\n".into()),
        run("a = dict k=h m=h", true),
        run("y = call f\n", false),
        Step::Undo(1),
    ];
    for step in &steps {
        let done = player.apply(step);
        println!("{step:?}: {done:?}");
        if matches!(step, Step::Undo(_)) {
            for o in &player.report().unwrap().outcomes { println!("{} {} {:?}", o.root, o.word.text(), o.why); }
        }
        done.unwrap();
    }
}
