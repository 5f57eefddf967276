//! What librdkafka has to say of its connections.
//!
//! A question to brokers that refuse a client is answered by silence: librdkafka tries again until the time
//! is over. Why it does so, it says elsewhere: here.

use std::sync::{Mutex, MutexGuard, PoisonError};

use rdkafka::client::{ClientContext, OAuthToken};
use rdkafka::config::ClientConfig;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::DeliveryResult;
use rdkafka::producer::ProducerContext;

use crate::error::{Error, ErrorKind};
use crate::sink::kafka::{bearer, config};

/// The longest reason that is shown, in characters.
const MOST: usize = 400;

/// Listens to librdkafka's errors.
pub(super) struct Watch {
    secrets: Vec<String>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    failure: Option<Failure>,
    last: Option<String>,
}

/// What does not pass by trying again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// The credentials are refused.
    Credentials(String),
    /// There is no secure connection.
    Tls(String),
    /// Credentials were sent to a listener that asks for none.
    NoSasl(String),
}

impl Failure {
    pub(super) fn error(self, brokers: &str) -> Error {
        match self {
            Self::Credentials(reason) => {
                let message = format!(
                    "the brokers at {brokers} refuse the credentials: look at sasl.mechanism, sasl.username and \
                     sasl.password, or at the token"
                );
                Error::new(ErrorKind::Unauthorized, message).caused_by(reason)
            }
            Self::Tls(reason) => {
                let message = format!(
                    "no secure connection to the brokers at {brokers}: look at security.protocol, at ssl.ca.location and the \
                     dates and names of their certificate, and, where they ask for one of yours, at \
                     ssl.certificate.location"
                );
                Error::new(ErrorKind::Unreachable, message).caused_by(reason)
            }
            Self::NoSasl(reason) => {
                let message = format!(
                    "the brokers at {brokers} ask for no credentials at this port: look at the port, and at \
                     security.protocol, which is another there"
                );
                Error::new(ErrorKind::Unreachable, message).caused_by(reason)
            }
        }
    }
}

impl Watch {
    pub(super) fn new(config: &ClientConfig) -> Self {
        Self { secrets: config::secrets(config), state: Mutex::default() }
    }

    pub(super) fn failure(&self) -> Option<Failure> {
        self.lock().failure.clone()
    }

    /// The last reason why a connection failed.
    pub(super) fn last(&self) -> Option<String> {
        self.lock().last.clone()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Changes are single assignments, so none is half-way.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The reason as it can be shown: without secrets, should one be in it, and without how long it took.
    fn clean(&self, reason: &str) -> String {
        let reason = reason.rsplit_once(" (after ").map_or(reason, |(reason, _)| reason);
        config::shown(reason, &self.secrets, MOST)
    }
}

impl ClientContext for Watch {
    const ENABLE_REFRESH_OAUTH_TOKEN: bool = true;

    fn generate_oauth_token(
        &self,
        setting: Option<&str>,
    ) -> Result<OAuthToken, Box<dyn std::error::Error>> {
        bearer::refreshed(setting)
    }

    fn error(&self, error: KafkaError, reason: &str) {
        let reason = self.clean(reason);
        let failure = match error.rdkafka_error_code() {
            // So a listener answers that knows of no SASL.
            Some(RDKafkaErrorCode::Authentication) if reason.contains("current SASL state") => {
                Failure::NoSasl(reason.clone())
            }
            Some(
                RDKafkaErrorCode::Authentication
                | RDKafkaErrorCode::SaslAuthenticationFailed
                | RDKafkaErrorCode::UnsupportedSASLMechanism,
            ) => Failure::Credentials(reason.clone()),
            Some(RDKafkaErrorCode::SSL) => Failure::Tls(reason.clone()),
            // What brokers say who do not like ours, or miss it: to librdkafka no more than a connection that broke.
            _ if reason.contains("alert") && reason.contains("certificate") => {
                Failure::Tls(reason.clone())
            }
            // It only says that all of the others were said.
            Some(RDKafkaErrorCode::AllBrokersDown) => return,
            _ => {
                self.lock().last = Some(reason);
                return;
            }
        };
        let mut state = self.lock();
        state.failure.get_or_insert(failure);
        state.last = Some(reason);
    }
}

/// What to look at where no connection came to be for this reason.
pub(super) fn advice(reason: &str) -> &'static str {
    // Something is there, and speaks otherwise. Whether librdkafka names the handshake goes by when the other side hung up.
    let is_of_protocol =
        ["SSL", "security.protocol", "Disconnected:"].iter().any(|it| reason.contains(it));
    match is_of_protocol {
        true => "look at the port, and at security.protocol, which may be another there",
        false => "look at the address, and whether a broker runs there",
    }
}

impl ProducerContext for Watch {
    type DeliveryOpaque = ();

    fn delivery(&self, _: &DeliveryResult<'_>, (): ()) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    fn watch() -> Watch {
        let mut config = ClientConfig::new();
        config.set("sasl.password", "s3cret-word").set("client.id", "it");
        Watch::new(&config)
    }

    #[test]
    fn a_secret_in_a_reason_is_not_shown() {
        let watch = watch();
        let error = KafkaError::Global(RDKafkaErrorCode::Authentication);
        let long = format!("{}s3cret-word", "x".repeat(MOST - 3));
        assert!(!watch.clean(&long).contains("s3c"), "where it is cut");
        watch.error(error, "sasl: s3cret-word is wrong (after 300ms in state AUTH_REQ)");
        let failure = watch.failure().unwrap();
        assert_eq!(failure, Failure::Credentials("sasl: … is wrong".to_owned()));
        assert_eq!(failure.error("b:1").kind(), ErrorKind::Unauthorized);
    }

    #[test]
    fn a_listener_without_sasl_has_refused_no_credentials() {
        let watch = watch();
        let reason = "b:1/bootstrap: SASL PLAIN mechanism handshake failed: Broker: Request not valid in current SASL \
                      state: broker's supported mechanisms: ";
        watch.error(KafkaError::Global(RDKafkaErrorCode::Authentication), reason);
        let error = watch.failure().unwrap().error("b:1");
        assert_eq!(error.kind(), ErrorKind::Unreachable);
        assert!(error.message().contains("look at the port, and at security.protocol"), "{error}");
    }

    #[test]
    fn what_may_pass_is_no_failure() {
        let watch = watch();
        let refused = KafkaError::Global(RDKafkaErrorCode::BrokerTransportFailure);
        watch.error(
            refused,
            "b:1/bootstrap: Connect failed: Connection refused (after 0ms in state CONNECT)",
        );
        watch.error(KafkaError::Global(RDKafkaErrorCode::AllBrokersDown), "1/1 brokers are down");
        assert_eq!(watch.failure(), None);
        let reason = "b:1/bootstrap: Connect failed: Connection refused";
        assert_eq!(watch.last().as_deref(), Some(reason));
    }

    #[test]
    fn who_hangs_up_speaks_another_protocol() {
        let reasons = [
            "ssl://b:1/bootstrap: SSL handshake failed: Disconnected: connection closed by peer: connecting to a \
             PLAINTEXT broker listener?",
            "ssl://b:1/bootstrap: Disconnected: SSL connection closed by peer",
            "b:1/bootstrap: Disconnected: connection reset by peer",
        ];
        for reason in reasons {
            assert!(advice(reason).contains("security.protocol"), "{reason}");
        }
        let nobody = "b:1/bootstrap: Connect to ipv4#127.0.0.1:1 failed: Connection refused";
        assert!(advice(nobody).contains("whether a broker runs there"));
    }
}
