//! Certificates from files.

use std::path::Path;

use license_stream::{Error, ErrorKind, Result};
use reqwest::{Certificate, Client, Identity};

const KEY: (&str, &str) = ("-----BEGIN PRIVATE KEY-----", "-----END PRIVATE KEY-----");

/// The certificates of `file`, which `flag` names.
pub(crate) fn authorities(flag: &str, file: &Path) -> Result<Vec<Certificate>> {
    let pem = read(flag, file)?;
    match Certificate::from_pem_bundle(pem.as_bytes()) {
        Ok(certificates) if certificates.is_empty() => {
            Err(wrong(flag, file, "holds no certificate (BEGIN CERTIFICATE)"))
        }
        Ok(certificates) => Ok(certificates),
        Err(error) => Err(wrong(flag, file, "holds what is no certificate").caused_by(error)),
    }
}

/// The certificate of `file`, which `flag` names, those that lead from it to its authority, and its key, in any
/// order.
pub(crate) fn identity(flag: &str, file: &Path) -> Result<Identity> {
    let pem = read(flag, file)?;
    let (before, rest) = pem.split_once(KEY.0).ok_or_else(|| {
        // The file holds a secret: nothing of it is shown.
        let what = if pem.contains("PRIVATE KEY-----") {
            "has its key in another form than PKCS#8 without a password: `openssl pkcs8 -topk8 -nodes` \
             makes it one"
        } else {
            "holds no key (BEGIN PRIVATE KEY)"
        };
        wrong(flag, file, what)
    })?;
    let cut = || wrong(flag, file, "holds a key that is cut short");
    let (key, behind) = rest.split_once(KEY.1).ok_or_else(cut)?;
    let key = format!("{}{key}{}\n", KEY.0, KEY.1);
    let identity = Identity::from_pkcs8_pem(format!("{before}{behind}").as_bytes(), key.as_bytes());
    // Whether the two go together is found out only by a client. The cause is left out: it may tell of
    // the key.
    let fits = |identity: &Identity| Client::builder().identity(identity.clone()).build().is_ok();
    identity
        .ok()
        .filter(fits)
        .ok_or_else(|| wrong(flag, file, "holds no certificate that goes with its key"))
}

fn read(flag: &str, file: &Path) -> Result<String> {
    std::fs::read_to_string(file)
        .map_err(|error| wrong(flag, file, "cannot be read").caused_by(error))
}

fn wrong(flag: &str, file: &Path, what: &str) -> Error {
    Error::new(ErrorKind::Configuration, format!("{flag} {} {what}", file.display()))
}
