//! The tree of runs in parallel lanes, newest first, and as text, as in `git log --graph`.

use clew_core::id::RunId;

/// The position of one run among the lanes. Lanes go down to parents; each belongs to the child run that it starts from, given by index.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LanePosition {
    /// Its lane.
    pub lane: usize,
    /// The run whose lane ends here from directly above.
    pub above: Option<usize>,
    /// Other lanes that end here, with their child runs.
    pub joins: Vec<(usize, usize)>,
    /// Lanes that pass, with their child runs.
    pub through: Vec<(usize, usize)>,
    /// Whether its lane continues to a parent.
    pub goes_on: bool,
}

/// Assigns lanes to runs. The runs must be given newest first, with their parents; a run comes before its parent.
pub fn lanes(runs: &[(RunId, Option<RunId>)]) -> Vec<LanePosition> {
    let mut waiting: Vec<Option<(RunId, usize)>> = Vec::new();
    let mut placed = Vec::with_capacity(runs.len());
    for (index, (id, parent)) in runs.iter().enumerate() {
        let mut here = LanePosition {
            lane: lane_of(&waiting, *id),
            goes_on: parent.is_some(),
            ..LanePosition::default()
        };
        for (lane, slot) in waiting.iter_mut().enumerate() {
            match *slot {
                Some((wanted, child)) if wanted == *id && lane == here.lane => here.above = Some(child),
                Some((wanted, child)) if wanted == *id => {
                    here.joins.push((lane, child));
                    *slot = None;
                }
                Some((_, child)) => here.through.push((lane, child)),
                None => {}
            }
        }
        if here.lane == waiting.len() {
            waiting.push(None);
        }
        waiting[here.lane] = parent.map(|parent| (parent, index));
        while waiting.last().is_some_and(Option::is_none) {
            waiting.pop();
        }
        placed.push(here);
    }
    placed
}

/// Returns the first lane that leads to `id`, else a free one.
fn lane_of(waiting: &[Option<(RunId, usize)>], id: RunId) -> usize {
    let waits = |slot: &Option<(RunId, usize)>| slot.is_some_and(|(wanted, _)| wanted == id);
    let free = || waiting.iter().position(Option::is_none);
    waiting.iter().position(waits).or_else(free).unwrap_or(waiting.len())
}

/// One row of the text graph.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Row {
    /// Lanes only: where lanes meet.
    Join(String),
    /// The lanes beside the n-th run.
    Run(String, usize),
}

/// Draws runs, given newest first with their parents; a run comes before its parent.
///
/// ```text
/// @   14a
/// | * 14
/// |/
/// *   13
/// ```
pub fn draw(runs: &[(RunId, Option<RunId>)], here: Option<RunId>) -> Vec<Row> {
    let mut rows = Vec::new();
    for (index, placed) in lanes(runs).iter().enumerate() {
        let passing = placed.through.iter().map(|(lane, _)| *lane).chain([placed.lane]);
        let mut busy: Vec<usize> = passing.chain(placed.joins.iter().map(|(lane, _)| *lane)).collect();
        for (from, _) in placed.joins.iter().rev() {
            rows.push(Row::Join(join(&busy, placed.lane, *from)));
            busy.retain(|lane| lane != from);
        }
        let mark = if here == Some(runs[index].0) { '@' } else { '*' };
        rows.push(Row::Run(bars(&busy, placed.lane, mark), index));
    }
    rows
}

fn bars(busy: &[usize], marked: usize, mark: char) -> String {
    let letter = |lane: usize| match lane {
        _ if lane == marked => mark,
        _ if busy.contains(&lane) => '|',
        _ => ' ',
    };
    let letters: Vec<String> = (0..width(busy)).map(|lane| letter(lane).to_string()).collect();
    letters.join(" ")
}

/// Draws `|_|/`: the lane `from` joins the lane `to` on its left.
fn join(busy: &[usize], to: usize, from: usize) -> String {
    let mut row: Vec<char> = Vec::new();
    for lane in 0..width(busy) {
        let is_bar = busy.contains(&lane) && lane != from;
        row.push(if is_bar { '|' } else { ' ' });
        row.push(if lane >= to && lane + 1 < from { '_' } else { ' ' });
    }
    row[2 * from - 1] = '/';
    row.into_iter().collect::<String>().trim_end().to_owned()
}

fn width(busy: &[usize]) -> usize {
    busy.iter().max().map_or(0, |lane| lane + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(n: u8) -> RunId {
        RunId([n; 32])
    }

    fn drawing(runs: &[(u8, Option<u8>)], here: u8) -> String {
        let runs: Vec<_> = runs.iter().map(|(id, parent)| (run(*id), parent.map(run))).collect();
        let rows = draw(&runs, Some(run(here))).into_iter().map(|row| match row {
            Row::Join(lanes) => lanes,
            Row::Run(lanes, index) => format!("{lanes} {}", runs[index].0.0[0]),
        });
        rows.collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn one_line_is_one_lane() {
        assert_eq!(drawing(&[(3, Some(2)), (2, Some(1)), (1, None)], 3), "@ 3\n* 2\n* 1");
    }

    #[test]
    fn two_lines_meet_where_they_left_each_other() {
        let tree = [(5, Some(3)), (4, Some(2)), (3, Some(2)), (2, Some(1)), (1, None)];
        assert_eq!(drawing(&tree, 4), "* 5\n| @ 4\n* | 3\n|/\n* 2\n* 1");
    }

    #[test]
    fn three_lines_from_one_run_cross_what_lies_between() {
        let tree = [(5, Some(1)), (4, Some(2)), (3, Some(1)), (2, Some(1)), (1, None)];
        assert_eq!(drawing(&tree, 5), "@ 5\n| * 4\n| | * 3\n| * | 2\n|_|/\n|/\n* 1");
    }

    #[test]
    fn lines_with_nothing_in_common_stand_beside_each_other() {
        assert_eq!(drawing(&[(4, Some(2)), (3, None), (2, None)], 4), "@ 4\n| * 3\n* 2");
    }
}
