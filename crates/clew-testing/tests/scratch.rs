use clew_testing::machine::{Mode, Step, replay};
#[test]
fn scratch() {
    let run = |source: &str, hooked| Step::Run {
        source: source.to_owned(),
        hooked,
    };
    let steps = [
        run("a = bytes 48 1", false),
        run("g = handle a", true),
        run("b = reduced g\nclass D k=b", false),
        Step::Crash,
    ];
    println!("{:?}", replay(1, Mode::of(1000277), &steps));
    let steps = [
        run("h = text short", true),
        run("C = view h 1 6", true),
        Step::Outside("c = set h h".into()),
        run("x = unbuildable c\nclass D k=x", true),
        Step::Crash,
    ];
    println!("{:?}", replay(1, Mode::of(1000689), &steps));
}
