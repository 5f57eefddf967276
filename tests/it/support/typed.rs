//! What the documents say can be typed.

use std::path::Path;

/// A command of ours in a document.
#[derive(Clone, Debug)]
pub(crate) struct Typed {
    /// The document, relative to the root.
    pub(crate) document: String,
    /// What is typed, from `license-stream` on, without a remark behind it.
    pub(crate) line: String,
    /// Whether it is a line of its own, and not a part of a sentence.
    pub(crate) is_block: bool,
}

/// The commands in README.md and docs/*.md below `root`, in their order.
pub(crate) fn commands(root: &Path) -> Vec<Typed> {
    let names = std::fs::read_dir(root.join("docs")).expect("documents");
    let names = names.map(|entry| entry.expect("a name").file_name().into_string().expect("UTF-8"));
    let mut documents: Vec<_> = names.map(|name| format!("docs/{name}")).collect();
    documents.retain(|name| name.ends_with(".md"));
    documents.push("README.md".to_owned());
    documents.sort();
    documents.iter().flat_map(|document| of(root, document)).collect()
}

fn of(root: &Path, document: &str) -> Vec<Typed> {
    let text = std::fs::read_to_string(root.join(document)).expect("a document");
    let text = text.replace("\\\n", " ");
    let mut typed = Vec::new();
    let (mut fence, mut sentences) = (None, String::new());
    for line in text.lines() {
        if let Some(language) = line.strip_prefix("```") {
            fence = if fence.is_some() { None } else { Some(language) };
        } else if fence == Some("sh") || (fence.is_none() && line.starts_with("    ")) {
            // A remark may name the program too.
            if let Some((before, rest)) = line.split_once("license-stream ")
                && !before.contains('#')
                && !before.ends_with('_')
            {
                typed.push(command(document, rest, true));
            }
        } else if fence.is_none() {
            sentences.push_str(line);
            sentences.push(' ');
        }
    }
    let quoted = sentences.split('`').skip(1).step_by(2);
    let named = quoted.filter_map(|quoted| quoted.strip_prefix("license-stream "));
    typed.extend(named.map(|rest| command(document, rest, false)));
    typed
}

fn command(document: &str, rest: &str, is_block: bool) -> Typed {
    let rest = rest.split(" # ").next().unwrap_or_default().trim();
    Typed { document: document.to_owned(), line: format!("license-stream {rest}"), is_block }
}
