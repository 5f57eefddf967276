//! What S3's signatures are made with: SHA-256, and HMAC with it.

use hmac::{Hmac, KeyInit, Mac};
use object_store::client::{
    CryptoProvider, DigestAlgorithm, DigestContext, HmacContext, Signer, SigningAlgorithm,
};
use object_store::{Error, Result};
use sha2::{Digest, Sha256};

/// In pure Rust: `object_store`'s own providers would bring a second cryptographic library along, beside
/// the system's that TLS uses.
#[derive(Debug)]
pub(super) struct Sha2;

/// A hash until it is finished, and then its value.
struct Hashing<H> {
    hash: H,
    value: Vec<u8>,
}

impl CryptoProvider for Sha2 {
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

    fn sign(&self, _: SigningAlgorithm, _: &[u8]) -> Result<Box<dyn Signer>> {
        Err(unknown())
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

fn unknown() -> Error {
    Error::NotSupported { source: "S3 is signed with HMAC-SHA256 only".into() }
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
        let mut digest = Sha2.digest(DigestAlgorithm::Sha256).unwrap();
        digest.update(b"a");
        digest.update(b"bc");
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(hex(digest.finish().unwrap()), abc);
        // RFC 4231, test case 2.
        let mut hmac = Sha2.hmac(DigestAlgorithm::Sha256, b"Jefe").unwrap();
        hmac.update(b"what do ya want for nothing?");
        let value = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
        assert_eq!(hex(hmac.finish().unwrap()), value);
    }
}
