//! `license-stream demo`

use crate::args::DemoArgs;
use crate::exit::Exit;

pub(crate) async fn run(args: DemoArgs) -> anyhow::Result<Exit> {
    drop(args);
    Ok(Exit::Done)
}
