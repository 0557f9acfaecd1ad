//! `enable`, `disable`, `config`, `init` and `doctor` as a process, over environments and homes that the test makes.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use assert_cmd::Command;
use insta::assert_snapshot;
use serde_json::Value;
use tempfile::TempDir;

/// A home, an environment with a Python and the package in it, and a folder to work in.
struct Desk {
    root: TempDir,
    variables: BTreeMap<String, String>,
}

struct Said {
    exit: i32,
    text: String,
}

impl Desk {
    fn new() -> Self {
        let desk = Self {
            root: tempfile::tempdir().unwrap(),
            variables: BTreeMap::new(),
        };
        desk.write("venv/bin/python", "#!/bin/sh\n");
        let packages = "venv/lib/python3.11/site-packages";
        for distribution in [
            concat!("clew-", env!("CARGO_PKG_VERSION")),
            "ipython-9.1.0",
            "ipykernel-6.29.5",
        ] {
            desk.write(&format!("{packages}/{distribution}.dist-info/METADATA"), "");
        }
        for folder in ["home", "work"] {
            fs::create_dir_all(desk.path(folder)).unwrap();
        }
        desk
    }

    fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    fn with(mut self, variable: &str, value: &str) -> Self {
        self.variables.insert(variable.to_owned(), value.to_owned());
        self
    }

    /// Types `clew WORDS` in the folder `work`; in what it says, the test's own folder is written `~`.
    fn clew(&self, words: &str) -> Said {
        self.clew_in("work", words)
    }

    fn clew_in(&self, folder: &str, words: &str) -> Said {
        let words = words.replace('~', &self.root.path().display().to_string());
        let output = Command::cargo_bin("clew")
            .unwrap()
            .env_clear()
            .env("HOME", self.path("home"))
            .envs(&self.variables)
            .current_dir(self.path(folder))
            .args(words.split(' '))
            .output()
            .unwrap();
        let text = String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap();
        Said {
            exit: output.status.code().unwrap(),
            text: text.replace(&self.root.path().display().to_string(), "~"),
        }
    }

    fn json(&self, words: &str) -> Value {
        let said = self.clew(&format!("{words} --json"));
        serde_json::from_str(&said.text).unwrap_or_else(|error| panic!("{words}: {error}: {}", said.text))
    }

    /// All files with what they hold.
    fn files(&self) -> BTreeMap<String, String> {
        let mut found = BTreeMap::new();
        collect(self.root.path(), self.root.path(), &mut found);
        found
    }
}

fn collect(root: &Path, folder: &Path, found: &mut BTreeMap<String, String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.strip_prefix(root).unwrap().display().to_string();
        if path.is_dir() {
            found.insert(format!("{name}/"), String::new());
            collect(root, &path, found);
        } else {
            found.insert(name, String::from_utf8_lossy(&fs::read(&path).unwrap()).into_owned());
        }
    }
}

const CONFIG: &str = "venv/etc/ipython/ipython_config.json";

// -- enable and disable -----------------------------------------------------------------------------------------------

#[test]
fn enable_makes_two_things_once_and_disable_takes_exactly_them_back() {
    let desk = Desk::new();
    let before = desk.files();
    let first = desk.clew("enable --prefix ~/venv");
    let second = desk.clew("enable --prefix ~/venv");
    assert_snapshot!(format!("{}{}", first.text, second.text));
    assert_eq!((first.exit, second.exit), (0, 0));
    assert_snapshot!(
        format!(
            "{}{}",
            desk.read(CONFIG),
            desk.read("venv/share/jupyter/kernels/clew/kernel.json")
        )
        .replace(&desk.root.path().display().to_string(), "~")
    );
    let away = desk.clew("disable --prefix ~/venv");
    let again = desk.clew("disable --prefix ~/venv");
    assert_snapshot!(format!("{}{}", away.text, again.text));
    assert_eq!(desk.files(), before);
}

#[test]
fn enable_tells_programs_what_it_did() {
    let desk = Desk::new();
    let json = desk.json("enable --prefix ~/venv");
    assert_eq!((&json["is_enabled"], &json["exit"]), (&true.into(), &0.into()));
    let deeds: Vec<&Value> = json["files"]
        .as_array()
        .unwrap()
        .iter()
        .map(|file| &file["action"])
        .collect();
    assert_eq!(deeds, ["created", "created", "created"]);
    assert_eq!(desk.json("disable --prefix ~/venv")["is_enabled"], false);
}

#[test]
fn what_others_keep_in_the_file_stays() {
    let desk = Desk::new();
    let others = "{\n  \"version\": 1,\n  \"IPKernelApp\": {\n    \"extra_extensions\": [\n      \"theirs\"\n    ]\n  },\n  \"zeta\": {\"unknown\": null}\n}\n";
    desk.write(CONFIG, others);
    let before = desk.files();
    desk.clew("enable --prefix ~/venv");
    assert_snapshot!(desk.read(CONFIG));
    desk.clew("disable --prefix ~/venv");
    let (mut after, mut as_before) = (desk.files(), before);
    let bare = |text: Option<String>| text.unwrap().split_whitespace().collect::<String>();
    assert_eq!(bare(after.remove(CONFIG)), bare(as_before.remove(CONFIG)));
    assert_eq!(after, as_before);
}

#[test]
fn what_is_odd_is_refused_and_left_as_it_was() {
    let refusals: Vec<String> = ["not json", "{\"IPKernelApp\": {\"extra_extensions\": \"theirs\"}}"]
        .map(|odd| {
            let desk = Desk::new();
            desk.write(CONFIG, odd);
            let before = desk.files();
            let said = desk.clew("enable --prefix ~/venv");
            assert_eq!((said.exit, desk.files()), (3, before));
            said.text
        })
        .into();
    assert_snapshot!(refusals.join("\n"));
}

#[test]
fn a_kernel_of_that_name_that_is_somebody_elses_stays() {
    let desk = Desk::new();
    desk.write("venv/share/jupyter/kernels/clew/kernel.json", "{\"argv\": [\"R\"]}");
    let before = desk.files();
    let said = desk.clew("enable --prefix ~/venv");
    assert_eq!((said.exit, desk.files()), (3, before.clone()));
    assert_snapshot!(said.text);
    desk.clew("disable --prefix ~/venv");
    assert_eq!(desk.files(), before);
}

#[test]
fn where_nothing_can_be_written_nothing_is_changed() {
    let desk = Desk::new();
    // The kernel's folder can't be made; IPython's file could have been.
    desk.write("venv/share", "a file where a folder should be");
    let before = desk.files();
    let said = desk.clew("enable --prefix ~/venv");
    assert_eq!(said.exit, 3, "{}", said.text);
    assert_eq!(desk.files(), before);
    assert_snapshot!(said.text);
}

#[test]
fn an_environment_without_python_or_without_the_package_is_refused() {
    let desk = Desk::new();
    let nowhere = desk.clew("enable --prefix ~/work");
    fs::remove_dir_all(desk.path("venv/lib")).unwrap();
    let missing = desk.clew("enable --prefix ~/venv");
    let homeless = desk.clew("enable");
    assert_snapshot!(format!("{}{}{}", nowhere.text, missing.text, homeless.text));
    assert_eq!((nowhere.exit, missing.exit, homeless.exit), (2, 3, 2));
    desk.write("venv/pyvenv.cfg", "include-system-site-packages = true\n");
    assert_eq!(desk.clew("enable --prefix ~/venv").exit, 0);
}

#[test]
fn enable_for_the_user_writes_beside_the_users_own_settings() {
    let desk = Desk::new();
    let own = "home/.ipython/profile_default/ipython_config.py";
    desk.write(own, "c = get_config()\n# c.IPKernelApp.extra_extensions = []\n");
    let said = desk.clew("enable --user");
    assert_eq!(said.exit, 0, "{}", said.text);
    assert_snapshot!(said.text);
    assert!(
        desk.read("home/.ipython/profile_default/ipython_config.json")
            .contains("clew")
    );
    desk.write(own, "c.IPKernelApp.extra_extensions = ['theirs']\n");
    let refused = desk.clew("enable --user");
    assert_eq!(refused.exit, 3);
    assert_snapshot!(refused.text);
    let elsewhere = Desk::new().with("IPYTHONDIR", "/nowhere/at/all");
    elsewhere.write("home/.keep", "");
    assert_eq!(elsewhere.clew("disable --user").exit, 0);
}

// -- config -----------------------------------------------------------------------------------------------------------

#[test]
fn config_lists_every_setting_with_where_it_comes_from() {
    let desk = Desk::new().with("CLEW_LOG_LIMIT", "50").with("CLEW_HOME", "/srv/clew");
    desk.write("home/.config/clew/config.toml", "[record]\nexclude = [\"*_key\"]\n");
    assert_snapshot!(desk.clew("config").text);
    assert_snapshot!(desk.clew("config record.exclude").text);
    assert_eq!(desk.json("config log.limit")["settings"][0]["value"], 50);
}

#[test]
fn a_setting_is_set_and_taken_back_and_comments_stay() {
    let desk = Desk::new();
    let file = "home/.config/clew/config.toml";
    let own = "# mine\n[record]\noutputs = true # for now\n";
    desk.write(file, own);
    let mut told = desk.clew("config record.outputs no").text;
    told += &desk.clew("config scratch.memory 2.5gb").text;
    assert_snapshot!(desk.read(file));
    told += &desk.clew("config scratch.memory --unset").text;
    told += &desk.clew("config record.outputs true").text;
    assert_eq!(desk.read(file), own);
    assert_snapshot!(told);
}

#[test]
fn the_folder_and_the_settings_of_the_store_stand_beside_each_other() {
    let desk = Desk::new();
    let file = "home/.config/clew/config.toml";
    let value = |key: &str| desk.json(&format!("config {key}"))["settings"][0]["value"].clone();
    // As it was always written, and still is where nothing else is set of the store.
    assert_eq!(desk.clew("config store ~/one").exit, 0);
    assert!(desk.read(file).starts_with("store = "));
    for words in ["config store.sync 0", "config store.budget 25%"] {
        let said = desk.clew(words);
        assert!(said.exit == 0 && !said.text.contains("gnore"), "{}", said.text);
    }
    assert_eq!(value("store"), "~/one");
    assert_eq!(desk.clew("config store ~/two").exit, 0);
    assert_eq!((value("store"), value("store.sync")), ("~/two".into(), 0.into()));
    assert_eq!(value("store.budget"), "25 %");
    desk.clew("config store --unset");
    assert_eq!(
        (value("store"), value("store.sync")),
        ("~/home/.local/share/clew".into(), 0.into())
    );
    desk.clew("config store.sync --unset");
    desk.clew("config store.budget --unset");
    assert_eq!(desk.read(file), "");
}

#[test]
fn p12_a_project_chooses_for_nobody_whether_stores_are_encrypted() {
    let desk = Desk::new();
    desk.clew("init");
    let refused = desk.clew("config --project store.encrypt no");
    assert_eq!(refused.exit, 2, "{}", refused.text);
    desk.write("work/.clew/config.toml", "[store]\nencrypt = true\n");
    let said = desk.clew("config store.encrypt");
    assert!(
        said.text.starts_with("store.encrypt = false") && said.text.contains("for the user only"),
        "{}",
        said.text
    );
}

#[test]
fn p12_a_project_store_is_made_encrypted_when_asked_for() {
    let desk = Desk::new();
    let key_of = |text: &str| text.split("store-keys/").nth(1).map(|rest| rest[..32].to_owned());
    let made = desk.clew("init --encrypt");
    let key = key_of(&made.text).unwrap();
    let again = desk.clew("init --encrypt");
    let list = desk.clew("list");
    assert!(
        list.text.contains("which is encrypted, has no history yet"),
        "{}",
        list.text
    );
    let aside = desk.path("aside");
    fs::rename(desk.path("home/.config/clew/store-keys"), &aside).unwrap();
    let before = desk.files();
    let (log, doctor) = (desk.clew("log"), desk.clew("doctor"));
    assert_eq!(desk.files(), before);
    fs::create_dir(desk.path("plain")).unwrap();
    desk.clew("init ~/plain");
    let plain = desk.clew("init ~/plain --encrypt");
    let told = [&made, &again, &log, &plain].map(|said| said.text.as_str()).concat();
    let told = told.replace(&key, "KEYID").replace(&key[..8], "KEYID");
    assert_snapshot!(told);
    assert_eq!(
        [made.exit, again.exit, log.exit, doctor.exit, plain.exit],
        [0, 0, 3, 1, 3]
    );
    assert!(doctor.text.contains("its key"), "{}", doctor.text);
}

#[test]
fn what_is_not_allowed_is_refused_with_what_is() {
    let desk = Desk::new();
    let before = desk.files();
    let told: Vec<String> = [
        "config record.output",
        "config html",
        "config record.outputs perhaps",
        "config log.limit -- -3",
        "config scratch.memory 3",
        "config store here",
        "config --project log.limit 5",
        "config --project store ~/elsewhere",
    ]
    .map(|words| {
        let said = desk.clew(words);
        assert_eq!(said.exit, 2, "{words}: {}", said.text);
        format!("> {words}\n{}", said.text)
    })
    .into();
    assert_snapshot!(told.join("\n"));
    assert_eq!(desk.files(), before);
}

#[test]
fn a_projects_settings_count_more_than_the_users() {
    let desk = Desk::new();
    desk.clew("init");
    desk.clew("config log.limit 5");
    let said = desk.clew("config --project log.limit 7");
    assert_snapshot!(said.text);
    assert_eq!(desk.json("config log.limit")["settings"][0]["from"][0], "project");
    let hidden = desk.clew("config log.limit 9");
    assert_snapshot!(hidden.text);
    assert!(desk.read("work/.clew/config.toml").contains("limit = 7"));
}

#[test]
fn a_broken_file_stops_nothing_and_doctor_names_the_line() {
    let desk = Desk::new();
    desk.write("home/.config/clew/config.toml", "[log]\nlimit = 3\nthis is no toml\n");
    assert_eq!(desk.clew("config").exit, 0);
    assert_eq!(desk.json("config log.limit")["settings"][0]["value"], 20);
    let refused = desk.clew("config log.limit 4");
    assert_eq!(refused.exit, 3);
    assert_snapshot!(format!("{}{}", refused.text, without_room(&desk.clew("doctor").text)));
}

// -- init -------------------------------------------------------------------------------------------------------------

#[test]
fn init_makes_a_store_that_notebooks_below_find() {
    let desk = Desk::new();
    fs::create_dir_all(desk.path("work/deep/down")).unwrap();
    let first = desk.clew("init");
    let second = desk.clew("init");
    assert_snapshot!(format!("{}{}", first.text, second.text));
    assert_eq!((first.exit, second.exit), (0, 0));
    assert!(desk.read("work/.clew/.gitignore").ends_with("\n*\n"));
    let store = |folder: &str| {
        let said = desk.clew_in(folder, "doctor --json");
        serde_json::from_str::<Value>(&said.text).unwrap()["store"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    assert_eq!(store("work/deep/down"), "~/work/.clew");
    assert_eq!(store("home"), "~/home/.local/share/clew");
    let named = desk.clew_in("home", "list --history ~/work/deep");
    assert!(named.text.contains("~/work/.clew has no history yet"), "{}", named.text);
}

#[cfg(unix)]
#[test]
fn only_its_owner_looks_into_a_projects_store() {
    use std::os::unix::fs::PermissionsExt;
    let desk = Desk::new();
    desk.clew("init");
    let mode = fs::metadata(desk.path("work/.clew")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
}

#[test]
fn init_says_what_stands_in_the_way() {
    let desk = Desk::new().with("CLEW_HOME", "/srv/store");
    let hidden = desk.clew("init");
    let missing = desk.clew("init ~/nowhere");
    desk.write("file/.clew", "a file");
    let taken = desk.clew("init ~/file");
    assert_snapshot!(format!("{}{}{}", hidden.text, missing.text, taken.text));
    assert_eq!((hidden.exit, missing.exit, taken.exit), (0, 2, 3));
}

// -- doctor -----------------------------------------------------------------------------------------------------------

/// How much room there is on the machine is not the test's to say.
fn without_room(text: &str) -> String {
    let lines: Vec<&str> = text.lines().filter(|line| !line.contains("room: ")).collect();
    lines.join("\n")
}

#[test]
fn doctor_finds_what_is_wrong_and_names_the_command() {
    let desk = Desk::new().with("CLEW", "off");
    desk.write("home/.ipython/profile_default/ipython_config.json", "{oops");
    desk.write("home/.config/clew/signing.key", "short");
    let gone = "{\"argv\": [\"/gone/python\", \"--ext=clew\"]}";
    desk.write("home/.local/share/jupyter/kernels/clew/kernel.json", gone);
    let said = desk.clew("doctor");
    assert_eq!(said.exit, 1);
    assert_snapshot!(without_room(&said.text));
}

#[test]
fn doctor_finds_a_fresh_machine_well() {
    let desk = Desk::new();
    let before = desk.files();
    let said = desk.clew("doctor");
    assert_eq!((said.exit, desk.files()), (0, before), "{}", said.text);
    assert_snapshot!(without_room(&said.text));
}

// -- words to come, pages, completion ---------------------------------------------------------------------------------

#[test]
fn words_to_come_say_so_in_a_line_and_do_nothing() {
    let desk = Desk::new();
    let before = desk.files();
    let said = desk.clew("panel");
    let line = "Error: `clew panel` is not available yet.\n";
    assert_eq!((said.exit, said.text.as_str()), (2, line));
    assert_eq!(desk.files(), before);
}

#[test]
fn manual_pages_are_there_for_clew_and_for_every_word() {
    let desk = Desk::new();
    let page = desk.clew("man log").text;
    assert!(
        page.contains(".TH clew-log 1") && page.contains("clew log \\-\\-all"),
        "{page}"
    );
    let all = desk.clew("man").text;
    assert!(
        all.contains("man clew\\-log") && all.contains("resume\\-recording"),
        "{all}"
    );
    assert_eq!(desk.clew("man --to ~/pages").exit, 0);
    let pages: Vec<_> = fs::read_dir(desk.path("pages")).unwrap().collect();
    assert!(pages.len() > 40, "{pages:?}");
    assert_eq!(desk.clew("man lgo").exit, 2);
}

#[test]
fn every_shell_has_its_script() {
    let desk = Desk::new();
    for shell in ["bash", "zsh", "fish"] {
        let said = desk.clew(&format!("completions {shell}"));
        assert!(said.exit == 0 && said.text.contains("__complete"), "{}", said.text);
    }
    assert_eq!(desk.clew("completions tcsh").exit, 2);
}

#[test]
fn what_is_typed_badly_completes_to_nothing_and_never_fails() {
    let desk = Desk::new();
    for words in [
        "__complete",
        "__complete bash",
        "__complete fish nonsense ",
        "__complete zsh switch x",
        "__complete bash clew\"'",
    ] {
        let said = desk.clew(words);
        assert_eq!(said.exit, 0, "{words}: {}", said.text);
    }
    for line in [
        "\\",
        "\"\\",
        "'",
        "clew 'ä\"",
        "é@ü:ß",
        "clew --history=",
        "a=b",
        "clew switch @\u{202e}",
        "\u{1}revisions",
    ] {
        let mut command = Command::cargo_bin("clew").unwrap();
        let asked = command.env_clear().env("HOME", desk.path("home"));
        let output = asked.args(["__complete", "bash", line, ":@="]).output().unwrap();
        assert!(
            output.status.success() && output.stderr.is_empty(),
            "{line:?}: {output:?}"
        );
    }
    assert!(desk.clew("__complete fish swi").text.starts_with("switch\tRestore"));
    assert_eq!(
        desk.clew("__complete fish config display.html ").text,
        "true\t\nfalse\t\n"
    );
}
