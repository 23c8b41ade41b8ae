//! The operations on the processor.

/// A matrix repacked into panels for products.
#[derive(Debug)]
pub struct Packed;

/// All operations on the processor.
#[derive(Debug, Default)]
pub struct CpuKernels;
