//! The graph of a history: one SVG per run, which join when rows are stacked.

use std::collections::HashSet;

use clew_core::id::RunId;
use maud::{Markup, html};

use crate::lanes::LanePosition;
use crate::run_page::RunPage;

/// Pixels between two lanes, and from the edge to the first.
const STEP: usize = 14;
/// The height of a row in pixels.
const HEIGHT: usize = 26;
/// The radius of the curve between lanes in pixels.
const TURN: usize = 7;
/// Further lanes are drawn on the last one: a graph with more lanes is not readable anyway.
const MOST: usize = 24;

/// The appearance of one run. The text beside it contains the same information.
#[derive(Debug, Clone, Copy, Default)]
pub struct Dot {
    /// Whether the session is at this run.
    pub is_current: bool,
    /// Whether it led to the session's current run.
    pub is_on_line: bool,
    /// Whether it failed or was interrupted.
    pub is_bad: bool,
}

impl Dot {
    /// Returns the appearance of `run`; `led_here` are the runs that led to the session's current run.
    pub fn of(run: &RunPage, led_here: &HashSet<RunId>) -> Self {
        Self {
            is_current: run.is_current,
            is_on_line: led_here.contains(&run.id),
            is_bad: run.ending != "done",
        }
    }
}

/// The layout of a history's graph.
pub struct Drawing {
    placed: Vec<LanePosition>,
    dots: Vec<Dot>,
    width: usize,
}

impl Drawing {
    /// Creates the graph of runs with assigned lanes.
    pub fn of(placed: Vec<LanePosition>, dots: Vec<Dot>) -> Self {
        let reach = |placed: &LanePosition| {
            let lanes = placed.through.iter().chain(&placed.joins).map(|(lane, _)| *lane);
            lanes.chain([placed.lane]).max().unwrap_or(0)
        };
        let most = placed.iter().map(reach).max().unwrap_or(0).min(MOST);
        Self {
            placed,
            dots,
            width: (most + 1) * STEP,
        }
    }

    /// Returns its width in pixels.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Renders the graph beside the n-th run.
    pub fn row(&self, index: usize) -> Markup {
        let (placed, dot) = (&self.placed[index], self.dots[index]);
        let (here, others) = self.paths(placed, dot);
        let size = format!("0 0 {} {HEIGHT}", self.width);
        html! {
            svg.clew-graph width=(self.width) height=(HEIGHT) viewBox=(size) aria-hidden="true" {
                @if !others.is_empty() { path d=(others) {} }
                @if !here.is_empty() { path.clew-line d=(here) {} }
                (mark(x(placed.lane), dot))
            }
        }
    }

    /// Renders the lanes below the n-th run, stretched to the height of the content beside them.
    pub fn rails(&self, index: usize) -> Markup {
        let (placed, dot) = (&self.placed[index], self.dots[index]);
        let mut ways = [String::new(), String::new()];
        let own = placed.goes_on.then_some((placed.lane, dot.is_on_line));
        let passing = placed
            .through
            .iter()
            .take(MOST + 1)
            .map(|(lane, child)| (*lane, self.dots[*child].is_on_line));
        for (lane, is_on_line) in passing.chain(own) {
            ways[usize::from(is_on_line)] += &format!("M{} 0V1", x(lane));
        }
        let [others, here] = ways;
        html! {
            svg.clew-graph.clew-rails width=(self.width) viewBox={ "0 0 " (self.width) " 1" } preserveAspectRatio="none"
                aria-hidden="true" {
                @if !others.is_empty() { path vector-effect="non-scaling-stroke" d=(others) {} }
                @if !here.is_empty() { path.clew-line vector-effect="non-scaling-stroke" d=(here) {} }
            }
        }
    }

    /// Returns the paths beside a run: those that led to the current run, and the others.
    fn paths(&self, placed: &LanePosition, dot: Dot) -> (String, String) {
        let (mut here, mut others) = (String::new(), String::new());
        let mut draw = |is_on_line: bool, path: String| {
            let way = if is_on_line { &mut here } else { &mut others };
            way.push_str(&path);
        };
        let comes_from = |child: usize| self.dots[child].is_on_line;
        let (own, middle) = (x(placed.lane), HEIGHT / 2);
        for (lane, child) in placed.through.iter().take(MOST + 1) {
            draw(comes_from(*child), format!("M{} 0V{HEIGHT}", x(*lane)));
        }
        if let Some(child) = placed.above {
            draw(comes_from(child), format!("M{own} 0V{middle}"));
        }
        for (lane, child) in placed.joins.iter().take(MOST + 1) {
            let turn = format!("M{} 0v{}q0 {TURN} -{TURN} {TURN}H{own}", x(*lane), middle - TURN);
            draw(comes_from(*child), turn);
        }
        if placed.goes_on {
            draw(dot.is_on_line, format!("M{own} {middle}V{HEIGHT}"));
        }
        (here, others)
    }
}

/// Returns the horizontal centre of a lane.
fn x(lane: usize) -> usize {
    lane.min(MOST) * STEP + STEP / 2
}

/// Renders a dot; a diamond for a failed run; a ring around the session's current run.
fn mark(x: usize, dot: Dot) -> Markup {
    let y = HEIGHT / 2;
    let class = match (dot.is_bad, dot.is_on_line) {
        (true, _) => "clew-dot clew-bad",
        (false, true) => "clew-dot clew-line",
        (false, false) => "clew-dot",
    };
    html! {
        @if dot.is_current { circle.clew-ring cx=(x) cy=(y) r="6.5" {} }
        @if dot.is_bad {
            path class=(class) d={ "M" (x) " " (y - 5) "l5 5l-5 5l-5-5z" } {}
        } @else {
            circle class=(class) cx=(x) cy=(y) r="4" {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lanes::lanes;

    fn drawing(runs: &[(u16, Option<u16>)], line: &[u16]) -> Drawing {
        let id = |n: u16| RunId::of(&n.to_be_bytes());
        let placed = lanes(
            &runs
                .iter()
                .map(|(n, parent)| (id(*n), parent.map(id)))
                .collect::<Vec<_>>(),
        );
        let dot = |(n, _): &(u16, Option<u16>)| Dot {
            is_on_line: line.contains(n),
            ..Dot::default()
        };
        Drawing::of(placed, runs.iter().map(dot).collect())
    }

    #[test]
    fn a_line_that_was_left_turns_into_the_one_that_stayed() {
        let drawing = drawing(&[(4, Some(2)), (3, Some(2)), (2, Some(1)), (1, None)], &[4, 2, 1]);
        let row = drawing.row(2).0;
        assert!(row.contains(r#"<path d="M21 0v6q0 7 -7 7H7"></path>"#), "{row}");
        assert!(row.contains(r#"<path class="clew-line" d="M7 0V13M7 13V26">"#), "{row}");
        let rails = drawing.rails(1).0;
        assert!(
            rails.contains(r#"d="M21 0V1""#) && rails.contains(r#"d="M7 0V1""#),
            "{rails}"
        );
    }

    #[test]
    fn a_thousand_lines_take_no_more_room_than_the_last_lane() {
        let runs: Vec<_> = (1..=1000).rev().map(|n| (n, (n > 1).then_some(1))).collect();
        let drawing = drawing(&runs, &[1000, 1]);
        assert_eq!(drawing.width, 25 * STEP);
        let most = (0..runs.len()).map(|index| drawing.row(index).0.len()).max();
        assert!(most < Some(1500), "{most:?}");
    }
}
