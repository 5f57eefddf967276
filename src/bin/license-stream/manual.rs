//! `license-stream completions` and `license-stream man`: made from what can be typed, so that they are of this version.

use std::fs;
use std::io::Write;
use std::path::Path;

use anyhow::Context;
use clap::{Command, CommandFactory};
use clap_complete::Shell;

use crate::args::Args;
use crate::exit::Exit;
use crate::listing::Listing;

pub(crate) fn completions(shell: Shell) -> anyhow::Result<Exit> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Args::command(), MAIN, &mut script);
    if shell == Shell::Bash {
        script = with_one_name(&script).into_bytes();
    }
    Listing::begin().write_all(&script)?;
    Ok(Exit::Done)
}

/// The script for bash as it works: clap_complete 4.6 names the cases of subcommands in another way than it looks them up,
/// where the command's own name has a hyphen.
fn with_one_name(script: &[u8]) -> String {
    String::from_utf8_lossy(script).replace("license__subcmd__stream", "license__stream")
}

pub(crate) fn pages(out: &Path) -> anyhow::Result<Exit> {
    let failed = || format!("the pages cannot be written to {}: name another --out", out.display());
    fs::create_dir_all(out).with_context(failed)?;
    let mut command = Args::command().disable_help_subcommand(true);
    command.build();
    write(&command, "license-stream", out).with_context(failed)?;
    Ok(Exit::Done)
}

/// The page of `command`, and those of the commands below it.
fn write(command: &Command, name: &str, out: &Path) -> std::io::Result<()> {
    fs::write(out.join(format!("{name}.1")), page(command, name)?)?;
    for command in command.get_subcommands() {
        write(command, &format!("{name}-{}", command.get_name()), out)?;
    }
    Ok(())
}

/// The page of `command`. What stands behind the options is rendered here: clap knows it as one text, the lines of
/// which it would join.
fn page(command: &Command, name: &str) -> std::io::Result<Vec<u8>> {
    let mut page = Vec::new();
    let source = format!("license-stream {}", env!("CARGO_PKG_VERSION"));
    // No date: that of the version is in the changelog, and that of the build would be another for each.
    let man = clap_mangen::Man::new(command.clone()).title(name).date("").source(source);
    let man = man.manual("User Commands");
    man.render_title(&mut page)?;
    // A date that is empty is left out there, and what follows would be taken for it.
    let title = String::from_utf8_lossy(&page);
    let mut page =
        title.replace(&format!(".TH {name} 1  "), &format!(".TH {name} 1 \"\" ")).into_bytes();
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    if command.get_arguments().any(|arg| !arg.is_hide_set()) {
        man.render_options_section(&mut page)?;
    }
    if command.has_subcommands() {
        man.render_subcommands_section(&mut page)?;
    }
    let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
    page.extend(sections(&help).into_bytes());
    let is_main = name == MAIN;
    if is_main {
        page.extend(environment().into_bytes());
    } else {
        let text = "As of license-stream(1), which also has the variables of the environment.";
        page.extend(format!(".SH \"EXIT STATUS\"\n{text}\n").into_bytes());
    }
    page.extend(see_also(command, name).into_bytes());
    Ok(page)
}

/// The page of all commands.
const MAIN: &str = "license-stream";

/// Variables that are not those of one flag, with what they are for.
const ENVIRONMENT: [(&str, &str); 9] = [
    ("TRUTO_API_TOKEN", "The API token, unless --token-file names a file that holds it."),
    ("TRUTO_BASE_URL", "Address of the API, for --base-url."),
    ("KAFKA_BOOTSTRAP_SERVERS", "Brokers, for --brokers."),
    (
        "SCHEMA_REGISTRY_BASIC_AUTH_USER_INFO, SCHEMA_REGISTRY_BEARER_TOKEN",
        "Credentials for the schema registry, unless a flag names a file that holds them.",
    ),
    ("AWS_*, GOOGLE_*, AZURE_*", "Credentials and settings of object stores."),
    ("HTTPS_PROXY, HTTP_PROXY, ALL_PROXY, NO_PROXY", "Proxies, in capitals or not."),
    ("RUST_LOG", "The filter of the log, such as debug."),
    ("NO_COLOR, TERM", "Whether there are colours, and lines that are kept current."),
    ("TZ", "The time zone of cron expressions."),
];

/// A text behind the help as sections: those that it has headings for, with their lines as they are.
fn sections(help: &str) -> String {
    let mut page = String::new();
    let mut is_kept = false;
    for line in help.lines() {
        let is_indented = line.starts_with(' ');
        if is_kept && !is_indented {
            page.push_str(".fi\n");
            is_kept = false;
        }
        match line {
            "Examples:" => page.push_str(".SH EXAMPLES\n"),
            "Exit codes:" => page.push_str(".SH \"EXIT STATUS\"\n"),
            "" => page.push_str(".PP\n"),
            _ => {
                if is_indented && !is_kept {
                    page.push_str(".nf\n");
                    is_kept = true;
                } else if page.is_empty() {
                    page.push_str(".SH NOTES\n");
                } else if page.ends_with(".fi\n") {
                    page.push_str(".PP\n");
                }
                page.push_str(&escaped(line.strip_prefix("  ").unwrap_or(line)));
                page.push('\n');
            }
        }
    }
    if is_kept {
        page.push_str(".fi\n");
    }
    page
}

fn environment() -> String {
    let entry = |(name, what): &(&str, &str)| {
        format!(".TP\n\\fB{}\\fR\n{}\n", escaped(name), escaped(what))
    };
    let entries: String = ENVIRONMENT.iter().map(entry).collect();
    format!(".SH ENVIRONMENT\n{entries}")
}

/// The pages around this one, and where the documents are.
fn see_also(command: &Command, name: &str) -> String {
    let mut pages: Vec<_> = match name.rsplit_once('-') {
        Some((above, _)) if name != MAIN => vec![above.to_owned()],
        _ => Vec::new(),
    };
    pages.extend(command.get_subcommands().map(|it| format!("{name}-{}", it.get_name())));
    let pages: Vec<_> = pages.iter().map(|page| format!("\\fB{}\\fR(1)", escaped(page))).collect();
    let pages = pages.join(",\n");
    let documents =
        escaped("The documents of the Debian package are in /usr/share/doc/license-stream.");
    format!(".SH \"SEE ALSO\"\n{pages}\n.PP\n{documents}\n")
}

/// Text that roff takes as it is.
fn escaped(text: &str) -> String {
    let text = text.replace('\\', "\\e").replace('-', "\\-").replace('\'', "\\(aq");
    if text.starts_with('.') { format!("\\&{text}") } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn examples_stay_as_they_are_typed() {
        let help = "Examples:\n  a --b \\\n    -c 'd'\n\nWhat is said\nof them.";
        assert_eq!(
            sections(help),
            ".SH EXAMPLES\n.nf\na \\-\\-b \\e\n  \\-c \\(aqd\\(aq\n.fi\n.PP\nWhat is said\nof them.\n"
        );
        assert_eq!(sections(""), "");
        assert_eq!(sections("More."), ".SH NOTES\nMore.\n");
    }

    #[test]
    fn each_page_has_what_belongs_to_one() {
        let mut command = Args::command().disable_help_subcommand(true);
        command.build();
        let text = |command: &Command, name: &str| {
            String::from_utf8(page(command, name).unwrap()).unwrap()
        };
        let main = text(&command, MAIN);
        let title = format!(
            ".TH license-stream 1 \"\" \"license-stream {}\" \"User Commands\"",
            env!("CARGO_PKG_VERSION")
        );
        assert!(main.contains(&title), "{main}");
        for section in ["\"EXIT STATUS\"", "ENVIRONMENT", "\"SEE ALSO\""] {
            assert!(main.contains(&format!(".SH {section}\n")), "{section}: {main}");
        }
        let run = text(command.find_subcommand("run").unwrap(), "license-stream-run");
        assert!(run.contains(".SH EXAMPLES\n.nf\nlicense\\-stream run pipeline.yaml\n"), "{run}");
        assert!(run.contains("\\fBlicense\\-stream\\fR(1)"), "{run}");
        assert!(!main.contains(".SH EXTRA") && !run.contains(".SH EXTRA"));
    }
}
