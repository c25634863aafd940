//! HTTPS: one's own certificate, or one made on the spot for the addresses of this machine.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::net::IpAddr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use axum_server::tls_rustls::RustlsConfig;
use rcgen::{CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, KeyPair};
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use time::{Duration, OffsetDateTime};

/// How long a certificate made on the spot is valid; browsers refuse more than 398 days.
const VALID: Duration = Duration::days(365);

/// A kept certificate is replaced when it is valid for less than this.
const RENEW: Duration = Duration::days(30);

/// Files in the data folder.
const CERTIFICATE: &str = "lan-certificate.pem";
const KEY: &str = "lan-key.pem";
/// What the certificate was made for and until when, one per line: it is made anew when that has changed.
const SUBJECTS: &str = "lan-certificate.txt";

/// From a certificate (with its chain) and its key, both PEM.
///
/// # Errors
///
/// If a file cannot be read, holds no PEM, or the two do not belong together.
pub fn from_files(certificate: &Path, key: &Path) -> anyhow::Result<RustlsConfig> {
    let named = |path: &Path, what: &str| format!("{} is no readable {what}", path.display());
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_file_iter(certificate)
        .and_then(Iterator::collect)
        .with_context(|| named(certificate, "certificate (tls_cert)"))?;
    anyhow::ensure!(
        !chain.is_empty(),
        "{}",
        named(certificate, "certificate (tls_cert)")
    );
    let key_der = PrivateKeyDer::from_pem_file(key).with_context(|| named(key, "private key (tls_key)"))?;
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, key_der)
        .context("tls_cert and tls_key do not fit each other")?;
    // WebSockets need HTTP/1.1.
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(RustlsConfig::from_config(Arc::new(config)))
}

/// With a certificate made on the spot, kept in the data folder so that browsers have to be told only once.
///
/// # Errors
///
/// If it cannot be made or kept.
pub fn self_signed(
    data_dir: &Path,
    addresses: &[IpAddr],
    host_name: Option<&str>,
) -> anyhow::Result<RustlsConfig> {
    let (certificate, key) = (data_dir.join(CERTIFICATE), data_dir.join(KEY));
    let subjects = subjects(addresses, host_name);
    let now = OffsetDateTime::now_utc();
    if !is_kept_for(data_dir, &subjects, now) || !certificate.exists() || !key.exists() {
        make(data_dir, &subjects, now).context("a certificate could not be made")?;
    }
    from_files(&certificate, &key)
}

fn subjects(addresses: &[IpAddr], host_name: Option<&str>) -> Vec<String> {
    let mut subjects = vec!["localhost".to_owned()];
    subjects.extend(host_name.map(str::to_owned));
    subjects.extend(
        host_name
            .filter(|name| !name.contains('.'))
            .map(|name| format!("{name}.local")),
    );
    subjects.extend(
        crate::addresses::loopback()
            .iter()
            .chain(addresses)
            .map(IpAddr::to_string),
    );
    subjects
}

/// Whether the kept certificate names all of these and lasts for a while.
fn is_kept_for(data_dir: &Path, subjects: &[String], now: OffsetDateTime) -> bool {
    let Ok(kept) = fs::read_to_string(data_dir.join(SUBJECTS)) else {
        return false;
    };
    let mut lines = kept.lines();
    let until = lines.next().and_then(|line| line.parse().ok());
    let until = until.and_then(|seconds| OffsetDateTime::from_unix_timestamp(seconds).ok());
    let kept: Vec<&str> = lines.collect();
    until.is_some_and(|until| until - now > RENEW)
        && subjects.iter().all(|subject| kept.contains(&subject.as_str()))
}

fn make(data_dir: &Path, subjects: &[String], now: OffsetDateTime) -> anyhow::Result<()> {
    let key = KeyPair::generate()?;
    let mut params = CertificateParams::new(subjects)?;
    params.distinguished_name = DistinguishedName::new();
    params
        .distinguished_name
        .push(DnType::CommonName, "Hearken, made on this machine");
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let until = now + VALID;
    (params.not_before, params.not_after) = (now - Duration::days(1), until);
    let certificate = params.self_signed(&key)?;
    // What it is for comes last: without it the rest is made anew.
    write(&data_dir.join(KEY), &key.serialize_pem())?;
    write(&data_dir.join(CERTIFICATE), &certificate.pem())?;
    write(
        &data_dir.join(SUBJECTS),
        &format!("{}\n{}\n", until.unix_timestamp(), subjects.join("\n")),
    )?;
    Ok(())
}

fn write(path: &Path, text: &str) -> io::Result<()> {
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_is_kept_until_the_addresses_change() {
        let folder = tempfile::tempdir().unwrap();
        let read = || fs::read_to_string(folder.path().join(CERTIFICATE)).unwrap();
        let home = [IpAddr::from([192, 168, 1, 5])];
        self_signed(folder.path(), &home, Some("attic")).unwrap();
        let first = read();
        self_signed(folder.path(), &home, Some("attic")).unwrap();
        assert_eq!(read(), first);
        self_signed(folder.path(), &[IpAddr::from([192, 168, 1, 6])], Some("attic")).unwrap();
        assert_ne!(read(), first);
    }

    #[test]
    fn a_certificate_is_renewed_in_time() {
        let folder = tempfile::tempdir().unwrap();
        let now = OffsetDateTime::now_utc();
        let subjects = subjects(&[], None);
        make(folder.path(), &subjects, now).unwrap();
        assert!(is_kept_for(folder.path(), &subjects, now));
        assert!(!is_kept_for(folder.path(), &subjects, now + VALID - RENEW));
    }

    #[test]
    fn files_that_are_no_certificate_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cert.pem");
        fs::write(&path, "nothing").unwrap();
        let error = format!("{:#}", from_files(&path, &path).unwrap_err());
        assert!(
            error.contains("cert.pem") && error.contains("tls_cert"),
            "{error}"
        );
    }
}
