//! README.md and docs/*.md: every command in them can be typed. tests/it/documents.rs runs those that are lines of their
//! own.

#[path = "../../../../tests/it/support/typed.rs"]
mod typed;

use std::path::Path;

use clap::Parser;
use clap::error::ErrorKind;

use super::Args;

/// The words of a command as a shell takes them, up to where another command or a file begins.
fn words(line: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut quote = None;
    for letter in line.chars() {
        match (quote, letter) {
            (Some(mark), _) if mark == letter => quote = None,
            (None, '\'' | '"') => quote = Some(letter),
            (None, '|' | '>' | '&' | ';') => break,
            (None, ' ') => words.push(String::new()),
            _ => words.last_mut().expect("there is one").push(letter),
        }
    }
    words.retain(|word| !word.is_empty() && word != "…");
    words
}

#[test]
fn every_command_in_the_documents_can_be_typed() {
    let commands = typed::commands(Path::new(env!("CARGO_MANIFEST_DIR")));
    let blocks = commands.iter().filter(|command| command.is_block).count();
    assert!(blocks >= 25 && commands.len() - blocks >= 35, "{blocks} of {}", commands.len());
    for command in commands {
        // A place that a sentence gives in two forms.
        let line = command.line.replace("DIR|s3://BUCKET/PREFIX", "DIR");
        let Err(error) = Args::try_parse_from(words(&line)) else { continue };
        // A sentence, or what ends with `…`, need not say all that the command needs; what it says must be right.
        let is_a_part = (!command.is_block || line.ends_with('…'))
            && matches!(
                error.kind(),
                ErrorKind::MissingRequiredArgument
                    | ErrorKind::MissingSubcommand
                    | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
            );
        let is_fine = is_a_part || error.kind() == ErrorKind::DisplayHelp;
        assert!(is_fine, "{}: {line}: {error}", command.document);
    }
}

#[test]
fn words_are_those_of_a_shell() {
    let line = "a --fault '{\"b\": 1}' \"c d\" … -o - | python e >f";
    assert_eq!(words(line), ["a", "--fault", "{\"b\": 1}", "c d", "-o", "-"]);
}
