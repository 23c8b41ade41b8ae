//! The options of curvature.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::super::operator::Matrix;
use super::super::sets::Mean;
use crate::methods::common::texts::Bos;

/// A kind of parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// The matrices of attention.
    Attention,
    /// The matrices of the feed-forward blocks.
    Mlp,
    /// Token and position embeddings.
    Embedding,
    /// The output head, where it is no embedding.
    Head,
    /// Gains and biases of norms.
    Norm,
    /// Biases of matrices.
    Bias,
}

/// Options of [`super::METHOD`].
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Which matrix stands for curvature.
    pub matrix: Matrix,
    /// Eigenvalues of largest magnitude; 0 for none.
    #[schemars(range(max = 100))]
    pub eigenvalues: usize,
    /// Products for one eigenvalue at most.
    #[schemars(range(min = 1, max = 100000))]
    pub max_products: usize,
    /// Relative change of an eigenvalue at which its search ends.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub tolerance: f64,
    /// Random vectors for the trace; 0 for none.
    #[schemars(range(max = 10000))]
    pub probes: usize,
    /// Steps of Lanczos for the spectral density; 0 for none.
    #[schemars(range(max = 1000))]
    pub lanczos_steps: usize,
    /// Runs of Lanczos, each from its own random vector.
    #[schemars(range(min = 1, max = 100))]
    pub lanczos_runs: usize,
    /// Whether all vectors of Lanczos are held, so that no eigenvalue is found twice; otherwise three are.
    pub reorthogonalize: bool,
    /// Width (one standard deviation) of the bump that an eigenvalue gets in the density, relative to the whole spectrum.
    #[schemars(range(min = 1e-4, max = 1.0))]
    pub density_width: f64,
    /// Memory for vectors, at most; more is refused.
    #[schemars(range(min = 0.0, max = 1e6), extend("x-unit" = "GB"))]
    pub vector_memory: f64,
    /// Only parameters of these blocks, counted from 0; all of the model when empty.
    pub layers: Vec<usize>,
    /// Only these kinds of parameters; all when empty.
    pub kinds: Vec<Kind>,
    /// What the loss of a text set is.
    pub mean: Mean,
    /// Whether a beginning token goes before each text.
    pub bos: Bos,
    /// Tokens a text may have; the model's context when absent.
    #[schemars(range(min = 2), extend("x-unit" = "tokens"))]
    pub max_tokens: Option<usize>,
    /// Only the first so many texts of each set.
    #[schemars(range(min = 1))]
    pub limit: Option<usize>,
    /// Tokens that go through the model together.
    #[schemars(range(min = 1, max = 1048576), extend("x-unit" = "tokens"))]
    pub batch_tokens: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            matrix: Matrix::Hessian,
            eigenvalues: 2,
            max_products: 200,
            tolerance: 1e-4,
            probes: 30,
            lanczos_steps: 60,
            lanczos_runs: 1,
            reorthogonalize: true,
            density_width: 0.01,
            vector_memory: 8.0,
            layers: Vec::new(),
            kinds: Vec::new(),
            mean: Mean::Tokens,
            bos: Bos::Auto,
            max_tokens: None,
            limit: None,
            batch_tokens: 1024,
        }
    }
}
