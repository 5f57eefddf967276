//! What a real broker does not do on demand, from librdkafka's mock cluster.

use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::stream;
use license_stream::frame::FramerOptions;
use license_stream::pipeline::{self, Options, Outcome, Summary};
use license_stream::sink::kafka::{
    Delivery, KafkaOptions, KafkaProducer, KafkaReport, KafkaSink, TransactionOptions,
    producer_config,
};
use license_stream::{Error, ErrorKind};
use rdkafka::mocking::MockCluster;
use rdkafka::producer::DefaultProducerContext;
use rdkafka::types::RDKafkaApiKey as Request;
use rdkafka::types::RDKafkaRespErr as Code;

const TOPIC: &str = "licenses";

/// How long a record is tried.
const MESSAGE_TIMEOUT: Duration = Duration::from_secs(3);

type Cluster = MockCluster<'static, DefaultProducerContext>;

fn cluster() -> Cluster {
    let cluster = MockCluster::new(1).unwrap();
    cluster.create_topic(TOPIC, 3, 1).unwrap();
    cluster
}

fn exactly_once() -> Delivery {
    let mut options = TransactionOptions::of_topic(TOPIC);
    options.max_bytes = 10_000;
    options.start_timeout = Duration::from_secs(2);
    options.timeout = Duration::from_secs(20);
    Delivery::ExactlyOnce(options)
}

fn deliveries() -> [Delivery; 2] {
    [exactly_once(), Delivery::AtLeastOnce]
}

async fn connect(cluster: &Cluster, delivery: Delivery) -> Result<KafkaProducer, Error> {
    let mut config = producer_config(&cluster.bootstrap_servers());
    config.set("linger.ms", "1").set("retry.backoff.ms", "10").set("retry.backoff.max.ms", "20");
    config.set("message.timeout.ms", MESSAGE_TIMEOUT.as_millis().to_string());
    KafkaProducer::connect(&config, 1 << 20, delivery).await
}

/// A run of 1,000 records, exactly once in several transactions, on a cluster that answers `request` with
/// `codes` first.
async fn run(delivery: Delivery, request: Request, codes: &[Code]) -> Summary<KafkaReport> {
    let cluster = cluster();
    let producer = connect(&cluster, delivery).await.unwrap();
    cluster.request_errors(request, codes);
    let sink = KafkaSink::through(&producer, KafkaOptions::new(TOPIC));
    let framer = FramerOptions { block_bytes: 4_000, ..FramerOptions::default() };
    let lines = (0..1_000).map(|number| format!("{{\"id\":\"license {number}\"}}\n"));
    let body = stream::iter(lines.map(|line| Ok::<_, Error>(Bytes::from(line))));
    pipeline::run(body, sink, Options { framer, ..Options::default() }).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn errors_that_pass_are_survived() {
    use Code::*;
    let of_transactions = [
        (Request::EndTxn, RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE),
        (Request::EndTxn, RD_KAFKA_RESP_ERR_NOT_COORDINATOR),
        (Request::EndTxn, RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS),
        (Request::AddPartitionsToTxn, RD_KAFKA_RESP_ERR_CONCURRENT_TRANSACTIONS),
        (Request::AddPartitionsToTxn, RD_KAFKA_RESP_ERR_NOT_COORDINATOR),
    ];
    let of_records = [
        (Request::Produce, RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS),
        (Request::Produce, RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS_AFTER_APPEND),
        (Request::Produce, RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION),
        (Request::Produce, RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT),
    ];
    let mut tried = of_transactions.map(|fault| (exactly_once(), fault)).to_vec();
    for delivery in deliveries() {
        tried.extend(of_records.map(|fault| (delivery.clone(), fault)));
    }
    for (delivery, (request, code)) in tried {
        let summary = run(delivery, request, &[code, code]).await;
        assert_eq!(summary.outcome, Outcome::Done, "{code:?}: {:?}", summary.error);
        assert_eq!(summary.report.delivered, 1_000, "{code:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn coordinators_that_are_found_at_the_third_try_let_transactions_begin() {
    use Code::*;
    for (request, code) in [
        (Request::FindCoordinator, RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE),
        (Request::InitProducerId, RD_KAFKA_RESP_ERR_NOT_COORDINATOR),
        (Request::InitProducerId, RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS),
    ] {
        let cluster = cluster();
        cluster.request_errors(request, &[code, code]);
        connect(&cluster, exactly_once()).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replicas_that_stay_too_few_end_the_run_within_the_time_of_a_message() {
    use Code::*;
    for delivery in deliveries() {
        let begun = Instant::now();
        let code = RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS;
        let summary = run(delivery.clone(), Request::Produce, &[code; 10_000]).await;
        assert_eq!((summary.outcome, summary.report.delivered), (Outcome::Failed, 0));
        let error = summary.error.unwrap();
        assert_eq!(error.kind(), ErrorKind::Destination, "{delivery:?}: {error:?}");
        assert!(begun.elapsed() < MESSAGE_TIMEOUT * 5, "{delivery:?}: {:?}", begun.elapsed());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn at_least_once_a_record_that_is_lost_ends_the_run_and_is_not_counted() {
    use Code::*;
    for code in [
        RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE,
        RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED,
        RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER,
        RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH,
        RD_KAFKA_RESP_ERR_PRODUCER_FENCED,
    ] {
        let summary = run(Delivery::AtLeastOnce, Request::Produce, &[code; 10_000]).await;
        assert_eq!((summary.outcome, summary.report.delivered), (Outcome::Failed, 0), "{code:?}");
        let error = summary.error.unwrap();
        let kind = match code {
            RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED => ErrorKind::Forbidden,
            _ => ErrorKind::Destination,
        };
        assert_eq!(error.kind(), kind, "{error:?}");
        let says = ["was not delivered", "did not take the record"];
        assert!(says.iter().any(|words| error.message().contains(words)), "{code:?}: {error:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_that_is_fenced_ends_at_once_and_says_so() {
    use Code::*;
    let fencing = [
        (Request::EndTxn, RD_KAFKA_RESP_ERR_PRODUCER_FENCED),
        (Request::AddPartitionsToTxn, RD_KAFKA_RESP_ERR_PRODUCER_FENCED),
        (Request::Produce, RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH),
    ];
    for (request, code) in fencing {
        let begun = Instant::now();
        let summary = run(exactly_once(), request, &[code; 5]).await;
        assert_eq!((summary.outcome, summary.report.delivered), (Outcome::Failed, 0));
        let error = summary.error.unwrap();
        assert_eq!(error.kind(), ErrorKind::Destination);
        let begin =
            "this run was fenced: another one with the transactional.id license-stream-licenses";
        assert!(error.message().starts_with(begin), "{request:?}: {error:?}");
        let cause = std::error::Error::source(&error).map(ToString::to_string);
        assert!(cause.is_none_or(|cause| !cause.contains("Global error")), "{error:?}");
        assert!(begun.elapsed() < Duration::from_secs(15));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_transaction_that_lost_a_record_is_aborted() {
    use Code::*;
    let losing = [
        (Request::Produce, RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER),
        (Request::Produce, RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED),
        (Request::Produce, RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE),
        (Request::AddPartitionsToTxn, RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED),
    ];
    for (request, code) in losing {
        let summary = run(exactly_once(), request, &[code; 3]).await;
        assert_eq!(summary.outcome, Outcome::Failed, "{code:?}");
        assert_eq!(summary.report.delivered, 0, "{code:?}");
        let error = summary.error.unwrap();
        // Told by the record's own report, or by librdkafka of the transaction, in whatever words: what comes first.
        let is_right = code == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED;
        let is_forbidden = error.kind() == ErrorKind::Forbidden && is_right;
        assert!(is_forbidden || error.kind() == ErrorKind::Destination, "{error:?}");
        let says = ["was not delivered", "was given up", "did not take the record", "cannot go on"];
        assert!(says.iter().any(|words| error.message().contains(words)), "{error:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn transactions_that_cannot_begin_are_an_error_within_the_bound() {
    use Code::*;
    let cluster = cluster();
    let begun = Instant::now();
    cluster.request_errors(
        Request::InitProducerId,
        &[RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS; 1_000],
    );
    let error = connect(&cluster, exactly_once()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unreachable, "{error:?}");
    assert!(begun.elapsed() < Duration::from_secs(15));

    cluster.clear_request_errors(Request::InitProducerId);
    cluster.request_errors(
        Request::InitProducerId,
        &[RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED],
    );
    let error = connect(&cluster, exactly_once()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Forbidden, "{error:?}");
}
