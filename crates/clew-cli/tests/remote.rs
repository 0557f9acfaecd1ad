//! `remote` and `serve` as a process: places with a name, what they are asked, what is never kept.
#![cfg(unix)]

mod recorded;

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use assert_cmd::Command;
use insta::assert_snapshot;
use recorded::{cell, named, recorded};
use serde_json::Value;
use tempfile::TempDir;

/// What `ssh` says and does as often as `bin/cuts` has lines.
const CUT: &str = r#"left=$(cat ../bin/cuts 2>/dev/null)
if [ -n "$left" ]; then
    tail -n +2 ../bin/cuts > ../bin/fewer && mv ../bin/fewer ../bin/cuts
    echo "client_loop: send disconnect: Connection reset" >&2
    exit 255
fi
"#;

/// A home, and a folder to work in.
struct Desk {
    root: TempDir,
    variables: BTreeMap<String, String>,
}

/// What a command said, with the test's own folder written `~`.
struct Said {
    exit: i32,
    out: String,
    error: String,
}

impl Desk {
    fn new() -> Self {
        let desk = Self {
            root: tempfile::tempdir().unwrap(),
            variables: BTreeMap::new(),
        };
        for folder in ["home", "work", "bin"] {
            fs::create_dir_all(desk.path(folder)).unwrap();
        }
        desk
    }

    fn with(mut self, variable: &str, value: &str) -> Self {
        self.variables.insert(variable.to_owned(), value.to_owned());
        self
    }

    fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    fn clew(&self, words: &str) -> Said {
        let here = self.root.path().display().to_string();
        let words = words.replace('~', &here);
        let output = Command::cargo_bin("clew")
            .unwrap()
            .env_clear()
            .env("HOME", self.path("home"))
            .env("PATH", format!("{}:/usr/bin:/bin", self.path("bin").display()))
            .envs(&self.variables)
            .current_dir(self.path("work"))
            .args(words.split(' '))
            .output()
            .unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap().replace(&here, "~");
        Said {
            exit: output.status.code().unwrap(),
            out: text(output.stdout),
            error: text(output.stderr),
        }
    }

    fn json(&self, words: &str) -> Value {
        let said = self.clew(&format!("{words} --json"));
        serde_json::from_str(&said.out).unwrap_or_else(|error| panic!("{words}: {error}: {}", said.out))
    }

    /// Makes `ssh` one that runs on this machine what it was to run on another.
    fn with_ssh(self) -> Self {
        let clew = assert_cmd::cargo::cargo_bin("clew");
        let script = format!(
            "#!/bin/sh\n{CUT}PATH={}:$PATH\ncd ../home\nfor last; do :; done\nexec sh -c \"$last\"\n",
            clew.parent().unwrap().display()
        );
        fs::write(self.path("bin/ssh"), script).unwrap();
        fs::set_permissions(self.path("bin/ssh"), fs::Permissions::from_mode(0o755)).unwrap();
        self
    }
}

#[test]
fn a_folder_is_added_listed_and_removed() {
    let desk = Desk::new();
    assert_eq!(
        desk.clew("remote").out,
        "The store has no remotes. `clew remote add NAME URL` adds one.\n"
    );
    let said = desk.clew("remote add nas ../shared/clew");
    assert_eq!(
        (said.exit, said.out.as_str()),
        (
            0,
            "Added nas, ~/shared/clew (a new folder): several machines can push, tested just now.\n"
        )
    );
    let list = desk.clew("remote list").out;
    assert!(
        list.starts_with("nas  ~/shared/clew  several machines can push"),
        "{list}"
    );
    let list = desk.json("remote");
    assert_eq!(list["remotes"][0]["name"], "nas");
    assert_eq!(list["remotes"][0]["writers"], "shared");
    assert_eq!(list["exit"], 0);
    // Another store has its own.
    assert_eq!(
        desk.json("remote list --store ~/other")["remotes"],
        Value::Array(Vec::new())
    );

    let mode = fs::metadata(desk.path("home/.config/clew/remotes.json"))
        .unwrap()
        .permissions();
    assert_eq!(mode.mode() & 0o777, 0o600);
    let again = desk.clew("remote add nas ../elsewhere");
    assert_eq!(again.exit, 2);
    assert!(
        again.error.contains("`clew remote remove nas` deletes the name"),
        "{}",
        again.error
    );
    let removed = desk.clew("remote remove nas");
    assert_eq!(
        (removed.exit, removed.out.as_str()),
        (0, "Removed nas. The data in ~/shared/clew stays there.\n")
    );
    assert!(desk.path("shared/clew/.clew-remote").exists());
    let none = desk.clew("remote remove nas");
    assert_eq!(none.exit, 2, "{}", none.error);
    // It is a remote already, and is taken up as one.
    assert_eq!(desk.clew("remote add again ../shared/clew --no-probe").exit, 0);
    assert_eq!(desk.json("remote list")["remotes"][0]["writers"], "unknown");
}

#[test]
fn what_means_no_place_is_refused_and_nothing_is_kept() {
    let desk = Desk::new().with("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYzq8kLmNo5t");
    fs::write(desk.path("work/notes.txt"), "mine").unwrap();
    let typed = [
        "remote add lab s3://AKIAQ3EGWL5XU2TN7RKD:secretsecret@bucket/x",
        "remote add lab s3://bucket/x?sig=abc",
        "remote add lab s3://wJalrXUtnFEMI/K7MDENG/bPxRfiCYzq8kLmNo5t",
        "remote add lab s3:///x",
        "remote add lab ftp://host/x",
        "remote add lab ssh://me:hunter2hunter2@host/x",
        "remote add lab ssh://host",
        "remote add lab .",
        "remote add -x s3://bucket/x",
        "remote add a/b s3://bucket/x",
        "remote add lab",
        "serve ~/work",
    ];
    let mut texts = Vec::new();
    for words in typed {
        let said = desk.clew(words);
        assert_eq!(said.exit, 2, "{words}: {}", said.error);
        for secret in ["secretsecret", "hunter2", "wJalrXUtnFEMI", "sig=abc"] {
            assert!(
                !said.error.contains(secret) && !said.out.contains(secret),
                "{words}: {}",
                said.error
            );
        }
        texts.push(said.error);
    }
    assert!(!desk.path("home/.config/clew/remotes.json").exists());
    assert_snapshot!(texts.join("\n"));
}

#[test]
fn a_folder_behind_ssh_is_served_by_the_command_itself() {
    let desk = Desk::new().with_ssh();
    let said = desk.clew("remote add far far.example:data/clew");
    assert_eq!(said.exit, 0, "{}", said.error);
    assert_eq!(
        said.out,
        "Added far, ssh://far.example/~/data/clew: several machines can push, tested just now.\n"
    );
    assert!(desk.path("home/data/clew/.clew-remote").exists());
    // Eight writers raced there twenty times, and left nothing.
    let left = fs::read_dir(desk.path("home/data/clew/probes")).unwrap().count();
    assert_eq!(left, 0);
}

/// A push that waits for its line says so, and why, for each attempt.
#[test]
fn each_time_that_a_push_tries_again_it_says_why_and_how_often_it_still_will() {
    let desk = Desk::new().with_ssh().with("CLEW_PROGRESS", "1");
    assert_eq!(desk.clew("remote add far far.example:data/clew").exit, 0);
    let (store, config) = (desk.path("home/.local/share/clew"), desk.path("home/.config/clew"));
    let mut written = recorded(&store, &config, &named("flights"), vec![cell("a = int 5")]);
    fs::write(desk.path("bin/cuts"), "1\n2\n").unwrap();
    let told = |said: &Said| {
        let lines = said.error.split("\r\x1b[2K").map(str::to_owned);
        lines.filter(|line| line.contains("retrying")).collect::<Vec<_>>()
    };
    let line = "ssh://far.example/~/data/clew cannot be reached: client_loop: send disconnect: Connection reset … retrying in 1 s";
    let said = desk.clew("push far");
    assert_eq!(said.exit, 0, "{}{}", said.out, said.error);
    assert_eq!(told(&said), [format!("{line} (2 of 6)"), format!("{line} (3 of 6)")]);
    assert!(
        said.error.ends_with("\r\x1b[2K"),
        "nothing of it is left on the line: {:?}",
        said.error
    );
    // Where nobody looks there is only the answer.
    recorded::more(&mut written, cell("b = int 6"));
    fs::write(desk.path("bin/cuts"), "1\n").unwrap();
    let desk = desk.with("CLEW_PROGRESS", "0");
    let said = desk.clew("push far");
    assert_eq!((said.exit, said.error.as_str()), (0, ""), "{}", said.out);
}

/// Something that speaks like S3 and answers everything alike. Ends with the test's process.
fn cloud(answer: &'static str) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for client in listener.incoming().flatten() {
            std::thread::spawn(move || answer_one(client, answer));
        }
    });
    port
}

fn answer_one(mut client: TcpStream, answer: &str) {
    let mut bytes = Vec::new();
    let mut buffer = [0; 4096];
    let is_whole = |bytes: &[u8]| {
        let text = String::from_utf8_lossy(bytes).to_ascii_lowercase();
        let (head, body) = text.split_once("\r\n\r\n")?;
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        (body.len() >= length.and_then(|length| length.parse().ok()).unwrap_or(0)).then_some(())
    };
    while is_whole(&bytes).is_none() {
        match client.read(&mut buffer) {
            Ok(count @ 1..) => bytes.extend_from_slice(&buffer[..count]),
            _ => return,
        }
    }
    client.write_all(answer.as_bytes()).ok();
}

fn with_cloud(answer: &'static str) -> Desk {
    let endpoint = format!("http://127.0.0.1:{}", cloud(answer));
    Desk::new()
        .with("AWS_ENDPOINT", &endpoint)
        .with("AWS_ALLOW_HTTP", "true")
        .with("AWS_REGION", "us-east-1")
        .with("AWS_ACCESS_KEY_ID", "AKIAQ3EGWL5XU2TN7RKD")
        .with("AWS_SECRET_ACCESS_KEY", "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")
        .with("AWS_SESSION_TOKEN", "IQoJb3JpZ2luX2VjEPlantedToken0123456789")
}

#[test]
fn a_place_that_lies_is_refused_for_heads_that_are_shared() {
    let desk = with_cloud("HTTP/1.1 200 OK\r\nETag: \"1\"\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    let said = desk.clew("remote add lab s3://bucket/clew");
    assert_eq!(said.exit, 3, "{}", said.out);
    assert_snapshot!(said.error);
    assert_eq!(desk.json("remote list")["remotes"], Value::Array(Vec::new()));
    let said = desk.clew("remote add lab s3://bucket/clew --alone");
    assert_eq!(said.exit, 0, "{}", said.error);
    assert!(said.out.contains("only one machine can push"), "{}", said.out);
    assert_eq!(desk.json("remote list")["remotes"][0]["writers"], "alone");
}

/// Nothing of a credential is said, kept, or told, whatever a server says about it.
#[test]
fn p12_credentials_are_in_no_error_and_in_no_file() {
    let answers = [
        "HTTP/1.1 403 Forbidden\r\nContent-Length: 73\r\nConnection: close\r\n\r\n<Error><Code>ExpiredToken</Code><Message>It has expired</Message></Error>",
        "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
        "HTTP/1.1 400 Bad Request\r\nContent-Length: 113\r\nConnection: close\r\n\r\n<Error><Code>InvalidToken</Code><Message>IQoJb3JpZ2luX2VjEPlantedToken0123456789 is malformed</Message></Error>  ",
    ];
    for answer in answers {
        let desk = with_cloud(answer);
        for words in [
            "remote add lab s3://bucket/clew",
            "remote add lab s3://bucket/clew --json",
        ] {
            let said = desk.clew(words);
            assert_eq!(said.exit, 3, "{}{}", said.out, said.error);
            for value in desk
                .variables
                .values()
                .filter(|value| value.len() > 18 && !value.starts_with("http"))
            {
                assert!(
                    !said.out.contains(value) && !said.error.contains(value),
                    "{}",
                    said.error
                );
            }
            let next = "export-credentials";
            assert!(said.out.contains(next) || said.error.contains(next), "{}", said.error);
        }
        assert!(!desk.path("home/.config/clew/remotes.json").exists());
    }
}
