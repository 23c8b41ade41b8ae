//! Runs a loop compiled for the widest instructions of this machine.
//!
//! A [`Job`] is compiled three times and the loops in it become vector loops. Products are fused only where the body says `mul_add`, so an element's result
//! depends neither on the width of the vectors nor on its place in them.
#![expect(unsafe_code, reason = "functions compiled for detected instructions are called here and nowhere else")]

use std::sync::OnceLock;

/// What the processor offers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Level {
    /// Whatever every processor of this architecture has.
    Base,
    /// AVX2 and fused multiply-add.
    #[cfg(target_arch = "x86_64")]
    Avx2,
    /// AVX-512 F, BW, DQ and VL.
    #[cfg(target_arch = "x86_64")]
    Avx512,
}

/// What this processor offers, found once.
pub(crate) fn level() -> Level {
    static LEVEL: OnceLock<Level> = OnceLock::new();
    *LEVEL.get_or_init(detect)
}

#[cfg(target_arch = "x86_64")]
fn detect() -> Level {
    let avx512 = is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512bw")
        && is_x86_feature_detected!("avx512dq")
        && is_x86_feature_detected!("avx512vl");
    let avx2 = is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma");
    match (avx2, avx512) {
        (true, true) => Level::Avx512,
        (true, false) => Level::Avx2,
        (false, _) => Level::Base,
    }
}

#[cfg(not(target_arch = "x86_64"))]
fn detect() -> Level {
    Level::Base
}

/// A loop over slices, with what it works on.
pub(crate) trait Job {
    type Out;
    /// Does it. Must be `#[inline(always)]`, as must be all that it calls.
    fn run(self) -> Self::Out;
}

/// Does `job`, vectorized for this machine.
pub(crate) fn simd<J: Job>(job: J) -> J::Out {
    match level() {
        Level::Base => job.run(),
        // SAFETY: the features were detected.
        #[cfg(target_arch = "x86_64")]
        Level::Avx2 => unsafe { avx2(job) },
        // SAFETY: the features were detected.
        #[cfg(target_arch = "x86_64")]
        Level::Avx512 => unsafe { avx512(job) },
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn avx2<J: Job>(job: J) -> J::Out {
    job.run()
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma,avx512f,avx512bw,avx512dq,avx512vl")]
fn avx512<J: Job>(job: J) -> J::Out {
    job.run()
}
