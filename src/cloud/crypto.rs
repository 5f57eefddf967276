//! What the stores' signatures are made with: SHA-256, HMAC with it, and RSA.

use hmac::{Hmac, KeyInit, Mac};
use object_store::client::{
    CryptoProvider, DigestAlgorithm, DigestContext, HmacContext, Signer, SigningAlgorithm,
};
use object_store::{Error, Result};
use openssl::hash::MessageDigest;
use openssl::pkey::{PKey, Private};
use openssl::sign;
use sha2::{Digest, Sha256};

/// Hashes are in pure Rust, and RSA is of the system's library that TLS uses: `object_store`'s own providers would
/// bring a second one along, and no pure Rust one keeps a private key safe from who measures its time.
#[derive(Debug)]
pub(super) struct Crypto;

/// A hash until it is finished, and then its value.
struct Hashing<H> {
    hash: H,
    value: Vec<u8>,
}

impl CryptoProvider for Crypto {
    fn digest(&self, algorithm: DigestAlgorithm) -> Result<Box<dyn DigestContext>> {
        match algorithm {
            DigestAlgorithm::Sha256 => {
                Ok(Box::new(Hashing { hash: Sha256::new(), value: Vec::new() }))
            }
            _ => Err(unknown()),
        }
    }

    fn hmac(&self, algorithm: DigestAlgorithm, secret: &[u8]) -> Result<Box<dyn HmacContext>> {
        match algorithm {
            DigestAlgorithm::Sha256 => {
                let hash = Hmac::<Sha256>::new_from_slice(secret).map_err(|_| unknown())?;
                Ok(Box::new(Hashing { hash, value: Vec::new() }))
            }
            _ => Err(unknown()),
        }
    }

    fn sign(&self, algorithm: SigningAlgorithm, pem: &[u8]) -> Result<Box<dyn Signer>> {
        match algorithm {
            SigningAlgorithm::RS256 => {
                let key = PKey::private_key_from_pem(pem).ok().filter(|key| key.rsa().is_ok());
                Ok(Box::new(Rsa(key.ok_or_else(no_key)?)))
            }
            _ => Err(unknown()),
        }
    }
}

impl DigestContext for Hashing<Sha256> {
    fn update(&mut self, data: &[u8]) {
        Digest::update(&mut self.hash, data);
    }

    fn finish(&mut self) -> Result<&[u8]> {
        self.value = self.hash.finalize_reset().to_vec();
        Ok(&self.value)
    }
}

impl HmacContext for Hashing<Hmac<Sha256>> {
    fn update(&mut self, data: &[u8]) {
        Mac::update(&mut self.hash, data);
    }

    fn finish(&mut self) -> Result<&[u8]> {
        self.value = self.hash.clone().finalize().into_bytes().to_vec();
        Ok(&self.value)
    }
}

/// A service account's key.
struct Rsa(PKey<Private>);

impl Signer for Rsa {
    fn sign(&self, text: &[u8]) -> Result<Vec<u8>> {
        let signed = || {
            let mut signer = sign::Signer::new(MessageDigest::sha256(), &self.0)?;
            signer.sign_oneshot_to_vec(text)
        };
        signed().map_err(|error| Error::Generic { store: "object", source: Box::new(error) })
    }
}

fn unknown() -> Error {
    Error::NotSupported { source: "nothing but SHA-256 is signed with".into() }
}

/// Not in the words of the library, which could repeat what is there.
fn no_key() -> Error {
    let source = "the private_key of the service account is no RSA key in PEM".into();
    Error::Generic { store: "object", source }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    #[test]
    fn values_are_those_of_the_standards() {
        // FIPS 180-2, B.1.
        let mut digest = Crypto.digest(DigestAlgorithm::Sha256).unwrap();
        digest.update(b"a");
        digest.update(b"bc");
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(hex(digest.finish().unwrap()), abc);
        // RFC 4231, test case 2.
        let mut hmac = Crypto.hmac(DigestAlgorithm::Sha256, b"Jefe").unwrap();
        hmac.update(b"what do ya want for nothing?");
        let value = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
        assert_eq!(hex(hmac.finish().unwrap()), value);
    }
    #[test]
    fn what_a_service_account_signs_is_what_its_public_key_says() {
        let key = PKey::from_rsa(openssl::rsa::Rsa::generate(2048).unwrap()).unwrap();
        let pem = key.private_key_to_pem_pkcs8().unwrap();
        let signed = Crypto.sign(SigningAlgorithm::RS256, &pem).unwrap().sign(b"abc").unwrap();
        let mut verifier = sign::Verifier::new(MessageDigest::sha256(), &key).unwrap();
        assert!(verifier.verify_oneshot(&signed, b"abc").unwrap());
        for other in
            ["", "s3cret", "-----BEGIN PRIVATE KEY-----\ns3cret\n-----END PRIVATE KEY-----\n"]
        {
            let error = Crypto.sign(SigningAlgorithm::RS256, other.as_bytes()).err().unwrap();
            assert!(!error.to_string().contains("s3cret"), "{error}");
        }
    }
}
