//! The objects of the toy heap.

/// A reference to an object: its address, or the body of the class at that address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ref(pub u32);

impl Ref {
    const BODY: u32 = 1 << 31;

    /// Returns the class's body as a separate object: the root that is recorded when a class is discovered.
    #[must_use]
    pub fn body(self) -> Self {
        Self(self.0 | Self::BODY)
    }

    /// Whether this is the body of a class.
    pub fn is_body(self) -> bool {
        self.0 & Self::BODY != 0
    }

    /// Returns the object itself; for a body, its class.
    #[must_use]
    pub fn object(self) -> Self {
        Self(self.0 & !Self::BODY)
    }
}

/// The value of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// Nothing.
    None,
    /// A number.
    Int(i64),
    /// Immutable text; short texts are interned.
    Text(String),
    /// A scalar without contents that is compared by identity: a sentinel, a NaN.
    Token,
    /// Mutable sequence.
    List(Vec<Ref>),
    /// Immutable sequence.
    Tuple(Vec<Ref>),
    /// A set. Its members are ordered by their hashes, which depend on addresses and the heap's seed.
    Set(Vec<Ref>),
    /// A dict (no class) or an instance.
    Record {
        /// Its class.
        class: Option<Ref>,
        /// Its fields in the order in which they were set.
        fields: Vec<(String, Ref)>,
    },
    /// A variable that closures share.
    Cell(Option<Ref>),
    /// A function that reads globals of its namespace.
    Function(Function),
    /// A class of the notebook.
    Class {
        /// Its identity, which never changes.
        id: String,
        /// Its name.
        name: String,
        /// Its attributes and counters.
        attributes: Vec<(String, Ref)>,
    },
    /// Bytes of a region, which other arrays may share.
    Array(Window),
    /// Bytes of an array. The view keeps the array alive.
    View {
        /// The array.
        base: Ref,
        /// The offset in the array.
        offset: u64,
        /// The number of bytes.
        length: u64,
    },
    /// Bytes that are copied on write while another frame shares them.
    Frame(Window),
    /// A live object, like a generator: its contents are only visible by running it.
    Handle {
        /// Its progress, which no inspection can show.
        position: u64,
        /// The object that it refers to.
        holds: Option<Ref>,
    },
    /// An object whose contents only its reducer returns.
    Reduced(Ref),
    /// An object whose reducer raises.
    Raising,
    /// An object that can be described but not built.
    Unbuildable(Ref),
    /// A weak reference: it does not keep its target alive.
    Weak(Option<Ref>),
}

/// A function of the toy language.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Function {
    /// The global names that it reads when it is called.
    pub reads: Vec<String>,
    /// The variables that it closes over. Each call increments the first one.
    pub cells: Vec<Ref>,
    /// Default arguments, created at its definition.
    pub defaults: Vec<Ref>,
    /// Its line in the file: stored, but never compared.
    pub line: u32,
    /// The namespace that it reads: 0 for the live one.
    pub scope: u32,
}

/// A range of a region.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// The region's first address.
    pub region: u64,
    /// The offset in the region.
    pub offset: u64,
    /// The number of bytes.
    pub length: u64,
    /// The bytes of one column; 0 for one column.
    pub column: u64,
}

impl Window {
    /// Returns the first address.
    pub fn address(&self) -> u64 {
        self.region + self.offset
    }

    /// Whether both contain a common byte.
    pub fn overlaps(&self, other: &Self) -> bool {
        self.length > 0
            && other.length > 0
            && self.address() < other.address() + other.length
            && other.address() < self.address() + self.length
    }
}

impl Value {
    /// Returns the objects that it keeps alive, in order.
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

    /// Returns the region that it holds.
    pub fn region(&self) -> Option<u64> {
        match self {
            Self::Array(window) | Self::Frame(window) => Some(window.region),
            _ => None,
        }
    }

    /// Returns the name of its type.
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
