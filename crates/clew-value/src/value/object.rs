//! Objects by their named parts: instances, results of reducers, functions, classes.

use crate::digest;
use crate::kinds;
use crate::payload::{Reader, text};
use crate::stored_value::{Items, NodeView, ReadError};
use crate::value::{Container, ContainerKind, Value};

/// An object with named parts.
#[derive(Debug, Clone, Default)]
pub struct Object<'a> {
    /// The name of its class: `sklearn.LinearRegression`, `Config`.
    pub type_name: String,
    /// Its content besides its parts, if its class is a kind of list, dict, str …
    pub content: Option<Box<Value<'a>>>,
    /// Its parts.
    pub fields: Vec<Field<'a>>,
    /// Bytes that belong to it but are not readable (code), or the bytes of a content without parts.
    pub hidden: Vec<u8>,
}

/// A named part.
#[derive(Debug, Clone)]
pub struct Field<'a> {
    /// Its path from the object: `.max_depth`, ` defaults`.
    pub path: String,
    /// The part.
    pub view: NodeView<'a>,
}

impl<'a> Field<'a> {
    pub(crate) fn new(path: impl Into<String>, view: NodeView<'a>) -> Self {
        let path = path.into();
        Self { path, view }
    }
}

impl Object<'_> {
    /// Returns the last part of its class's name.
    pub fn name(&self) -> &str {
        last_part(&self.type_name)
    }
}

/// Returns the last part of a name: `DataFrame` of `pandas.DataFrame`.
pub(crate) fn last_part(name: &str) -> &str {
    name.rsplit('.').next().unwrap_or(name)
}

/// Returns the usual name of a global: package and name; only the name for builtins and the notebook.
pub(crate) fn qualified(module: &str, name: &str) -> String {
    match module.split('.').next().unwrap_or_default() {
        "" | "builtins" | "__main__" => name.to_owned(),
        package => format!("{package}.{name}"),
    }
}

fn cut() -> ReadError {
    ReadError::Unknown("an object is cut short")
}

/// Reads a node that is of none of the simple kinds.
pub(crate) fn read(view: NodeView<'_>) -> Result<Object<'_>, ReadError> {
    let (name, names): (&str, &[&str]) = match view.kind() {
        kinds::INSTANCE => return instance(view),
        kinds::REDUCE => return reduced(view),
        kinds::FUNCTION => return function(view),
        kinds::DEFINITION => return definition(view),
        kinds::GLOBALS => return Ok(globals(view)),
        kinds::CODE => ("code", &[" constants"]),
        kinds::PARTIAL => ("functools.partial", &[".func", ".args", ".keywords"]),
        kinds::BOUND_METHOD => ("method", &[" function", " self"]),
        kinds::BUILTIN_METHOD => ("builtin method", &[" self"]),
        kinds::PROPERTY => ("property", &[".fget", ".fset", ".fdel", ".__doc__"]),
        kinds::STATICMETHOD => ("staticmethod", &[" function"]),
        kinds::CLASSMETHOD => ("classmethod", &[" function"]),
        kinds::CELL => ("cell", &[" content"]),
        kinds::CACHED => ("functools.lru_cache", &[" function", ".maxsize", ".typed"]),
        kinds::MAPPINGPROXY => ("mappingproxy", &[" mapping"]),
        kinds::DICT_VIEW => ("dict view", &[" dict"]),
        kinds::WEAKREF => ("weakref", &[" object"]),
        kinds::ITERATOR => ("iterator", &[" sequence"]),
        kinds::TRACEBACK => ("traceback", &[]),
        kinds::MEMORYVIEW => ("memoryview", &[" of"]),
        kinds::GENERIC_ALIAS => ("generic alias", &[" origin", " arguments"]),
        kinds::SUPER => ("super", &[" type", " object"]),
        _ => return Err(ReadError::Unknown("a node is of no known kind")),
    };
    // The payload of some only describes their attributes, which follow this number of parts.
    let mut rest = Reader::new(view.payload());
    let own = match view.kind() {
        kinds::PARTIAL => 3,
        kinds::STATICMETHOD | kinds::CLASSMETHOD => 1,
        kinds::CACHED => 3 + rest.count(view.items(3).len()).ok_or_else(cut)?,
        _ => usize::MAX,
    };
    let mut object = parts(name, view.items(0).first(own), names);
    if own < usize::MAX {
        object.fields.extend(python_part(&mut rest, view.items(own)));
    } else {
        object.hidden = view.payload().to_vec();
    }
    Ok(object)
}

/// Returns items as parts; the first ones have names.
fn parts<'a>(type_name: &str, items: Items<'a>, names: &[&str]) -> Object<'a> {
    let path = |at: usize| match names.get(at) {
        Some(name) => (*name).to_owned(),
        None => format!(" part {at}"),
    };
    Object {
        type_name: type_name.to_owned(),
        fields: (0..)
            .zip(items.iter())
            .map(|(at, view)| Field::new(path(at), view))
            .collect(),
        ..Object::default()
    }
}

/// The number of kinds of bases in an instance's payload.
const BASES: u8 = 11;

fn instance(view: NodeView<'_>) -> Result<Object<'_>, ReadError> {
    let class = view.child(0).ok_or_else(cut)?;
    let mut rest = Reader::new(view.payload());
    let base = rest.byte().filter(|base| *base < BASES).ok_or_else(cut)?;
    let most = view.items(1).len();
    let mut held = 0;
    let mut content = None;
    match base {
        1 | 2 | 5 => {
            held = rest.count(most).ok_or_else(cut)?;
            let (name, holding) = [
                ("dict", ContainerKind::Mapping),
                ("list", ContainerKind::List),
                ("tuple", ContainerKind::Tuple),
            ][usize::from(base.min(3)) - 1];
            content = Some(Value::Members(Container::new(name, holding, view.items(1).first(held))));
        }
        3 | 4 => {
            held = 1;
            let set = view
                .child(1)
                .filter(|set| matches!(set.kind(), kinds::SET | kinds::FROZENSET));
            content = Some(Value::Members(Container::new(
                "set",
                ContainerKind::Set,
                set.ok_or_else(cut)?.items(0),
            )));
        }
        6 => content = Some(Value::Text(text(rest.name().ok_or_else(cut)?))),
        7 => content = Some(Value::Integer(crate::Integer(rest.name().ok_or_else(cut)?))),
        8 => content = Some(Value::Float(number(rest.take(8).ok_or_else(cut)?))),
        9 => content = Some(Value::Bytes(rest.name().ok_or_else(cut)?)),
        10 => {
            let (real, imaginary) = (rest.take(8).ok_or_else(cut)?, rest.take(8).ok_or_else(cut)?);
            content = Some(Value::Complex(number(real), number(imaginary)));
        }
        _ => {}
    }
    let base = view.payload().len() - rest.left();
    Ok(Object {
        type_name: class.name(),
        content: content.map(Box::new),
        fields: python_part(&mut rest, view.items(1 + held)),
        hidden: view.payload()[..base].to_vec(),
    })
}

fn number(bytes: &[u8]) -> f64 {
    bytes.try_into().map_or(f64::NAN, f64::from_le_bytes)
}

/// Reads the attributes and slots of an instance, by name. Truncated data ends them.
fn python_part<'a>(rest: &mut Reader<'_>, values: Items<'a>) -> Vec<Field<'a>> {
    let mut fields = Vec::new();
    let mut at = 0;
    let mut next = || {
        at += 1;
        values.get(at - 1)
    };
    let field = |name: &[u8], view| Field::new(format!(".{}", text(name)), view);
    match rest.byte() {
        Some(1) => {
            for _ in 0..rest.count(values.len()).unwrap_or(0) {
                if let (Some(name), Some(view)) = (rest.name(), next()) {
                    fields.push(field(name, view));
                }
            }
        }
        Some(2) => fields.extend(next().into_iter().flat_map(attributes)),
        _ => {}
    }
    for _ in 0..rest.count(values.len()).unwrap_or(0) {
        if let (Some(_), Some(name), Some(view)) = (rest.number(), rest.name(), next()) {
            fields.push(field(name, view));
        }
    }
    fields
}

/// Returns the entries of a dict of attributes; the dict if it has other keys than names, or is none.
pub(crate) fn attributes(dict: NodeView<'_>) -> Vec<Field<'_>> {
    if dict.is_none() {
        return Vec::new();
    }
    let items = dict.items(0);
    let pair = |at: usize| Some(Field::new(format!(".{}", items.get(at)?.text()?), items.get(at + 1)?));
    let names: Option<Vec<_>> = (0..items.len()).step_by(2).map(pair).collect();
    names
        .filter(|_| dict.kind() == kinds::DICT)
        .unwrap_or_else(|| vec![Field::new("", dict)])
}

/// Returns a state as fields: its entries if it is a dict, or a dict and a dict of slots.
pub(crate) fn state_fields<'a>(state: NodeView<'a>, called: &str) -> Vec<Field<'a>> {
    let is_dict = |view: &NodeView<'_>| view.kind() == kinds::DICT;
    if is_dict(&state) {
        return attributes(state);
    }
    if state.is_none() {
        return Vec::new();
    }
    if let Some(pair) = state.row().filter(|pair| pair.len() == 2)
        && let (Some(own), Some(slots)) = (pair.get(0), pair.get(1))
        && (is_dict(&own) || own.is_none())
        && is_dict(&slots)
    {
        return [attributes(own), attributes(slots)].concat();
    }
    vec![Field::new(format!(" {called}"), state)]
}

const STATE: u8 = 1;
const SETTER: u8 = 2;

fn reduced(view: NodeView<'_>) -> Result<Object<'_>, ReadError> {
    let mut rest = Reader::new(view.payload());
    let flags = rest.byte().ok_or_else(cut)?;
    let children = view.items(0);
    let items = rest.count(children.len()).ok_or_else(cut)?;
    let pairs = rest.count(children.len()).ok_or_else(cut)?;
    let (make, args) = (view.child(0).ok_or_else(cut)?, view.child(1).ok_or_else(cut)?);
    let mut at = 2;
    let mut fields = vec![Field::new(" callable", make)];
    for (nth, view) in args.row().into_iter().flat_map(Items::iter).enumerate() {
        fields.push(Field::new(format!(" argument {nth}"), view));
    }
    if flags & STATE != 0 {
        fields.extend(state_fields(view.child(at).ok_or_else(cut)?, "state"));
        at += 1;
    }
    if flags & SETTER != 0 {
        fields.extend(view.child(at).map(|setter| Field::new(" setter", setter)));
        at += 1;
    }
    let held = view.items(at).first(items);
    let content = match (items, pairs) {
        (0, 0) => None,
        (_, 0) => Some(Container::new("list", ContainerKind::List, held)),
        _ => {
            fields.extend(held.iter().map(|item| Field::new(" item", item)));
            let pairs = view.items(at + items).first(pairs.saturating_mul(2));
            Some(Container::new("dict", ContainerKind::Mapping, pairs))
        }
    };
    let taken = items.saturating_add(pairs.saturating_mul(2));
    let part = python_part(&mut rest, view.items(at.saturating_add(taken)));
    // A state usually consists of the attributes.
    let is_known = |field: &Field<'_>| {
        let mut named = fields.iter().filter(|known| known.path == field.path);
        named.any(|known| digest::is_same(known.view, field.view))
    };
    let part: Vec<_> = part.into_iter().filter(|field| !is_known(field)).collect();
    fields.extend(part);
    Ok(Object {
        type_name: made_by(make, args),
        content: content.map(|members| Box::new(Value::Members(members))),
        fields,
        ..Object::default()
    })
}

/// Returns the class that a reducer's callable instantiates.
fn made_by(make: NodeView<'_>, args: NodeView<'_>) -> String {
    let name = if kinds::is_by_name(make.kind()) {
        make.name()
    } else {
        "object".to_owned()
    };
    let class = args
        .row()
        .and_then(|args| args.get(0))
        .filter(|class| matches!(class.kind(), kinds::GLOBAL | kinds::CLASS));
    match (name.as_str(), class) {
        ("copyreg.__newobj__" | "copyreg.__newobj_ex__" | "copyreg._reconstructor", Some(class)) => class.name(),
        _ => name,
    }
}

/// Reads a function: its code by its bytes, its closure and defaults by value.
fn function(view: NodeView<'_>) -> Result<Object<'_>, ReadError> {
    let mut rest = Reader::new(view.payload());
    let mask = rest.byte().ok_or_else(cut)?;
    let name = text(rest.name().ok_or_else(cut)?);
    let mut names = vec![" globals", " code"];
    let optional = [
        ".__module__",
        ".__doc__",
        ".__defaults__",
        ".__kwdefaults__",
        ".__closure__",
        ".__type_params__",
    ];
    let optional = optional.into_iter().enumerate();
    names.extend(optional.filter(|(bit, _)| mask & 1 << bit != 0).map(|(_, name)| name));
    let mut function = parts(&format!("function {name}"), view.items(0), &names);
    // Globals are not part of a function.
    function.fields.retain(|field| field.path != " globals");
    function.hidden = view.payload().to_vec();
    Ok(function)
}

/// Reads the names that functions may read of their own globals; or the dict that holds these globals.
fn globals(view: NodeView<'_>) -> Object<'_> {
    let mut rest = Reader::new(view.payload());
    if rest.byte() == Some(0) {
        return parts("globals", view.items(0), &[" dict"]);
    }
    Object {
        type_name: "globals".to_owned(),
        fields: python_part(&mut rest, view.items(0)),
        ..Object::default()
    }
}

fn definition(view: NodeView<'_>) -> Result<Object<'_>, ReadError> {
    let mut rest = Reader::new(view.payload());
    let (_, name) = (rest.name().ok_or_else(cut)?, rest.name().ok_or_else(cut)?);
    let type_name = format!("class {}", text(name));
    Ok(Object {
        hidden: view.payload().to_vec(),
        ..parts(&type_name, view.items(0), &[" metaclass", " bases"])
    })
}
