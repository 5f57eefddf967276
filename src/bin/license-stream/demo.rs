//! `license-stream demo`: the simulator into Parquet files and into a Kafka topic, and then a look at
//! what arrived.

mod files;
mod topic;

use std::sync::Arc;
use std::time::Instant;

use console::style;
use license_stream::pipeline::{self, Options, Progress, Summary};
use license_stream::simulate::{DEFAULT_TOKEN, RunningSimulator, Simulator};
use license_stream::sink::Sink;
use license_stream::truto::{LicenseRequest, Token, TrutoClient};

use crate::args::DemoArgs;
use crate::exit::Exit;
use crate::progress::{Audience, ProgressLine};
use crate::report::{human_bytes, human_count};
use crate::signal::{GRACE, Signals};

const CHUNK_BYTES: usize = 1 << 20;

pub(crate) async fn run(args: DemoArgs) -> anyhow::Result<Exit> {
    let signals = Signals::listen(GRACE)?;
    let simulator =
        Simulator::new().with_records(args.records).with_chunk_bytes(CHUNK_BYTES).start()?;
    let demo = Demo { signals, simulator };
    println!();
    println!("{}", style("license-stream demo").bold());
    println!(
        "A simulated Truto at {} has {} invented licenses.",
        demo.simulator.base_url(),
        human_count(args.records)
    );
    println!(
        "{}",
        style("Truto does not publish its wire format; this is our reading of it.").dim()
    );

    let exit = files::show(&demo, &args.out).await?;
    if exit != Exit::Done {
        return Ok(exit);
    }
    let exit = topic::show(&demo, args.brokers.as_deref()).await?;
    if exit != Exit::Done {
        return Ok(exit);
    }

    heading("Yours next");
    println!("  export TRUTO_API_TOKEN=…");
    println!("  license-stream parquet --account UUID --out lake/licenses");
    println!("  license-stream kafka   --account UUID --brokers HOST:9092 --topic licenses");
    println!();
    demo.simulator.stop().await;
    Ok(Exit::Done)
}

/// What both halves of the demo share.
#[derive(Debug)]
struct Demo {
    signals: Signals,
    simulator: RunningSimulator,
}

impl Demo {
    fn account(&self) -> &str {
        &self.simulator.accounts()[0]
    }

    /// Streams the account's licenses into `sink`, which people know as `destination`, and says how fast.
    async fn stream<K: Sink>(
        &self,
        destination: &str,
        sink: K,
    ) -> anyhow::Result<(Summary<K::Report>, Exit)> {
        let http = reqwest::Client::builder().no_proxy().build()?;
        let token = Token::new(DEFAULT_TOKEN)?;
        let client = TrutoClient::new(http, &self.simulator.base_url(), token)?;
        let begun = Instant::now();
        let body = client.licenses(&LicenseRequest::new(self.account())).await?;
        let progress = Arc::new(Progress::default());
        let line =
            ProgressLine::show(&progress, None, Arc::default(), destination, Audience::People);
        let options = Options {
            progress: Arc::clone(&progress),
            stop: self.signals.stop(),
            ..Options::default()
        };
        let summary = pipeline::run(body, sink, options).await;
        line.clear();
        let exit = Exit::after(&summary, self.signals.first());
        let seconds = begun.elapsed().as_secs_f64();
        let bytes = progress.bytes_read();
        let summary = summary.into_result()?;
        println!(
            "  {} {} licenses, {} of JSON in {seconds:.1} s: {}/s",
            if exit == Exit::Done { style("✓").green() } else { style("!").yellow() },
            style(human_count(summary.counts.records)).bold(),
            human_bytes(bytes),
            human_bytes((bytes as f64 / seconds) as u64),
        );
        Ok((summary, exit))
    }
}

fn heading(text: &str) {
    println!();
    println!("{}", style(text).bold().cyan());
}
