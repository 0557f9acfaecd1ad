//! Minimum cuts of networks, by the push-relabel method.
//!
//! After Goldberg and Tarjan ("A new approach to the maximum-flow problem", J. ACM 35(4), 1988), with the heuristics that
//! Cherkassky and Goldberg found important ("On implementing the push-relabel method", Algorithmica 19, 1997): highest label
//! first, occasional exact relabeling by breadth-first search, and the gap heuristic. Only the cut is needed, so excess that
//! cannot reach the target stays where it is, and no flow is computed.
//!
//! The networks of plans are thousands of runs deep, and every run has an arc to the sink. Algorithms that search paths in the
//! order of their lengths would search once for every depth; this one sweeps.

/// The capacity of an arc that no cut may contain. It never decreases, since it is excluded from arithmetic.
pub(super) const INFINITE: u64 = u64::MAX;

/// A network of arcs with capacities between numbered nodes.
#[derive(Debug, Default)]
pub(super) struct Network {
    nodes: usize,
    arcs: Vec<(u32, u32, u64)>,
}

/// A cut of minimum capacity.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct MinimumCut {
    /// Its capacity.
    pub capacity: u64,
    /// Whether each node is on the source side. Of all minimum cuts, this one has the fewest nodes there.
    pub is_source_side: Vec<bool>,
}

impl Network {
    /// Creates a network of `nodes` nodes without arcs.
    pub fn new(nodes: usize) -> Self {
        Self {
            nodes,
            arcs: Vec::new(),
        }
    }

    /// Adds a node.
    pub fn add_node(&mut self) -> usize {
        self.nodes += 1;
        self.nodes - 1
    }

    /// Adds an arc.
    pub fn add_arc(&mut self, from: usize, to: usize, capacity: u64) {
        if capacity > 0 && from != to {
            self.arcs.push((from as u32, to as u32, capacity));
        }
    }

    /// Returns the size of the network: nodes and arcs.
    pub fn size(&self) -> usize {
        self.nodes + self.arcs.len()
    }

    /// Computes the cut of minimum capacity between two nodes, in at most O(nodes² √arcs). There must be a finite cut. Arcs into
    /// the sink must be finite, and their sum must fit into 64 bits.
    pub fn minimum_cut(&self, source: usize, sink: usize) -> MinimumCut {
        let mut preflow = Preflow::new(self, sink, source);
        preflow.begin();
        while let Some(node) = preflow.highest() {
            preflow.discharge(node);
            if preflow.relabels > self.nodes {
                preflow.label_exactly();
            }
        }
        preflow.label_exactly();
        MinimumCut {
            capacity: preflow.excess[source],
            is_source_side: preflow.labels.iter().map(|label| *label < self.nodes).collect(),
        }
    }
}

/// A preflow from the sink to the source, against the arcs. The nodes that can still reach the source at the end form the
/// smallest source side of a minimum cut.
struct Preflow {
    origin: usize,
    target: usize,
    /// The index of the first arc of each node.
    first: Vec<u32>,
    heads: Vec<u32>,
    /// The residual capacity of each arc.
    residual: Vec<u64>,
    /// The reverse arc.
    partner: Vec<u32>,
    excess: Vec<u64>,
    /// A lower bound of the distance to the target along arcs with residual capacity. The number of nodes means that the target
    /// is unreachable.
    labels: Vec<usize>,
    /// The current arc of each node.
    current: Vec<u32>,
    /// Nodes with an excess, by label; may contain nodes with another label.
    active: Vec<Vec<u32>>,
    /// All nodes with a valid label, by label; may contain nodes with another label.
    members: Vec<Vec<u32>>,
    /// The actual number of nodes with each label.
    counts: Vec<u32>,
    highest: usize,
    relabels: usize,
}

impl Preflow {
    fn new(network: &Network, origin: usize, target: usize) -> Self {
        let nodes = network.nodes;
        let mut first = vec![0_u32; nodes + 1];
        for (from, to, _) in &network.arcs {
            first[*from as usize + 1] += 1;
            first[*to as usize + 1] += 1;
        }
        for node in 0..nodes {
            first[node + 1] += first[node];
        }
        let halves = network.arcs.len() * 2;
        let (mut heads, mut residual, mut partner) = (vec![0; halves], vec![0; halves], vec![0; halves]);
        let mut free = first.clone();
        for (from, to, capacity) in &network.arcs {
            let (back, forth) = (free[*to as usize], free[*from as usize]);
            free[*to as usize] += 1;
            free[*from as usize] += 1;
            (heads[back as usize], heads[forth as usize]) = (*from, *to);
            (partner[back as usize], partner[forth as usize]) = (forth, back);
            residual[back as usize] = *capacity;
        }
        Self {
            origin,
            target,
            current: first[..nodes].to_vec(),
            first,
            heads,
            residual,
            partner,
            excess: vec![0; nodes],
            labels: vec![nodes; nodes],
            active: vec![Vec::new(); nodes],
            members: vec![Vec::new(); nodes],
            counts: vec![0; nodes],
            highest: 0,
            relabels: 0,
        }
    }

    /// Pushes the maximum from the origin, and labels every node.
    fn begin(&mut self) {
        let arcs = self.arcs(self.origin);
        self.excess[self.origin] = self.residual[arcs.clone()].iter().sum();
        for arc in arcs {
            self.push(self.origin, arc, self.residual[arc]);
        }
        self.label_exactly();
    }

    fn arcs(&self, node: usize) -> std::ops::Range<usize> {
        self.first[node] as usize..self.first[node + 1] as usize
    }

    fn push(&mut self, node: usize, arc: usize, amount: u64) {
        let (head, back) = (self.heads[arc] as usize, self.partner[arc] as usize);
        if self.residual[arc] != INFINITE {
            self.residual[arc] -= amount;
        }
        if self.residual[back] != INFINITE {
            self.residual[back] += amount;
        }
        self.excess[node] -= amount;
        let was_idle = self.excess[head] == 0;
        self.excess[head] += amount;
        if was_idle {
            self.activate(head);
        }
    }

    fn activate(&mut self, node: usize) {
        let label = self.labels[node];
        if node != self.target && label < self.labels.len() {
            self.active[label].push(node as u32);
            self.highest = self.highest.max(label);
        }
    }

    /// Returns a node with an excess and the highest valid label.
    fn highest(&mut self) -> Option<usize> {
        loop {
            while let Some(node) = self.active[self.highest].pop() {
                let node = node as usize;
                if self.labels[node] == self.highest && self.excess[node] > 0 {
                    return Some(node);
                }
            }
            self.highest = self.highest.checked_sub(1)?;
        }
    }

    /// Pushes the excess of a node, until there is none or the target is unreachable from the node.
    fn discharge(&mut self, node: usize) {
        let last = self.first[node + 1];
        while self.labels[node] < self.labels.len() {
            while self.current[node] < last {
                let arc = self.current[node] as usize;
                let is_downhill = self.labels[node] == self.labels[self.heads[arc] as usize] + 1;
                if is_downhill && self.residual[arc] > 0 {
                    self.push(node, arc, self.excess[node].min(self.residual[arc]));
                    if self.excess[node] == 0 {
                        return;
                    }
                }
                self.current[node] += 1;
            }
            self.relabel(node);
        }
    }

    fn relabel(&mut self, node: usize) {
        let nodes = self.labels.len();
        let open = self.arcs(node).filter(|arc| self.residual[*arc] > 0);
        let lowest = open.map(|arc| self.labels[self.heads[arc] as usize]).min();
        let (old, new) = (self.labels[node], lowest.map_or(nodes, |lowest| nodes.min(lowest + 1)));
        self.relabels += 1;
        self.counts[old] -= 1;
        self.set_label(node, new);
        if self.counts[old] == 0 {
            self.close_gap(old);
        }
    }

    fn set_label(&mut self, node: usize, label: usize) {
        self.labels[node] = label;
        self.current[node] = self.first[node];
        if label < self.labels.len() {
            self.counts[label] += 1;
            self.members[label].push(node as u32);
        }
    }

    /// No node has this label, so the target is unreachable from all nodes with higher labels.
    fn close_gap(&mut self, gap: usize) {
        let nodes = self.labels.len();
        for label in gap + 1..nodes {
            if self.counts[label] == 0 && self.members[label].is_empty() {
                break;
            }
            for node in std::mem::take(&mut self.members[label]) {
                if self.labels[node as usize] == label {
                    self.labels[node as usize] = nodes;
                }
            }
            self.counts[label] = 0;
        }
    }

    /// Labels every node with its exact distance from the target.
    fn label_exactly(&mut self) {
        let nodes = self.labels.len();
        self.relabels = 0;
        self.highest = 0;
        self.labels.fill(nodes);
        self.counts.fill(0);
        self.members.iter_mut().for_each(Vec::clear);
        self.active.iter_mut().for_each(Vec::clear);
        self.set_label(self.target, 0);
        let mut reached = vec![self.target];
        let mut next = 0;
        while let Some(node) = reached.get(next).copied() {
            next += 1;
            for arc in self.arcs(node) {
                let (tail, back) = (self.heads[arc] as usize, self.partner[arc] as usize);
                if self.residual[back] > 0 && self.labels[tail] == nodes && tail != self.origin {
                    self.set_label(tail, self.labels[node] + 1);
                    if self.excess[tail] > 0 {
                        self.activate(tail);
                    }
                    reached.push(tail);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use clew_testing::Dice;
    use petgraph::algo::dinics;
    use petgraph::graph::DiGraph;

    use super::*;

    /// Creates random arcs. Some are infinite, but none of these ends in the sink.
    fn random(dice: &mut Dice, nodes: usize) -> Network {
        let mut network = Network::new(nodes);
        for _ in 0..dice.below(4 * nodes as u64) {
            let (from, to) = (dice.below(nodes as u64) as usize, dice.below(nodes as u64) as usize);
            let is_infinite = to != 1 && dice.one_in(6);
            let capacity = if is_infinite { INFINITE } else { dice.below(20) };
            network.add_arc(from, to, capacity);
        }
        network
    }

    /// Returns the capacity of the cut with this source side.
    fn capacity(network: &Network, is_source_side: &[bool]) -> u64 {
        let crossing = network
            .arcs
            .iter()
            .filter(|(from, to, _)| is_source_side[*from as usize] && !is_source_side[*to as usize]);
        crossing.fold(0, |sum, (_, _, capacity)| sum.saturating_add(*capacity))
    }

    /// Computes the flow with petgraph, and the nodes that are reachable in the residual network.
    fn reference(network: &Network) -> (u64, Vec<bool>) {
        let arcs = network
            .arcs
            .iter()
            .map(|(from, to, capacity)| (*from, *to, (*capacity).min(1 << 40)));
        let mut graph: DiGraph<(), u64> = DiGraph::new();
        for _ in 0..network.nodes {
            graph.add_node(());
        }
        graph.extend_with_edges(arcs.clone());
        let (flow, flows) = dinics(&graph, 0.into(), 1.into());
        let mut is_reached = vec![false; network.nodes];
        is_reached[0] = true;
        let mut grows = true;
        while grows {
            grows = false;
            for ((from, to, capacity), flow) in arcs.clone().zip(&flows) {
                let (from, to) = (from as usize, to as usize);
                let forth = is_reached[from] && !is_reached[to] && *flow < capacity;
                let back = is_reached[to] && !is_reached[from] && *flow > 0;
                is_reached[if forth { to } else { from }] |= forth || back;
                grows |= forth || back;
            }
        }
        (flow, is_reached)
    }

    #[test]
    fn cuts_are_those_that_petgraph_finds() {
        let mut dice = Dice::new(6);
        for round in 0..5_000 {
            let nodes = 2 + dice.below(14) as usize;
            let network = random(&mut dice, nodes);
            let cut = network.minimum_cut(0, 1);
            let (flow, is_reached) = reference(&network);
            assert_eq!(cut.capacity, flow, "network {round}");
            assert_eq!(
                cut.is_source_side, is_reached,
                "network {round}: the smallest source side"
            );
            assert_eq!(capacity(&network, &cut.is_source_side), flow, "network {round}");
        }
    }

    #[test]
    fn an_infinite_arc_is_never_cut_however_much_goes_through() {
        let mut network = Network::new(2);
        let inner: Vec<usize> = (0..1_000).map(|_| network.add_node()).collect();
        for pair in inner.windows(2) {
            network.add_arc(pair[0], pair[1], INFINITE);
            network.add_arc(pair[0], 1, 1 << 43);
        }
        network.add_arc(0, inner[0], INFINITE);
        let cut = network.minimum_cut(0, 1);
        assert_eq!(cut.capacity, 999 << 43);
        assert!(cut.is_source_side[inner[999]], "what leads nowhere is reached too");
    }
}
