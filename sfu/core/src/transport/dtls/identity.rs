//! The certificate that this process shows to every peer, with the handshake settings that go with it.

use std::sync::Arc;

use rtc_crypto::providers::RingProvider;
use rtc_crypto::{CryptoError, HashAlgorithm, RTCCrypto, RTCCryptoProvider};
use rtc_dtls::cipher_suite::CipherSuiteId;
use rtc_dtls::config::{ClientAuthType, ConfigBuilder, ExtendedMasterSecretType, HandshakeConfig};
use rtc_dtls::crypto::Certificate;
use rtc_dtls::extension::extension_use_srtp::SrtpProtectionProfile;

use crate::transport::{Fingerprint, SrtpProfile};

/// The name in the certificate; nobody checks it.
const CERTIFICATE_NAME: &str = "hearken";

/// Bytes of a handshake datagram: fits the smallest path of the internet with IPv6 and a tunnel.
const HANDSHAKE_MTU_BYTES: usize = 1_200;

/// No certificate could be made.
#[derive(Debug, thiserror::Error)]
#[error("no DTLS certificate could be made: {0}")]
pub struct IdentityError(String);

/// A self-signed certificate and its key: made once per process, shared by all transports, never stored.
pub struct Identity {
    provider: Arc<dyn RTCCryptoProvider>,
    certificate: Certificate,
    fingerprint: Fingerprint,
    server_configs: [(SrtpProfile, Arc<HandshakeConfig>); 3],
}

impl Identity {
    /// Makes a certificate with a fresh ECDSA P-256 key from the operating system's randomness.
    ///
    /// # Errors
    ///
    /// When the cryptography library fails, which it does for want of randomness only.
    pub fn generate() -> Result<Self, IdentityError> {
        let provider: Arc<dyn RTCCryptoProvider> = Arc::new(RingProvider::new());
        let certificate =
            Certificate::generate_self_signed(vec![CERTIFICATE_NAME.to_owned()], provider.crypto())
                .map_err(|error| IdentityError(error.to_string()))?;
        let der = certificate
            .certificate
            .first()
            .ok_or_else(|| IdentityError("no certificate came".to_owned()))?;
        let fingerprint =
            fingerprint_of(provider.crypto(), der).map_err(|error| IdentityError(error.to_string()))?;
        let config = |profile| {
            let builder = settings(provider.clone(), &certificate, &[profile])
                .with_client_auth(ClientAuthType::RequireAnyClientCert);
            let config = builder
                .build(false, None)
                .map_err(|error| IdentityError(error.to_string()))?;
            Ok::<_, IdentityError>((profile, Arc::new(config)))
        };
        let server_configs = [
            config(SrtpProfile::AeadAes128Gcm)?,
            config(SrtpProfile::AeadAes256Gcm)?,
            config(SrtpProfile::Aes128CmSha1_80)?,
        ];
        Ok(Self {
            provider,
            certificate,
            fingerprint,
            server_configs,
        })
    }

    /// What `a=fingerprint` says.
    pub fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }

    pub(crate) fn crypto(&self) -> &dyn RTCCrypto {
        self.provider.crypto()
    }

    /// A server that knows this one profile only: the library would take the client's first, and Chromium's
    /// first is the slow one.
    pub(super) fn server_config(&self, profile: SrtpProfile) -> Arc<HandshakeConfig> {
        let of_profile = self
            .server_configs
            .iter()
            .find(|(candidate, _)| *candidate == profile);
        let (_, config) = of_profile.expect("there is a config for each of the three profiles");
        config.clone()
    }

    /// A client that offers these profiles in this order. For tests and the load generator.
    pub(super) fn client_config(
        &self,
        profiles: &[SrtpProfile],
    ) -> Result<Arc<HandshakeConfig>, IdentityError> {
        let builder = settings(self.provider.clone(), &self.certificate, profiles);
        builder
            .build(true, None)
            .map(Arc::new)
            .map_err(|error| IdentityError(error.to_string()))
    }
}

impl std::fmt::Debug for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Identity([redacted])")
    }
}

/// SHA-256 of a certificate's DER form.
pub(super) fn fingerprint_of(crypto: &dyn RTCCrypto, der: &[u8]) -> Result<Fingerprint, CryptoError> {
    let hash = crypto.hash(HashAlgorithm::Sha256, der)?;
    hash.try_into().map(Fingerprint).map_err(|_| {
        CryptoError::UnsupportedAlgorithm(rtc_crypto::CryptoAlgorithm::Hash(HashAlgorithm::Sha256))
    })
}

/// Chains of trust are not verified, for there are none: the transport compares the peer's fingerprint with
/// the SDP's before it believes the keys (RFC 8827 §6.5).
fn settings(
    provider: Arc<dyn RTCCryptoProvider>,
    certificate: &Certificate,
    profiles: &[SrtpProfile],
) -> ConfigBuilder {
    ConfigBuilder::default()
        .with_crypto_provider(provider)
        .with_certificates(vec![certificate.clone()])
        .with_cipher_suites(vec![
            CipherSuiteId::Tls_Ecdhe_Ecdsa_With_Aes_128_Gcm_Sha256,
            CipherSuiteId::Tls_Ecdhe_Ecdsa_With_ChaCha20_Poly1305_Sha256,
        ])
        .with_srtp_protection_profiles(profiles.iter().copied().map(to_library).collect())
        .with_insecure_skip_verify(true)
        .with_extended_master_secret(ExtendedMasterSecretType::Require)
        .with_mtu(HANDSHAKE_MTU_BYTES)
}

fn to_library(profile: SrtpProfile) -> SrtpProtectionProfile {
    match profile {
        SrtpProfile::AeadAes128Gcm => SrtpProtectionProfile::Srtp_Aead_Aes_128_Gcm,
        SrtpProfile::AeadAes256Gcm => SrtpProtectionProfile::Srtp_Aead_Aes_256_Gcm,
        SrtpProfile::Aes128CmSha1_80 => SrtpProtectionProfile::Srtp_Aes128_Cm_Hmac_Sha1_80,
    }
}

/// What the handshake settled on.
pub(super) fn from_library(profile: SrtpProtectionProfile) -> Option<SrtpProfile> {
    match profile {
        SrtpProtectionProfile::Srtp_Aead_Aes_128_Gcm => Some(SrtpProfile::AeadAes128Gcm),
        SrtpProtectionProfile::Srtp_Aead_Aes_256_Gcm => Some(SrtpProfile::AeadAes256Gcm),
        SrtpProtectionProfile::Srtp_Aes128_Cm_Hmac_Sha1_80 => Some(SrtpProfile::Aes128CmSha1_80),
        _ => None,
    }
}
