//! The task that ends transactions.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rdkafka::error::KafkaError;

use super::calls::Calls;
use super::failure::{self, Class, Failure};
use super::{Open, Shared, Spoilt};
use crate::error::{Error, ErrorKind, Result};
use crate::failpoint::{self, Point};
use crate::sink::kafka::store::Change;

/// Between two tries.
const PAUSE: Duration = Duration::from_millis(100);

/// The least that an abort is given, however long the commit before it took.
const TO_ABORT: Duration = Duration::from_secs(10);

pub(super) struct Committer<C> {
    producer: C,
    shared: Arc<Shared>,
}

impl<C: Calls> Committer<C> {
    pub(super) async fn begin(producer: C, shared: Arc<Shared>) -> Result<Self> {
        let this = Self { producer, shared };
        let (id, patience) = (&this.shared.options.id, this.shared.options.start_timeout);
        let began = this
            .blocking(move |producer| {
                retried(patience, |left| producer.init(left))?;
                producer.begin()
            })
            .await?;
        match began {
            Ok(()) => Ok(this),
            Err(error) if Class::of(&error) == Class::Retriable => {
                let message = format!(
                    "the brokers at {} did not let transactions of {id} begin within {} s",
                    this.producer.brokers(),
                    patience.as_secs()
                );
                Err(Error::new(ErrorKind::Unreachable, message).caused_by(error))
            }
            Err(error) => Err(Failure::fatal(id, error).error()),
        }
    }

    /// Commits until that fails.
    pub(super) async fn run(self) {
        loop {
            self.shared.due().await;
            let _closed = self.shared.gate.write().await;
            let (spoilt, changes) = {
                let mut open = self.shared.open();
                (open.spoilt, std::mem::take(&mut open.checkpoints))
            };
            let ended = match spoilt {
                None => self.commit(&changes).await,
                Some(spoilt) => Err(self.give_up(spoilt).await),
            };
            if let Err(failure) = ended {
                self.shared.standing.send_modify(|standing| standing.failure = Some(failure));
                return;
            }
            let snapshots = changes.len();
            changes.into_values().for_each(Change::apply);
            let number = {
                let mut open = self.shared.open();
                let number = open.number;
                *open = Open::new(number + 1);
                number
            };
            tracing::info!(number, snapshots, "transaction committed");
            self.shared.standing.send_modify(|standing| standing.committed = number);
        }
    }

    async fn commit(
        &self,
        checkpoints: &BTreeMap<(Arc<str>, String), Change>,
    ) -> Result<(), Failure> {
        failpoint::reach(Point::TransactionFull);
        for change in checkpoints.values() {
            // Its report is librdkafka's to watch: it commits nothing of which a message was lost.
            if let Err(error) = self.producer.enqueue(change).await {
                return Err(self.after(error).await);
            }
        }
        let patience = self.shared.options.timeout;
        let committed = self
            .blocking(move |producer| {
                let begun = Instant::now();
                producer.flush(patience);
                failpoint::reach(Point::TransactionSent);
                let left = patience.saturating_sub(begun.elapsed());
                retried(left, |left| producer.commit(left))?;
                failpoint::reach(Point::TransactionCommitted);
                producer.begin()
            })
            .await;
        match committed {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(self.after(error).await),
            Err(_) => Err(Failure::of_committer()),
        }
    }

    /// What follows from an error of a commit, done.
    async fn after(&self, error: KafkaError) -> Failure {
        let id = &self.shared.options.id;
        match Class::of(&error) {
            Class::Abortable => self.abort(Some(error)).await,
            Class::Fatal => Failure::fatal(id, self.producer.fatal_error().unwrap_or(error)),
            Class::Retriable => Failure::unanswered(id, self.shared.options.timeout, error),
        }
    }

    /// Ends a transaction that must not be committed.
    async fn give_up(&self, spoilt: Spoilt) -> Failure {
        if let Some(error) = self.producer.fatal_error() {
            return Failure::fatal(&self.shared.options.id, error);
        }
        let cause = match spoilt {
            Spoilt::HalfWay => None,
            // It cannot be committed, and librdkafka says why.
            Spoilt::Closed => {
                let tried = self.blocking(|producer| producer.commit(TO_ABORT)).await;
                tried.ok().and_then(std::result::Result::err)
            }
        };
        self.abort(cause).await
    }

    async fn abort(&self, cause: Option<KafkaError>) -> Failure {
        let id = &self.shared.options.id;
        let aborted = self
            .blocking(|producer| {
                // A transaction that no broker has heard of yet cannot be aborted either.
                producer.flush(TO_ABORT);
                retried(TO_ABORT, |left| producer.abort(left))
            })
            .await;
        match aborted {
            Ok(Err(error)) if failure::is_fenced(&error) => Failure::fatal(id, error),
            // What cannot be aborted now is by the next run, or by the brokers' patience.
            Ok(Err(error)) => Failure::given_up(id, cause.or(Some(error))),
            Ok(Ok(())) | Err(_) => Failure::given_up(id, cause),
        }
    }

    /// Does what may take its time beside the runtime.
    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&C) -> T + Send + 'static,
    ) -> Result<T> {
        let producer = self.producer.clone();
        tokio::task::spawn_blocking(move || work(&producer)).await.map_err(|error| {
            Error::new(ErrorKind::Internal, "a transaction's task failed").caused_by(error)
        })
    }
}

impl<C> Drop for Committer<C> {
    /// Nobody waits for one that is gone.
    fn drop(&mut self) {
        self.shared.standing.send_modify(|standing| {
            standing.failure.get_or_insert_with(Failure::of_committer);
        });
    }
}

/// Calls `call` until it succeeds, fails for good, or `patience` is over.
fn retried(
    patience: Duration,
    call: impl Fn(Duration) -> Result<(), KafkaError>,
) -> Result<(), KafkaError> {
    let begun = Instant::now();
    loop {
        match call(patience.saturating_sub(begun.elapsed())) {
            Err(error)
                if Class::of(&error) == Class::Retriable && begun.elapsed() + PAUSE < patience =>
            {
                std::thread::sleep(PAUSE);
            }
            ended => return ended,
        }
    }
}
