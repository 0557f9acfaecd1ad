//! What a notebook shows instead of text, and the page of a history: no kind of a store ever becomes markup.

use std::path::Path;

use clew_cli::{Context, Exit, Interface, Output, ResumeReport, Style};
use clew_core::id::{Root, RootKind};
use clew_core::plan::{Outcome, OutcomeKind, Report};
use html5ever::tendril::TendrilSink;
use html5ever::{ParseOpts, parse_document};
use insta::assert_snapshot;
use markup5ever_rcdom::{Handle, NodeData, RcDom};

use crate::sample::{Sample, say_in, terminal};

/// Words of a stranger's store that would run, hide or turn something wherever they got through.
pub const HOSTILE: &str =
    "</code></pre></style><script>alert(1)</script><svg onload=alert(2)>\" onmouseover=\"alert(3)\x1b[31m\u{202e}\0";

const LOOKING: [&str; 10] = [
    "log --all --graph",
    "log --failed --all",
    "log -n 2",
    "show 1",
    "show 3",
    "show 5",
    "vars 5",
    "status",
    "diff 1 3",
    "diff 1 5 --output",
];

fn notebook() -> Context {
    Context {
        interface: Interface::Notebook,
        ..terminal()
    }
}

pub fn shown(sample: &Sample, words: &str) -> String {
    let output = say_in(&sample.place(), words, &notebook());
    assert!(!output.text.is_empty(), "plain text stands beside the HTML");
    output.html.unwrap()
}

/// One tag a line, without the looks, so that a snapshot can be read.
pub fn readable(html: &str) -> String {
    let (before, rest) = html.split_once("<style>").unwrap();
    let (_, after) = rest.split_once("</style>").unwrap();
    let tags = [
        "<tr",
        "<p",
        "<table",
        "<details",
        "<div",
        "<pre",
        "<ul",
        "</table",
        "</details",
        "</div",
    ];
    let mut text = format!("{before}{after}");
    for tag in tags {
        text = text.replace(tag, &format!("\n{tag}"));
    }
    text.trim().to_owned()
}

#[test]
fn log_draws_both_lines_beside_the_runs() {
    assert_snapshot!(readable(&shown(&Sample::flights(), "log --all")));
}

#[test]
fn show_has_source_changes_and_outputs() {
    assert_snapshot!(readable(&shown(&Sample::flights(), "show 5")));
}

#[test]
fn vars_is_a_table() {
    assert_snapshot!(readable(&shown(&Sample::flights(), "vars 5")));
}

#[test]
fn status_is_a_line_and_a_few_facts() {
    assert_snapshot!(readable(&shown(&Sample::flights(), "status")));
}

#[test]
fn a_terminal_gets_no_html() {
    assert_eq!(say_in(&Sample::flights().place(), "log", &terminal()).html, None);
}

#[test]
fn html_tells_the_same_names_and_words_as_the_text() {
    let sample = Sample::flights();
    for words in LOOKING {
        let output = say_in(&sample.place(), words, &notebook());
        let html = texts(&output.html.unwrap());
        // Of a picture the text tells kind and size; the HTML shows it.
        let lines = output.text.lines().filter(|line| !line.contains("[picture "));
        for kind in lines
            .flat_map(without_age)
            .filter(|kind| kind.chars().all(char::is_alphanumeric))
        {
            assert!(html.contains(kind), "{words}: {kind} is missing in {html}");
        }
    }
}

/// The words of a line without `40 min ago`: HTML is kept, and says the time.
fn without_age(line: &str) -> Vec<&str> {
    let mut words: Vec<&str> = line.split_whitespace().collect();
    if let Some(ago) = words
        .iter()
        .position(|kind| kind.trim_end_matches([')', ',', '.']) == "ago")
    {
        words.drain(ago - 2..=ago);
    }
    words
}

fn report(outcomes: Vec<Outcome>) -> Report {
    Report {
        action: "switch".to_owned(),
        from: "17".to_owned(),
        to: "14".to_owned(),
        at: "14a".to_owned(),
        runs: vec!["17".to_owned()],
        branch: None,
        steps: Vec::new(),
        skipped: 0,
        keep: Vec::new(),
        other_kernels: Vec::new(),
        left_run: None,
        batch_run: None,
        unreachable: None,
        missing: None,
        included_changes: Vec::new(),
        set_by_imports: Vec::new(),
        external_change: Some("18".to_owned()),
        unrestored: Vec::new(),
        outcomes,
        dry_run: false,
        bytes: 12_400_000,
        compare_nanoseconds: 3_000_000,
        restore_nanoseconds: 80_000_000,
    }
}

fn outcome(name: &str, kind: OutcomeKind, why: Option<&str>, unverified: bool) -> Outcome {
    Outcome {
        root: Root::name(name),
        kind,
        unverified,
        why: why.map(str::to_owned),
        is_detached: false,
    }
}

fn said(report: &Report) -> Output {
    let words = ["switch".to_owned(), "14".to_owned()];
    clew_cli::report(
        report,
        &ResumeReport::default(),
        &clew_cli::parse(&words, &notebook()).unwrap(),
        &notebook(),
    )
}

#[test]
fn a_report_has_its_line_then_what_is_not_as_it_was_and_the_rest_folded() {
    let mut outcomes = vec![
        outcome("a", OutcomeKind::Unchanged, None, false),
        outcome("b", OutcomeKind::Unchanged, None, false),
        outcome(
            "df",
            OutcomeKind::Restored,
            Some("the old list is still held by thread-3"),
            false,
        ),
        outcome("model", OutcomeKind::Restored, None, false),
        outcome("plot", OutcomeKind::Rerun, None, true),
        outcome("x", OutcomeKind::Removed, None, false),
        outcome(
            "conn",
            OutcomeKind::Lost,
            Some("sqlite3.Connection, made in run 3"),
            false,
        ),
        outcome("geo", OutcomeKind::NotIdentical, Some("geo.py changed"), false),
    ];
    outcomes.push(Outcome {
        root: Root::new(RootKind::Directory, ""),
        ..outcome("", OutcomeKind::Restored, None, false)
    });
    assert_snapshot!(readable(&said(&report(outcomes)).html.unwrap()));
}

#[test]
fn many_exceptions_are_folded_and_none_is_left_out() {
    let names: Vec<String> = (0..40).map(|n| format!("c{n}")).collect();
    let lost = names
        .iter()
        .map(|name| outcome(name, OutcomeKind::Lost, Some("a live connection"), false));
    let html = texts(&said(&report(lost.collect())).html.unwrap());
    assert!(html.contains("28 more"), "{html}");
    assert!(names.iter().all(|name| html.contains(name.as_str())), "{html}");
}

#[test]
fn p10_nothing_of_a_hostile_store_becomes_markup() {
    let sample = Sample::hostile(HOSTILE);
    for words in LOOKING {
        let html = shown(&sample, words);
        assert_is_inert(&html, words);
    }
    let outcomes = vec![
        outcome(HOSTILE, OutcomeKind::Lost, Some(HOSTILE), true),
        outcome(HOSTILE, OutcomeKind::Unchanged, None, false),
    ];
    assert_is_inert(&said(&report(outcomes)).html.unwrap(), "switch");
    let page = written(&sample, "log");
    assert_is_inert(&page, "log --html");
    assert!(page.contains("&lt;script&gt;alert(1)"), "the words are still shown");
}

/// Every looking command, also where it has nothing to show, in text, in colour and as JSON.
#[test]
fn p10_nothing_of_a_hostile_store_steers_a_terminal() {
    const STEERING: [&str; 4] = [
        HOSTILE,
        "\x1b]0;title\x07\x1b[2J\x1b[31mred",
        "\u{9b}31m\u{85}\x7f\r\x08\u{202e}\u{2066}",
        "\u{fdd0}\u{fdd3}\u{fdef}\u{fdd5}",
    ];
    let coloured = Context {
        style: Style { is_coloured: true },
        ..terminal()
    };
    for words in STEERING {
        let sample = Sample::hostile(words);
        let more = [
            "log -v nothing",
            "log --failed -v nothing",
            "show 99",
            "show 1 --source",
            "vars 1 --all",
            "verify",
            "stale",
            "op log",
            "branch",
            "tag",
            "environment",
        ];
        for line in LOOKING.into_iter().chain(more) {
            for line in [line.to_owned(), format!("{line} --json")] {
                let printed = sample.say(&line).printed();
                assert_eq!(clew_cli::clean(&printed), *printed, "{line}");
                let painted = say_in(&sample.place(), &line, &coloured).printed();
                let bare = clew_cli::clean(&crate::look::strip(&painted));
                assert_eq!(bare, crate::look::strip(&painted), "{line}, in colour");
            }
        }
    }
}

#[test]
fn every_piece_is_sound_html() {
    let sample = Sample::flights();
    for words in LOOKING {
        assert_is_sound(&shown(&sample, words), words);
    }
    assert_is_sound(&written(&sample, "log"), "log --html");
}

fn parsed(html: &str) -> RcDom {
    let whole = if html.starts_with("<!DOCTYPE") {
        html.to_owned()
    } else {
        format!("<!DOCTYPE html><html><head><title>.</title></head><body>{html}</body></html>")
    };
    parse_document(RcDom::default(), ParseOpts::default()).one(whole)
}

/// No parser has to guess what was meant.
fn assert_is_sound(html: &str, what: &str) {
    let errors = parsed(html).errors.into_inner();
    assert!(errors.is_empty(), "{what}: {errors:?}");
}

/// No element or attribute that is not ours, nothing that could run or fetch, no letter that hides or turns others.
pub fn assert_is_inert(html: &str, what: &str) {
    assert_is_sound(html, what);
    let steers = |letter: char| (letter.is_control() && !matches!(letter, '\n' | '\t')) || letter == '\u{202e}';
    assert!(!html.contains(steers), "{what}");
    visit(&parsed(html).document, &mut |node| {
        let NodeData::Element { name, attrs, .. } = &node.data else {
            return;
        };
        let tag = name.local.to_string();
        let known = [
            "html", "head", "meta", "title", "style", "body", "main", "div", "h1", "p", "b", "span", "code", "pre",
            "ul", "li", "table", "thead", "tbody", "tr", "th", "td", "details", "summary", "svg", "path", "circle",
            "img", "a",
        ];
        assert!(known.contains(&tag.as_str()), "{what}: <{tag}>");
        for attribute in attrs.borrow().iter() {
            let (key, value) = (attribute.name.local.to_string(), attribute.value.to_string());
            assert!(!key.starts_with("on"), "{what}: {key}={value}");
            match key.as_str() {
                "href" => assert!(value.starts_with("#run-"), "{what}: {value}"),
                "src" => assert!(value.starts_with("data:image/"), "{what}: {value}"),
                "id" => assert!(
                    value
                        .strip_prefix("run-")
                        .unwrap()
                        .chars()
                        .all(|c| c.is_ascii_hexdigit())
                ),
                "style" => assert!(value.starts_with("margin-left:"), "{what}: {value}"),
                _ => {}
            }
        }
    });
}

fn visit(node: &Handle, see: &mut impl FnMut(&Handle)) {
    see(node);
    node.children.borrow().iter().for_each(|child| visit(child, see));
}

/// The words that are left where a front end strips looks and drawings.
fn texts(html: &str) -> String {
    let mut words = String::new();
    let (before, rest) = html.split_once("<style>").unwrap();
    let (_, after) = rest.split_once("</style>").unwrap();
    let html = format!("{before}{after}");
    visit(&parsed(&html).document, &mut |node| {
        if let NodeData::Text { contents } = &node.data {
            words.push_str(&contents.borrow());
            words.push(' ');
        }
    });
    words
}

/// The page that `words --html` writes.
fn written(sample: &Sample, words: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("history.html");
    let output = write(sample, words, &file);
    assert_eq!(output.exit, Exit::Done, "{}", output.text);
    std::fs::read_to_string(file).unwrap()
}

fn write(sample: &Sample, words: &str, file: &Path) -> Output {
    say_in(
        &sample.place(),
        &format!("{words} --html {}", file.display()),
        &terminal(),
    )
}

#[test]
fn the_page_of_a_history_has_every_run_with_source_changes_and_outputs() {
    let page = written(&Sample::flights(), "log");
    let (head, body) = page.split_once("<main").unwrap();
    assert!(
        head.contains("default-src 'none'") && !head.contains("script"),
        "{head}"
    );
    let body = format!("<main{body}").replace(env!("CARGO_PKG_VERSION"), "VERSION");
    let body = body.replace("<summary", "\n<summary").replace("<svg", "\n<svg");
    assert_snapshot!(readable(&format!("<style></style>{body}")));
}

#[test]
fn the_page_takes_the_same_choices_as_the_list() {
    let page = texts(&written(&Sample::flights(), "log --failed"));
    assert!(
        page.contains("failed: KeyError") && !page.contains("LinearRegression"),
        "{page}"
    );
}

#[test]
fn a_page_replaces_its_like_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let (file, sample) = (folder.path().join("history.html"), Sample::flights());
    let said = write(&sample, "log", &file).text;
    assert!(
        said.starts_with("Wrote ") && said.contains("history.html: 7 runs, ") && said.ends_with(" kB\n"),
        "{said}"
    );
    assert_eq!(write(&sample, "log -n 1", &file).exit, Exit::Done);
    std::fs::write(&file, "my own page").unwrap();
    let refused = write(&sample, "log", &file);
    assert_eq!(refused.exit, Exit::Refused);
    assert!(
        refused.text.contains("already exists") && refused.text.contains("--force"),
        "{}",
        refused.text
    );
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "my own page");
    assert_eq!(write(&sample, "log --force", &file).exit, Exit::Done);
    assert_eq!(
        std::fs::read_dir(folder.path()).unwrap().count(),
        1,
        "nothing is left beside it"
    );
    assert_eq!(write(&sample, "log", folder.path()).exit, Exit::Usage);
    let refused = write(&sample, "log", &folder.path().join("none/x.html"));
    let none = folder.path().join("none").display().to_string();
    assert_eq!(refused.exit, Exit::Refused);
    assert_eq!(
        refused.text.to_string(),
        format!(
            "Error: {none}/x.html cannot be written: there is no folder {none}. Nothing was written.\n\
             Next: `mkdir -p {none}` makes it\n"
        )
    );
}

#[test]
fn a_page_written_in_json_says_where_and_how_large() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("history.html");
    let json = write(&Sample::flights(), "log --json", &file).data.unwrap();
    assert_eq!(json["written"]["runs"], 7);
    assert_eq!(json["written"]["bytes"], std::fs::metadata(file).unwrap().len());
}

#[test]
fn the_page_of_2000_runs_stays_small_and_is_written_at_once() {
    let sample = Sample::long(2_000);
    let began = std::time::Instant::now();
    let page = written(&sample, "log");
    assert!(began.elapsed().as_secs() < 20, "{:?}", began.elapsed());
    assert_eq!(page.matches("<details class=\"clew-entry\"").count(), 2_000);
    assert_eq!(
        page.matches("Whole source").count(),
        1_900,
        "each cell is compared with its run before"
    );
    assert!(page.len() < 2_000 * 4_000, "{} bytes", page.len());
}
