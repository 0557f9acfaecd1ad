//! Kinds of nodes in the stream of a Python session. They are stored: the meaning of a number never changes.
//!
//! *text* below is UTF-8 that also holds lone surrogates; *name* is a length (LEB128) and a text; children are listed
//! in order. The *Python part* of an instance is described in `clew-python`, `raw/attributes.rs`.

/// No value, only the identity of a live object. Payload: the object's serial, 8 bytes, big endian, which is unique
/// among all sessions. Aside: text of the reason why it has no value.
pub const OPAQUE: u16 = 1;
/// `None`.
pub const NONE: u16 = 2;
/// `False` or `True`. Payload: 0 or 1.
pub const BOOL: u16 = 3;
/// An int of any size. Payload: two's complement, little endian, as short as it can be.
pub const INT: u16 = 4;
/// A float. Payload: its 8 bytes, little endian.
pub const FLOAT: u16 = 5;
/// A complex. Payload: real and imaginary part, 8 bytes each, little endian.
pub const COMPLEX: u16 = 6;
/// A str. Payload: text.
pub const STR: u16 = 7;
/// Bytes. Payload: the bytes, unless the node has a buffer, which then holds them.
pub const BYTES: u16 = 8;
/// A bytearray. Its buffer holds the bytes (none if it is empty).
pub const BYTEARRAY: u16 = 9;
/// A tuple. Children: items.
pub const TUPLE: u16 = 10;
/// A list. Children: items.
pub const LIST: u16 = 11;
/// A dict. Children: key, value, key, value … in their order.
pub const DICT: u16 = 12;
/// A set. Children: members, unordered, or in the order of the table that the payload describes (`clew-python`,
/// `raw/sets.rs`).
pub const SET: u16 = 13;
/// A frozenset. As a set.
pub const FROZENSET: u16 = 14;
/// A slice. Children: start, stop, step.
pub const SLICE: u16 = 15;
/// A range. Children: start, stop, step.
pub const RANGE: u16 = 16;
/// `Ellipsis`.
pub const ELLIPSIS: u16 = 17;
/// `NotImplemented`.
pub const NOT_IMPLEMENTED: u16 = 18;
/// An object that is found by name. Payload: name of the module, name inside it with dots; for a class or function of
/// the user's own modules then the digest of the source that made it (16 bytes) and the load of that source (LEB128).
pub const GLOBAL: u16 = 20;
/// A module. Payload: text of its name.
pub const MODULE: u16 = 21;
/// A class written in the notebook. Payload: its definition id (32 hexadecimal digits).
pub const CLASS: u16 = 22;
/// The body of a definition. See `clew-python`, `raw/class_body.rs`.
pub const DEFINITION: u16 = 23;
/// A function that is an attribute of a notebook class. Payload: the definition id, then the text of the attribute's name.
pub const METHOD: u16 = 24;
/// An object that exists once per process. Payload: text of its name (`namespace`, `main`, `stdout` …).
pub const TOKEN: u16 = 25;
/// A descriptor or builtin method of a type. Payload: text of its name. Children: the type.
pub const DESCRIPTOR: u16 = 26;
/// A builtin method bound to an object. Payload: text of its name. Children: the object.
pub const BUILTIN_METHOD: u16 = 27;
/// A function written in Python. See `clew-python`, `raw/function.rs`.
pub const FUNCTION: u16 = 28;
/// A code object. See `clew-python`, `raw/code.rs`.
pub const CODE: u16 = 29;
/// A closure cell. Children: its content, if it has one.
pub const CELL: u16 = 30;
/// A bound method. Children: function, self.
pub const BOUND_METHOD: u16 = 31;
/// An instance of a class. See `clew-python`, `raw/attributes.rs`. Children: class, base part, Python part.
pub const INSTANCE: u16 = 32;
/// A member of an Enum. Payload: text of its name. Children: the class.
pub const ENUM_MEMBER: u16 = 33;
/// A property. Children: fget, fset, fdel, doc.
pub const PROPERTY: u16 = 34;
/// A staticmethod. Children: the wrapped object, then the Python part. Payload: the Python part's shape.
pub const STATICMETHOD: u16 = 35;
/// A classmethod. As a staticmethod.
pub const CLASSMETHOD: u16 = 36;
/// A mappingproxy. Children: the mapping.
pub const MAPPINGPROXY: u16 = 37;
/// A view of a dict. Payload: `k`, `v` or `i`. Children: the dict.
pub const DICT_VIEW: u16 = 38;
/// A weak reference. Children: the object while it lives, then the callback if there is one. Payload: 1 if it lives,
/// and 2 more for a proxy.
pub const WEAKREF: u16 = 39;
/// A logger. Payload: text of its name.
pub const LOGGER: u16 = 40;
/// Memory that a codec passed. Its buffer holds the bytes. Payload: 1 if its owner copies before it writes.
pub const MEMORY: u16 = 41;
/// An object of a codec. Payload: name of the codec, its version (LEB128), the Python part's shape. Children: type,
/// parts, Python part.
pub const CODEC: u16 = 42;
/// An object with a reducer. Payload: see `clew-python`, `raw/reduce.rs`.
pub const REDUCE: u16 = 43;
/// An iterator over a sequence. Payload: name of its type, position. Children: the sequence unless exhausted.
pub const ITERATOR: u16 = 44;
/// A traceback. Payload: per entry the name of the function and the line. Aside: names of the files.
pub const TRACEBACK: u16 = 45;
/// A memoryview. Payload: offset in the exporter's memory, step (of one dimension, else 0), read-only (LEB128 each),
/// name of the format, lengths of the dimensions. Children: the exporter.
pub const MEMORYVIEW: u16 = 46;
/// A function wrapped by `functools.cache` or `lru_cache`. Payload: number of children of its contents, then the
/// Python part's shape. Children: function, size, whether types are distinguished, contents (compared, not restored),
/// Python part.
pub const CACHED: u16 = 47;
/// A partial. Children: function, arguments, keywords, then the Python part. Payload: the Python part's shape.
pub const PARTIAL: u16 = 48;
/// The dict of a module that is found by name. Payload: text of the module's name.
pub const MODULE_DICT: u16 = 49;
/// A generic alias such as `list[int]`. Children: origin, arguments. Payload: 1 if starred.
pub const GENERIC_ALIAS: u16 = 50;
/// A `super` object. Children: type, then the object if it is bound.
pub const SUPER: u16 = 51;
/// The address of something outside the process. Payload: text. Dependencies of runs ignore it.
pub const WHEREABOUTS: u16 = clew_core::graph::WHEREABOUTS;

/// The globals of functions that belong neither to a module nor to the notebook: a copy that a library made to run
/// code in. Payload: 1, then, like the Python part's dict, the names that those functions may read; 0 if other
/// objects refer to the dict, too: then the child is the dict itself.
pub const GLOBALS: u16 = 53;
/// The dict in which a class keeps its own attributes. Children: the class. Since Python 3.14, the function that creates
/// a class's annotations has it in a closure cell.
pub const CLASS_DICT: u16 = 54;

/// Returns whether nodes of this kind are found by name instead of being built.
pub fn is_by_name(kind: u16) -> bool {
    matches!(
        kind,
        GLOBAL | MODULE | CLASS | METHOD | TOKEN | LOGGER | MODULE_DICT | CLASS_DICT | ENUM_MEMBER | DESCRIPTOR
    )
}

/// Returns whether equal childless objects of this kind are never distinguished by identity.
pub fn is_plain(kind: u16) -> bool {
    is_by_name(kind) || matches!(kind, NONE..=BYTES | TUPLE | FROZENSET | ELLIPSIS | NOT_IMPLEMENTED)
}
