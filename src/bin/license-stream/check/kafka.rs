//! Brokers and topics.

use std::collections::BTreeSet;
use std::sync::Arc;

use license_stream::sink::kafka::{
    KafkaOptions, KafkaTopics, TopicCreation, TopicFacts, max_record_bytes,
};
use license_stream::{Error, ErrorKind, Result};
use rdkafka::ClientConfig;

use super::Findings;
use super::source::Asked;
use crate::args::{DeadLetterArg, KafkaArgs};
use crate::kafka::{self, CHECK_TIMEOUT, LetterTopic, suits};
use crate::values::{Found, Values};
use crate::{checkpoints, records, settings};

/// What lines about checkpoints begin with.
const CHECKPOINTS: &str = "checkpoints";

/// What lines about dead letters begin with.
const LETTERS: &str = "dead letters";

/// What is asked of the brokers.
struct Probe {
    config: ClientConfig,
    topics: KafkaTopics,
    options: KafkaOptions,
    values: Values,
    creation: Option<TopicCreation>,
}

pub(super) async fn probe(args: &KafkaArgs, asked: &Asked, findings: &mut Findings) {
    let probe = match Probe::new(args) {
        Ok(probe) => probe,
        Err(error) => return findings.failed("settings", &error),
    };
    probe.registry(findings).await;
    let family = probe.options.topic.family();
    let topic = probe.options.topic.fixed().unwrap_or(&family);
    let facts = match probe.topics.describe(topic).await {
        Ok(facts) => facts,
        Err(error) => {
            let is_of_topic = matches!(error.kind(), ErrorKind::Forbidden | ErrorKind::Destination);
            return findings.failed(if is_of_topic { "topic" } else { "brokers" }, &error);
        }
    };
    findings.good("brokers", &format!("{} take the connection", args.brokers));
    if probe.options.topic.fixed().is_some() {
        probe.records(topic, facts, findings).await;
    } else {
        probe.of_accounts(asked, findings).await;
    }
    let is_kept = !args.checkpoint.no_checkpoint && args.checkpoint.checkpoint.is_none();
    if is_kept && !args.source.is_read_once() {
        match checkpoints::topic_beside(&probe.options.topic) {
            Ok(topic) => probe.checkpoints(&topic, findings).await,
            Err(error) => findings.failed(CHECKPOINTS, &error),
        }
        let id = kafka::transactions(args, &probe.options.topic).id;
        let message = format!(
            "not looked at: to ask whether {id} may be used would fence a run that uses it, so a run says it when it begins; \
             it needs Write and Describe"
        );
        findings.good("transactions", &message);
    }
    if let Some(DeadLetterArg::Topic(name)) = &args.rejects.dead_letter {
        let (creation, most) = (probe.creation.clone(), args.rejects.max_record_bytes.0);
        match LetterTopic::new(name.as_deref(), &probe.options, creation, most) {
            Ok(topic) => probe.letters(&topic, findings).await,
            Err(error) => findings.failed(LETTERS, &error),
        }
    }
}

impl Probe {
    fn new(args: &KafkaArgs) -> Result<Self> {
        let config = settings::config(&args.brokers, &args.settings)?;
        let mut options = records::options(&args.topic, &args.topics, &args.records, &args.source)?;
        let integration = args.source.request.integration;
        options.integration = integration.map(|it| it.name().to_lowercase().into());
        let values = Values::new(&args.values, &options)?.telling(args.report);
        let creation = records::creation(&args.topics)?;
        // It is not told how topics are made, and so makes none.
        let topics = KafkaTopics::new(&config, CHECK_TIMEOUT)?;
        Ok(Self { config, topics, options, values, creation })
    }

    /// The schema of the values, if they have one in a registry.
    async fn registry(&self, findings: &mut Findings) {
        match self.values.look(&self.options.topic).await {
            Ok(None) => {}
            Ok(Some(Found::Id { subject, id })) => {
                let message =
                    format!("licenses can be written by the latest schema of {subject}, id {id}");
                findings.good("registry", &message);
            }
            Ok(Some(Found::ToRegister { subject })) => {
                let message =
                    format!("the schema can be registered as {subject}, and is by the run");
                findings.good("registry", &message);
            }
            Ok(Some(Found::ByTopic)) => {
                let message = "it answers; subjects follow from topics, and each is looked at before its \
                    first record";
                findings.warning("registry", message);
            }
            Err(error) => findings.failed("registry", &error),
        }
    }

    /// The topics of a template, as far as they follow from the accounts that are known.
    async fn of_accounts(&self, asked: &Asked, findings: &mut Findings) {
        let template = &self.options.topic;
        if template.is_by_record() {
            let message = format!(
                "{template} is made of what records have: each topic is looked at before its first record"
            );
            return findings.warning("topic", &message);
        }
        let mut seen = BTreeSet::new();
        for wanted in &asked.accounts {
            let mut options = self.options.clone();
            options.account.clone_from(&wanted.account);
            // That of the run is known when it begins.
            options.snapshot_id = Some("snapshot".into());
            if let Some(integration) = &wanted.integration_name {
                options.integration = Some(Arc::clone(integration));
            }
            match options.check().and_then(|()| options.account_topic()) {
                Err(error) => findings.failed("topic", &error),
                Ok(None) => {}
                // Another account's as well.
                Ok(Some(topic)) if !seen.insert(topic.clone()) => {}
                Ok(Some(topic)) => match self.topics.describe(&topic).await {
                    Ok(facts) => self.records(&topic, facts, findings).await,
                    Err(error) => findings.failed("topic", &error),
                },
            }
        }
        if asked.are_some || asked.accounts.is_empty() {
            let message = format!(
                "{template} is made of what accounts have: each further topic is looked at before its account"
            );
            findings.warning("topic", &message);
        }
    }

    /// The topic of the records.
    async fn records(&self, topic: &str, facts: Option<TopicFacts>, findings: &mut Findings) {
        let Some(facts) = facts else {
            return self.missing("topic", topic, self.creation.as_ref(), findings).await;
        };
        if let Err(error) = facts.check(topic) {
            return findings.failed("topic", &error);
        }
        let is_fixed = self.options.topic.fixed().is_some();
        if !is_fixed && let Err(error) = facts.check_batches(topic, &self.config) {
            return findings.failed("topic", &error);
        }
        match suits(&facts, topic, &self.options) {
            Err(error) => return findings.failed("topic", &error),
            Ok(remarks) => remarks.iter().for_each(|words| findings.warning("topic", words)),
        }
        let asked = self.creation.as_ref();
        if let Some(words) = asked.and_then(|asked| records::not_as_asked(&facts, topic, asked)) {
            findings.warning("topic", &words);
        }
        if facts.without_leader > 0 {
            let message = format!(
                "{} of {} partitions of {topic} have no leader now: their records would wait",
                facts.without_leader, facts.partitions
            );
            findings.warning("topic", &message);
        }
        let mut config = self.config.clone();
        if is_fixed {
            facts.fit_records(&mut config);
        }
        let most = max_record_bytes(&config);
        findings.good("topic", &format!("{topic}: {}", describe(&facts, Some(most))));
    }

    /// The topic of checkpoints.
    async fn checkpoints(&self, topic: &str, findings: &mut Findings) {
        let what = CHECKPOINTS;
        let facts = match self.topics.describe(topic).await {
            Err(error) => return findings.failed(what, &error),
            Ok(None) => {
                let creation = TopicCreation::of_checkpoints();
                return self.missing(what, topic, Some(&creation), findings).await;
            }
            Ok(Some(facts)) => facts,
        };
        if let Err(error) = facts.check_checkpoints(topic) {
            return findings.failed(what, &error);
        }
        if facts.cleanup_policy.as_deref().is_some_and(|policy| policy.contains("delete")) {
            let message = format!(
                "topic {topic} also forgets what is old (cleanup.policy=compact,delete): a snapshot that is gone on \
                 with after its retention.ms begins anew"
            );
            findings.warning(what, &message);
        }
        findings.good(what, &format!("{topic}: {}", describe(&facts, None)));
    }

    /// The topic of dead letters.
    async fn letters(&self, topic: &LetterTopic, findings: &mut Findings) {
        let name = &topic.name;
        match self.topics.describe(name).await {
            Err(error) => findings.failed(LETTERS, &error),
            Ok(None) => self.missing(LETTERS, name, topic.creation.as_ref(), findings).await,
            Ok(Some(facts)) => match facts.check(name).and_then(|()| topic.suits(&facts)) {
                Err(error) => findings.failed(LETTERS, &error),
                Ok(()) => findings.good(LETTERS, &format!("{name}: {}", describe(&facts, None))),
            },
        }
    }

    async fn missing(
        &self,
        what: &str,
        topic: &str,
        creation: Option<&TopicCreation>,
        findings: &mut Findings,
    ) {
        if let Some(creation) = creation {
            return match self.topics.could_make(topic, creation).await {
                Ok(()) => {
                    findings.good(what, &format!("{topic} is not there, and is made by the run"));
                }
                Err(error) => findings.failed(what, &error),
            };
        }
        match self.topics.come_by_themselves().await {
            Some(true) => {
                let message = format!(
                    "{topic} is not there: brokers make it when it is written to, with their defaults"
                );
                findings.warning(what, &message);
            }
            Some(false) => {
                let message = format!(
                    "topic {topic} is not there, and brokers do not make it by themselves: create it, or let \
                     --create-topic do so"
                );
                findings.failed(what, &Error::new(ErrorKind::Destination, message));
            }
            None => {
                let message = format!(
                    "{topic} is not there, and brokers do not tell whether they make it: create it, or let \
                     --create-topic do so"
                );
                findings.warning(what, &message);
            }
        }
    }
}

/// What is to be known of a topic, to which a producer that takes records up to `most` bytes writes.
fn describe(facts: &TopicFacts, most: Option<usize>) -> String {
    let mut words = vec![match facts.partitions {
        1 => "1 partition".to_owned(),
        partitions => format!("{partitions} partitions"),
    }];
    match facts.max_record_bytes() {
        Some(bytes) => words.push(match most.filter(|most| *most < bytes) {
            Some(most) => format!(
                "records up to {most} bytes (the producer's message.max.bytes; the topic takes {bytes})"
            ),
            None => format!("records up to {bytes} bytes"),
        }),
        None => words.push(
            "brokers do not tell how large records may be (the right DescribeConfigs is missing)"
                .to_owned(),
        ),
    }
    if let Some(policy) = &facts.cleanup_policy {
        words.push(format!("cleanup.policy={policy}"));
    }
    words.push(
        match facts.may_write {
            Some(_) => "may be written to",
            None => "brokers do not tell whether it may be written to",
        }
        .to_owned(),
    );
    words.join(", ")
}
