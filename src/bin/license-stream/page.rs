//! `license-stream report`: a page on what a run did, on what there is, or on both.
//!
//! It is one file that needs no other: no script, no font, no image. Text that was read is escaped, for which
//! [`Html`] has no other way; its charts are the bars in its tables.

mod costs;
mod coverage;
mod finished;
mod groups;
mod html;
mod lake;
mod number;
mod run;
mod seats;
mod table;

use std::io::Write;
use std::path::Path;

use license_stream::sink::parquet::LakeSurvey;
use license_stream::{Error, ErrorKind, Result};

use crate::args::PageArgs;
use crate::exit::Exit;
use crate::partial::{PartialFiles, not_written};
use crate::place::Place;
use crate::report::{counted, human_bytes, human_count};
use crate::screen::say;

use finished::Finished;
use groups::Integrations;
use html::Html;
use table::Tone;

/// Rows of a table that are shown: more, nobody reads, and no telephone shows.
const MOST_ROWS: usize = 500;

pub(crate) async fn run(args: PageArgs) -> anyhow::Result<Exit> {
    let (summary, lake) = told_apart(&args.places)?;
    let mut integrations = Integrations::read(args.accounts_file.as_deref())?;
    let finished = summary.map(Finished::read).transpose()?;
    let survey = match lake {
        Some(place) => Some(LakeSurvey::of(place.lake()?).await?),
        None => None,
    };
    if let Some(finished) = &finished {
        integrations.learn_of_run(finished);
    }
    if let Some(survey) = &survey {
        integrations.learn_of_lake(&survey.counted);
    }
    let mut body = Html::new();
    if let Some(finished) = &finished {
        body.part(&run::html(finished));
    }
    match &survey {
        Some(survey) => drop(body.part(&lake::html(survey, &integrations))),
        None => drop(body.markup(NO_LAKE)),
    }
    match &finished {
        Some(finished) => drop(body.part(&run::accounts_html(finished, &integrations))),
        None => drop(body.markup(NO_SUMMARY)),
    }
    let page = page(&args.places, &body);
    written(&args.out, page.as_str())?;
    if !args.quiet && !is_standard(&args.out) {
        say!("report: {} in {}", human_bytes(page.as_str().len() as u64), args.out.display());
    }
    Ok(Exit::Done)
}

const NO_LAKE: &str = "<section>\n<h2>Not on this page</h2>\n<p>A summary has no licenses in it: seats, cost and field \
    coverage are on the page if the directory is named beside it, <code>license-stream report SUMMARY.json \
    DIR</code>.</p>\n</section>\n";

const NO_SUMMARY: &str = "<section>\n<h2>Not on this page</h2>\n<p>A directory does not say how its runs ended, nor \
    why records were rejected: that is on the page if what <code>--json</code> printed is named beside it, \
    <code>license-stream report SUMMARY.json DIR</code>.</p>\n</section>\n";

/// The summary and the lake among what was typed.
fn told_apart(places: &[Place]) -> Result<(Option<&Path>, Option<&Place>)> {
    let (mut summary, mut lake) = (None, None);
    for place in places {
        let is_second = match place {
            Place::Directory(path) if !path.is_dir() => summary.replace(path.as_path()).is_some(),
            Place::Directory(_) | Place::Bucket(_) => lake.replace(place).is_some(),
        };
        if is_second {
            let message = "a page is on one summary, on one directory, or on one of each: make a page for each";
            return Err(Error::new(ErrorKind::Configuration, message));
        }
    }
    Ok((summary, lake))
}

fn is_standard(path: &Path) -> bool {
    path.as_os_str() == "-"
}

fn written(path: &Path, page: &str) -> Result<()> {
    if is_standard(path) {
        let mut out = std::io::stdout().lock();
        let written = out.write_all(page.as_bytes()).and_then(|()| out.flush());
        return written.map_err(|error| {
            Error::new(ErrorKind::Destination, "the page could not be written to standard output")
                .caused_by(error)
        });
    }
    let files = PartialFiles::default();
    let mut file = files.begin(path)?;
    let wrote = file.write_all(page.as_bytes());
    let ended = files.end(path, wrote.is_ok(), 0);
    wrote.map_err(|error| not_written(path, error))?;
    ended.map(drop)
}

fn page(places: &[Place], body: &Html) -> Html {
    let mut html = Html::new();
    html.markup("<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n");
    html.markup("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n");
    html.markup("<meta name=\"color-scheme\" content=\"light dark\">\n");
    // Should there be a way in after all, nothing that comes by it is loaded or run.
    html.markup("<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; ");
    html.markup(
        "style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'\">\n",
    );
    html.markup("<link rel=\"icon\" href=\"data:,\">\n<title>License report</title>\n<style>\n");
    html.markup(include_str!("page/style.css")).markup("</style>\n</head>\n<body>\n<main>\n");
    html.markup("<header>\n<h1>License report</h1>\n<p>On ");
    for (index, place) in places.iter().enumerate() {
        html.markup(if index > 0 { " and <code>" } else { "<code>" });
        match place {
            Place::Directory(path) if is_standard(path) => html.text("standard input"),
            place => html.text(place),
        };
        html.markup("</code>");
    }
    html.markup(", made ").text(chrono::Utc::now().format("%Y-%m-%d %H:%M UTC"));
    html.markup(" by license-stream ")
        .markup(env!("CARGO_PKG_VERSION"))
        .markup("</p>\n</header>\n");
    html.part(body).markup("</main>\n</body>\n</html>\n");
    html
}

/// A number that stands for itself, and on one line.
fn tile(name: &'static str, number: &str, tone: Option<Tone>) -> Html {
    tile_of(name, "digits", number, tone)
}

/// A word in the place of a number: one that was read may be of any length.
fn tile_of_word(name: &'static str, word: &str, tone: Tone) -> Html {
    tile_of(name, "word", word, Some(tone))
}

fn tile_of(name: &'static str, class: &'static str, value: &str, tone: Option<Tone>) -> Html {
    let mut html = Html::new();
    html.markup("<div class=\"tile\"><span class=\"name\">").markup(name);
    html.markup("</span><span class=\"value ").markup(class);
    html.markup(" ").markup(tone.map_or("plain", Tone::class));
    html.markup("\">").text(value).markup("</span></div>\n");
    html
}

/// How many of what.
fn count(count: u64, one: &'static str, many: &'static str) -> String {
    let (count, noun) = counted(count, one, many);
    format!("{count} {noun}")
}

/// What is said below a table that does not show all.
fn more_rows(all: usize, shown: usize) -> Html {
    let mut html = Html::new();
    let more = all.saturating_sub(shown) as u64;
    if more > 0 {
        html.markup("<p class=\"note\">And ").text(human_count(more));
        html.markup(" more, which are in all sums and not shown.</p>\n");
    }
    html
}
