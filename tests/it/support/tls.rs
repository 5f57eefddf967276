//! An authority of our own, and a server that it certifies.

use std::net::{Shutdown, TcpStream};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use openssl::asn1::Asn1Time;
use openssl::bn::BigNum;
use openssl::ec::{EcGroup, EcKey};
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use openssl::ssl::{SslAcceptor, SslMethod, SslVerifyMode};
use openssl::x509::extension::{BasicConstraints, KeyUsage, SubjectAlternativeName};
use openssl::x509::store::X509StoreBuilder;
use openssl::x509::{X509, X509Builder, X509NameBuilder};

use super::scripted::read_head;
use super::served::Served;

/// A certificate and its key.
#[derive(Clone, Debug)]
pub(crate) struct Certified {
    certificate: X509,
    key: PKey<Private>,
}

impl Certified {
    /// One that others are certified by.
    pub(crate) fn authority() -> Self {
        // Two of one name would be taken for each other.
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let name = format!("authority {}", COUNT.fetch_add(1, Ordering::SeqCst));
        Self::new(&name, None)
    }

    /// One for the host or client `name`, by this authority.
    pub(crate) fn certify(&self, name: &str) -> Self {
        Self::new(name, Some(self))
    }

    /// The same, no longer valid.
    pub(crate) fn certify_expired(&self, name: &str) -> Self {
        // A day of the last century.
        let (since, until) =
            (Asn1Time::from_unix(0).unwrap(), Asn1Time::from_unix(86_400).unwrap());
        Self::valid(name, Some(self), &since, &until)
    }

    fn new(name: &str, issuer: Option<&Self>) -> Self {
        let (since, until) = (Asn1Time::from_unix(0).unwrap(), Asn1Time::days_from_now(2).unwrap());
        Self::valid(name, issuer, &since, &until)
    }

    fn valid(name: &str, issuer: Option<&Self>, since: &Asn1Time, until: &Asn1Time) -> Self {
        let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
        let key = PKey::from_ec_key(EcKey::generate(&group).unwrap()).unwrap();
        let mut subject = X509NameBuilder::new().unwrap();
        subject.append_entry_by_nid(Nid::COMMONNAME, name).unwrap();
        let subject = subject.build();
        let mut builder = X509Builder::new().unwrap();
        builder.set_version(2).unwrap();
        let mut serial = BigNum::new().unwrap();
        serial.rand(64, openssl::bn::MsbOption::MAYBE_ZERO, false).unwrap();
        builder.set_serial_number(&serial.to_asn1_integer().unwrap()).unwrap();
        builder.set_subject_name(&subject).unwrap();
        let issued_by = issuer.map_or(&*subject, |issuer| issuer.certificate.subject_name());
        builder.set_issuer_name(issued_by).unwrap();
        builder.set_not_before(since).unwrap();
        builder.set_not_after(until).unwrap();
        builder.set_pubkey(&key).unwrap();
        if issuer.is_none() {
            let usage = KeyUsage::new().key_cert_sign().build().unwrap();
            builder.append_extension(BasicConstraints::new().ca().build().unwrap()).unwrap();
            builder.append_extension(usage).unwrap();
        } else {
            let mut names = SubjectAlternativeName::new();
            match name.parse::<std::net::IpAddr>() {
                Ok(_) => names.ip(name),
                Err(_) => names.dns(name),
            };
            let names = names.build(&builder.x509v3_context(None, None)).unwrap();
            builder.append_extension(names).unwrap();
        }
        let signer = issuer.map_or(&key, |issuer| &issuer.key);
        builder.sign(signer, MessageDigest::sha256()).unwrap();
        Self { certificate: builder.build(), key }
    }

    pub(crate) fn certificate_pem(&self) -> String {
        String::from_utf8(self.certificate.to_pem().unwrap()).unwrap()
    }

    pub(crate) fn key_pem(&self) -> String {
        String::from_utf8(self.key.private_key_to_pem_pkcs8().unwrap()).unwrap()
    }

    /// The key as `openssl ecparam` writes it.
    pub(crate) fn old_key_pem(&self) -> String {
        let key = self.key.ec_key().unwrap().private_key_to_pem().unwrap();
        String::from_utf8(key).unwrap()
    }

    /// Writes certificate and key into a file of `directory`.
    pub(crate) fn write(&self, directory: &Path, name: &str) -> String {
        let file = directory.join(name);
        std::fs::write(&file, self.key_pem() + &self.certificate_pem()).unwrap();
        file.to_str().unwrap().to_owned()
    }
}

/// A server that answers each request over TLS with the same response.
#[derive(Debug)]
pub(crate) struct TlsServer {
    requests: Arc<Mutex<Vec<String>>>,
    served: Served,
}

impl TlsServer {
    /// Shows `shown`; lets only those ask who show a certificate of `clients`, if it is given.
    pub(crate) fn answer(response: String, shown: &Certified, clients: Option<&Certified>) -> Self {
        let mut acceptor = SslAcceptor::mozilla_intermediate_v5(SslMethod::tls()).unwrap();
        acceptor.set_certificate(&shown.certificate).unwrap();
        acceptor.set_private_key(&shown.key).unwrap();
        if let Some(authority) = clients {
            let mut store = X509StoreBuilder::new().unwrap();
            store.add_cert(authority.certificate.clone()).unwrap();
            acceptor.set_verify_cert_store(store.build()).unwrap();
            acceptor.set_verify(SslVerifyMode::PEER | SslVerifyMode::FAIL_IF_NO_PEER_CERT);
        }
        let acceptor = acceptor.build();
        let requests = Arc::<Mutex<Vec<String>>>::default();
        let heads = Arc::clone(&requests);
        let served = Served::each(move |stream| {
            let connection = stream.try_clone().unwrap();
            // One side does not trust the other, which ends the handshake.
            let Ok(mut stream) = acceptor.accept(stream) else { return hear_out(connection) };
            let head = read_head(&mut stream);
            heads.lock().unwrap().push(head);
            std::io::Write::write_all(&mut stream, response.as_bytes()).unwrap();
            let _ = stream.shutdown();
        });
        Self { requests, served }
    }

    pub(crate) fn port(&self) -> u16 {
        self.served.port()
    }

    pub(crate) fn url(&self) -> String {
        format!("https://127.0.0.1:{}", self.port())
    }

    /// The heads of the requests so far.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

/// Closes a connection once the client has. In TLS 1.3 a client sends its request before it can know that
/// its certificate is refused; were that left unread, the reset could overtake the alert that says so.
fn hear_out(mut connection: TcpStream) {
    let _ = connection.shutdown(Shutdown::Write);
    let _ = connection.set_read_timeout(Some(Duration::from_secs(5)));
    let _ = std::io::copy(&mut connection, &mut std::io::sink());
}
