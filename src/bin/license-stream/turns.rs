//! One writer for many, who take turns.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::io::AsyncWrite;
use tokio::sync::{Mutex, OwnedMutexGuard};

/// A writer that is shared.
pub(crate) struct Turns<W>(Arc<Mutex<W>>);

impl<W: AsyncWrite + Send + Unpin + 'static> Turns<W> {
    pub(crate) fn of(writer: W) -> Self {
        Self(Arc::new(Mutex::new(writer)))
    }

    /// A writer whose turn begins with the first byte that it is given, and ends when it is flushed: what
    /// is written in between stays together, and is there before another's turn.
    pub(crate) fn writer(&self) -> TurnWriter<W> {
        TurnWriter { shared: Arc::clone(&self.0), turn: Turn::None }
    }
}

/// See [`Turns::writer`].
pub(crate) struct TurnWriter<W> {
    shared: Arc<Mutex<W>>,
    turn: Turn<W>,
}

enum Turn<W> {
    None,
    Awaited(BoxFuture<'static, OwnedMutexGuard<W>>),
    Taken(OwnedMutexGuard<W>),
}

impl<W: AsyncWrite + Send + Unpin + 'static> AsyncWrite for TurnWriter<W> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        loop {
            match &mut self.turn {
                Turn::None => {
                    let turn = Arc::clone(&self.shared).lock_owned().boxed();
                    self.turn = Turn::Awaited(turn);
                }
                Turn::Awaited(turn) => {
                    let taken = ready!(turn.as_mut().poll(cx));
                    self.turn = Turn::Taken(taken);
                }
                Turn::Taken(writer) => return Pin::new(&mut **writer).poll_write(cx, bytes),
            }
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if let Turn::Taken(writer) = &mut self.turn {
            ready!(Pin::new(&mut **writer).poll_flush(cx))?;
            self.turn = Turn::None;
        }
        Poll::Ready(Ok(()))
    }

    /// Flushes what it has; the others go on.
    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_flush(cx)
    }
}
