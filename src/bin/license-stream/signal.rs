//! SIGINT and SIGTERM: the first ends the reading, so that what was read is still delivered, for as long
//! as that is waited for; a second ends the process at once.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use license_stream::ErrorKind;
use tokio::signal::unix::{Signal as Listener, SignalKind, signal};
use tokio::task::AbortHandle;
use tokio_util::sync::CancellationToken;

use crate::job::Job;
use crate::screen::say;

/// How long what was read may take to be delivered, unless something else is said.
pub(crate) const GRACE: Duration = Duration::from_secs(25);

/// A file has become larger than it may: the number is the same on Linux and macOS.
const SIGXFSZ: i32 = 25;

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
    halt: CancellationToken,
    first: Arc<OnceLock<Signal>>,
    /// Ends when nobody is left who could be halted.
    _grace: Option<Arc<Grace>>,
}

/// The task that waits for a grace to be over.
#[derive(Debug)]
struct Grace(AbortHandle);

impl Drop for Grace {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Signals {
    /// What was read when the first signal comes may take `grace` to be delivered.
    pub(crate) fn listen(grace: Duration) -> anyhow::Result<Self> {
        let process = match Job::current() {
            Some(job) => job.signals().clone(),
            None => Self::of_process()?,
        };
        Ok(process.with_grace(grace))
    }

    /// Those that the process gets; what was read is waited for without an end.
    pub(crate) fn of_process() -> anyhow::Result<Self> {
        let signals = Self::default();
        let mut interrupt = listener(SignalKind::interrupt())?;
        let mut terminate = listener(SignalKind::terminate())?;
        // Listened to, it does not kill where a file reaches the limit of its size: the write fails instead,
        // and says so.
        let _ = listener(SignalKind::from_raw(SIGXFSZ))?;
        let Self { stop, first, .. } = signals.clone();
        tokio::spawn(async move {
            let mut next = async || {
                tokio::select! {
                    _ = interrupt.recv() => Signal::Interrupt,
                    _ = terminate.recv() => Signal::Terminate,
                }
            };
            // Nobody else sets it.
            let _ = first.set(next().await);
            stop.cancel();
            let second = next().await;
            // Whatever is in hand: the next run does it again, as after a kill.
            say!(
                "error: ended at once by a second signal, {}: what was not delivered is left to the next run",
                second.name()
            );
            std::process::exit(second.exit_code().into());
        });
        Ok(signals)
    }

    /// The same signals, for one who waits no longer than `grace` after the first.
    fn with_grace(&self, grace: Duration) -> Self {
        let (stop, halt) = (self.stop.clone(), CancellationToken::new());
        let over = halt.clone();
        let task = tokio::spawn(async move {
            stop.cancelled().await;
            tokio::time::sleep(grace).await;
            over.cancel();
        });
        Self { halt, _grace: Some(Arc::new(Grace(task.abort_handle()))), ..self.clone() }
    }

    /// Is cancelled by the first signal.
    pub(crate) fn stop(&self) -> CancellationToken {
        self.stop.clone()
    }

    /// Is cancelled when what was read has had its time to be delivered.
    pub(crate) fn halt(&self) -> CancellationToken {
        self.halt.clone()
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
