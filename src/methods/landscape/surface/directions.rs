//! The directions that span a line or a plane, and what is known of them.

use super::super::kept::once;
use super::super::operator::{Layout, LossCurvature, Matrix};
use super::super::power::{Pair, Stop, next_pair};
use super::super::sets::TextSet;
use super::config::{Config, Normalize, Published, Span};
use super::normalize::{Numbers, dot, forget_vectors, model_norm, normalize, orthogonalize, scale};
use super::{components, saved};
use crate::data::rng_compat::Torch;
use crate::engine::rng::Stream;
use crate::engine::vectors;
use crate::engine::{Decoder, ParamId, Params, Real};
use crate::error::{Error, Result};
use crate::methods::common::tables::scalar;
use crate::methods::{Context, LoadedModel, Scalar};

/// What spans a line or a plane around a model.
#[derive(Clone, Debug, Default)]
pub(super) struct Directions {
    /// The first direction.
    pub(super) x: Numbers,
    /// The second, for planes.
    pub(super) y: Option<Numbers>,
    /// What a step along each means, for axis labels.
    pub(super) labels: [String; 2],
    /// Ranges when none are asked for.
    pub(super) ranges: [[f64; 2]; 2],
    /// What was found on the way: eigenvalues, explained variance.
    pub(super) scalars: Vec<Scalar>,
    /// What the reader has to know.
    pub(super) notes: Vec<String>,
}

/// Builds the directions that `config` asks for around the model of `cx`.
pub(super) fn directions(config: &Config, cx: &mut Context<'_>, sets: &[TextSet]) -> Result<Directions> {
    let model = cx.model("model")?;
    let mut found = match config.span {
        Span::Random => random(config, cx, model),
        Span::Models => towards(config, cx, model)?,
        Span::Checkpoints => components::components(config, cx, model)?,
        Span::Hessian => eigenvectors(config, cx, model, sets)?,
        Span::Gradients => gradients(config, cx, model, sets)?,
        Span::Saved => saved::read(config, model)?,
    };
    if config.axes == 1 {
        found.y = None;
    }
    finish(config, &model.decoder.params, &mut found);
    let empty = |d: &Numbers| d.iter().flatten().all(|x| *x == 0.0);
    if let Some(axis) = [Some(&found.x), found.y.as_ref()].iter().flatten().position(|d| empty(d)) {
        return Err(Error::data(format!("direction {} is zero everywhere", axis + 1))
            .hint("the models are equal, or everything that differs is left out by ignore_vectors"));
    }
    Ok(found)
}

/// Scales and separates the directions.
fn finish(config: &Config, params: &Params, found: &mut Directions) {
    let how = config.scaling();
    let published = config.compat != Published::Correct;
    // Li's code copies vectors from the model into random directions, whatever the scaling
    let li_vectors = config.compat == Published::Li && config.span == Span::Random;
    for d in [Some(&mut found.x), found.y.as_mut()].into_iter().flatten() {
        if how != Normalize::None || li_vectors {
            normalize(d, params, how, config.compat);
        }
        // the package knows no such option
        if config.ignore_vectors && config.compat != Published::Paper {
            forget_vectors(d, params);
        }
        if config.compat == Published::Paper && config.span == Span::Random {
            let length = dot(d, d).sqrt();
            scale(d, if length > 0.0 { model_norm(params) / length } else { 0.0 });
        }
    }
    if config.orthogonal
        && !published
        && let Some(y) = &mut found.y
    {
        orthogonalize(y, &found.x);
    }
}

/// Random directions: normal numbers of our streams, or what published code draws from torch's generator.
fn random(config: &Config, cx: &Context<'_>, model: &LoadedModel) -> Directions {
    let params = &model.decoder.params;
    let mut pair = match config.compat {
        Published::Correct => [1, 2].map(|k| {
            let stream = Stream::new(cx.seed, &format!("landscape direction {k}"));
            let numbers = |(id, w): (ParamId, &crate::engine::Weight)| {
                let mut own = stream.item(u64::from(id.0));
                (0..w.len()).map(|_| own.normal() as Real).collect()
            };
            params.iter().map(numbers).collect::<Numbers>()
        }),
        Published::Paper => {
            let mut torch = Torch::new(cx.seed);
            [(); 2].map(|()| params.iter().map(|(_, w)| (0..w.len()).map(|_| torch.uniform()).collect()).collect())
        }
        Published::Li => {
            let mut torch = Torch::new(cx.seed);
            [(); 2].map(|()| {
                let normal = |(_, w): (ParamId, &crate::engine::Weight)| {
                    let mut numbers = vec![0.0; w.len()];
                    torch.fill_normal(&mut numbers);
                    numbers
                };
                params.iter().map(normal).collect()
            })
        }
    };
    if config.compat == Published::Paper {
        let [x, y] = &mut pair;
        orthogonalize(y, x);
    }
    let [x, y] = pair;
    // columns of the paper's planes belong to the second direction
    let (x, y) = if config.compat == Published::Paper && config.axes == 2 { (y, x) } else { (x, y) };
    let reach = if config.compat == Published::Li { 1.0 } else { 0.5 };
    Directions {
        x,
        y: Some(y),
        labels: ["direction 1".to_owned(), "direction 2".to_owned()],
        ranges: [[-reach, reach]; 2],
        ..Directions::default()
    }
}

/// From the model to the others.
fn towards(config: &Config, cx: &Context<'_>, model: &LoadedModel) -> Result<Directions> {
    let others = cx.models("others");
    if others.len() < config.axes {
        let (have, want) = (others.len(), config.axes);
        return Err(Error::config(format!("others: {have} given, and {want} needed for the span `models`"))
            .hint("give one other model for a line, two for a plane: `--others PATH`"));
    }
    let difference = |other: &LoadedModel| differences(model, other);
    let mut found = Directions { ranges: [[-0.5, 1.5]; 2], ..Directions::default() };
    for (axis, other) in others.iter().take(2).enumerate() {
        let d = difference(other)?;
        found.labels[axis] = format!("from {} to {}", model.name, other.name);
        found.scalars.push(scalar(
            &format!("distance.{}", axis + 1),
            &format!("Distance to {}", other.name),
            "",
            Some(dot(&d, &d).sqrt()),
            1,
            "",
        ));
        if axis == 0 {
            found.x = d;
        } else {
            found.y = Some(d);
        }
    }
    Ok(found)
}

/// other − model, number by number.
pub(super) fn differences(model: &LoadedModel, other: &LoadedModel) -> Result<Numbers> {
    check_same(model, other)?;
    let pairs = model.decoder.params.iter().zip(other.decoder.params.iter());
    let minus =
        |a: &[Real], b: &[Real]| a.iter().zip(b).map(|(a, b)| (f64::from(*b) - f64::from(*a)) as Real).collect();
    Ok(pairs.map(|((_, a), (_, b))| minus(&a.values(), &b.values())).collect())
}

/// Fails when two models do not have the same parameters.
pub(super) fn check_same(model: &LoadedModel, other: &LoadedModel) -> Result<()> {
    let (a, b) = (&model.decoder.params, &other.decoder.params);
    let refuse = |what: String| {
        Err(Error::data(format!("{} and {} are models of different shape: {what}", model.name, other.name))
            .hint("a line between two models needs the same parameters in both")
            .at(&other.path))
    };
    for ((_, x), (_, y)) in a.iter().zip(b.iter()) {
        if x.name != y.name {
            return refuse(format!("one has {}, the other {}", x.name, y.name));
        }
        if x.shape != y.shape || x.orientation != y.orientation {
            return refuse(format!("{} is {:?} and {:?}", x.name, x.shape, y.shape));
        }
    }
    if a.len() != b.len() {
        return refuse(format!("they have {} and {} tensors", a.len(), b.len()));
    }
    Ok(())
}

/// A vector over all parameters, by parameter.
pub(super) fn by_parameter(layout: &Layout, model: &Decoder, v: &[Real]) -> Numbers {
    let mut numbers: Numbers = model.params.iter().map(|(_, w)| vec![0.0; w.len()]).collect();
    for (id, part) in layout.divided(v) {
        numbers[id.0 as usize].copy_from_slice(part);
    }
    numbers
}

/// Parameters in which a direction lives.
fn layout(config: &Config, model: &Decoder) -> Layout {
    Layout::new(model, |id| !config.ignore_vectors || model.params.get(id).shape.len() > 1)
}

/// Eigenvectors of the Hessian with the eigenvalues of largest magnitude.
fn eigenvectors(config: &Config, cx: &mut Context<'_>, model: &LoadedModel, sets: &[TextSet]) -> Result<Directions> {
    const STOP: Stop = Stop { products: 200, tolerance: 1e-4 };
    let set = sets.first().ok_or_else(|| Error::config("the input `data` is missing"))?;
    let layout = layout(config, &model.decoder);
    let mut hessian = LossCurvature::new(&model.decoder, set, config.mean, &layout, (Matrix::Hessian, ROWS));
    let mut pairs: Vec<Pair> = Vec::new();
    for i in 0..config.axes {
        let stage = format!("eigenvector {}", i + 1);
        let mut stream = Stream::new(cx.seed, "landscape eigenvectors").item(i as u64);
        let start: Vec<Real> = (0..layout.len()).map(|_| stream.normal() as Real).collect();
        let pair = once(cx, &stage, |cx| {
            next_pair(&mut hessian, start, &pairs, STOP, &mut |done, of| cx.progress(&stage, done, of))
        })?;
        pairs.push(pair);
    }
    let mut found = Directions { ranges: [[-0.1, 0.1]; 2], ..Directions::default() };
    for (i, pair) in pairs.iter().enumerate() {
        found.labels[i] = format!("eigenvector {}", i + 1);
        let note = format!("‖Hv − λv‖ = {:.2e} after {} products", pair.residual, pair.products);
        let label = format!("Eigenvalue {} of the Hessian on {}", i + 1, set.name);
        let value = scalar(&format!("eigenvalue.{}", i + 1), &label, "", Some(pair.value), set.texts.len(), "");
        found.scalars.push(value.note(note));
        let d = by_parameter(&layout, &model.decoder, &pair.vector);
        if i == 0 {
            found.x = d;
        } else {
            found.y = Some(d);
        }
    }
    Ok(found)
}

/// Tokens that go backward together.
const ROWS: usize = 1024;

/// Gradients of the first two text sets; on a line, of the first.
fn gradients(config: &Config, cx: &mut Context<'_>, model: &LoadedModel, sets: &[TextSet]) -> Result<Directions> {
    if sets.len() < config.axes {
        let want = config.axes;
        return Err(Error::config(format!("data: {} text set given, and {want} needed", sets.len()))
            .hint("the plane of gradients lies between two text sets, such as memorized and ordinary text"));
    }
    let layout = layout(config, &model.decoder);
    let mut found = Directions { ranges: [[-0.1, 0.1]; 2], ..Directions::default() };
    let mut gradients: Vec<Vec<Real>> = Vec::new();
    for set in sets.iter().take(config.axes) {
        let stage = format!("gradient of {}", set.name);
        let curvature = LossCurvature::new(&model.decoder, set, config.mean, &layout, (Matrix::Hessian, ROWS));
        let gradient = once(cx, &stage, |cx| curvature.gradient(&mut |done, of| cx.progress(&stage, done, of)))?;
        let length = vectors::norm(&gradient);
        let label = format!("Norm of the gradient on {}", set.name);
        let id = format!("gradient_norm.{}", set.name);
        found.scalars.push(scalar(&id, &label, "nats/token", Some(length), set.texts.len(), ""));
        found.labels[gradients.len()] = format!("gradient of {}", set.name);
        gradients.push(gradient);
    }
    if let [a, b] = &gradients[..] {
        let product = vectors::norm(a) * vectors::norm(b);
        let cosine = (product > 0.0).then(|| vectors::dot(a, b) / product);
        let label = "Cosine of the gradients of the first two text sets";
        found.scalars.push(scalar("gradient_cosine", label, "", cosine, 2, "a gradient is zero"));
        found.y = Some(by_parameter(&layout, &model.decoder, b));
    }
    found.x = gradients.first().map(|g| by_parameter(&layout, &model.decoder, g)).unwrap_or_default();
    Ok(found)
}
