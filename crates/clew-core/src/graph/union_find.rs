//! Disjoint sets of small numbers.

/// Disjoint sets over `0..n`, with path halving.
#[derive(Debug, Clone, Default)]
pub struct UnionFind {
    parents: Vec<usize>,
}

impl UnionFind {
    /// Adds a set of one and returns its member.
    pub fn add(&mut self) -> usize {
        self.parents.push(self.parents.len());
        self.parents.len() - 1
    }

    /// Returns the representative of the set that contains `member`: its smallest member.
    pub fn find(&mut self, mut member: usize) -> usize {
        while self.parents[member] != member {
            self.parents[member] = self.parents[self.parents[member]];
            member = self.parents[member];
        }
        member
    }

    /// Joins the sets of `one` and `other`.
    pub fn join(&mut self, one: usize, other: usize) {
        let (one, other) = (self.find(one), self.find(other));
        let (low, high) = (one.min(other), one.max(other));
        self.parents[high] = low;
    }

    /// Returns all sets, each in ascending order, sorted by their smallest members.
    pub fn groups(&mut self) -> Vec<Vec<usize>> {
        let mut groups: Vec<Vec<usize>> = vec![Vec::new(); self.parents.len()];
        for member in 0..self.parents.len() {
            let representative = self.find(member);
            groups[representative].push(member);
        }
        groups.retain(|group| !group.is_empty());
        groups
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn joined_members_form_one_group_in_order() {
        let mut sets = UnionFind::default();
        for _ in 0..5 {
            sets.add();
        }
        sets.join(4, 1);
        sets.join(1, 3);
        assert_eq!(sets.groups(), [vec![0], vec![1, 3, 4], vec![2]]);
    }
}
