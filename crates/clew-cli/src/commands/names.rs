//! `clew branch`, `tag` and `describe`: names and words for runs.

/// Lists branches, or begins one where you are. The branch you are on follows your runs.
#[derive(Debug, Clone, clap::Args)]
pub struct Branch {
    /// The branch; without it, all are listed
    #[arg(value_name = "NAME")]
    pub name: Option<String>,
    /// The run it begins at, or with `-m` its new name
    #[arg(value_name = "REV", requires = "name")]
    pub revision: Option<String>,
    /// Takes the name away; the runs stay
    #[arg(short, long, requires = "name", conflicts_with = "revision")]
    pub delete: bool,
    /// Gives the branch another name
    #[arg(short = 'm', long = "move", requires = "revision", conflicts_with = "delete")]
    pub rename: bool,
}

/// Lists tags, or gives a run one. A tag stays where it is.
#[derive(Debug, Clone, clap::Args)]
pub struct Tag {
    /// The tag; without it, all are listed
    #[arg(value_name = "NAME")]
    pub name: Option<String>,
    /// The run
    #[arg(value_name = "REV", requires = "name")]
    pub revision: Option<String>,
    /// Takes the tag away; the run stays
    #[arg(short, long, requires = "name", conflicts_with = "revision")]
    pub delete: bool,
}

/// Says in your words what a run did. `log` and `show` tell it.
#[derive(Debug, Clone, clap::Args)]
pub struct Describe {
    /// The run
    #[arg(value_name = "REV", default_value = "@")]
    pub revision: String,
    /// The words; empty ones take the description away
    #[arg(short, long, value_name = "TEXT")]
    pub message: String,
}
