//! How records are delivered, and what goes with that.

use std::time::Duration;

use license_stream::sink::kafka::{Topic, TransactionOptions};
use license_stream::{Error, ErrorKind, Result};

use crate::args::{DeliveryArg, KafkaArgs, Size};

/// The transactions that records are in, or checkpoints alone.
pub(crate) fn transactions(args: &KafkaArgs, topic: &Topic) -> TransactionOptions {
    let mut transactions = TransactionOptions::of_topic(&topic.family());
    if let Some(Size(bytes)) = args.transaction_bytes {
        transactions.max_bytes = bytes;
    }
    if let Some(seconds) = args.transaction_seconds {
        transactions.max_duration = Duration::from_secs(seconds);
    }
    if let Some(id) = &args.transactional_id {
        transactions.id.clone_from(id);
    }
    transactions
}

/// The `transactional.id` that was typed, if it is not the one that there is without.
pub(super) fn own_transactional_id(args: &KafkaArgs, topic: &Topic) -> Option<String> {
    let default = TransactionOptions::of_topic(&topic.family()).id;
    args.transactional_id.clone().filter(|id| *id != default)
}

/// Refuses what contradicts itself.
pub(crate) fn check_delivery(args: &KafkaArgs) -> Result<()> {
    let keeps_elsewhere = args.checkpoint.no_checkpoint || args.checkpoint.checkpoint.is_some();
    let has_bounds = args.transaction_bytes.is_some() || args.transaction_seconds.is_some();
    let message = match args.delivery {
        DeliveryArg::AtLeastOnce if has_bounds => {
            "--transaction-bytes and --transaction-seconds bound what --delivery exactly-once commits: give that too, or \
             leave them away"
        }
        DeliveryArg::AtLeastOnce if keeps_elsewhere && args.transactional_id.is_some() => {
            "--transactional-id keeps runs apart that have their checkpoints in TOPIC.checkpoints: \
             leave --checkpoint and --no-checkpoint away"
        }
        DeliveryArg::ExactlyOnce if keeps_elsewhere => {
            "--delivery exactly-once commits its checkpoints with the records, in TOPIC.checkpoints: \
             leave --checkpoint and --no-checkpoint away"
        }
        DeliveryArg::ExactlyOnce if args.source.is_read_once() => {
            "--delivery exactly-once must be able to read its input again, and standard input cannot be: \
             name a file with --input"
        }
        _ => return Ok(()),
    };
    Err(Error::new(ErrorKind::Configuration, message))
}
