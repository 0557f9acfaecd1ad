//! The tree of runs as lanes of characters, newest first, as in `git log --graph`.

use clew_core::id::RunId;

/// One row of the drawing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Row {
    /// Lanes alone: where lines meet.
    Join(String),
    /// The lanes beside the n-th run.
    Run(String, usize),
}

/// Draws runs given newest first with their parents; a run comes before its parent.
///
/// ```text
/// @   14a
/// | * 14
/// |/
/// *   13
/// ```
pub fn draw(runs: &[(RunId, Option<RunId>)], here: Option<RunId>) -> Vec<Row> {
    let mut lanes: Vec<Option<RunId>> = Vec::new();
    let mut rows = Vec::new();
    for (index, (id, parent)) in runs.iter().enumerate() {
        let lane = lane_of(&mut lanes, *id);
        while let Some(other) = lanes
            .iter()
            .rposition(|waiting| *waiting == Some(*id))
            .filter(|other| *other > lane)
        {
            rows.push(Row::Join(join(&lanes, lane, other)));
            lanes[other] = None;
            trim(&mut lanes);
        }
        let mark = if here == Some(*id) { '@' } else { '*' };
        rows.push(Row::Run(bars(&lanes, lane, mark), index));
        lanes[lane] = *parent;
        trim(&mut lanes);
    }
    rows
}

/// The first lane that waits for `id`, else a free one.
fn lane_of(lanes: &mut Vec<Option<RunId>>, id: RunId) -> usize {
    let waiting = lanes.iter().position(|waiting| *waiting == Some(id));
    let free = || lanes.iter().position(Option::is_none);
    let lane = waiting.or_else(free).unwrap_or(lanes.len());
    if lane == lanes.len() {
        lanes.push(None);
    }
    lanes[lane] = Some(id);
    lane
}

fn bars(lanes: &[Option<RunId>], marked: usize, mark: char) -> String {
    let letter = |(lane, waiting): (usize, &Option<RunId>)| match waiting {
        _ if lane == marked => mark,
        Some(_) => '|',
        None => ' ',
    };
    let letters: Vec<String> = lanes.iter().enumerate().map(|pair| letter(pair).to_string()).collect();
    letters.join(" ")
}

/// `|_|/`: the lane `from` meets the lane `to` on its left.
fn join(lanes: &[Option<RunId>], to: usize, from: usize) -> String {
    let mut row: Vec<char> = Vec::new();
    for (lane, waiting) in lanes.iter().enumerate() {
        row.push(if waiting.is_some() && lane != from { '|' } else { ' ' });
        row.push(if lane >= to && lane + 1 < from { '_' } else { ' ' });
    }
    row[2 * from - 1] = '/';
    row.into_iter().collect::<String>().trim_end().to_owned()
}

fn trim(lanes: &mut Vec<Option<RunId>>) {
    while lanes.last().is_some_and(Option::is_none) {
        lanes.pop();
    }
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
