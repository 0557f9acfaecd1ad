//! `clew package`: a notebook, its history and its files in one file, readable with and without Clew.

mod exclusions;
pub(crate) mod page;
mod run_metadata;

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use self::page::{MaskedCell, PackagePage, PackedFile};
use super::export::{self, Export, ExportPage, check_file, most};
use crate::command_info::{CommandCall, CommandInfo};
use crate::commands::doctor;
use crate::context::Context;
use crate::history_view::{HistoryView, StoredHistory, open_store};
use crate::input_files::InputFileStatus;
use crate::package::readme::Readme;
use crate::package::{BUNDLE, EmbeddedMetadata, INPUTS, METADATA, Member, NotebookFile, PackageWriter, SCHEMA};
use crate::problem::{Exit, Problem};
use crate::requirements::StateRequirements;
use crate::secrets;
use crate::text;
use crate::whole_file::{PRIVATE, StagedFile, cannot_write};
use clew_core::format::BundledInput;
use clew_core::id::{BundledHasher, RunId};

/// Pack a notebook, its history and its input files into one zip file.
///
/// The package is an RO-Crate, and opens without Clew too. It contains the notebook as it is on disk, and all its runs with their cells, outputs and values, signed with your key. It also contains the files that the cells read, and a list of the packages that they imported. It contains no forgotten values and no excluded variables. Clew removes detected credentials from the copy of the notebook.
#[derive(Debug, Clone, clap::Args)]
#[allow(clippy::struct_excessive_bools)] // each is an option of the user
pub struct Package {
    /// The notebook; save it first, because Clew packs the file on disk
    #[arg(value_name = "NB.ipynb")]
    pub notebook: PathBuf,
    /// Write to this file, instead of `NB.crate.zip` beside the notebook
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Pack the values of one state alone, instead of all runs; `@` is the current state
    #[arg(long, value_name = "REV")]
    pub at: Option<String>,
    /// Pack the history into the metadata of a copy of the notebook, without a zip and without input files
    #[arg(long)]
    pub embed: bool,
    /// Limit the size of the history, by default 10MB with `--embed`; with `--at`, leave out large values until the rest fits
    #[arg(long, value_name = "SIZE")]
    pub max_size: Option<String>,
    /// Leave out input files above this size
    #[arg(long, value_name = "SIZE", default_value = "100MB", conflicts_with = "embed")]
    pub max_file: String,
    /// State the licence: an SPDX id, a URL, or words
    #[arg(long, value_name = "LICENCE")]
    pub license: Option<String>,
    /// Show what would be packed, and write nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Replace an existing file; with `--embed -o NB.ipynb` the notebook itself, so close it first
    #[arg(long)]
    pub force: bool,
    /// Write data of an encrypted store unencrypted
    #[arg(long)]
    pub plain: bool,
}

pub(crate) const INFO: CommandInfo = CommandInfo {
    name: "package",
    examples: &[
        (
            "package nb.ipynb",
            "write nb.crate.zip: the notebook, its runs and its files",
        ),
        ("package nb.ipynb --dry-run", "show what would be packed"),
        (
            "package nb.ipynb --embed -o out.ipynb",
            "write a notebook that contains its history",
        ),
    ],
    calls: &[CommandCall::plain("package n.ipynb --dry-run")],
    ..CommandInfo::DEFAULT
};

/// The default size limit of an embedded package: editors hold the whole notebook in memory.
const EMBEDDED: u64 = 10_000_000;

/// Packages a notebook.
pub fn package(
    package: &Package,
    directory: &Path,
    wanted: Option<&str>,
    context: &Context,
) -> Result<PackagePage, Problem> {
    let (name, bytes) = read(&package.notebook)?;
    let known = secrets::secret_variables();
    let mut notebook = NotebookFile::read(&bytes, &known).map_err(|why| not_packed(&package.notebook, &why))?;
    check_license(package.license.as_deref(), &known)?;
    let output = package.output();
    check_output(package, &output, context)?;
    let opened = opened(package, directory, wanted, context)?;
    exclusions::leave_out(&mut notebook, &opened.place());
    let packing = PackageJob {
        package,
        name: &name,
        output: &output,
        notebook: &notebook,
        opened: &opened,
        context,
    };
    packing.pack()
}

impl Package {
    /// Returns the path of the file to write.
    fn output(&self) -> PathBuf {
        let ending = if self.embed { "packed.ipynb" } else { "crate.zip" };
        self.output
            .clone()
            .unwrap_or_else(|| self.notebook.with_extension(ending))
    }

    /// Returns the size limit of each input file in bytes.
    fn largest(&self) -> Result<u64, Problem> {
        most(&self.max_file)
    }

    /// Returns the size limit of the bundle in bytes.
    fn most(&self) -> Result<Option<u64>, Problem> {
        let given = self.max_size.as_deref().map(most).transpose()?;
        Ok(given.or(self.embed.then_some(EMBEDDED)))
    }
}

/// Checks that nothing but a packed copy (`--embed`) overwrites the notebook.
fn check_output(package: &Package, output: &Path, context: &Context) -> Result<(), Problem> {
    if package.dry_run {
        return Ok(());
    }
    check_file(output, "crate.zip", package.force, context)?;
    let real = |path: &Path| fs::canonicalize(path).ok();
    if !package.embed && real(output).is_some_and(|file| Some(file) == real(&package.notebook)) {
        return Err(Problem::usage("A zip file would overwrite the notebook")
            .with_hint(format!("{} writes another file", context.again("-o FILE"))));
    }
    Ok(())
}

/// Returns the notebook's name and bytes.
fn read(path: &Path) -> Result<(String, Vec<u8>), Problem> {
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    if path.extension().is_none_or(|ending| ending != "ipynb") {
        return Err(not_packed(path, "its name does not end with `.ipynb`"));
    }
    let size = match fs::metadata(path) {
        Ok(found) => found.len(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let problem = Problem::usage(format!("There is no {}", text::path(path)));
            return Err(problem.with_hint("give the path of a notebook file"));
        }
        Err(error) => return Err(not_packed(path, &error.to_string())),
    };
    if size > clew_core::limits::NOTEBOOK {
        return Err(not_packed(
            path,
            &format!("it has {}, which is too large for a notebook", text::bytes(size)),
        ));
    }
    let as_input = BundledInput {
        name: name.clone(),
        path: String::new(),
        size,
        hash: BundledHasher::default().finish(),
    };
    if !as_input.is_safe() {
        return Err(not_packed(
            path,
            "its name cannot be written on every system: rename it",
        ));
    }
    let bytes = fs::read(path).map_err(|error| not_packed(path, &error.to_string()))?;
    Ok((name, bytes))
}

fn not_packed(path: &Path, why: &str) -> Problem {
    Problem::usage(format!("{} cannot be packed: {why}", text::path(path)))
        .with_hint("give the path of a notebook file: `clew package NOTEBOOK.ipynb`")
}

/// Rejects a licence text that looks like a credential, since it is published.
fn check_license(license: Option<&str>, known: &[String]) -> Result<(), Problem> {
    let (_, left_out) = secrets::kept(license.unwrap_or_default(), known);
    if left_out.is_empty() {
        return Ok(());
    }
    let looks = text::listing(&left_out, 2);
    Err(Problem::usage(format!(
        "Everyone can read a licence, and this one looks like {looks}"
    )))
}

/// Opens the history of the notebook.
fn opened(
    package: &Package,
    directory: &Path,
    wanted: Option<&str>,
    context: &Context,
) -> Result<StoredHistory, Problem> {
    let store = open_store(directory, context)?;
    let path = fs::canonicalize(&package.notebook).unwrap_or_else(|_| package.notebook.clone());
    let called = wanted.map_or_else(|| path.to_string_lossy().into_owned(), str::to_owned);
    StoredHistory::of(store, Some(&called), context.now).map_err(|problem| match wanted {
        Some(_) => problem,
        None => Problem::usage(format!("No history belongs to {}", text::clean(&called))).with_hint(format!(
            "use {} to name one; {} lists all",
            context.again("--history NAME"),
            context.command("list")
        )),
    })
}

/// The creation of one package.
struct PackageJob<'a> {
    package: &'a Package,
    /// The notebook's name.
    name: &'a str,
    output: &'a Path,
    notebook: &'a NotebookFile,
    opened: &'a StoredHistory,
    context: &'a Context,
}

/// The contents of a package.
enum PackageContent {
    /// A copy of the notebook with the embedded bundle.
    Notebook(Vec<u8>),
    Zip(ZipContent),
}

/// The files of a zip.
struct ZipContent {
    metadata: String,
    notebook: Vec<u8>,
    readme: String,
    requirements: Option<String>,
    bundle: Member,
    /// Input files of cells: the path of each, and its member.
    inputs: Vec<(String, Member)>,
}

impl PackageContent {
    /// Returns the approximate size in bytes.
    fn bytes(&self) -> u64 {
        match self {
            Self::Notebook(notebook) => notebook.len() as u64,
            Self::Zip(zip) => {
                let inputs: u64 = zip.inputs.iter().map(|(_, member)| member.size).sum();
                inputs + zip.bundle.size + (zip.notebook.len() + zip.readme.len() + zip.metadata.len()) as u64
            }
        }
    }
}

impl PackageJob<'_> {
    /// Creates the package in a temporary folder beside the output, and moves it there unless this is a preview.
    fn pack(&self) -> Result<PackagePage, Problem> {
        let place = self.opened.place();
        let run = place.resolve(self.package.at.as_deref().unwrap_or("@"), self.context)?;
        let folder = self.folder();
        let scratch = tempfile::Builder::new().prefix(".clew-").tempdir_in(folder);
        let scratch = scratch.map_err(|error| cannot_write(self.output, &error))?;
        let bundle = scratch.path().join("history.clew");
        let exported = self.export(&bundle, &place)?;
        self.check_size(exported.bytes)?;
        let embedded = EmbeddedMetadata {
            schema: SCHEMA,
            history: place.id.to_string(),
            run: place.history.label(&run),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            bundle: None,
        };
        let marks = run_metadata::marks(self.notebook, &place, run);
        let mut page = self.page(&place, exported, self.package.largest()?);
        let content = if self.package.embed {
            fs::read(&bundle)
                .map(|bundle| PackageContent::Notebook(self.notebook.packed(&embedded.with_bundle(&bundle), &marks)))
        } else {
            let texts = (
                self.notebook.packed(&embedded, &marks),
                StateRequirements::of(&self.opened.store, place.history, run),
            );
            self.zip(&bundle, texts, (&place, run), &mut page)
                .map(PackageContent::Zip)
        };
        let content = content.map_err(|error| cannot_write(self.output, &error))?;
        let written = match &content {
            _ if self.package.dry_run => Ok(content.bytes()),
            PackageContent::Notebook(notebook) => {
                StagedFile::write(self.output, notebook, PRIVATE).map(|()| notebook.len() as u64)
            }
            PackageContent::Zip(zip) => self.write_zip(zip, &bundle),
        };
        page.bytes = written.map_err(|error| cannot_write(self.output, &error))?;
        Ok(page)
    }

    /// Returns the folder of the output.
    fn folder(&self) -> &Path {
        let folder = self.output.parent().filter(|folder| !folder.as_os_str().is_empty());
        folder.unwrap_or(Path::new("."))
    }

    fn export(&self, bundle: &Path, place: &HistoryView<'_>) -> Result<ExportPage, Problem> {
        let max_size = self.package.most()?.filter(|_| self.package.at.is_some());
        let export = Export {
            file: bundle.to_owned(),
            at: self.package.at.clone().unwrap_or_else(|| "@".to_owned()),
            all: self.package.at.is_none(),
            names: Vec::new(),
            max_size: max_size.map(|most| most.to_string()),
            without_cells: false,
            with_files: false,
            force: false,
            plain: true,
            lists_files: true,
        };
        export::check_plain(self.package.plain, place, self.context)?;
        export::export(&export, place, self.context)
    }

    fn check_size(&self, bytes: u64) -> Result<(), Problem> {
        let Some(most) = self.package.most()?.filter(|most| bytes > *most) else {
            return Ok(());
        };
        let problem = Problem::of(
            Exit::Refused,
            format!(
                "The history needs {}, and at most {} are allowed",
                text::bytes(bytes),
                text::bytes(most)
            ),
        );
        let [state, more] = ["--at @", "--max-size SIZE"].map(|option| self.context.again(option));
        Err(problem.with_hint(format!("{state} packs only one state, {more} sets a higher limit")))
    }

    /// Creates the files of the zip.
    fn zip(
        &self,
        bundle: &Path,
        (notebook, needs): (Vec<u8>, StateRequirements),
        (place, run): (&HistoryView<'_>, RunId),
        page: &mut PackagePage,
    ) -> io::Result<ZipContent> {
        let lines = doctor::requirements(&needs);
        page.packages = lines.len();
        let requirements = (!lines.is_empty()).then(|| doctor::requirements_text(&lines, &needs));
        let inputs = inputs(&mut page.files)?;
        let readme = self.readme(page, inputs.len()).text();
        let members = run_metadata::PackageMembers {
            notebook: Member::of(self.name, &notebook),
            bundle: Member::read(BUNDLE, &mut File::open(bundle)?)?,
            requirements: requirements
                .as_deref()
                .map(|text| Member::of("requirements.txt", text.as_bytes())),
            readme: Member::of("README.md", readme.as_bytes()),
            inputs: inputs
                .iter()
                .map(|(path, member)| (path.clone(), member.clone()))
                .collect(),
        };
        let metadata = run_metadata::metadata(
            &members,
            self.package,
            page,
            (place, run),
            (self.notebook, &needs, self.context),
        );
        Ok(ZipContent {
            bundle: members.bundle,
            metadata,
            notebook,
            readme,
            requirements,
            inputs,
        })
    }

    /// Writes the zip; returns its length.
    fn write_zip(&self, content: &ZipContent, bundle: &Path) -> io::Result<u64> {
        let mut zip = PackageWriter::begin(self.folder())?;
        zip.text(METADATA, content.metadata.as_bytes())?;
        zip.text(self.name, &content.notebook)?;
        zip.text("README.md", content.readme.as_bytes())?;
        if let Some(requirements) = &content.requirements {
            zip.text("requirements.txt", requirements.as_bytes())?;
        }
        zip.bundle(&content.bundle, File::open(bundle)?)?;
        for (path, member) in &content.inputs {
            zip.file(member, File::open(path)?)?;
        }
        zip.finish(self.output)
    }

    fn readme<'p>(&'p self, page: &'p PackagePage, files: usize) -> Readme<'p> {
        Readme {
            notebook: self.name,
            package: self.output.file_name().and_then(|name| name.to_str()).unwrap_or("FILE"),
            runs: page.runs as usize,
            files,
            has_requirements: page.packages > 0,
            license: self.package.license.as_deref(),
            key: &page.key[..16],
            version: env!("CARGO_PKG_VERSION"),
        }
    }

    fn page(&self, place: &HistoryView<'_>, exported: ExportPage, largest: u64) -> PackagePage {
        let left = exported.names(false);
        let left = left.map(|(root, sent)| (root.to_string(), sent.why.clone().unwrap_or_default()));
        PackagePage {
            file: self.output.to_owned(),
            bytes: 0,
            is_dry_run: self.package.dry_run,
            is_embedded: self.package.embed,
            history: place.name(),
            left_out: left.collect(),
            masked: self.masked(),
            said_of_cells: exported.said_of_cells(),
            run: exported.run,
            runs: exported.runs,
            packages: 0,
            files: exported
                .files
                .into_iter()
                .map(|file| self.file(file, largest))
                .collect(),
            corruption: exported.corruption,
            license: self.package.license.clone(),
            key: exported.key,
            notebook: text::path(&self.package.notebook),
        }
    }

    /// Returns what was removed from the copy of the notebook.
    fn masked(&self) -> Vec<MaskedCell> {
        let whole = std::iter::once((None, &self.notebook.left_out));
        let cells = self.notebook.cells().iter().zip(1..);
        let all = whole.chain(cells.map(|(cell, place)| (Some(place), &cell.left_out)));
        let masked = all.filter(|(_, left_out)| !left_out.is_empty());
        masked
            .map(|(cell, left_out)| {
                let mut left_out = left_out.clone();
                left_out.sort();
                left_out.dedup();
                MaskedCell { cell, left_out }
            })
            .collect()
    }

    /// Decides whether an input file is packaged.
    fn file(&self, file: super::inputs::InputPage, largest: u64) -> PackedFile {
        let why = match file.state {
            _ if self.package.embed => Some("a notebook contains none".to_owned()),
            InputFileStatus::Same if file.size > largest => Some(format!("larger than {}", text::bytes(largest))),
            InputFileStatus::Same if file.digest.is_some() => None,
            now => Some(super::inputs::why_left(now, &file.run)),
        };
        PackedFile {
            path: file.path,
            name: file.name,
            size: file.size,
            is_included: false,
            why,
        }
    }
}

/// Returns the input files that are packaged: the path of each, and its member.
fn inputs(files: &mut [PackedFile]) -> io::Result<Vec<(String, Member)>> {
    let mut taken = Vec::new();
    for file in files.iter_mut().filter(|file| file.why.is_none()) {
        let name = format!("{INPUTS}/{}", file.name);
        let member = File::open(&file.path).and_then(|mut bytes| Member::read(&name, &mut bytes))?;
        file.is_included = true;
        taken.push((file.path.clone(), member));
    }
    Ok(taken)
}
