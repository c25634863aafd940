//! Whether this machine's processor can run what the C++ code was compiled for.

/// The processor lacks instructions that whisper.cpp was compiled with: it would die of an illegal one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "captions need a processor with {}, which this one lacks (any x86-64 processor since 2015 has them); \
     everything else works without",
    .missing.join(", ")
)]
pub struct ProcessorError {
    /// Names of the instruction sets.
    pub missing: Vec<&'static str>,
}

/// Checks the processor.
///
/// # Errors
/// When it lacks AVX2, FMA or F16C.
pub fn check() -> Result<(), ProcessorError> {
    #[cfg(target_arch = "x86_64")]
    let needed = [
        ("AVX2", is_x86_feature_detected!("avx2")),
        ("FMA", is_x86_feature_detected!("fma")),
        ("F16C", is_x86_feature_detected!("f16c")),
    ];
    #[cfg(not(target_arch = "x86_64"))]
    let needed: [(&'static str, bool); 0] = [];
    let missing: Vec<&str> = needed
        .iter()
        .filter(|(_, is_there)| !is_there)
        .map(|(name, _)| *name)
        .collect();
    if missing.is_empty() {
        Ok(())
    } else {
        Err(ProcessorError { missing })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_message_names_what_is_missing() {
        let message = ProcessorError {
            missing: vec!["AVX2", "FMA"],
        }
        .to_string();
        assert!(message.contains("AVX2, FMA"), "{message}");
    }
}
