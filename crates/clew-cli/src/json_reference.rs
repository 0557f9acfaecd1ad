//! Generates the tables of docs/json.md from the types that commands print: a field's doc comment is its description.
//!
//! `CLEW_UPDATE=1` writes the file.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use clew_core::id::Root;
use clew_value::compare::{
    ArrayDetail, Change, ColumnDetail, Detail, MembersDetail, TableDetail, TextDetail, UnreadMemory,
};
use schemars::JsonSchema;
use schemars::generate::{SchemaGenerator, SchemaSettings};
use serde_json::Value;

use crate::arguments::REGISTRY;
use crate::command_info::PageFields;
use crate::commands::care::PieceCount;
use crate::commands::care::forget::ForgetPage;
use crate::commands::care::gc::GcPage;
use crate::commands::carry::import::ImportPage;
use crate::commands::carry::package::page::PackagePage;
use crate::commands::carry::plan::CarryPage;
use crate::commands::doctor::Doctor;
use crate::commands::doctor::environment_check::ComparedPage;
use crate::commands::environment::config::ConfigPage;
use crate::commands::environment::enable::EnablePage;
use crate::commands::environment::init::InitPage;
use crate::commands::fields_of_reader;
use crate::commands::history::{DeletedHistory, RenamedHistory};
use crate::commands::list::List;
use crate::commands::log::Log;
use crate::commands::log_file::LogFilePage;
use crate::commands::names::{NameList, NamePage};
use crate::commands::op::OpLog;
use crate::commands::remote::RemotePage;
use crate::commands::scratch::bisect::BisectPage;
use crate::commands::scratch::eval::EvalPage;
use crate::commands::shells::PrintedText;
use crate::commands::stale::StaleReason;
use crate::commands::status::Status;
use crate::commands::sync::pull::PullPage;
use crate::commands::sync::push::PushPage;
use crate::commands::sync::watch::WatchPage;
use crate::commands::trust::TrustPage;
use crate::commands::vars::Variable;
use crate::commands::verify::Verify;
use crate::evidence_page::{EvidencePage, FilePage, InterpreterPage, ModulePage};
use crate::in_flight::InFlight;
use crate::message_page::MessagePage;
use crate::outputs::CellOutput;
use crate::page::ErrorBody;
use crate::report::ReportPage;
use crate::run_page::RunPage;

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/json.md");

/// The link in the column `type`, for one and for several.
struct Link {
    reference: String,
    one: &'static str,
    several: &'static str,
    section: &'static str,
}

/// The state of the generator.
struct Reference {
    generator: SchemaGenerator,
    links: Vec<Link>,
    /// Types whose fields others include.
    bases: Vec<String>,
}

/// A row of a table.
struct Row {
    field: String,
    kind: String,
    description: String,
}

/// A schema's text in the column `type`, and the object whose fields follow.
struct Kind {
    one: String,
    several: String,
    /// The path separator before the fields: `.` or `[].`.
    fields: Option<(String, Value)>,
    /// The values of an enumeration, with their meanings.
    values: Vec<String>,
}

impl Kind {
    fn of(one: &str, several: &str) -> Self {
        Self {
            one: one.to_owned(),
            several: several.to_owned(),
            fields: None,
            values: Vec::new(),
        }
    }
}

impl Reference {
    fn new() -> Self {
        let mut reference = Self {
            generator: SchemaSettings::draft2020_12().for_serialize().into_generator(),
            links: Vec::new(),
            bases: Vec::new(),
        };
        reference.link::<RunPage>("run", "runs", "a-run");
        reference.link::<Variable>("variable", "variables", "a-variable");
        reference.link::<Root>("root", "roots", "roots");
        reference.bases = reference.links.iter().map(|link| link.reference.clone()).collect();
        reference.link::<CellOutput>("output", "outputs", "an-output");
        reference.link::<InFlight>("cell", "cells", "a-cell-in-flight");
        reference.link::<PieceCount>("pieces", "pieces", "how-to-read-the-tables");
        reference.link::<EvidencePage<'static>>("evidence", "evidence", "evidence");
        reference.link::<FilePage<'static>>("file", "files", "evidence-of-files");
        reference.link::<ModulePage<'static>>("module", "modules", "evidence-of-modules");
        reference.link::<InterpreterPage<'static>>("interpreter", "interpreters", "evidence-of-the-interpreter");
        reference.link::<Detail>("difference", "differences", "difference-between-two-values");
        reference.link::<Change>("change", "changes", "a-change");
        reference.link::<ColumnDetail>("column", "columns", "a-changed-column");
        reference.link::<UnreadMemory>("object", "objects", "values-that-were-not-read");
        reference.link::<StaleReason>("reason", "reasons", "stale");
        reference
    }

    /// Links mentions of the type to the section that describes it.
    fn link<T: JsonSchema>(&mut self, one: &'static str, several: &'static str, section: &'static str) {
        let schema = self.generator.subschema_for::<T>();
        let reference = reference(schema.as_value()).expect("it has a name").to_owned();
        self.links.push(Link {
            reference,
            one,
            several,
            section,
        });
    }

    /// Returns the schema of a type, without a reference at its top.
    fn schema_of<T: JsonSchema>(&mut self) -> Value {
        let schema = self.generator.subschema_for::<T>().to_value();
        self.resolved(&schema).clone()
    }

    fn resolved<'s>(&'s self, schema: &'s Value) -> &'s Value {
        match reference(schema) {
            Some(name) => &self.generator.definitions()[name],
            None => schema,
        }
    }

    /// Returns a table of the variants of a tagged enumeration, each with its own fields.
    fn kinds<T: JsonSchema>(&mut self) -> String {
        let schema = self.schema_of::<T>();
        let mut text = "| `kind` | other fields | meaning |\n|---|---|---|\n".to_owned();
        for kind in schema["oneOf"].as_array().expect("it has kinds") {
            let name = kind["properties"]["kind"]["const"].as_str().expect("it has a tag");
            let fields: Vec<String> = names(self.resolved(kind))
                .into_iter()
                .filter(|field| field != "kind")
                .map(|field| format!("`{field}`"))
                .collect();
            let description = description(kind);
            writeln!(text, "| `{name}` | {} | {description} |", fields.join(", ")).expect("a text takes it");
        }
        text
    }

    fn add_rows(&self, schema: &Value, path: &str, rows: &mut Vec<Row>) {
        let base = self.base_of(schema);
        for name in names(schema) {
            if base.as_ref().is_some_and(|base| base.contains(&name)) {
                continue;
            }
            let property = &schema["properties"][name.as_str()];
            let kind = self.kind(property);
            let field = format!("{path}{name}");
            let mut text = description(property);
            if !kind.values.is_empty() {
                text = format!("{}: {}.", text.trim_end_matches('.'), kind.values.join(", "));
            }
            assert!(!text.is_empty(), "`{field}` has no description");
            rows.push(Row {
                field: field.clone(),
                kind: kind.one,
                description: text,
            });
            if let Some((suffix, fields)) = kind.fields {
                self.add_rows(&fields, &format!("{field}{suffix}"), rows);
            }
        }
    }

    /// Returns the fields that an object has in common with a run, a variable or a root.
    fn base_of(&self, schema: &Value) -> Option<BTreeSet<String>> {
        let own: BTreeSet<String> = names(schema).into_iter().collect();
        let bases = self.bases.iter().map(|name| {
            let names = names(&self.generator.definitions()[name]);
            names.into_iter().collect::<BTreeSet<String>>()
        });
        let mut larger = bases.filter(|base| base.len() < own.len() && base.is_subset(&own));
        larger.next()
    }

    fn link_of_base(&self, base: &BTreeSet<String>) -> &Link {
        let is_it = |link: &&Link| {
            let fields = names(&self.generator.definitions()[link.reference.as_str()]);
            fields.into_iter().collect::<BTreeSet<String>>() == *base
        };
        self.links.iter().find(is_it).expect("bases have links")
    }

    fn kind(&self, schema: &Value) -> Kind {
        if let Some(name) = reference(schema) {
            return self.kind_of_definition(name);
        }
        if let Some(choices) = schema["anyOf"].as_array() {
            let mut kind = self.kind(&choices[0]);
            kind.one += " or null";
            return kind;
        }
        if let Some(choices) = schema["oneOf"].as_array() {
            return Kind {
                values: choices.iter().flat_map(values).collect(),
                ..Kind::of("text", "texts")
            };
        }
        match &schema["type"] {
            Value::String(name) => self.kind_of_type(name, schema),
            Value::Array(names) => {
                let name = names[0].as_str().expect("a type has a name");
                let mut kind = self.kind_of_type(name, schema);
                kind.one += " or null";
                kind
            }
            _ => Kind::of("any", "values"),
        }
    }

    fn kind_of_definition(&self, name: &str) -> Kind {
        if let Some(link) = self.links.iter().find(|link| link.reference == name) {
            let [one, several] = [link.one, link.several].map(|words| format!("[{words}](#{})", link.section));
            return Kind::of(&one, &several);
        }
        let schema = &self.generator.definitions()[name];
        if name.starts_with("Pair") {
            let of = self.kind(&schema["properties"]["before"]);
            let fields = of.fields.map(|(suffix, fields)| (format!(".before{suffix}"), fields));
            return Kind {
                fields,
                ..Kind::of(&format!("pair of {}", of.several), &format!("pairs of {}", of.several))
            };
        }
        self.kind(schema)
    }

    fn kind_of_type(&self, name: &str, schema: &Value) -> Kind {
        match name {
            "string" => Kind {
                values: values(schema),
                ..Kind::of("text", "texts")
            },
            "integer" | "number" => Kind::of("number", "numbers"),
            "boolean" => Kind::of("boolean", "booleans"),
            "array" if schema["prefixItems"].is_array() => Kind::of("list of two texts", "lists of two texts"),
            "array" => self.kind_of_list(&schema["items"]),
            "object" if schema["properties"].is_object() => Kind {
                fields: Some((".".to_owned(), schema.clone())),
                ..Kind::of("object", "objects")
            },
            "object" => Kind::of("object", "objects"),
            other => panic!("{other} is no type that is written"),
        }
    }

    fn kind_of_list(&self, items: &Value) -> Kind {
        let of = self.kind(items);
        let Some((suffix, fields)) = of.fields else {
            return Kind {
                values: of.values,
                ..Kind::of(&format!("list of {}", of.several), "lists")
            };
        };
        let one = match self.base_of(&fields) {
            Some(base) => {
                let link = self.link_of_base(&base);
                format!("list of [{}](#{}) with more fields", link.several, link.section)
            }
            None => "list".to_owned(),
        };
        Kind {
            fields: Some((format!("[]{suffix}"), fields)),
            ..Kind::of(&one, "lists")
        }
    }
}

impl PageFields for Reference {
    fn fields<T: JsonSchema>(&mut self) -> String {
        let schema = self.schema_of::<T>();
        let mut rows = Vec::new();
        self.add_rows(&schema, "", &mut rows);
        let mut text = "| field | type | meaning |\n|---|---|---|\n".to_owned();
        for row in rows {
            let description = row.description.replace('|', "\\|");
            writeln!(text, "| `{}` | {} | {description} |", row.field, row.kind).expect("a text takes it");
        }
        text
    }
}

/// Returns the name of the definition that a schema refers to.
fn reference(schema: &Value) -> Option<&str> {
    schema["$ref"].as_str()?.strip_prefix("#/$defs/")
}

/// Returns the fields of an object in declaration order. All are required.
fn names(schema: &Value) -> Vec<String> {
    let required = schema["required"].as_array().into_iter().flatten();
    let names: Vec<String> = required.filter_map(Value::as_str).map(ToOwned::to_owned).collect();
    let all = schema["properties"].as_object().map_or(0, serde_json::Map::len);
    assert_eq!(names.len(), all, "a field is left out at times: {schema}");
    names
}

/// Returns the doc comment in one line.
fn description(schema: &Value) -> String {
    let text = schema["description"].as_str().unwrap_or_default();
    text.split_whitespace().collect::<Vec<&str>>().join(" ")
}

/// Returns the values of an enumeration of texts: `` `a` (its meaning) ``.
fn values(schema: &Value) -> Vec<String> {
    let plain = schema["enum"].as_array().into_iter().flatten();
    let plain = plain.filter_map(Value::as_str).map(|value| format!("`{value}`"));
    let told = schema["const"]
        .as_str()
        .map(|value| format!("`{value}` ({})", lowered(description(schema).trim_end_matches('.'))));
    plain.chain(told).collect()
}

/// Lowercases the beginning of a sentence for use within another one.
fn lowered(text: &str) -> String {
    let mut letters = text.chars();
    let is_name = text.starts_with("Clew") || text.starts_with("Python");
    match letters.next().filter(|_| !is_name) {
        Some(first) => format!("{}{}", first.to_lowercase(), letters.as_str()),
        None => text.to_owned(),
    }
}

/// Rows of the table of commands that differ from the rule: the commands, the table with the fields of their answers, and the section
/// that explains them. By the rule, all three are the command's name.
const ROWS: &[(&str, &str, &str)] = &[
    ("op log", "op log", "op-log"),
    ("undo, redo, switch, restore, resume, op restore", "report", "reports"),
    ("branch, tag (without a name)", "names", "branch-and-tag"),
    ("branch, tag, describe", "name", "branch-and-tag"),
    ("history, pause, resume-recording, exclude", "message", "messages"),
    ("history rename", "history rename", "history-rename"),
    ("history delete", "history delete", "history-delete"),
    ("run", "", "run"),
    ("move, push --plan", "move", "move"),
    ("push", "push", "push"),
    ("pull, clone", "pull", "pull-and-clone"),
    ("enable, disable", "enable", "enable-and-disable"),
    ("doctor", "doctor", "doctor"),
    ("doctor --for", "doctor --for", "doctor-for-a-bundle"),
    ("completions, man", "text", "completions-and-man"),
];

/// Commands without an answer in JSON.
const WITHOUT_JSON: [&str; 2] = ["serve", "panel"];

/// Returns the rows of the table of commands, in the order of the help.
fn rows() -> Vec<(&'static str, &'static str, &'static str)> {
    let words = |row: &str| {
        row.split(", ")
            .map(|word| word.split(' ').next().expect("a word").to_owned())
            .collect()
    };
    let mut rows = Vec::new();
    for info in REGISTRY.commands().filter(|info| !WITHOUT_JSON.contains(&info.name)) {
        let irregular = || ROWS.iter().map(|row| (words(row.0), row));
        let of_it = |(words, _): &(Vec<String>, _)| words[0] == info.name;
        rows.extend(irregular().filter(of_it).map(|(_, row)| *row));
        if !irregular().any(|(words, _)| words.iter().any(|word| word == info.name)) {
            rows.push((info.name, info.name, info.name));
        }
    }
    rows
}

/// The fields of `clew run`, which are written by Python.
const OF_RUN: &str = "`input`, `output`, `is_planned`, `counts`, `cells`";

impl Reference {
    /// Returns the content between the marks of this name.
    fn table(&mut self, name: &str) -> String {
        match name {
            "commands" => self.commands(),
            "error" => self.fields::<ErrorBody<'static>>(),
            "a run" => self.fields::<RunPage>(),
            "a variable" => self.fields::<Variable>(),
            "an output" => self.fields::<CellOutput>(),
            "a cell in flight" => self.fields::<InFlight>(),
            "status" => self.fields::<Status>(),
            "log" => self.fields::<Log>(),
            "log --html" => self.fields::<LogFilePage>(),
            "evidence" => self.fields::<EvidencePage<'static>>(),
            "evidence of files" => self.fields::<FilePage<'static>>(),
            "evidence of modules" => self.fields::<ModulePage<'static>>(),
            "evidence of the interpreter" => self.fields::<InterpreterPage<'static>>(),
            "kinds of differences" => self.kinds::<Detail>(),
            "text" => self.fields::<PrintedText>(),
            "difference of texts" => self.fields::<TextDetail>(),
            "difference of arrays" => self.fields::<ArrayDetail>(),
            "difference of tables" => self.fields::<TableDetail>(),
            "difference of members" => self.fields::<MembersDetail>(),
            "a change" => self.fields::<Change>(),
            "a changed column" => self.fields::<ColumnDetail>(),
            "unread" => self.fields::<UnreadMemory>(),
            "reasons" => self.kinds::<StaleReason>(),
            "op log" => self.fields::<OpLog>(),
            "report" => self.fields::<ReportPage<'static>>(),
            "names" => self.fields::<NameList>(),
            "name" => self.fields::<NamePage>(),
            "message" => self.fields::<MessagePage>(),
            "history rename" => self.fields::<RenamedHistory>(),
            "history delete" => self.fields::<DeletedHistory>(),
            "eval" => self.fields::<EvalPage>(),
            "bisect" => self.fields::<BisectPage>(),
            "move" => self.fields::<CarryPage>(),
            "push" => self.fields::<PushPage>(),
            "pull" => self.fields::<PullPage>(),
            "watch" => self.fields::<WatchPage>(),
            "remote" => self.fields::<RemotePage>(),
            "package" => self.fields::<PackagePage>(),
            "import" => self.fields::<ImportPage>(),
            "trust" => self.fields::<TrustPage>(),
            "enable" => self.fields::<EnablePage>(),
            "init" => self.fields::<InitPage>(),
            "config" => self.fields::<ConfigPage>(),
            "list" => self.fields::<List>(),
            "doctor" => self.fields::<Doctor>(),
            "doctor --for" => self.fields::<ComparedPage>(),
            "verify" => self.fields::<Verify>(),
            "gc" => self.fields::<GcPage>(),
            "forget" => self.fields::<ForgetPage>(),
            reader => {
                let fields = fields_of_reader(self, reader);
                fields.unwrap_or_else(|| panic!("docs/json.md asks for {reader}, which is no table"))
            }
        }
    }

    /// Returns the table of commands, with the top-level fields of their answers.
    fn commands(&mut self) -> String {
        let mut text = "| command | fields | explained in |\n|---|---|---|\n".to_owned();
        for (commands, table, section) in rows() {
            let (words, note) = commands.split_once(" (").unwrap_or((commands, ""));
            let words: Vec<String> = words.split(", ").map(|word| format!("`{word}`")).collect();
            let note = note
                .strip_suffix(')')
                .map(|note| format!(" {note}"))
                .unwrap_or_default();
            let fields = match table {
                "" => OF_RUN.to_owned(),
                table => self.top_fields(table),
            };
            let words = words.join(", ");
            let section = format!("[{}](#{section})", section.replace('-', " "));
            writeln!(text, "| {words}{note} | {fields} | {section} |").expect("a text takes it");
        }
        text
    }

    /// Returns the top-level fields of an answer.
    fn top_fields(&mut self, table: &str) -> String {
        let rows = self.table(table);
        let fields = rows
            .lines()
            .filter_map(|row| row.strip_prefix("| `")?.split('`').next());
        let fields: Vec<String> = fields
            .filter(|field| !field.contains('.') && !field.contains('['))
            .map(|field| format!("`{field}`"))
            .collect();
        let of_run = if table == "show" {
            "the fields of [a run](#a-run), "
        } else {
            ""
        };
        let of_file = if table == "log" {
            "; with `--html` only `written`"
        } else {
            ""
        };
        format!("{of_run}{}{of_file}", fields.join(", "))
    }
}

/// Returns the file with updated tables, and with a section for each command that has none.
fn written(page: &str) -> String {
    let mut reference = Reference::new();
    let mut page = page.to_owned();
    for (_, table, _) in rows().into_iter().filter(|(_, table, _)| !table.is_empty()) {
        let mark = format!("<!-- table: {table} -->");
        if !page.contains(&mark) {
            write!(page, "\n### {table}\n\n{mark}\n<!-- end -->\n").expect("a text takes it");
        }
    }
    let mut text = String::new();
    let mut rest = page.as_str();
    while let Some((before, after)) = rest.split_once("<!-- table: ") {
        let (name, after) = after.split_once(" -->\n").expect("a mark ends");
        let (_, after) = after.split_once("<!-- end -->").expect("a table ends");
        write!(
            text,
            "{before}<!-- table: {name} -->\n{}<!-- end -->",
            reference.table(name)
        )
        .expect("a text takes it");
        rest = after;
    }
    text + rest
}

#[test]
fn the_reference_of_json_is_what_the_types_say() {
    let page = std::fs::read_to_string(FILE).expect("the page is there");
    let written = written(&page);
    if std::env::var_os("CLEW_UPDATE").is_some() {
        std::fs::write(FILE, written).expect("the page can be written");
    } else {
        assert!(
            written == page,
            "docs/json.md is not what the types say: CLEW_UPDATE=1 writes it"
        );
    }
}
