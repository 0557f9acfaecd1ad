//! The objects of the toy heap.

/// An object: its address, or the body of the class at that address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ref(pub u32);

impl Ref {
    const BODY: u32 = 1 << 31;

    /// The class's body as an object of its own: the root that discovering a class gives.
    #[must_use]
    pub fn body(self) -> Self {
        Self(self.0 | Self::BODY)
    }

    /// Whether this is the body of a class.
    pub fn is_body(self) -> bool {
        self.0 & Self::BODY != 0
    }

    /// The object itself; a class for its body.
    #[must_use]
    pub fn object(self) -> Self {
        Self(self.0 & !Self::BODY)
    }
}

/// What an object is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// Nothing.
    None,
    /// A number.
    Int(i64),
    /// Immutable text; interned while short.
    Text(String),
    /// A scalar without content that is compared by identity: a sentinel, a NaN.
    Token,
    /// Mutable sequence.
    List(Vec<Ref>),
    /// Immutable sequence.
    Tuple(Vec<Ref>),
    /// Members in the order of their hashes, which depend on addresses and the heap's seed.
    Set(Vec<Ref>),
    /// A dict (no class) or an instance.
    Record {
        /// Its class.
        class: Option<Ref>,
        /// Its fields in the order in which they were set.
        fields: Vec<(String, Ref)>,
    },
    /// A variable shared by closures.
    Cell(Option<Ref>),
    /// A function that reads globals of its namespace.
    Function(Function),
    /// A class of the notebook.
    Class {
        /// Its identity for life.
        id: String,
        /// Its name.
        name: String,
        /// Its attributes and counters.
        attributes: Vec<(String, Ref)>,
    },
    /// Bytes of a region, which other arrays may see too.
    Array(Window),
    /// Bytes of an array, which it keeps alive.
    View {
        /// The array.
        base: Ref,
        /// Where in the array.
        offset: u64,
        /// How many bytes.
        length: u64,
    },
    /// Bytes that are copied before they are written while another frame sees them.
    Frame(Window),
    /// Something like a generator: running it is the only way to see what it holds.
    Handle {
        /// How far it got. No look may show it.
        position: u64,
        /// What it holds.
        holds: Option<Ref>,
    },
    /// Only a reducer tells what it holds.
    Reduced(Ref),
    /// Its reducer raises.
    Raising,
    /// It can be described, but building it fails.
    Unbuildable(Ref),
    /// Knows its target without keeping it alive.
    Weak(Option<Ref>),
}

/// A function of the toy language.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Function {
    /// Global names that it reads when called.
    pub reads: Vec<String>,
    /// Cells it closes over; calling it counts the first one up.
    pub cells: Vec<Ref>,
    /// Default arguments, made at its definition.
    pub defaults: Vec<Ref>,
    /// Where it stood in its file: kept, never compared.
    pub line: u32,
    /// The namespace that it reads: 0 for the live one.
    pub scope: u32,
}

/// A range of a region.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// The region's first address.
    pub region: u64,
    /// Where in it.
    pub offset: u64,
    /// How many bytes.
    pub length: u64,
    /// Bytes of one column; 0 for one column.
    pub column: u64,
}

impl Window {
    /// The first address.
    pub fn address(&self) -> u64 {
        self.region + self.offset
    }

    /// Whether both show a byte in common.
    pub fn overlaps(&self, other: &Self) -> bool {
        self.length > 0
            && other.length > 0
            && self.address() < other.address() + other.length
            && other.address() < self.address() + self.length
    }
}

impl Value {
    /// The objects it keeps alive, in order.
    pub fn children(&self) -> Vec<Ref> {
        match self {
            Self::None
            | Self::Int(_)
            | Self::Text(_)
            | Self::Token
            | Self::Array(_)
            | Self::Frame(_)
            | Self::Raising
            | Self::Weak(_) => Vec::new(),
            Self::List(items) | Self::Tuple(items) | Self::Set(items) => items.clone(),
            Self::Record { class, fields } => class
                .iter()
                .copied()
                .chain(fields.iter().map(|(_, field)| *field))
                .collect(),
            Self::Cell(held) | Self::Handle { holds: held, .. } => held.iter().copied().collect(),
            Self::Function(function) => function.cells.iter().chain(&function.defaults).copied().collect(),
            Self::Class { attributes, .. } => attributes.iter().map(|(_, attribute)| *attribute).collect(),
            Self::View { base, .. } => vec![*base],
            Self::Reduced(inner) | Self::Unbuildable(inner) => vec![*inner],
        }
    }

    /// The region it holds.
    pub fn region(&self) -> Option<u64> {
        match self {
            Self::Array(window) | Self::Frame(window) => Some(window.region),
            _ => None,
        }
    }

    /// Its type's name.
    pub fn type_name(&self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Int(_) => "int",
            Self::Text(_) => "text",
            Self::Token => "token",
            Self::List(_) => "list",
            Self::Tuple(_) => "tuple",
            Self::Set(_) => "set",
            Self::Record { class: None, .. } => "dict",
            Self::Record { .. } => "instance",
            Self::Cell(_) => "cell",
            Self::Function(_) => "function",
            Self::Class { .. } => "class",
            Self::Array(_) => "array",
            Self::View { .. } => "view",
            Self::Frame(_) => "frame",
            Self::Handle { .. } => "handle",
            Self::Reduced(_) => "reduced",
            Self::Raising => "raising",
            Self::Unbuildable(_) => "unbuildable",
            Self::Weak(_) => "weak",
        }
    }
}
