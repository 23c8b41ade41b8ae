//! The CUDA kernels without a card: compiled by NVRTC, and run on the processor by a shim, beside their twins.

mod backend;
mod build;
mod compiler;
mod driver;
mod kernels;
mod nvrtc;
mod reruns;
