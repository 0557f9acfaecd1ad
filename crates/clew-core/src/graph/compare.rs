//! Where two streams first differ: what a failed verification tells people.

use super::arena::Arena;

/// The path of child positions, from a root, to the first node in which the two arenas differ; `None` if their nodes
/// are equal (their memory may still differ).
pub fn first_difference(one: &Arena<'_>, other: &Arena<'_>) -> Option<Vec<usize>> {
    let mut parents: Vec<Option<(u32, usize)>> = vec![None; one.len()];
    for number in 0..one.len() as u32 {
        for (position, child) in one.node(number).children.iter().enumerate() {
            if *child > number {
                parents[*child as usize].get_or_insert((number, position));
            }
        }
    }
    let differs = |number: u32| {
        if number as usize >= other.len() {
            return true;
        }
        let (left, right) = (one.node(number), other.node(number));
        (left.kind, left.payload, left.children, left.buffer)
            != (right.kind, right.payload, right.children, right.buffer)
    };
    let first = (0..one.len() as u32).find(|number| differs(*number))?;
    let mut path = Vec::new();
    let mut at = first;
    while let Some((parent, position)) = parents[at as usize] {
        path.push(position);
        at = parent;
    }
    path.reverse();
    Some(path)
}
