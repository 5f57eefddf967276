//! `license-stream check`: live probes of what a run would need; nothing is read, written or made.

mod findings;
mod kafka;
mod source;

use crate::args::CheckArgs;
use crate::exit::Exit;
use findings::Findings;

pub(crate) async fn run(args: CheckArgs) -> anyhow::Result<Exit> {
    match args {
        CheckArgs::Kafka(args) => {
            let mut findings = Findings::new(args.report);
            source::probe(&args.source, &mut findings).await;
            kafka::probe(&args, &mut findings).await;
            Ok(findings.exit())
        }
    }
}
