//! Objects by their named parts: instances, results of reducers, functions, classes.

use crate::kinds;
use crate::payload::Reader;
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
    /// Bytes that belong to it but are not readable (code).
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
    // The payload of these only lists which of their parts have names, and their sizes.
    let has_shape = matches!(
        view.kind(),
        kinds::PARTIAL | kinds::STATICMETHOD | kinds::CLASSMETHOD | kinds::CACHED | kinds::GENERIC_ALIAS
    );
    Ok(Object {
        hidden: if has_shape { Vec::new() } else { view.payload().to_vec() },
        ..parts(name, view, names)
    })
}

/// Returns the children as parts; the first ones have names.
fn parts<'a>(type_name: &str, view: NodeView<'a>, names: &[&str]) -> Object<'a> {
    let path = |at: usize| match names.get(at) {
        Some(name) => (*name).to_owned(),
        None => format!(" part {at}"),
    };
    let items = view.items(0).iter().enumerate();
    Object {
        type_name: type_name.to_owned(),
        fields: items.map(|(at, view)| Field { path: path(at), view }).collect(),
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
    let text = |bytes| String::from_utf8_lossy(bytes);
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
    Ok(Object {
        type_name: class.name(),
        content: content.map(Box::new),
        fields: python_part(&mut rest, view.items(1 + held)),
        ..Object::default()
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
    let path = |name: &[u8]| format!(".{}", String::from_utf8_lossy(name));
    match rest.byte() {
        Some(1) => {
            for _ in 0..rest.count(values.len()).unwrap_or(0) {
                if let (Some(name), Some(view)) = (rest.name(), next()) {
                    fields.push(Field { path: path(name), view });
                }
            }
        }
        Some(2) => fields.extend(next().into_iter().flat_map(attributes)),
        _ => {}
    }
    for _ in 0..rest.count(values.len()).unwrap_or(0) {
        if let (Some(_), Some(name), Some(view)) = (rest.number(), rest.name(), next()) {
            fields.push(Field { path: path(name), view });
        }
    }
    fields
}

/// Returns the entries of a dict of attributes.
pub(crate) fn attributes(dict: NodeView<'_>) -> Vec<Field<'_>> {
    if dict.kind() != kinds::DICT {
        return Vec::new();
    }
    let items = dict.items(0);
    let pair = |at: usize| {
        let (key, view) = (items.get(at)?, items.get(at + 1)?);
        let path = match key.text() {
            Some(name) => format!(".{name}"),
            None => format!("[{}]", crate::value::short::short(key, 40)),
        };
        Some(Field { path, view })
    };
    (0..items.len()).step_by(2).filter_map(pair).collect()
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
    vec![Field {
        path: format!(" {called}"),
        view: state,
    }]
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
    let mut fields = Vec::new();
    let (type_name, skipped) = made_by(make, args);
    for (nth, view) in args.row().into_iter().flat_map(Items::iter).enumerate().skip(skipped) {
        fields.push(Field {
            path: format!(" argument {nth}"),
            view,
        });
    }
    if flags & STATE != 0 {
        fields.extend(state_fields(view.child(at).ok_or_else(cut)?, "state"));
        at += 1;
    }
    at += usize::from(flags & SETTER != 0);
    let held = view.items(at);
    let content = match (items, pairs) {
        (0, 0) => None,
        (items, 0) => Some(Container::new("list", ContainerKind::List, held.first(items))),
        (items, pairs) => Some(Container::new(
            "dict",
            ContainerKind::Mapping,
            view.items(at + items).first(pairs.saturating_mul(2)),
        )),
    };
    let known: Vec<String> = fields.iter().map(|field| field.path.clone()).collect();
    let taken = items.saturating_add(pairs.saturating_mul(2));
    let part = python_part(&mut rest, view.items(at.saturating_add(taken)));
    fields.extend(part.into_iter().filter(|field| !known.contains(&field.path)));
    Ok(Object {
        type_name,
        content: content.map(|members| Box::new(Value::Members(members))),
        fields,
        ..Object::default()
    })
}

/// Returns the class that a reducer's callable instantiates, and how many arguments only name the class.
fn made_by(make: NodeView<'_>, args: NodeView<'_>) -> (String, usize) {
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
        ("copyreg.__newobj__" | "copyreg.__newobj_ex__", Some(class)) => (class.name(), 1),
        ("copyreg._reconstructor", Some(class)) => (class.name(), 3),
        _ => (name, 0),
    }
}

/// Reads a function: its code by its bytes, its closure and defaults by value.
fn function(view: NodeView<'_>) -> Result<Object<'_>, ReadError> {
    let mut rest = Reader::new(view.payload());
    let mask = rest.byte().ok_or_else(cut)?;
    let name = String::from_utf8_lossy(rest.name().ok_or_else(cut)?).into_owned();
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
    let mut function = parts(&format!("function {name}"), view, &names);
    // Globals are not part of a function.
    function.fields.retain(|field| field.path != " globals");
    function.hidden = view.payload().to_vec();
    Ok(function)
}

/// Reads the names that functions may read of their own globals; or the dict that holds these globals.
fn globals(view: NodeView<'_>) -> Object<'_> {
    let mut rest = Reader::new(view.payload());
    if rest.byte() == Some(0) {
        return parts("globals", view, &[" dict"]);
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
    let type_name = format!("class {}", String::from_utf8_lossy(name));
    Ok(Object {
        hidden: view.payload().to_vec(),
        ..parts(&type_name, view, &[" metaclass", " bases"])
    })
}
