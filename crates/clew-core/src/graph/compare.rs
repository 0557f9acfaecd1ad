//! The first difference between two streams, for the report of a failed verification.

use std::collections::{BTreeSet, HashMap};

use super::arena::Arena;

/// Returns the root, and the path of child positions from it, to the first place where the two graphs differ: in kind, payload,
/// number of children or aliasing. Returns `None` if all nodes are equal; their memory may still differ. Nodes below the nodes
/// `beyond` of the first graph are not compared.
pub fn first_difference(one: &Arena<'_>, other: &Arena<'_>, beyond: &BTreeSet<u32>) -> Option<(usize, Vec<usize>)> {
    let roots = one.roots().len().max(other.roots().len());
    let mut twins: HashMap<u32, u32> = HashMap::new();
    let mut back: HashMap<u32, u32> = HashMap::new();
    // For each node the parent from which it was first reached.
    let mut parents: HashMap<u32, (u32, usize)> = HashMap::new();
    for root in 0..roots {
        let (Some(left), Some(right)) = (one.roots().get(root), other.roots().get(root)) else {
            return Some((root, Vec::new()));
        };
        let mut open = vec![(*left, *right, None)];
        while let Some((left, right, reached)) = open.pop() {
            match (twins.get(&left), back.get(&right)) {
                (Some(twin), _) if *twin == right => continue,
                (None, None) => {}
                _ => return Some((root, path(&parents, reached))),
            }
            twins.insert(left, right);
            back.insert(right, left);
            if beyond.contains(&left) {
                continue;
            }
            parents.extend(reached.map(|reached| (left, reached)));
            let (node, twin) = (one.node(left), other.node(right));
            let is_alike = (node.kind, node.payload, node.buffer) == (twin.kind, twin.payload, twin.buffer);
            if !is_alike || node.children.len() != twin.children.len() {
                return Some((root, path(&parents, reached)));
            }
            let pairs = node.children.iter().zip(twin.children).enumerate().rev();
            open.extend(pairs.map(|(position, (child, twin))| (*child, *twin, Some((left, position)))));
        }
    }
    None
}

/// Returns the positions that lead from a root to this child.
fn path(parents: &HashMap<u32, (u32, usize)>, mut reached: Option<(u32, usize)>) -> Vec<usize> {
    let mut path = Vec::new();
    while let Some((parent, position)) = reached {
        path.push(position);
        reached = parents.get(&parent).copied();
    }
    path.reverse();
    path
}

/// Returns for each root of a graph whether it is or reaches one of these nodes.
pub fn roots_reaching(arena: &Arena<'_>, wanted: &BTreeSet<u32>) -> Vec<Reachability> {
    let reaching = |root: &u32| {
        if wanted.contains(root) {
            return Reachability::IsOne;
        }
        let (mut seen, mut open) = (BTreeSet::from([*root]), vec![*root]);
        while let Some(number) = open.pop() {
            for child in arena.node(number).children {
                if wanted.contains(child) {
                    return Reachability::Reaches;
                }
                if seen.insert(*child) {
                    open.push(*child);
                }
            }
        }
        Reachability::IsApart
    };
    arena.roots().iter().map(reaching).collect()
}

/// The relation of a root to some nodes of its graph.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reachability {
    /// It reaches none of them.
    IsApart,
    /// It reaches one of them.
    Reaches,
    /// It is one of them.
    IsOne,
}
