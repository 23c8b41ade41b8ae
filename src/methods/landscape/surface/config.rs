//! The options of a landscape.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::super::sets::Mean;
use crate::error::{Error, Result};
use crate::methods::common::texts::Bos;

/// What spans the line or the plane.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Span {
    /// Random directions.
    #[default]
    Random,
    /// From the model to the first and the second of `others`: between two models, or along an edit. The other model
    /// is at 1.
    Models,
    /// The principal components of `checkpoints`, with their path.
    Checkpoints,
    /// The eigenvectors of the Hessian with the eigenvalues of largest magnitude, on the first text set.
    Hessian,
    /// The gradients of the first and the second text set.
    Gradients,
    /// Directions of another run, from the file `directions`.
    Saved,
}

/// How a direction is scaled to the model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Normalize {
    /// Each filter (the weights of one output, the row of one token) has the norm of the model's filter.
    Filter,
    /// Each tensor has the norm of the model's tensor.
    Layer,
    /// The whole direction has the norm of the model.
    Model,
    /// Each number is multiplied by the model's.
    Weight,
    /// Each filter has norm 1.
    UnitFilter,
    /// Each tensor has norm 1.
    UnitLayer,
    /// As it is.
    None,
}

/// Whose conventions are followed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Published {
    /// What the definitions say.
    #[default]
    Correct,
    /// The package `loss-landscapes`, with which the paper's figures were made: uniform directions of torch's
    /// generator, even rows shifted by a column, no point at the model.
    Paper,
    /// The code of Li et al. 2018: normal directions of torch's generator, vectors copied from the model.
    Li,
}

/// Options of [`super::METHOD`].
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// What spans the line or the plane.
    pub span: Span,
    /// 1 for a line, 2 for a plane.
    #[schemars(range(min = 1, max = 2))]
    pub axes: usize,
    /// Points along each axis; with an odd number the middle one is the model.
    #[schemars(range(min = 1, max = 1001))]
    pub steps: usize,
    /// From where to where along the first direction; by what spans it when absent.
    #[schemars(inner(range(min = -1e6, max = 1e6)))]
    pub x_range: Option<[f64; 2]>,
    /// From where to where along the second direction; by what spans it when absent.
    #[schemars(inner(range(min = -1e6, max = 1e6)))]
    pub y_range: Option<[f64; 2]>,
    /// How directions are scaled to the model: `filter` for random ones, `model` for eigenvectors and gradients, `none`
    /// for the others when absent.
    pub normalize: Option<Normalize>,
    /// Whether biases and the gains of norms stay where they are.
    pub ignore_vectors: bool,
    /// Whether the second direction loses its part along the first, after both are scaled.
    pub orthogonal: bool,
    /// A file of directions that another run kept, for `saved`.
    #[schemars(extend("x-path" = true))]
    pub directions: Option<String>,
    /// What the loss of a text set is.
    pub mean: Mean,
    /// Tokens of a text before the part that counts as memorized; half of the text, or the row's own split, when absent.
    #[schemars(extend("x-unit" = "tokens"))]
    pub prefix: Option<usize>,
    /// Also write the loss of each text at each point.
    pub per_text: bool,
    /// Whether a beginning token goes before each text.
    pub bos: Bos,
    /// Tokens a text may have; the model's context when absent.
    #[schemars(range(min = 2), extend("x-unit" = "tokens"))]
    pub max_tokens: Option<usize>,
    /// Only the first so many texts of each set.
    #[schemars(range(min = 1))]
    pub limit: Option<usize>,
    /// Tokens between two places where a run can be stopped; results do not depend on it.
    #[schemars(range(min = 1, max = 1048576), extend("x-unit" = "tokens"))]
    pub batch_tokens: usize,
    /// Whose conventions are followed.
    pub compat: Published,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            span: Span::Random,
            axes: 2,
            steps: 21,
            x_range: None,
            y_range: None,
            normalize: None,
            ignore_vectors: true,
            orthogonal: false,
            directions: None,
            mean: Mean::Tokens,
            prefix: None,
            per_text: false,
            bos: Bos::Auto,
            max_tokens: None,
            limit: None,
            batch_tokens: 16384,
            compat: Published::Correct,
        }
    }
}

impl Config {
    /// How directions are scaled.
    pub(super) fn scaling(&self) -> Normalize {
        self.normalize.unwrap_or(match self.span {
            Span::Random => Normalize::Filter,
            Span::Hessian | Span::Gradients => Normalize::Model,
            Span::Models | Span::Checkpoints | Span::Saved => Normalize::None,
        })
    }
}

/// What single fields cannot say.
pub(super) fn check(config: &Config) -> Result<()> {
    for (name, range) in [("x_range", config.x_range), ("y_range", config.y_range)] {
        if range.is_some_and(|[low, high]| low >= high) {
            return Err(Error::config(format!("{name}: the first number has to be below the second"))
                .hint(format!("such as {name} = -0.5,0.5")));
        }
    }
    if (config.span == Span::Saved) != config.directions.is_some() {
        return Err(Error::config("directions: a file is needed for the span `saved`, and only for it")
            .hint("give `directions` the file directions.safetensors of a run, with the span `saved`"));
    }
    let is_published = config.compat != Published::Correct;
    if is_published && !matches!(config.span, Span::Random | Span::Models) {
        return Err(Error::config("compat: published code draws random directions or goes between two models")
            .hint("set the span to `random` or `models`, or compat to `correct`"));
    }
    if config.compat == Published::Paper && config.y_range.is_some_and(|y| config.x_range != Some(y)) {
        return Err(Error::config("y_range: the paper's planes have one distance for both directions")
            .hint("leave y_range out; the distance is the width of x_range"));
    }
    if config.compat == Published::Paper && config.span == Span::Models && config.axes == 2 {
        return Err(Error::config("axes: the paper's code goes between two models on a line").hint("set axes to 1"));
    }
    Ok(())
}
