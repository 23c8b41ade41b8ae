//! Losses against PyTorch in f64: values and gradients of five-token toys.

use super::rows;

