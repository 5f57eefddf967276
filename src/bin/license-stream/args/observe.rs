//! Flags of what can be seen of a run.

use std::net::{SocketAddr, ToSocketAddrs};

use clap::{Args as ClapArgs, ValueEnum};

/// How others can look at the run.
#[derive(Clone, Copy, Debug, ClapArgs)]
#[command(next_help_heading = "Observation")]
pub(crate) struct ObserveArgs {
    /// Serve /metrics for Prometheus, /healthz and /readyz over HTTP until the run ends; port 0 is any that is
    /// free, and is printed
    #[arg(long, value_name = "HOST:PORT", value_parser = listen)]
    pub(crate) metrics: Option<SocketAddr>,
}

/// Where to listen: an address of this machine, or a name of it.
pub(crate) fn listen(text: &str) -> Result<SocketAddr, String> {
    const WHAT: &str = "a host and a port to listen on, such as 127.0.0.1:9400, localhost:9400, or 0.0.0.0:9400 for all \
        addresses";
    if let Ok(address) = text.parse() {
        return Ok(address);
    }
    let (host, port) = text.rsplit_once(':').ok_or(WHAT)?;
    if host.is_empty() || port.parse::<u16>().is_err() {
        return Err(WHAT.to_owned());
    }
    let found = text.to_socket_addrs().map_err(|error| format!("{WHAT}: {error}"))?;
    let mut found: Vec<_> = found.collect();
    // Of `localhost`, what others are likely to ask.
    found.sort_by_key(SocketAddr::is_ipv6);
    found.first().copied().ok_or_else(|| WHAT.to_owned())
}

/// How a log is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// A line of text for each event, between the lines for people
    Text,
    /// A JSON object for each event; what people are told is one too
    Json,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_to_listen_is_typed_as_an_address_or_a_name() {
        for (text, wanted) in [
            ("127.0.0.1:9400", "127.0.0.1:9400"),
            ("localhost:0", "127.0.0.1:0"),
            ("[::1]:9400", "[::1]:9400"),
        ] {
            assert_eq!(listen(text).map(|it| it.to_string()).as_deref(), Ok(wanted));
        }
        for text in ["", ":9400", "9400", "localhost", "localhost:http", "127.0.0.1:70000"] {
            assert!(listen(text).unwrap_err().starts_with("a host and a port"), "{text}");
        }
    }
}
