//! What brings the command to machines: manual pages, completions, units, manifests and a package, each looked at by a
//! tool that is not ours.

use std::ffi::OsStr;
use std::fs;
use std::path::Path;
use std::process::Command;

use crate::support::command::license_stream;
use crate::support::python::root;
use crate::support::run::{Run, run};

fn tool(name: &str) -> Command {
    Command::new(name)
}

/// The names of commands, those below others behind them, as `--help` has them.
fn commands(of: &[&str]) -> Vec<Vec<String>> {
    let help = run(license_stream().args(of).arg("--help")).expect(0).stdout;
    let listed = help.split("Commands:\n").nth(1).unwrap_or_default();
    let names = listed.lines().take_while(|line| line.starts_with(' '));
    // What a command is for may go on in a second line, further in.
    let names = names.filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    let names = names.filter_map(|line| line.split_whitespace().next());
    names
        .filter(|name| *name != "help")
        .map(|name| of.iter().copied().chain([name]).map(str::to_owned).collect())
        .collect()
}

#[test]
fn each_command_has_a_manual_page() {
    let directory = tempfile::tempdir().unwrap();
    run(license_stream().args(["man", "--out"]).arg(directory.path())).expect(0);
    let mut expected = vec!["license-stream.1".to_owned()];
    let mut left = commands(&[]);
    assert!(left.len() > 10, "{left:?}");
    while let Some(command) = left.pop() {
        expected.push(format!("license-stream-{}.1", command.join("-")));
        left.extend(commands(&command.iter().map(String::as_str).collect::<Vec<_>>()));
    }
    let mut names: Vec<_> = fs::read_dir(directory.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    expected.sort();
    names.sort();
    assert_eq!(names, expected);
    let page = fs::read_to_string(directory.path().join("license-stream-parquet.1")).unwrap();
    for said in [".TH license-stream-parquet 1", "\\-\\-row\\-group\\-bytes", "TRUTO_API_TOKEN"] {
        assert!(page.contains(said), "{said}");
    }
}

#[test]
fn shells_take_their_completions() {
    for (shell, check) in [("bash", "bash"), ("zsh", ""), ("fish", "")] {
        let script = run(license_stream().args(["completions", shell])).expect(0).stdout;
        assert!(
            script.contains("license-stream") && script.contains("--row-group-bytes"),
            "{shell}"
        );
        if !check.is_empty() {
            let directory = tempfile::tempdir().unwrap();
            let path = directory.path().join("script");
            fs::write(&path, script).unwrap();
            run(tool(check).arg("-n").arg(path)).expect(0);
        }
    }
}

#[test]
fn bash_completes_what_stands_behind_a_subcommand() {
    let script = run(license_stream().args(["completions", "bash"])).expect(0).stdout;
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("script");
    fs::write(&path, script).unwrap();
    for (words, wanted) in [
        (&["license-stream", "par"][..], "parquet"),
        (&["license-stream", "run", "--pri"], "--print-config"),
        (&["license-stream", "parquet", "--on-error", "dead"], "dead-letter"),
        (&["license-stream", "checkpoint", "reset", "--acc"], "--account"),
        (&["license-stream", "check", "kafka", "--cre"], "--create-topic"),
    ] {
        let words: Vec<_> = words.iter().map(|word| format!("'{word}'")).collect();
        let complete = format!(
            "source '{}'; it=$(complete -p license-stream); it=${{it#*-F }}; COMP_WORDS=({}); COMP_CWORD={}; \
             ${{it%% *}} license-stream \"${{COMP_WORDS[-1]}}\" \"${{COMP_WORDS[-2]}}\"; printf '%s\\n' \"${{COMPREPLY[@]}}\"",
            path.display(),
            words.join(" "),
            words.len() - 1
        );
        let completed = run(tool("bash").arg("-c").arg(complete)).expect(0).stdout;
        assert!(completed.lines().any(|word| word == wanted), "{words:?}: {completed}");
    }
}

#[test]
fn systemd_takes_the_units() {
    let directory = tempfile::tempdir().unwrap();
    let units = root().join("packaging/systemd");
    let command = license_stream().get_program().to_owned();
    for unit in ["license-stream.service", "license-stream.timer"] {
        let text = fs::read_to_string(units.join(unit)).unwrap();
        // The command is looked for by systemd.
        let text = text.replace("/usr/bin/license-stream", command.to_str().unwrap());
        fs::write(directory.path().join(unit), text).unwrap();
        let verified = run(tool("systemd-analyze")
            .args(["verify", "--man=no"])
            .arg(directory.path().join(unit)))
        .expect(0);
        assert_eq!(verified.stderr, "", "{unit}");
    }
}

#[test]
fn yaml_and_python_are_read_by_their_readers() {
    let packaging = root().join("packaging");
    let python = crate::support::python::python().get_program().to_owned();
    for folder in ["airflow", "dagster"] {
        for entry in fs::read_dir(packaging.join(folder)).unwrap() {
            let path = entry.unwrap().path();
            let code = "import ast, sys; ast.parse(open(sys.argv[1]).read())";
            run(Command::new(&python).args(["-c", code]).arg(path)).expect(0);
        }
    }
    for manifest in ["cronjob.yaml", "deployment.yaml"] {
        let valid = kubernetes(&python, &packaging.join("kubernetes").join(manifest)).expect(0);
        assert_eq!(valid.stderr, "", "{manifest}");
    }
    // A reader that takes anything would prove nothing.
    let directory = tempfile::tempdir().unwrap();
    let wrong = directory.path().join("wrong.yaml");
    let text = fs::read_to_string(packaging.join("kubernetes/cronjob.yaml")).unwrap();
    fs::write(&wrong, text.replace("concurrencyPolicy", "concurencyPolicy")).unwrap();
    let refused = kubernetes(&python, &wrong).expect(1);
    assert!(refused.stderr.contains("concurencyPolicy"), "{refused:?}");
}

/// By the schemas of Kubernetes, unknown members refused.
fn kubernetes(python: &OsStr, manifest: &Path) -> Run {
    let code = "import sys, yaml, kubernetes_validate\n\
        for document in yaml.safe_load_all(open(sys.argv[1])):\n\
        \x20   kubernetes_validate.validate(document, '1.34', strict=True)\n";
    run(Command::new(python).args(["-c", code]).arg(manifest))
}

#[test]
fn a_package_has_all_of_it_and_names_what_it_needs() {
    let directory = tempfile::tempdir().unwrap();
    let command = license_stream().get_program().to_owned();
    let built =
        run(tool("bash").arg(root().join("scripts/deb.sh")).arg(&command).arg(directory.path()))
            .expect(0);
    let package = built.stdout.trim();
    let listed = run(tool("dpkg-deb").arg("--contents").arg(package)).expect(0).stdout;
    for path in [
        "./usr/bin/license-stream",
        "./usr/lib/systemd/system/license-stream.timer",
        "./usr/share/man/man1/license-stream-parquet.1.gz",
        "./usr/share/bash-completion/completions/license-stream",
        "./usr/share/doc/license-stream/copyright",
        "./usr/share/doc/license-stream/docs/pipelines.md",
        "./usr/share/doc/license-stream/docs/prometheus/alerts.yaml",
        "./usr/share/doc/license-stream/docs/grafana/license-stream.json",
        "./usr/share/doc/license-stream/schemas/pipeline.schema.json",
    ] {
        assert!(listed.lines().any(|line| line.ends_with(path)), "{path}: {listed}");
    }
    let needs = run(tool("dpkg-deb").args(["--field", package, "Depends"])).expect(0).stdout;
    assert!(needs.contains("libc6") && needs.contains("libssl"), "{needs}");
    let unpacked = directory.path().join("unpacked");
    run(tool("dpkg-deb").arg("--extract").arg(package).arg(&unpacked)).expect(0);
    let version = run(Command::new(unpacked.join("usr/bin/license-stream")).arg("--version"));
    assert_eq!(version.expect(0).stdout, format!("license-stream {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn the_image_is_made_of_what_the_repository_has() {
    let text = fs::read_to_string(root().join("packaging/Containerfile")).unwrap();
    let copies = text.lines().filter_map(|line| line.strip_prefix("COPY "));
    let mut names = 0;
    for line in copies.filter(|line| !line.starts_with("--from")) {
        let words: Vec<_> = line.split_whitespace().collect();
        for name in &words[..words.len() - 1] {
            assert!(root().join(name).exists(), "{name}");
            names += 1;
        }
    }
    assert!(names > 5 && text.contains("\nUSER 65532"));
}
