//! SIGINT and SIGTERM: the first ends the reading, so that what was read is still delivered; a second
//! ends the process at once.

use std::sync::{Arc, OnceLock};

use license_stream::ErrorKind;
use tokio::signal::unix::{Signal as Listener, SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// A signal that asks to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Signal {
    /// SIGINT, as Ctrl-C sends it.
    Interrupt,
    /// SIGTERM, as service managers send it.
    Terminate,
}

impl Signal {
    pub(crate) fn exit_code(self) -> u8 {
        match self {
            Self::Interrupt => 130,
            Self::Terminate => 143,
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Interrupt => "SIGINT",
            Self::Terminate => "SIGTERM",
        }
    }
}

/// Listens for signals from now on.
#[derive(Clone, Debug, Default)]
pub(crate) struct Signals {
    stop: CancellationToken,
    first: Arc<OnceLock<Signal>>,
}

impl Signals {
    pub(crate) fn listen() -> anyhow::Result<Self> {
        let signals = Self::default();
        let mut interrupt = listener(SignalKind::interrupt())?;
        let mut terminate = listener(SignalKind::terminate())?;
        let (stop, first) = (signals.stop.clone(), Arc::clone(&signals.first));
        tokio::spawn(async move {
            loop {
                let signal = tokio::select! {
                    _ = interrupt.recv() => Signal::Interrupt,
                    _ = terminate.recv() => Signal::Terminate,
                };
                if first.set(signal).is_err() {
                    std::process::exit(signal.exit_code().into());
                }
                stop.cancel();
            }
        });
        Ok(signals)
    }

    /// Is cancelled by the first signal.
    pub(crate) fn stop(&self) -> CancellationToken {
        self.stop.clone()
    }

    /// The first signal, if there was one.
    pub(crate) fn first(&self) -> Option<Signal> {
        self.first.get().copied()
    }
}

fn listener(kind: SignalKind) -> anyhow::Result<Listener> {
    signal(kind).map_err(|error| {
        license_stream::Error::new(ErrorKind::Internal, "signals cannot be listened to")
            .caused_by(error)
            .into()
    })
}
